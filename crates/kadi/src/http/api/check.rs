//! Collecting what is wrong with a body, so that all of it is told at once.

use super::super::body::Patch;
use super::super::problem::{FieldError, Problem};

/// Text longer than this is no name of anything.
const MAX_TEXT: usize = 1000;

/// The fields at fault so far.
#[derive(Debug, Default)]
pub struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// Notes a field and what is wrong with it.
    pub fn wrong(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, message));
    }

    /// The value, or a note of why there is none.
    pub fn take<T, E: std::fmt::Display>(&mut self, pointer: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.wrong(pointer, error.to_string())).ok()
    }

    /// The field read by `read`; what can't be read is noted and left as it was.
    pub fn patch<T, U, E>(
        &mut self,
        pointer: &str,
        field: Patch<T>,
        read: impl FnOnce(T) -> Result<U, E>,
    ) -> Patch<U>
    where
        E: std::fmt::Display,
    {
        let read = field.try_map(read);
        self.take(pointer, read).unwrap_or_default()
    }

    /// What must be there.
    pub fn required<T>(&mut self, pointer: &str, value: Option<T>) -> Option<T> {
        // What was given and is wrong has been noted already.
        if value.is_none() && !self.errors.iter().any(|error| error.pointer == pointer) {
            self.wrong(pointer, "is required");
        }
        value
    }

    /// The value, if nothing was noted; else 422 with all that was.
    pub fn end<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        if self.errors.is_empty() && value.is_none() {
            self.wrong("", "is not complete");
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid(self.errors)),
        }
    }
}

/// Text with something in it, trimmed.
pub fn text(text: String) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err("must not be empty");
    }
    if trimmed.chars().count() > MAX_TEXT || trimmed.chars().any(char::is_control) {
        return Err("must have at most 1000 characters and no control characters");
    }
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}
