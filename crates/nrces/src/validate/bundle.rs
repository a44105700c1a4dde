//! Rules of the Bundle as a document: bdl-1 to bdl-12, fullUrls, the one
//! patient, and that every entry is reached (FHIR R4, "Documents").

use super::document::Document;
use super::json::Json;
use super::path::Path;
use super::walk::Walk;
use crate::bytes::has;

/// Checks what concerns every Bundle of this kind: no search, no transaction,
/// each entry with an address. `walk` stands at the Bundle.
pub(crate) fn check_entries<'a>(walk: &mut Walk<'a>, bundle: Json<'a>) {
    let root = Path::root("Bundle");
    if bundle.field("total").is_some() {
        walk.error(&root.key("total"), "bdl-1", "has no `total`: remove it");
    }
    let list = root.key("entry");
    for (at, entry) in bundle.items("entry").iter().enumerate() {
        parts(walk, entry, &list.index(at));
    }
    urls(walk, &list);
}

/// Checks what concerns documents only.
pub(crate) fn check_document<'a>(walk: &mut Walk<'a>, bundle: Json<'a>) {
    let root = Path::root("Bundle");
    kind(walk, bundle, &root);
    let identifier = bundle.field("identifier");
    for name in ["system", "value"] {
        if identifier.is_some_and(|i| i.field(name).is_none()) {
            let what = format!("a document's identifier needs `{name}`");
            walk.error(&root.key("identifier").key(name), "bdl-9", what);
        }
    }
    if identifier.is_none() {
        walk.error(
            &root.key("identifier"),
            "bdl-9",
            "a document needs an identifier of its own, with system and value",
        );
    }
    if bundle.field("timestamp").is_none() {
        walk.error(
            &root.key("timestamp"),
            "bdl-10",
            "a document needs `timestamp`: when it was put together",
        );
    }
    let list = root.key("entry");
    first(walk, &list);
    patients(walk, &list);
    if !walk.document.entries.iter().any(|e| e.kind == "Composition") {
        let what = "has no Composition: nothing tells what the document is";
        walk.error(&list, "no-composition", what);
    }
}

fn kind(walk: &mut Walk<'_>, bundle: Json<'_>, root: &Path<'_>) {
    if bundle.text("type").is_some_and(|kind| kind != "document") {
        walk.error(&root.key("type"), "document-type", "must be `document`");
    }
}

fn parts(walk: &mut Walk<'_>, entry: Json<'_>, path: &Path<'_>) {
    for (name, rule) in [("search", "bdl-2"), ("request", "bdl-3"), ("response", "bdl-4")] {
        if entry.field(name).is_some() {
            walk.error(&path.key(name), rule, format!("an entry here has no `{name}`: remove it"));
        }
    }
    if entry.field("resource").is_none() {
        walk.error(&path.key("resource"), "entry-resource", "an entry here needs its resource");
    }
}

/// Each entry has a fullUrl, absolute, of its own, and not of a version.
fn urls(walk: &mut Walk<'_>, list: &Path<'_>) {
    let document = walk.document;
    for (at, entry) in document.entries.iter().enumerate() {
        let entry_path = list.index(at);
        let path = entry_path.key("fullUrl");
        let Some(url) = entry.full_url else {
            let what =
                "is missing: give `urn:uuid:` and a UUID, by which the other entries refer to this one";
            walk.error(&path, "full-url", what);
            continue;
        };
        if url.contains("/_history/") {
            walk.error(&path, "bdl-8", "must not name a version: leave out `/_history/...`");
        }
        if !has(url, b':') {
            walk.error(
                &path,
                "full-url",
                "must be absolute: `urn:uuid:` and a UUID, or http(s)://.../Type/id",
            );
        } else if url.starts_with("http") && !names(url, entry.kind, entry.resource) {
            walk.error(&path, "full-url", "must end in the type and id of its resource");
        }
    }
    for at in &document.repeated {
        let entry_path = list.index(*at);
        let what = "stands on an earlier entry already: every entry has a fullUrl of its own";
        walk.error(&entry_path.key("fullUrl"), "bdl-7", what);
    }
}

/// Whether an address ends in `Type/id` of its resource.
fn names(url: &str, kind: &str, resource: Option<Json<'_>>) -> bool {
    let id = resource.and_then(|r| r.field("id")).and_then(Json::as_str);
    id.is_none_or(|id| url.ends_with(&format!("/{kind}/{id}")))
}

fn first(walk: &mut Walk<'_>, list: &Path<'_>) {
    let document = walk.document;
    match document.entries.first() {
        None => walk.error(list, "bdl-11", "a document needs entries, the first with its Composition"),
        Some(entry) if entry.kind != "Composition" => {
            let path = list.index(0);
            walk.error(
                &path.key("resource"),
                "bdl-11",
                "the first entry of a document must be its Composition",
            );
        }
        Some(_) => {}
    }
    for (at, _) in document.entries.iter().enumerate().skip(1).filter(|(_, e)| e.kind == "Composition") {
        let path = list.index(at);
        walk.error(
            &path.key("resource"),
            "document-composition",
            "a document has one Composition: remove this one",
        );
    }
}

fn patients(walk: &mut Walk<'_>, list: &Path<'_>) {
    let patients: Vec<usize> = walk
        .document
        .entries
        .iter()
        .enumerate()
        .filter(|(_, e)| e.kind == "Patient")
        .map(|(at, _)| at)
        .collect();
    for at in patients.iter().skip(1) {
        let what = "a document is about one patient, the Composition's subject: remove this one";
        let path = list.index(*at);
        walk.error(&path.key("resource"), "document-patient", what);
    }
}

/// Entries that nothing leads to from the first, in order. An entry that
/// itself leads to a reached one (a Provenance) counts as reached.
pub(crate) fn unreached(document: &Document<'_>, links: &[Vec<usize>]) -> Vec<usize> {
    let mut reached = vec![false; document.entries.len()];
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        if let Some(flag) = reached.get_mut(at).filter(|flag| !**flag) {
            *flag = true;
            open.extend(links.get(at).into_iter().flatten());
        }
    }
    let provenance = |at: usize| {
        let kind = document.entries.get(at).map_or("", |e| e.kind);
        let leads = || links.get(at).into_iter().flatten().any(|to| reached.get(*to) == Some(&true));
        kind == "Provenance" && leads()
    };
    let lone = reached.iter().enumerate().filter(|(at, flag)| !**flag && !provenance(*at));
    lone.map(|(at, _)| at).collect()
}
