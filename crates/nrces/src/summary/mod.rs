//! What a clinician reads of a document, whoever made it: taken from its
//! structured content, and from the narrative where there is nothing else.

#![expect(clippy::indexing_slicing, reason = "a JSON tree answers null for what it does not hold")]

mod rows;
mod tree;
mod words;

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::hi_type::HiType;
use tree::Tree;

/// A document in the order in which it is read.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The record type, if the document says one.
    pub hi_type: Option<HiType>,
    /// Its title.
    pub title: String,
    /// Its date in words.
    pub date: Option<String>,
    /// Its status, unless it is final.
    pub status: Option<String>,
    /// Whom it is about.
    pub patient: Option<Item>,
    /// Who wrote it.
    pub authors: Vec<Item>,
    /// Which facility keeps it.
    pub facility: Option<Item>,
    /// On which occasion.
    pub encounter: Option<Item>,
    /// Its sections.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What it holds.
    pub items: Vec<Item>,
    /// What it says in words, where it holds nothing.
    pub text: Option<String>,
}

/// One thing to read: its name, labelled facts about it, its parts.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its name.
    pub title: String,
    /// Facts, in order; a label may stand more than once.
    pub facts: Vec<Fact>,
    /// Results of a report or a panel, lines of a bill.
    pub parts: Vec<Item>,
    /// Files that it holds.
    pub files: Vec<File>,
    /// Whether this result is out of range.
    pub abnormal: bool,
}

/// A labelled fact.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// What it says.
    pub value: String,
}

/// A file inside a document.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Its title.
    pub title: String,
    /// Its MIME type.
    pub content_type: String,
    /// Its base64.
    #[serde(skip)]
    pub data: String,
}

/// Reads a document bundle. Never fails: what is not understood is left out.
pub fn summary(bundle: &Value) -> Summary {
    let tree = Tree::new(bundle);
    let nothing = Value::Null;
    let composition = tree.composition().unwrap_or(&nothing);
    let hi_type = tree::hi_type(composition);
    let title = composition["title"].as_str().or_else(|| hi_type.map(HiType::title));
    let item = |reference: &Value| tree.find(reference).map(|r| rows::item(&tree, r));
    let authors = composition["author"].as_array().into_iter().flatten();
    let status = composition["status"].as_str().filter(|s| *s != "final");
    Summary {
        hi_type,
        title: title.unwrap_or("Health record").to_owned(),
        date: composition["date"].as_str().map(words::date),
        status: status.map(str::to_owned),
        patient: item(&composition["subject"])
            .or_else(|| tree.first("Patient").map(|p| rows::item(&tree, p))),
        authors: authors.filter_map(|a| item(a).or_else(|| words::display(a).map(rows::named))).collect(),
        facility: item(&composition["custodian"]),
        encounter: item(&composition["encounter"]),
        sections: sections(&tree, composition),
    }
}

/// Sections nest in FHIR; a reader gets them one after the other.
const DEPTH: u8 = 4;

fn sections(tree: &Tree<'_>, composition: &Value) -> Vec<Section> {
    let mut list = Vec::new();
    let mut seen = HashSet::new();
    collect(tree, &composition["section"], &mut list, (&mut seen, DEPTH));
    list
}

fn collect<'v>(
    tree: &Tree<'v>,
    sections: &'v Value,
    list: &mut Vec<Section>,
    (seen, depth): (&mut HashSet<*const Value>, u8),
) {
    for section in sections.as_array().into_iter().flatten() {
        let entries = section["entry"].as_array().into_iter().flatten();
        let items: Vec<Item> = entries
            .filter_map(|reference| tree.find(reference))
            .filter(|resource| seen.insert(std::ptr::from_ref(*resource)))
            .map(|resource| rows::item(tree, resource))
            .collect();
        let text = section["text"]["div"].as_str().map(words::plain).filter(|t| !t.is_empty());
        let text = text.filter(|_| items.is_empty());
        let title = section["title"].as_str().or_else(|| section["code"]["coding"][0]["display"].as_str());
        if !items.is_empty() || text.is_some() {
            list.push(Section { title: title.unwrap_or("Section").to_owned(), items, text });
        }
        if depth > 0 {
            collect(tree, &section["section"], list, (seen, depth - 1));
        }
    }
}
