//! JSON without Python: `cargo test --no-default-features`.

mod tree;

use iron_session_speedups::json::Output;
use tree::{read_tree, Tree};

fn written(tree: &Tree) -> String {
    String::from_utf8(tree.write().as_bytes().to_vec()).unwrap()
}

fn text(value: &str) -> Option<Tree> {
    Some(Tree::Text(value.to_owned()))
}

#[test]
fn it_reads_each_kind_of_value() {
    assert_eq!(read_tree(b"null"), Some(Tree::Null));
    assert_eq!(read_tree(b" true\n"), Some(Tree::Bool(true)));
    assert_eq!(read_tree(b"\tfalse\r"), Some(Tree::Bool(false)));
    assert_eq!(read_tree(b"-0"), Some(Tree::Int(0)));
    assert_eq!(read_tree(b"-9223372036854775808"), Some(Tree::Int(i64::MIN)));
    assert_eq!(read_tree(b"-1.5E+2"), Some(Tree::Float(-150.0)));
    assert_eq!(read_tree(b"1e-400"), Some(Tree::Float(0.0)));
    assert_eq!(read_tree("\"é😀\"".as_bytes()), text("é😀"));
    assert_eq!(read_tree(b"[ ]"), Some(Tree::List(vec![])));
    assert_eq!(read_tree(b"{ }"), Some(Tree::Object(vec![])));
    assert_eq!(
        read_tree(b"[1 , [ ] , {\"a\" : [2]}]"),
        Some(Tree::List(vec![
            Tree::Int(1),
            Tree::List(vec![]),
            Tree::Object(vec![("a".to_owned(), Tree::List(vec![Tree::Int(2)]))]),
        ]))
    );
}

#[test]
fn it_reads_each_escape() {
    assert_eq!(read_tree(br#""\"\\\/\b\f\n\r\t""#), text("\"\\/\x08\x0c\n\r\t"));
    assert_eq!(read_tree(br#""\u0000\u00E9\u00e9x""#), text("\0éé\u{78}"));
    assert_eq!(read_tree(br#""a\ud83d\uDE00b""#), text("a😀b"));
    assert_eq!(read_tree(br#""\ud800\udc00\udbff\udfff""#), text("\u{10000}\u{10ffff}"));
}

#[test]
fn of_equal_keys_the_last_value_counts_at_the_place_of_the_first() {
    let tree = read_tree(br#"{"a":1,"b":2,"\u0061":3}"#).unwrap();
    assert_eq!(written(&tree), r#"{"a":3,"b":2}"#);
}

#[test]
fn whatever_is_not_ordinary_is_handed_back() {
    let texts = [
        "",
        " ",
        "1 2",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "[1 2]",
        "[1}",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\":1]",
        "{1:1}",
        "{a:1}",
        "{\"a\" 1}",
        "\"",
        "\"\\\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\u00é\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\ude00\\ude00\"",
        "\"\n\"",
        "\"\u{1f}\"",
        "\u{feff}1",
        "\u{a0}1",
        "\u{b}1",
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "-",
        "1e",
        "1e+",
        "1e999",
        "-1e999",
        "9223372036854775808",
        "1_0",
        "nul",
        "nulll",
        "True",
        "{\"__proto__\":1}",
        "[{\"\\u005f_proto__\":1}]",
        "//",
        "1/**/",
    ];
    for text in texts {
        assert_eq!(read_tree(text.as_bytes()), None, "{text}");
    }
    for raw in [&b"\"\xff\""[..], b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\"", b"\"\xc3"] {
        assert_eq!(read_tree(raw), None, "{raw:?}");
    }
}

#[test]
fn it_reads_as_deep_as_python_does() {
    for (start, middle, end) in [("[", "", "]"), ("{\"a\":", "1", "}")] {
        let nested = |levels| start.repeat(levels) + middle + &end.repeat(levels);
        assert!(read_tree(nested(256).as_bytes()).is_some());
        assert!(read_tree(nested(257).as_bytes()).is_none());
        assert!(read_tree(start.repeat(1_000_000).as_bytes()).is_none());
    }
}

#[test]
fn only_what_must_be_escaped_is_escaped() {
    let all: String = (0..0x80).map(char::from).collect();
    assert_eq!(
        written(&Tree::Text(all + "é\u{2028}😀")),
        concat!(
            r#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
            r"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c",
            r##"\u001d\u001e\u001f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ"##,
            "[\\\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\u{7f}é\u{2028}😀\"",
        )
    );
}

#[test]
fn what_was_written_is_read_again() {
    let long = "\u{1}é".repeat(50_000);
    let raw = format!(r#"{{"a":[1,-2.5e0,[],{{}},[[null],true]],"":"{long}","b":false}}"#);
    let raw = raw.replace('\u{1}', "\\u0001");
    let tree = read_tree(raw.as_bytes()).unwrap();
    assert_eq!(written(&tree), raw);
}

#[test]
fn output_grows_by_any_step() {
    for step in [1, 255, 256, 257, 10_000] {
        let mut output = Output::default();
        for _ in 0..20 {
            output.push(&vec![b'x'; step]);
        }
        assert_eq!(output.as_bytes(), vec![b'x'; 20 * step]);
    }
}
