//! The core without Python: `cargo test --no-default-features`.

use iron_session_speedups::core::{Answer, Password, RANDOM_BYTES};
use iron_session_speedups::guard;

const PASSWORD: &str = "the_password_of_these_tests_protects_nothing";
const NOW: i64 = 1_700_000_000_000;

/// A line of vectors.tsv, which the Python code has written: see tools/core_vectors.py.
struct Vector {
    password: String,
    id: String,
    plaintext: Vec<u8>,
    expires: Option<u64>,
    seal: String,
}

fn vectors() -> Vec<Vector> {
    let lines = include_str!("vectors.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(vector).collect()
}

fn vector(line: &str) -> Vector {
    let [password, id, plaintext, expires, seal] =
        line.split('\t').collect::<Vec<_>>().try_into().unwrap();
    Vector {
        password: String::from_utf8(from_hex(password)).unwrap(),
        id: id.to_owned(),
        plaintext: from_hex(plaintext),
        expires: (!expires.is_empty()).then(|| expires.parse().unwrap()),
        seal: seal.to_owned(),
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn counting() -> [u8; RANDOM_BYTES] {
    std::array::from_fn(|place| place.try_into().unwrap())
}

fn password() -> Password {
    Password::new(PASSWORD).unwrap()
}

fn sealed(expires: Option<u64>) -> String {
    password().seal(b"{\"a\":1}", "1", expires, &counting()).unwrap()
}

fn is_opened(answer: Answer) -> bool {
    matches!(answer, Answer::Opened { .. })
}

#[test]
fn it_makes_the_seals_that_python_makes() {
    assert!(vectors().len() > 20);
    for vector in vectors() {
        let password = Password::new(&vector.password).unwrap();
        let made = password.seal(&vector.plaintext, &vector.id, vector.expires, &counting());
        assert_eq!(made, Some(vector.seal));
    }
}

#[test]
fn it_opens_the_seals_that_python_makes() {
    for vector in vectors() {
        let answer = Password::new(&vector.password).unwrap().open(&vector.seal, 0);
        // Longer expirations are Python's.
        if vector.expires.is_some_and(|time| time >= 10_u64.pow(19)) {
            assert_eq!(answer, Answer::HandedBack);
        } else {
            let plaintext = vector.plaintext.into();
            assert_eq!(answer, Answer::Opened { plaintext, expires: vector.expires });
        }
    }
}

#[test]
fn another_password_finds_a_seal_forged() {
    let other = Password::new("another_password_of_at_least_32_characters!!").unwrap();
    assert_eq!(other.open(&sealed(None), NOW), Answer::Forged);
}

#[test]
fn no_bit_of_a_seal_can_be_changed() {
    let text = sealed(Some(9_000_000_000_000));
    assert!(is_opened(password().open(&text, NOW)));
    for place in 0..text.len() {
        for bit in 0..7 {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!is_opened(password().open(&changed, NOW)), "{changed}");
        }
    }
}

#[test]
fn a_seal_expires_at_the_very_moment() {
    let text = sealed(Some(NOW as u64));
    assert!(is_opened(password().open(&text, NOW - 1)));
    assert_eq!(password().open(&text, NOW), Answer::HandedBack);
    assert!(is_opened(password().open(&sealed(Some(1)), i64::MIN)));
    assert!(is_opened(password().open(&sealed(None), i64::MAX)));
}

#[test]
fn an_odd_text_is_handed_back() {
    let text = sealed(Some(9_000_000_000_000));
    let parts: Vec<&str> = text.split('*').collect();
    let with = |place: usize, part: &str| {
        let mut changed = parts.clone();
        changed[place] = part;
        changed.join("*")
    };
    let odd = [
        String::new(),
        "*".repeat(100_000),
        text.replacen("Fe26.2", "Fe26.1", 1),
        parts[..7].join("*"),
        format!("{text}*"),
        with(1, "é"),
        with(2, ""),
        with(6, ""),
        with(5, "0"),
        with(5, "09000000000000"),
        with(5, "+9000000000000"),
        with(5, " 9000000000000"),
        with(5, "9000000000000\n"),
        with(5, "9_000_000_000_000"),
        with(5, "٩000000000000"),
        with(5, &"9".repeat(20)),
        with(5, &"9".repeat(100_000)),
    ];
    for each in odd {
        assert_eq!(password().open(&each, NOW), Answer::HandedBack, "{each:.80}");
    }
}

#[test]
fn an_id_that_no_password_has_is_handed_back() {
    for id in ["a b", "a*b", "é", "\0", "~"] {
        assert_eq!(password().seal(b"{}", id, None, &counting()), None);
    }
}

#[test]
fn a_panic_is_handed_back() {
    assert_eq!(guard(|| -> Option<()> { panic!("on purpose") }), None);
    assert_eq!(guard(|| Some(1)), Some(1));
    assert_eq!(guard(|| None::<u8>), None);
}
