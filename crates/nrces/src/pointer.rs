//! JSON pointers (RFC 6901) into the input, kept on the stack until one is needed.

use std::fmt::{self, Write as _};

/// A place in the input, as a chain towards the root.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub const ROOT: Place<'static> = Place { parent: None, step: Step::Root };

    pub const fn key(&'p self, key: &'p str) -> Place<'p> {
        Place { parent: Some(self), step: Step::Key(key) }
    }

    pub const fn index(&'p self, index: usize) -> Place<'p> {
        Place { parent: Some(self), step: Step::Index(index) }
    }

    /// The pointer as text. Every resource keeps one, so it is put together by hand.
    pub fn pointer(&self) -> String {
        let mut out = String::with_capacity(48);
        self.append(&mut out);
        out
    }

    fn append(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.append(out);
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                out.push('/');
                escape(key, |part| out.push_str(part));
            }
            Step::Index(index) => {
                out.push('/');
                let written = write!(out, "{index}");
                debug_assert!(written.is_ok(), "a String takes every write");
            }
        }
    }
}

/// A key as a pointer writes it.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        escape(self.0, |part| result = result.and_then(|()| f.write_str(part)));
        result
    }
}

/// The parts of a key, `~` and `/` replaced.
fn escape(key: &str, mut write: impl FnMut(&str)) {
    let mut rest = key;
    while let Some((plain, tail)) = rest.find(['~', '/']).and_then(|at| rest.split_at_checked(at)) {
        write(plain);
        write(if tail.starts_with('~') { "~0" } else { "~1" });
        rest = tail.get(1..).unwrap_or_default();
    }
    write(rest);
}
