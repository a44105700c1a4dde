//! Writing to the two standard streams. A reader that has gone away (`kadi config default | head`) is no failure.

use std::fmt::Display;
use std::io::Write as _;

/// A result, and a newline, on standard output.
pub fn result(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A remark or a problem, and a newline, on standard error.
pub fn problem(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
