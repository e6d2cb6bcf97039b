//! The native core of iron-session for Python.

#![forbid(unsafe_code)]

pub mod core;
pub mod json;

#[cfg(feature = "python")]
mod objects;
#[cfg(feature = "python")]
mod python;

use std::panic::{catch_unwind, AssertUnwindSafe};

/// Run a function; None if it panics.
///
/// Python would see a panic as a PanicException, which `except Exception` does not catch.
pub fn guard<T>(function: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(function)).ok().flatten()
}
