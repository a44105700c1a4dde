//! The invariants of FHIR R4 that the tables name, each written out by hand.
//!
//! The tables give an invariant by key, severity and the fingerprint of its
//! expression. A key that is not known here is not checked; [`unchecked`] lists
//! those, and a test holds the eight record types to there being none.

mod facts;
mod resources;
mod types;

use super::json::Json;
use super::path::Path;
use super::walk::Walk;
use crate::bytes::same;
use crate::rules::{Member, Rules};
use facts::Facts;

/// Whether the invariant holds.
type Check = fn(&Facts<'_>) -> bool;

/// An invariant that can be checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Native {
    key: &'static str,
    check: Check,
    /// How to mend it.
    mend: &'static str,
}

/// Invariants that are checked in the course of something else, with a more
/// exact location: on the Bundle (`bundle.rs`), the narrative (`xhtml.rs`),
/// emptiness (`walk.rs`), contained resources' references (`references.rs`).
const ELSEWHERE: &[&str] = &[
    "bdl-1", "bdl-2", "bdl-3", "bdl-4", "bdl-7", "bdl-8", "bdl-9", "bdl-10", "bdl-11", "bdl-12", "txt-1",
    "txt-2", "ele-1",
];

/// The check of a key.
pub(crate) fn native(key: &str) -> Option<Native> {
    types::ALL.iter().chain(resources::ALL).find(|native| native.key == key).copied()
}

/// Whether a key is checked at all.
pub(crate) fn is_checked(key: &str) -> bool {
    ELSEWHERE.contains(&key) || native(key).is_some()
}

/// Holds `value` to the invariant with index `at` in the rules.
#[inline]
pub(super) fn check<'a>(walk: &mut Walk<'a>, at: u16, value: Json<'a>, path: &Path<'_>) {
    let Some(invariant) = walk.rules.invariants().get(usize::from(at)) else { return };
    let Some(native) = invariant.native else { return };
    // Best practice only, and for contained resources not even that.
    if same(native.key.as_bytes(), b"dom-6") && (!walk.strict || !value.is_same(walk.root)) {
        return;
    }
    if (native.check)(&Facts {
        value,
        root: walk.root,
        document: walk.document,
        entry: walk.place.map(|p| p.entry),
    }) {
        return;
    }
    if invariant.warning {
        walk.warning(path, native.key, native.mend);
    } else {
        walk.error(path, native.key, native.mend);
    }
}

/// Whether R4 has a resource type of this name.
pub(super) fn is_resource_type(rules: &Rules, kind: &str) -> bool {
    let set = rules.codes.index("http://hl7.org/fhir/ValueSet/resource-types");
    set.is_some_and(|set| rules.codes.member(set, None, kind) == Member::Yes)
}

#[cfg(test)]
mod tests {
    use super::{ELSEWHERE, is_checked, native};

    /// Keys that the tables name and that are left out on purpose, with the
    /// reason beside each. There are none.
    const LEFT_OUT: &[&str] = &[];

    #[test]
    fn every_invariant_of_the_tables_is_checked() {
        let tables =
            [include_str!("../../../rules/base.rules"), include_str!("../../../rules/nrces.rules")].concat();
        let keys: Vec<&str> = tables
            .lines()
            .filter_map(|line| line.strip_prefix("invariant "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(keys.len() > 70, "{}", keys.len());
        let missing: Vec<&&str> = keys.iter().filter(|k| !is_checked(k) && !LEFT_OUT.contains(k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        for key in ELSEWHERE {
            assert!(native(key).is_none(), "{key} is checked twice");
        }
    }
}
