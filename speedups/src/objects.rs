//! Python's objects to JSON text, and back: only the types that JSON has, exactly those.
//!
//! No code but Python's own runs here, since a subclass is handed back, so nothing changes a list
//! or a dict while it is written.

use std::vec::Drain;

use pyo3::prelude::*;
use pyo3::types::iter::{BoundDictIterator, BoundListIterator, BoundTupleIterator};
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::json::{read, Build, Output, Scalar, MAX_DEPTH, PROTOTYPE};

// As in `_json.py`: a longer text counts as parts too.
const LONG_TEXT: usize = 1000;
const TEXT_PER_PART: usize = 16;

// Python's lock is kept meanwhile, and what holds one list many times over is long without end.
const LONGEST_OUTPUT: usize = 1 << 20;

/// Read JSON text; None for what the Python code must read, or refuse.
pub fn read_objects<'py>(py: Python<'py>, raw: &[u8]) -> Option<Bound<'py, PyAny>> {
    read(raw, &mut Objects { py })
}

struct Objects<'py> {
    py: Python<'py>,
}

impl<'py> Build for Objects<'py> {
    type Value = Bound<'py, PyAny>;

    fn scalar(&mut self, scalar: Scalar<'_>) -> Option<Self::Value> {
        let py = self.py;
        Some(match scalar {
            Scalar::Null => py.None().into_bound(py),
            Scalar::Bool(value) => PyBool::new(py, value).to_owned().into_any(),
            Scalar::Int(value) => value.into_pyobject(py).ok()?.into_any(),
            Scalar::Float(value) => PyFloat::new(py, value).into_any(),
            Scalar::Text(value) => PyString::new(py, value).into_any(),
        })
    }

    fn list(&mut self, items: Drain<'_, Self::Value>) -> Option<Self::Value> {
        PyList::new(self.py, items).ok().map(Bound::into_any)
    }

    fn object(&mut self, mut members: Drain<'_, Self::Value>) -> Option<Self::Value> {
        let dict = PyDict::new(self.py);
        while let (Some(key), Some(value)) = (members.next(), members.next()) {
            dict.set_item(key, value).ok()?;
        }
        Some(dict.into_any())
    }
}

/// Write a value as JSON text; None for what the Python code must write, or refuse.
///
/// `room` is how many parts it may have, `depth` how many lists and objects it already lies in.
pub fn write_objects(value: &Bound<'_, PyAny>, room: usize, depth: usize) -> Option<Output> {
    let mut writer = Writer { output: Output::default(), open: Vec::with_capacity(8), room, depth };
    writer.start(value)?;
    while writer.go_on()? {}
    Some(writer.output)
}

struct Writer<'py> {
    output: Output,
    open: Vec<Open<'py>>,
    room: usize,
    depth: usize,
}

/// A list or an object whose end was not written yet, and what is left of it.
enum Open<'py> {
    Dict(BoundDictIterator<'py>),
    List(BoundListIterator<'py>),
    Tuple(BoundTupleIterator<'py>),
}

impl<'py> Writer<'py> {
    /// Write a value, or the start of one.
    fn start(&mut self, value: &Bound<'py, PyAny>) -> Option<()> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self.text(text);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return self.open(b"{", dict.len(), Open::Dict(dict.iter()));
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.open(b"[", list.len(), Open::List(list.iter()));
        }
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return self.open(b"[", tuple.len(), Open::Tuple(tuple.iter()));
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            return self.int(number);
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            return number.value().is_finite().then_some(()).and_then(|()| self.repr(value));
        }
        if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.output.push(if truth.is_true() { b"true" } else { b"false" });
            return Some(());
        }
        value.is_none().then(|| self.output.push(b"null"))
    }

    /// Write the next item of what is open, or its end; return False if nothing is open.
    fn go_on(&mut self) -> Option<bool> {
        let Some(open) = self.open.last_mut() else { return Some(false) };
        let (key, next) = match open {
            Open::Dict(rest) => rest.next().map(|(key, value)| (Some(key), value)).unzip(),
            Open::List(rest) => (None, rest.next()),
            Open::Tuple(rest) => (None, rest.next()),
        };
        let Some(value) = next else {
            self.output.push(if matches!(open, Open::Dict(_)) { b"}" } else { b"]" });
            self.open.pop();
            return Some(true);
        };
        self.output.separate();
        if let Some(key) = key.flatten() {
            self.key(&key)?;
        }
        self.start(&value)?;
        (self.output.as_bytes().len() <= LONGEST_OUTPUT).then_some(true)
    }

    fn open(&mut self, bracket: &[u8], length: usize, open: Open<'py>) -> Option<()> {
        self.room = self.room.checked_sub(length)?;
        if self.depth + self.open.len() >= MAX_DEPTH {
            return None;
        }
        self.output.push(bracket);
        self.open.push(open);
        Some(())
    }

    fn key(&mut self, key: &Bound<'py, PyAny>) -> Option<()> {
        let key = key.cast_exact::<PyString>().ok()?.to_str().ok()?;
        if key == PROTOTYPE {
            return None;
        }
        self.output.push_text(key);
        self.output.push(b":");
        Some(())
    }

    fn text(&mut self, value: &Bound<'py, PyString>) -> Option<()> {
        let text = value.to_str().ok()?; // a lone surrogate is left to Python
        if text.len() > LONG_TEXT && !self.open.is_empty() {
            let length = value.len().ok()?; // in characters, as Python counts
            if length > LONG_TEXT {
                self.room = self.room.checked_sub(length / TEXT_PER_PART)?;
            }
        }
        self.output.push_text(text);
        Some(())
    }

    fn int(&mut self, number: &Bound<'py, PyInt>) -> Option<()> {
        match number.extract() {
            Ok(small) => self.output.push_int(small),
            Err(_) => self.repr(number)?, // also beyond the digits that Python writes
        }
        Some(())
    }

    /// Write a number as Python spells it.
    fn repr(&mut self, number: &Bound<'py, PyAny>) -> Option<()> {
        self.output.push(number.repr().ok()?.to_str().ok()?.as_bytes());
        Some(())
    }
}
