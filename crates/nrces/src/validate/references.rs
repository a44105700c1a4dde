//! References: that they lead somewhere inside the document, and to what.

use super::document::{Place, Resolved};
use super::json::Json;
use super::path::Path;
use super::walk::{Choices, Demand, Walk};
use crate::rules::{Target, TypeUse};

impl<'a> Walk<'a> {
    /// A Reference element.
    pub(crate) fn reference(&mut self, ty: &'a TypeUse, value: Json<'a>, path: &Path<'_>) {
        let Some(reference) = value.text("reference") else {
            self.identified(value, path);
            return;
        };
        if self.nested {
            return;
        }
        // The Bundle itself stands in no entry: its signature's `who`.
        let here = self.place.unwrap_or(Place { entry: usize::MAX, contained: None });
        let at = path.key("reference");
        let place = match reference.strip_prefix('#') {
            // ref-1 tells if nothing is there.
            Some(id) => self.contained(here, id),
            None => self.entry(here, reference, &at),
        };
        let Some(place) = place else { return };
        if place.entry != here.entry {
            self.links.push(place.entry);
        }
        self.target(ty, value, place, &at);
    }

    /// Without `reference` nothing shows: an identifier alone is for machines.
    fn identified(&mut self, value: Json<'_>, path: &Path<'_>) {
        let any =
            ["identifier", "display", "_reference", "extension"].iter().any(|key| value.field(key).is_some());
        if !any {
            let what = "`reference` is missing: give the fullUrl of the entry that is meant";
            self.error(&path.key("reference"), "reference-empty", what);
        } else if self.strict && value.field("display").is_none() {
            self.warning(
                path,
                "reference-unlinked",
                "has neither `reference` nor `display`: readers of the document can show nothing of it",
            );
        }
    }

    fn contained(&self, here: Place, id: &str) -> Option<Place> {
        let contained = self.root.field("contained").and_then(Json::as_list)?;
        let at = contained.iter().position(|r| r.text("id") == Some(id))?;
        Some(Place { entry: here.entry, contained: Some(at) })
    }

    fn entry(&mut self, here: Place, reference: &str, at: &Path<'_>) -> Option<Place> {
        match self.document.resolve(reference, here.entry) {
            Resolved::To(entry) => Some(Place { entry, contained: None }),
            Resolved::Loosely(entry) => {
                let what = "leads to no entry's fullUrl, though an entry has this type and id: \
                            use that entry's fullUrl";
                self.error(at, "reference-unresolved", what);
                Some(Place { entry, contained: None })
            }
            Resolved::Nowhere => {
                let what = "leads to no entry of this document: add the resource as an entry, \
                            with this as its fullUrl, or correct the reference";
                self.error(at, "reference-unresolved", what);
                None
            }
        }
    }

    /// The type of the target now, its profile when its turn comes.
    fn target(&mut self, ty: &'a TypeUse, value: Json<'_>, place: Place, at: &Path<'_>) {
        let Some(resource) = self.document.entries.get(place.entry).and_then(|e| e.resource) else { return };
        let resource = match place.contained {
            Some(n) => resource.field("contained").and_then(|c| c.as_list()?.get(n)),
            None => Some(resource),
        };
        let kind = resource.and_then(|r| r.field("resourceType")).and_then(Json::as_str).unwrap_or_default();
        if value.text("type").is_some_and(|told| told != kind) {
            let what = "says another type than the resource that the reference leads to";
            if let Some(up) = at.up() {
                self.error(&up.key("type"), "reference-type", what);
            }
        }
        if ty.targets.is_empty() || ty.targets.iter().any(|t| &*t.name == "Resource") {
            return;
        }
        let mut fitting = ty.targets.iter().filter(|t| *t.name == *kind);
        let Some(first) = fitting.next() else {
            self.error(at, "reference-target", format!("must lead to {}", names(&ty.targets)));
            return;
        };
        // Where the bare type is enough, nothing is demanded.
        let Some(shape) = first.profile else { return };
        let mut choices = Choices::One(shape);
        for target in fitting {
            let Some(shape) = target.profile else { return };
            choices = choices.or(shape);
        }
        self.demands.push(Demand { place, choices });
    }
}

fn names(targets: &[Target]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for target in targets {
        if !names.contains(&&*target.name) {
            names.push(&target.name);
        }
    }
    format!("a resource of type {}", names.join(" or "))
}
