//! Patient entries, as link, on-discover and on-confirm carry them: one for each HI type.

use std::collections::BTreeSet;

use super::patterns::{self, CARE_CONTEXT, DISPLAY, HI_TYPES, Pattern};
use super::{Fault, Node, Wrong};

/// Most care contexts of an entry.
pub(crate) const MOST: i64 = 20;

/// An entry that passed.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) reference: String,
    pub(crate) display: String,
    pub(crate) hi_type: String,
    pub(crate) care_contexts: Vec<(String, String)>,
}

/// What is wrong with patient entries, in the order in which ABDM looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadEntries {
    /// `patient` is not there.
    Absent,
    /// A member is of the wrong type or missing.
    Shape(Wrong),
    /// An HI type that does not exist.
    HiType(Wrong),
    /// `count` outside 1 to 20.
    CountRange(Wrong),
    /// Patient reference: characters, or not the same everywhere.
    Patient(Wrong),
    /// A display.
    Display(Wrong),
    /// A care context reference: characters, or twice in an entry.
    CareContext(Wrong),
    /// `count` is not the number of care contexts.
    CountMismatch(Wrong),
}

/// Reads the array `patient` of `body`. `reference` is the pattern of patient references, which differs between
/// link and the replies.
pub(crate) fn entries(body: &Node<'_>, reference: &Pattern) -> Result<Vec<Entry>, BadEntries> {
    if body.maybe("patient").map_err(BadEntries::Shape)?.is_none() {
        return Err(BadEntries::Absent);
    }
    let nodes = body.items("patient").map_err(BadEntries::Shape)?;
    if nodes.is_empty() {
        return Err(BadEntries::Absent);
    }
    nodes.iter().try_for_each(shape).map_err(BadEntries::Shape)?;
    let entries = nodes.iter().map(|node| entry(node, reference)).collect::<Result<Vec<_>, _>>()?;
    one_patient(body, &entries)?;
    Ok(entries)
}

/// Only types and presence.
fn shape(node: &Node<'_>) -> Result<(), Wrong> {
    node.member("referenceNumber")?.as_text()?;
    node.member("display")?.as_text()?;
    node.member("hiType")?.as_text()?;
    node.integer("count")?;
    for context in node.items("careContexts")? {
        context.member("referenceNumber")?.as_text()?;
        context.member("display")?.as_text()?;
    }
    Ok(())
}

fn entry(node: &Node<'_>, reference: &Pattern) -> Result<Entry, BadEntries> {
    let hi_type = node.one_of("hiType", &HI_TYPES).map_err(BadEntries::HiType)?;
    let count = node.integer("count").map_err(BadEntries::Shape)?;
    if !(1..=MOST).contains(&count) {
        return Err(BadEntries::CountRange(node.wrong("count must lie between 1 and 20")));
    }
    let patient = node.matching("referenceNumber", reference).map_err(BadEntries::Patient)?;
    let display = node.matching("display", &DISPLAY).map_err(BadEntries::Display)?;
    let care_contexts = care_contexts(node)?;
    if usize::try_from(count) != Ok(care_contexts.len()) {
        let why = format!("count is {count}, there are {} care contexts", care_contexts.len());
        return Err(BadEntries::CountMismatch(node.wrong(why)));
    }
    Ok(Entry { reference: patient.into(), display: display.into(), hi_type: hi_type.into(), care_contexts })
}

fn care_contexts(node: &Node<'_>) -> Result<Vec<(String, String)>, BadEntries> {
    let mut seen = BTreeSet::new();
    let mut contexts = Vec::new();
    for context in node.items("careContexts").map_err(BadEntries::Shape)? {
        let reference =
            context.matching("referenceNumber", &CARE_CONTEXT).map_err(BadEntries::CareContext)?;
        let display = context.matching("display", &DISPLAY).map_err(BadEntries::Display)?;
        if !seen.insert(reference) {
            return Err(BadEntries::CareContext(context.wrong("stands twice in one entry")));
        }
        contexts.push((reference.to_owned(), display.to_owned()));
    }
    Ok(contexts)
}

fn one_patient(body: &Node<'_>, entries: &[Entry]) -> Result<(), BadEntries> {
    let references: BTreeSet<_> = entries.iter().map(|entry| &entry.reference).collect();
    if references.len() > 1 {
        return Err(BadEntries::Patient(body.wrong("entries name more than one patient")));
    }
    let types: BTreeSet<_> = entries.iter().map(|entry| &entry.hi_type).collect();
    if types.len() < entries.len() {
        return Err(BadEntries::HiType(body.wrong("two entries of one HI type")));
    }
    Ok(())
}

/// Members of entries that no schema knows.
pub(crate) fn strangers(body: &Node<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in body.items("patient").unwrap_or_default() {
        found.extend(entry.strangers(&["referenceNumber", "display", "careContexts", "hiType", "count"]));
        for context in entry.items("careContexts").unwrap_or_default() {
            found.extend(context.strangers(&["referenceNumber", "display"]));
        }
    }
    found
}

/// An array member of HI types.
pub(crate) fn hi_types(body: &Node<'_>, name: &str) -> Result<Vec<String>, Wrong> {
    let items = body.items(name)?;
    if items.is_empty() {
        return Err(body.member(name)?.wrong("names no HI type"));
    }
    items
        .iter()
        .map(|item| {
            let text = item.as_text()?;
            if patterns::HI_TYPES.contains(&text) {
                Ok(text.to_owned())
            } else {
                Err(item.wrong("is no HI type"))
            }
        })
        .collect()
}

impl BadEntries {
    /// The finding behind the verdict.
    pub(crate) fn wrong(&self) -> Wrong {
        match self {
            Self::Absent => Wrong { at: "/patient".into(), fault: Fault::Missing, why: "is required".into() },
            Self::Shape(wrong)
            | Self::HiType(wrong)
            | Self::CountRange(wrong)
            | Self::Patient(wrong)
            | Self::Display(wrong)
            | Self::CareContext(wrong)
            | Self::CountMismatch(wrong) => wrong.clone(),
        }
    }
}
