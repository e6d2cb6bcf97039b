//! JSON as the Python code reads and writes it, without the objects: their text, and its grammar.
//!
//! This knows nothing of Python. Text that it does not accept, it hands back, as `core` does: the
//! Python code decides what is wrong. So this may read only what the Python code reads, and as the
//! same value. Nothing here calls itself, so that no nesting needs more than a small stack.

use std::fmt::Write;
use std::ops::Deref;
use std::vec::Drain;

use zeroize::Zeroizing;

/// How deep lists and objects may nest; as in `_json.py`.
pub const MAX_DEPTH: usize = 256;

/// The key that JavaScript takes for an object's prototype.
pub const PROTOTYPE: &str = "__proto__";

// --- reading ---------------------------------------------------------------------------------

/// A value that holds no others.
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

/// Makes the values of what is read; None gives it all up.
pub trait Build {
    type Value;

    fn scalar(&mut self, scalar: Scalar<'_>) -> Option<Self::Value>;
    fn list(&mut self, items: Drain<'_, Self::Value>) -> Option<Self::Value>;
    /// Make an object of keys and values in turn; of equal keys the last one counts.
    fn object(&mut self, members: Drain<'_, Self::Value>) -> Option<Self::Value>;
}

/// Read JSON text; None for what the Python code must read, or refuse.
pub fn read<B: Build>(raw: &[u8], builder: &mut B) -> Option<B::Value> {
    let lexer = Lexer { text: std::str::from_utf8(raw).ok()?, at: 0 };
    Reader { lexer, builder, values: Vec::with_capacity(16), open: Vec::with_capacity(8) }.read()
}

struct Reader<'a, B: Build> {
    lexer: Lexer<'a>,
    builder: &'a mut B,
    /// The keys and values of all that is open, in the order in which they were read.
    values: Vec<B::Value>,
    open: Vec<Open>,
}

/// A list or an object whose end was not read yet.
struct Open {
    is_object: bool,
    start: usize, // its first key or item, among the values
}

impl<B: Build> Reader<'_, B> {
    fn read(mut self) -> Option<B::Value> {
        while self.start()? || self.go_on()? {}
        let is_whole = self.lexer.token().is_none();
        self.values.pop().filter(|_| is_whole)
    }

    /// Read a value, or the start of one; return whether its first item comes next.
    fn start(&mut self) -> Option<bool> {
        match self.lexer.token()? {
            b'[' => self.open(false),
            b'{' => self.open(true),
            b'"' => {
                let text = self.lexer.string()?;
                self.push(Scalar::Text(&text))
            }
            b'n' => self.lexer.word("null").and_then(|()| self.push(Scalar::Null)),
            b't' => self.lexer.word("true").and_then(|()| self.push(Scalar::Bool(true))),
            b'f' => self.lexer.word("false").and_then(|()| self.push(Scalar::Bool(false))),
            _ => {
                let number = self.lexer.number()?;
                self.push(number)
            }
        }
    }

    /// Read what follows a value, up to the next one; return whether there is one.
    fn go_on(&mut self) -> Option<bool> {
        while let Some(open) = self.open.last() {
            let is_object = open.is_object;
            match (self.lexer.token()?, is_object) {
                (b',', false) => {
                    self.lexer.at += 1;
                    return Some(true);
                }
                (b',', true) => {
                    self.lexer.at += 1;
                    self.key()?;
                    return Some(true);
                }
                (b']', false) | (b'}', true) => self.close()?,
                _ => return None,
            }
        }
        Some(false)
    }

    fn push(&mut self, scalar: Scalar<'_>) -> Option<bool> {
        self.values.push(self.builder.scalar(scalar)?);
        Some(false)
    }

    fn open(&mut self, is_object: bool) -> Option<bool> {
        if self.open.len() == MAX_DEPTH {
            return None;
        }
        self.lexer.at += 1;
        self.open.push(Open { is_object, start: self.values.len() });
        if self.lexer.token()? == if is_object { b'}' } else { b']' } {
            self.close()?;
            return Some(false);
        }
        if is_object {
            self.key()?;
        }
        Some(true)
    }

    fn close(&mut self) -> Option<()> {
        self.lexer.at += 1;
        let Open { is_object, start } = self.open.pop()?;
        let members = self.values.drain(start..);
        let made =
            if is_object { self.builder.object(members) } else { self.builder.list(members) };
        self.values.push(made?);
        Some(())
    }

    /// Read a key, and the colon behind it.
    fn key(&mut self) -> Option<()> {
        if self.lexer.token()? != b'"' {
            return None;
        }
        let key = self.lexer.string()?;
        if &*key == PROTOTYPE || self.lexer.token()? != b':' {
            return None;
        }
        self.lexer.at += 1;
        self.push(Scalar::Text(&key)).map(drop)
    }
}

/// What a string says: as it stands there, or without its escapes.
enum Text<'a> {
    Plain(&'a str),
    Unescaped(Zeroizing<String>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Unescaped(text) => text,
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skip white space, and return the byte behind it, which is not taken.
    fn token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn accept(&mut self, bytes: &[u8]) -> bool {
        let is_there = self.byte().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(is_there);
        is_there
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is_there = self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(())
    }

    fn number(&mut self) -> Option<Scalar<'static>> {
        let start = self.at;
        self.accept(b"-");
        if !self.accept(b"0") {
            self.digits()?;
        }
        let has_fraction = self.accept(b".");
        if has_fraction {
            self.digits()?;
        }
        let has_exponent = self.accept(b"eE");
        if has_exponent {
            self.accept(b"+-");
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        if has_fraction || has_exponent {
            // Both Rust and Python round to the nearest, so this is the same float.
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Float)
        } else {
            text.parse().ok().map(Scalar::Int)
        }
    }

    /// Take one digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// Read a string, which starts here.
    fn string(&mut self) -> Option<Text<'a>> {
        self.at += 1;
        let start = self.at;
        let mut has_escape = false;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    has_escape = true;
                    self.at += 2; // the next may be a quote
                }
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
        let text = self.text.get(start..self.at)?;
        self.at += 1;
        if has_escape {
            unescape(text).map(Text::Unescaped)
        } else {
            Some(Text::Plain(text))
        }
    }
}

