//! What is valid but will not show, or not be found: told in strict mode.

use super::attachment;
use super::json::{Json, Map};
use super::path::Path;
use super::record;
use super::walk::Walk;
use crate::HiType;

/// Looks at one entry's resource.
pub(crate) fn check(walk: &mut Walk<'_>, resource: Json<'_>, path: &Path<'_>) {
    let kind = resource.text("resourceType").unwrap_or_default();
    if resource.field("meta").is_none_or(|meta| meta.items("profile").is_empty())
        && walk.rules.constrains(kind)
    {
        let what =
            "claims no profile: name the NRCeS profile that it meets, by which readers choose how to show it";
        walk.warning(&path.key("meta").key("profile"), "profile-missing", what);
    }
    readable(walk, resource, kind, path);
    if kind == "Binary"
        && let Some(data) = resource.text("data")
    {
        attachment::content(walk, resource, data, path);
    }
    if kind == "Composition" {
        title(walk, resource, path);
        let sections = resource.items("section");
        let list = path.key("section");
        for (at, section) in sections.iter().enumerate() {
            self::section(walk, section, &list.index(at));
        }
    }
}

/// What a reader looks for first.
fn readable(walk: &mut Walk<'_>, resource: Json<'_>, kind: &str, path: &Path<'_>) {
    let has = |names: &[&str]| {
        let mut keys = resource.as_map().into_iter().flat_map(Map::keys);
        keys.any(|key| names.iter().any(|name| key.starts_with(name)))
    };
    match kind {
        "Patient" | "Practitioner" if !has(&["name"]) => {
            walk.warning(&path.key("name"), "name-missing", "has no name to show: give `name` with `text`");
        }
        "Observation" if !has(&["value", "component", "hasMember", "dataAbsentReason", "note"]) => {
            let what = "has no value to show: give one, or `dataAbsentReason`";
            walk.warning(&path.key("value[x]"), "value-missing", what);
        }
        _ => {}
    }
}

/// A title that is the name of another record type misleads whoever reads it.
fn title(walk: &mut Walk<'_>, composition: Json<'_>, path: &Path<'_>) {
    let Some(title) = composition.text("title") else { return };
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
    };
    let named = HiType::ALL
        .into_iter()
        .find(|kind| letters(kind.title()) == letters(title) || letters(kind.as_str()) == letters(title));
    let kind = record::of_composition(composition);
    if let (Some(named), Some(kind)) = (named, kind)
        && named != kind
    {
        let what = format!("is the title of another record type; this one is a {}", kind.title());
        walk.warning(&path.key("title"), "title-type", what);
    }
}

fn section(walk: &mut Walk<'_>, section: Json<'_>, path: &Path<'_>) {
    if section.field("text").and_then(|text| text.field("div")).is_none() {
        let what = "has no narrative: apps that cannot read its entries show nothing";
        walk.warning(&path.key("text"), "section-narrative", what);
    }
    if section.field("title").is_none() {
        walk.warning(&path.key("title"), "section-title", "has no title: apps show it without a heading");
    }
}
