//! What invariants ask of a value.

use std::cmp::Ordering;

use crate::bytes::same;
use crate::validate::document::{Document, Resolved};
use crate::validate::json::{Json, List};

/// The UCUM system.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// The value that an invariant is about, and the entry's resource around it.
pub(crate) struct Facts<'a> {
    pub value: Json<'a>,
    pub root: Json<'a>,
    /// The document and the entry that the value is of.
    pub document: &'a Document<'a>,
    pub entry: Option<usize>,
}

impl<'a> Facts<'a> {
    /// Whether an element is there, if only by its extensions.
    #[inline]
    pub(super) fn has(&self, name: &str) -> bool {
        has(self.value, name)
    }

    /// The type of the entry that a Reference leads to.
    pub(super) fn target_type(&self, reference: Json<'_>) -> Option<&'a str> {
        let reference = reference.text("reference")?;
        match self.document.resolve(reference, self.entry?) {
            Resolved::To(at) | Resolved::Loosely(at) => Some(self.document.entries.get(at)?.kind),
            Resolved::Nowhere => None,
        }
    }

    /// Whether a choice is there in any type.
    pub(super) fn has_choice(&self, name: &str) -> bool {
        let typed = |key: &str| {
            let key = key.strip_prefix('_').unwrap_or(key);
            key.strip_prefix(name).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        self.value.as_map().is_some_and(|map| map.keys().any(typed))
    }

    /// A string element.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.value.text(name)
    }

    /// A number element.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.value.field(name).and_then(Json::as_f64)
    }

    /// Repetitions of an element.
    pub(super) fn all(&self, name: &str) -> List<'a> {
        list(self.value, name)
    }
}

#[inline]
pub(super) fn has(value: Json<'_>, name: &str) -> bool {
    let Some(map) = value.as_map() else { return false };
    let beside = |key: &str| match key.as_bytes() {
        [b'_', bare @ ..] => same(bare, name.as_bytes()),
        _ => false,
    };
    map.get(name).is_some_and(|value| !value.is_null()) || map.keys().any(beside)
}

pub(super) fn list<'a>(value: Json<'a>, name: &str) -> List<'a> {
    value.items(name)
}

/// Whether a CodeableConcept has this coding.
pub(super) fn coded(concept: Option<Json<'_>>, system: &str, codes: &[&str]) -> bool {
    let Some(concept) = concept else { return false };
    list(concept, "coding").iter().any(|coding| {
        let text = |key: &str| coding.text(key);
        text("system") == Some(system) && text("code").is_some_and(|code| codes.contains(&code))
    })
}

/// Which of two dates or times is earlier; `None` if their precision leaves
/// it open or either is malformed.
pub(super) fn order(a: &str, b: &str) -> Option<Ordering> {
    if let (Ok(a), Ok(b)) = (a.parse::<jiff::Timestamp>(), b.parse::<jiff::Timestamp>()) {
        return Some(a.cmp(&b));
    }
    let day = |text: &str| text.split('T').next().unwrap_or_default().to_owned();
    let (a, b) = (day(a), day(b));
    let common = a.len().min(b.len());
    match a.get(..common)?.cmp(b.get(..common)?) {
        // Zones may shift a day; only a clear distance counts.
        Ordering::Equal => None,
        other => Some(other),
    }
}
