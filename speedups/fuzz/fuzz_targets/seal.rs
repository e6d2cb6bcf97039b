//! Seal anything: it opens to what was sealed, in its time, by its password, and not when changed.

#![no_main]

use iron_session_speedups::core::{Answer, Password, RANDOM_BYTES};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

/// Shorter than any seal, so that no whole seal can take the place of another.
const LONGEST_CHANGE: usize = 100;

fuzz_target!(|data: &[u8]| {
    // An error means that the data are too short to say what to do.
    let _ = run(Unstructured::new(data));
});

fn run(mut given: Unstructured) -> Result<()> {
    let randomness: [u8; RANDOM_BYTES] = given.arbitrary()?;
    let (text, id): (&str, &str) = (given.arbitrary()?, given.arbitrary()?);
    let expires: Option<u64> = given.arbitrary()?;
    let earliest = earliest(&mut given, expires)?;
    let (start, end): (usize, usize) = (given.arbitrary()?, given.arbitrary()?);
    let (change, other): (&str, &str) = (given.arbitrary()?, given.arbitrary()?);
    let plaintext = given.take_rest();

    let password = Password::new(text).expect("any text is a password");
    let sealed = password.seal(plaintext, id, expires, &randomness);
    assert_eq!(
        sealed.is_some(),
        id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    );
    let Some(sealed) = sealed else { return Ok(()) };

    // A time of 20 digits is read by the Python code; 0 is a time that nobody writes.
    let is_read = expires.is_none_or(|time| (1..10_u64.pow(19)).contains(&time));
    let is_early = expires.is_none_or(|time| i128::from(time) > i128::from(earliest));
    let expected = if is_read && is_early {
        Answer::Opened { plaintext: plaintext.to_vec().into(), expires }
    } else {
        Answer::HandedBack
    };
    assert_eq!(password.open(&sealed, earliest), expected);
    assert_eq!(password.seal(plaintext, id, expires, &randomness), Some(sealed.clone()));

    let changed = change_text(&sealed, start, end, change);
    if changed != sealed {
        assert!(!opens(&password, &changed), "opened a changed seal: {changed}");
    }
    if !is_same(text, other) {
        let other = Password::new(other).expect("any text is a password");
        assert!(!opens(&other, &sealed), "opened by another password: {sealed}");
    }
    Ok(())
}

/// Any time, or one close to the expiration, where it decides.
fn earliest(given: &mut Unstructured, expires: Option<u64>) -> Result<i64> {
    match expires.and_then(|time| i64::try_from(time).ok()) {
        Some(time) if given.arbitrary()? => Ok(time.saturating_add(given.int_in_range(-1..=1)?)),
        _ => given.arbitrary(),
    }
}

fn opens(password: &Password, text: &str) -> bool {
    matches!(password.open(text, i64::MIN), Answer::Opened { .. })
}

/// Put another text in the place of a piece.
fn change_text(text: &str, start: usize, end: usize, change: &str) -> String {
    let (start, end) = (start % (text.len() + 1), end % (text.len() + 1));
    let (start, end) = (start.min(end), start.max(end));
    let change: String = change.chars().take(LONGEST_CHANGE).collect();
    format!("{}{change}{}", &text[..start], &text[end..])
}

/// HMAC fills a short key up with zeros, in every implementation: these two are one password.
fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('\0') == other.trim_end_matches('\0')
}
