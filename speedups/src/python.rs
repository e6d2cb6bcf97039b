//! What Python sees: one class, two functions, and the number by which iron-session knows whether it fits.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyNotImplemented, PyString};
use zeroize::Zeroizing;

use crate::core::{Answer, Password, RANDOM_BYTES};
use crate::guard;
use crate::objects::{read_objects, write_objects};

/// iron-session takes the module only if this is the number it was written for. It changes with
/// every change of what the functions below take or return.
const API: u32 = 2;

/// A text password that seals and opens.
///
/// No method raises anything for what it is given: None means that the Python code must do it.
#[pyclass(frozen, module = "iron_session_speedups")]
struct PasswordKey {
    password: Option<Password>,
}

#[pymethods]
impl PasswordKey {
    #[new]
    fn new(password: &str) -> Self {
        Self { password: guard(|| Password::new(password)) }
    }

    /// Return the seal as text, or None.
    fn seal(
        &self,
        plaintext: &Bound<'_, PyAny>,
        id: &Bound<'_, PyAny>,
        expires: &Bound<'_, PyAny>,
        randomness: &Bound<'_, PyAny>,
    ) -> Option<String> {
        guard(|| {
            let plaintext = plaintext.cast::<PyBytes>().ok()?;
            let id = id.cast::<PyString>().ok()?;
            let expires = expires.extract().ok()?;
            let randomness = randomness_of(randomness)?;
            self.password.as_ref()?.seal(
                plaintext.as_bytes(),
                id.to_str().ok()?,
                expires,
                &randomness,
            )
        })
    }

    /// Return (plaintext, expiration) if the seal is authentic, False if its mac does not match,
    /// and None for everything else.
    fn open<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        earliest: &Bound<'py, PyAny>,
    ) -> Option<Bound<'py, PyAny>> {
        guard(|| {
            let text = text.cast::<PyString>().ok()?;
            let earliest = earliest.extract().ok()?;
            match self.password.as_ref()?.open(text.to_str().ok()?, earliest) {
                Answer::Opened { plaintext, expires } => {
                    let pair = (PyBytes::new(py, &plaintext), expires);
                    Some(pair.into_pyobject(py).ok()?.into_any())
                }
                Answer::Forged => Some(PyBool::new(py, false).to_owned().into_any()),
                Answer::HandedBack => None,
            }
        })
    }
}

/// Take the bytes that were given; draw them if None was given.
fn randomness_of(given: &Bound<'_, PyAny>) -> Option<Zeroizing<[u8; RANDOM_BYTES]>> {
    let mut randomness = Zeroizing::new([0; RANDOM_BYTES]);
    if given.is_none() {
        getrandom::fill(randomness.as_mut_slice()).ok()?;
    } else {
        randomness = Zeroizing::new(given.cast::<PyBytes>().ok()?.as_bytes().try_into().ok()?);
    }
    Some(randomness)
}

/// Return a value as JSON text in bytes, or None.
#[pyfunction]
fn write_json<'py>(
    value: &Bound<'py, PyAny>,
    most: &Bound<'py, PyAny>,
    depth: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyBytes>> {
    guard(|| {
        let room = most.extract::<Option<usize>>().ok()?.unwrap_or(usize::MAX);
        let output = write_objects(value, room, depth.extract().ok()?)?;
        Some(PyBytes::new(value.py(), output.as_bytes()))
    })
}

/// Return the value of JSON text in bytes, or NotImplemented: None is a value.
#[pyfunction]
fn read_json<'py>(raw: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let read = || read_objects(raw.py(), raw.cast::<PyBytes>().ok()?.as_bytes());
    guard(read).unwrap_or_else(|| PyNotImplemented::get(raw.py()).to_owned().into_any())
}

/// Panic, and return what the functions above return then: so that a build can be tested.
#[pyfunction]
fn _panic() -> Option<bool> {
    guard(|| panic!("on purpose"))
}

/// PyO3 keeps one set of types for a whole process, so only one interpreter may have them.
static IS_LOADED: AtomicBool = AtomicBool::new(false);

/// The native core of iron-session for Python.
#[pymodule(gil_used = true)]
fn iron_session_speedups(module: &Bound<'_, PyModule>) -> PyResult<()> {
    if IS_LOADED.swap(true, Ordering::SeqCst) {
        return Err(PyImportError::new_err(
            "iron_session_speedups supports no subinterpreters: it was loaded by another",
        ));
    }
    // A panic is handed back like anything else, and writes nothing: its message might say what
    // is in a seal. The hook is this module's own: every Rust module carries its own runtime.
    std::panic::set_hook(Box::new(|_| {}));
    module.add("API", API)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<PasswordKey>()?;
    module.add_function(wrap_pyfunction!(write_json, module)?)?;
    module.add_function(wrap_pyfunction!(read_json, module)?)?;
    module.add_function(wrap_pyfunction!(_panic, module)?)
}