fn unescape(text: &str) -> Option<Zeroizing<String>> {
    // No escape is shorter than what it stands for: so this is never moved, which leaves a copy.
    let mut made = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        made.push_str(plain);
        let (character, length) = unescape_one(escape)?;
        made.push(character);
        rest = escape.get(length..)?;
    }
    made.push_str(rest);
    Some(made)
}

/// Return the character of an escape, without its backslash, and the length of that.
fn unescape_one(escape: &str) -> Option<(char, usize)> {
    let character = match escape.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_hexadecimal(escape),
        _ => return None,
    };
    Some((character, 1))
}

/// Read `uXXXX`, or two of them that are one character; a surrogate alone is left to Python.
fn unescape_hexadecimal(escape: &str) -> Option<(char, usize)> {
    let first = hexadecimal(escape.get(1..5)?)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 5));
    }
    let second = hexadecimal(escape.get(5..11)?.strip_prefix("\\u")?)?;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        .map(|character| (character, 11))
}

fn hexadecimal(digits: &str) -> Option<u32> {
    // from_str_radix would take a sign too.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

// --- writing ---------------------------------------------------------------------------------

/// JSON text that is being written; overwritten with zeros when dropped.
pub struct Output {
    bytes: Zeroizing<Vec<u8>>,
}

impl Default for Output {
    fn default() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(256)) }
    }
}

impl Output {
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    /// Write what needs no escape: a bracket, a number, a word.
    pub fn push(&mut self, text: &[u8]) {
        self.make_room(text.len());
        self.bytes.extend_from_slice(text);
    }

    pub fn push_int(&mut self, number: i64) {
        // Writing to it never fails.
        let _ = write!(self, "{number}");
    }

    /// Write a comma, but for the first of a list or an object: no value ends in such a bracket.
    pub fn separate(&mut self) {
        if !matches!(self.bytes.last(), Some(b'[' | b'{')) {
            self.push(b",");
        }
    }

    /// Write a string: only quotes, backslashes and control characters are escaped.
    pub fn push_text(&mut self, text: &str) {
        self.push(b"\"");
        let mut rest = text.as_bytes();
        while let Some(place) = rest.iter().position(|byte| NEEDS_ESCAPE[usize::from(*byte)]) {
            let (plain, escaped) = rest.split_at(place);
            self.push(plain);
            self.push_escape(escaped[0]);
            rest = &escaped[1..];
        }
        self.push(rest);
        self.push(b"\"");
    }

    fn push_escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.push(b"\\\""),
            b'\\' => self.push(b"\\\\"),
            b'\n' => self.push(b"\\n"),
            b'\r' => self.push(b"\\r"),
            b'\t' => self.push(b"\\t"),
            0x08 => self.push(b"\\b"),
            0x0c => self.push(b"\\f"),
            _ => {
                let _ = write!(self, "\\u{byte:04x}");
            }
        }
    }

    /// Grow into new memory, so that the old can be overwritten: a vector would leave it as it is.
    fn make_room(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let mut grown = Zeroizing::new(Vec::with_capacity(needed * 2));
            grown.extend_from_slice(&self.bytes);
            self.bytes = grown;
        }
    }
}

impl Write for Output {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

const NEEDS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};
