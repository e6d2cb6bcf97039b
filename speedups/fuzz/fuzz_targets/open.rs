//! Open any text, also with a right mac: nothing panics, and only a whole and authentic seal opens.

#![no_main]

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use iron_session_speedups::core::{Answer, Password, RANDOM_BYTES};
use libfuzzer_sys::fuzz_target;
use sha1::Sha1;
use sha2::Sha256;

const TEXT: &str = "the_password_of_these_tests_protects_nothing";
const NOW: i64 = 1_700_000_000_000;
static PASSWORD: LazyLock<Password> =
    LazyLock::new(|| Password::new(TEXT).expect("any text is a password"));
static GOOD: LazyLock<String> = LazyLock::new(|| {
    let expires = Some(NOW as u64 + 1);
    PASSWORD.seal(b"{\"a\":1}", "1", expires, &[7; RANDOM_BYTES]).expect("an ordinary seal")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    check(&text);
    check(&signed(&text));
    for place in 0..8 {
        let other = with_part(place, &text);
        if other != *GOOD {
            assert!(!opens(&other), "opened a changed seal: {other}");
        }
        check(&signed(&other));
    }
});

fn opens(text: &str) -> bool {
    matches!(PASSWORD.open(text, NOW), Answer::Opened { .. })
}

/// Open a text at several times, and hold each answer against the rules of the Python code.
fn check(text: &str) {
    for earliest in [i64::MIN, 0, NOW, i64::MAX] {
        match PASSWORD.open(text, earliest) {
            Answer::Opened { plaintext, expires } => {
                assert!(is_authentic(text), "opened a forged seal: {text}");
                assert!(expires.is_none_or(|time| i128::from(time) > i128::from(earliest)));
                assert_whole(text, &plaintext, expires);
            }
            Answer::Forged => assert!(!is_authentic(text), "refused a right mac: {text}"),
            Answer::HandedBack => {}
        }
    }
}

fn assert_whole(text: &str, plaintext: &[u8], expires: Option<u64>) {
    let parts: Vec<&str> = text.split('*').collect();
    let [prefix, id, salt, iv, ciphertext, expiration, mac_salt, _mac] = parts[..] else {
        panic!("opened {} parts", parts.len());
    };
    assert!(text.is_ascii() && prefix == "Fe26.2" && !salt.is_empty() && !mac_salt.is_empty());
    // Neither a sign nor a leading zero; 0 is a time that nobody writes.
    assert_eq!(expires.map(|time| time.to_string()).unwrap_or_default(), expiration);
    assert_ne!(expires, Some(0));
    let iv = Base64UrlUnpadded::decode_vec(iv).expect("base64url");
    let encrypted = Base64UrlUnpadded::decode_vec(ciphertext).expect("base64url");
    assert_eq!((iv.len(), encrypted.len()), (16, (plaintext.len() / 16 + 1) * 16));
    // The randomness of an ordinary seal can be read from it, so it can be made again.
    if let (Some(salt), Some(mac_salt)) = (bytes_of(salt), bytes_of(mac_salt)) {
        let randomness = [salt, mac_salt, iv].concat().try_into().expect("80 bytes");
        if let Some(again) = PASSWORD.seal(plaintext, id, expires, &randomness) {
            assert_eq!(again, text);
        }
    }
}

/// Return the bytes of a salt that the core could have written.
fn bytes_of(salt: &str) -> Option<Vec<u8>> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_ours = salt.len() == 64 && salt.bytes().all(is_digit);
    let byte = |at| u8::from_str_radix(&salt[at..at + 2], 16).expect("two digits");
    is_ours.then(|| (0..64).step_by(2).map(byte).collect())
}

/// A good seal with one part replaced.
fn with_part(place: usize, part: &str) -> String {
    let mut parts: Vec<&str> = GOOD.split('*').collect();
    parts[place] = part;
    parts.join("*")
}

// --- the mac, written a second time ------------------------------------------------------------

fn is_authentic(text: &str) -> bool {
    signed(text) == text
}

/// The text with the right mac in the place of its last part, if it has two parts at least.
fn signed(text: &str) -> String {
    let Some((head, _)) = text.rsplit_once('*') else { return text.to_owned() };
    let Some((signed, salt)) = head.rsplit_once('*') else { return text.to_owned() };
    let mut hmac = Hmac::<Sha256>::new_from_slice(&derive(salt)).expect("any key");
    hmac.update(signed.as_bytes());
    format!("{head}*{}", Base64UrlUnpadded::encode_string(&hmac.finalize().into_bytes()))
}

/// PBKDF2 of RFC 8018 with one iteration: each block is one HMAC of the salt and its number.
fn derive(salt: &str) -> Vec<u8> {
    let block = |number: u32| {
        let mut hmac = Hmac::<Sha1>::new_from_slice(TEXT.as_bytes()).expect("any key");
        hmac.update(salt.as_bytes());
        hmac.update(&number.to_be_bytes());
        hmac.finalize().into_bytes().to_vec()
    };
    let mut key = [block(1), block(2)].concat();
    key.truncate(32);
    key
}
