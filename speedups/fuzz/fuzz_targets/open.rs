//! Open any text: nothing panics, and what opens is a seal that this password made.

#![no_main]

use std::sync::LazyLock;

use iron_session_speedups::core::{Answer, Password, RANDOM_BYTES};
use libfuzzer_sys::fuzz_target;

static PASSWORD: LazyLock<Password> = LazyLock::new(|| {
    Password::new("the_password_of_these_tests_protects_nothing").expect("any text is a password")
});

fuzz_target!(|data: &[u8]| {
    open(&String::from_utf8_lossy(data));
    for place in 0..8 {
        open(&with_part(place, &String::from_utf8_lossy(data)));
    }
});

fn open(text: &str) {
    // The fuzzer can't make a mac.
    assert!(!matches!(PASSWORD.open(text, 0), Answer::Opened { .. }) || text == good());
}

fn good() -> String {
    PASSWORD.seal(b"{}", "1", Some(1), &[0; RANDOM_BYTES]).expect("an ordinary seal")
}

/// A good seal with one part replaced.
fn with_part(place: usize, part: &str) -> String {
    let good = good();
    let mut parts: Vec<&str> = good.split('*').collect();
    parts[place] = part;
    parts.join("*")
}
