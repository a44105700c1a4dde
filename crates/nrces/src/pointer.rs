//! JSON pointers (RFC 6901) into the input, kept on the stack until one is needed.

use std::fmt;

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
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) => {
                f.write_str("/")?;
                Escaped(key).fmt(f)
            }
            Step::Index(index) => write!(f, "/{index}"),
        }
    }
}

/// A key as a pointer writes it.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((plain, tail)) = rest.find(['~', '/']).and_then(|at| rest.split_at_checked(at)) {
            f.write_str(plain)?;
            f.write_str(if tail.starts_with('~') { "~0" } else { "~1" })?;
            rest = tail.get(1..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}
