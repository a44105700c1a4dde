//! What was found, without repetition and without end.

use super::path::Path;
use crate::issue::Issue;

/// More problems than this are not told: nobody mends them one by one.
pub(crate) const MAX_ISSUES: usize = 1000;

/// Problems of one walk.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub issues: Vec<Issue>,
    /// Whether more was found than is told.
    pub cut: bool,
}

impl Found {
    /// Adds a problem at `path`, if there is room for it.
    #[inline]
    pub(crate) fn add(&mut self, path: &Path<'_>, issue: impl FnOnce(String) -> Issue) {
        if self.issues.len() < MAX_ISSUES {
            self.issues.push(issue(path.to_string()));
        } else {
            self.cut = true;
        }
    }

    /// Whether anything hinders.
    pub(crate) fn errors(&self) -> usize {
        self.issues.iter().filter(|i| i.is_error()).count()
    }
}
