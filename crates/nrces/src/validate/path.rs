//! Where a value stands, kept on the stack while walking and written out only
//! when there is a problem to report.

use std::fmt;

/// A place in the document, as a chain up to the root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'p> {
    up: Option<&'p Path<'p>>,
    step: Step<'p>,
    /// How many steps lie above.
    pub depth: u16,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Name(&'p str),
    Index(usize),
    /// The resource of this entry, as a root.
    Entry(usize),
}

/// Names longer than this are cut in locations: they are nobody's element.
const MAX_NAME: usize = 64;

impl<'p> Path<'p> {
    /// The root of a location, `Bundle`.
    #[inline]
    pub(crate) const fn root(name: &'p str) -> Self {
        Path { up: None, step: Step::Name(name), depth: 0 }
    }

    /// The root `Bundle.entry[at].resource`.
    #[inline]
    pub(crate) const fn entry(at: usize) -> Self {
        Path { up: None, step: Step::Entry(at), depth: 0 }
    }

    /// The element `name` below.
    #[inline]
    pub(crate) const fn key<'q>(&'q self, name: &'q str) -> Path<'q>
    where
        'p: 'q,
    {
        Path { up: Some(self), step: Step::Name(name), depth: self.depth + 1 }
    }

    /// The repetition `index` of this element.
    #[inline]
    pub(crate) const fn index<'q>(&'q self, index: usize) -> Path<'q>
    where
        'p: 'q,
    {
        Path { up: Some(self), step: Step::Index(index), depth: self.depth }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(up) = self.up {
            up.fmt(f)?;
        }
        match self.step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Entry(at) => write!(f, "Bundle.entry[{at}].resource"),
            Step::Name(name) if self.up.is_none() => f.write_str(name),
            Step::Name(name) => {
                f.write_str(".")?;
                let clean = name.chars().take(MAX_NAME).map(|c| if c.is_control() { '\u{fffd}' } else { c });
                clean.into_iter().try_for_each(|c| fmt::Write::write_char(f, c))
            }
        }
    }
}

impl<'p> Path<'p> {
    /// The place above.
    pub(crate) const fn up(&self) -> Option<&'p Path<'p>> {
        self.up
    }

    /// Whether the extension that stands here is part of another.
    pub(crate) fn is_in_extension(&self) -> bool {
        let mut up = self.up.and_then(|list| list.up);
        if let Some(path) = up.filter(|path| matches!(path.step, Step::Index(_))) {
            up = path.up;
        }
        up.is_some_and(|path| matches!(path.step, Step::Name("extension" | "modifierExtension")))
    }

    /// Whether this is a repetition of `section`.
    pub(crate) fn is_section(&self) -> bool {
        let indexed = matches!(self.step, Step::Index(_));
        indexed && self.up.is_some_and(|up| matches!(up.step, Step::Name("section")))
    }

    /// The `n` of `entry[n].resource`.
    pub(crate) fn entry_index(&self) -> Option<usize> {
        match self.up.filter(|_| self.is_entry_resource())?.step {
            Step::Index(n) => Some(n),
            Step::Name(_) | Step::Entry(_) => None,
        }
    }

    /// Whether this is `entry[n].resource` of some Bundle.
    #[inline]
    pub(crate) fn is_entry_resource(&self) -> bool {
        let named = |path: &Path<'_>, name: &str| matches!(path.step, Step::Name(n) if n == name);
        let index = self.up.filter(|_| named(self, "resource"));
        index.and_then(|i| i.up).is_some_and(|entry| named(entry, "entry"))
    }
}
