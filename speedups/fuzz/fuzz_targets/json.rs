//! Read any bytes: nothing panics, and what is read is read again as it was written.

#![no_main]

#[path = "../../tests/tree/mod.rs"]
mod tree;

use libfuzzer_sys::fuzz_target;
use tree::{read_tree, Tree};

fuzz_target!(|data: &[u8]| {
    if let Some(read) = read_tree(data) {
        assert_comes_back(&read);
    }
    assert_comes_back(&Tree::Text(String::from_utf8_lossy(data).into_owned()));
});

fn assert_comes_back(tree: &Tree) {
    assert_eq!(read_tree(tree.write().as_bytes()).as_ref(), Some(tree));
}
