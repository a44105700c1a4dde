//! One resource held to one shape: structure, cardinality, types, values.
//!
//! The walk goes down the JSON and the shape together. It keeps no state but
//! what it found; where it stands is known to [`Path`] on the stack. Recursion
//! is bounded by [`MAX_DEPTH`], work by the size of the resource.

use std::sync::Arc;

use super::document::{Document, Place};
use super::found::Found;
use super::invariant;
use super::json::{Json, Map};
use super::path::Path;
use crate::bytes::same;
use crate::issue::Issue;
use crate::rules::{Element, Form, Key, MANY, Rules, Shape, ShapeId, TypeUse};

/// Deeper elements than this are refused unread. R4's own resources end at
/// about 12; extensions and nested sections may add to that.
const MAX_DEPTH: u16 = 60;

/// A walk over one resource.
pub(crate) struct Walk<'a> {
    pub rules: &'a Rules,
    pub document: &'a Document<'a>,
    pub strict: bool,
    /// `None` while the Bundle itself is walked.
    pub place: Option<Place>,
    /// The entry's resource, in which `#` references are looked up.
    pub root: Json<'a>,
    pub found: Found,
    /// Profiles that reference targets have to meet.
    pub demands: Vec<Demand>,
    /// Entries that the resource leads to.
    pub links: Vec<usize>,
    /// Inside a Bundle within an entry nothing is resolved.
    pub nested: bool,
}

/// A target has to meet one of these profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    pub place: Place,
    pub choices: Choices,
}

/// Mostly there is no choice, and nothing to be kept for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choices {
    One(ShapeId),
    Several(Vec<ShapeId>),
}

impl Choices {
    /// The same with one more.
    pub(crate) fn or(self, shape: ShapeId) -> Self {
        match self {
            Self::One(first) => Self::Several(vec![first, shape]),
            Self::Several(mut shapes) => {
                shapes.push(shape);
                Self::Several(shapes)
            }
        }
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn error(&mut self, path: &Path<'_>, rule: &str, message: impl Into<String>) {
        self.found.add(path, |path| Issue::error(path, rule, message));
    }

    pub(crate) fn warning(&mut self, path: &Path<'_>, rule: &str, message: impl Into<String>) {
        self.found.add(path, |path| Issue::warning(path, rule, message));
    }

    /// Holds an object to a shape.
    pub(crate) fn object(&mut self, id: ShapeId, value: Json<'a>, path: &Path<'_>) {
        let Some(shape) = self.rules.shape(id) else { return };
        let Json::Map(map) = value else {
            self.error(path, "type", format!("must be an object ({})", shape.name));
            return;
        };
        if path.depth > MAX_DEPTH {
            self.error(path, "too-deep", "is nested too deep to be read; no FHIR element lies here");
            return;
        }
        let mut seen = 0_u128;
        let mut given = 0_u128;
        for (name, item) in map.iter() {
            if shape.resource && same(name.as_bytes(), b"resourceType") {
                continue;
            }
            let companion = name.as_bytes().first() == Some(&b'_');
            let bare = name.get(usize::from(companion)..).unwrap_or(name);
            let Some((key, element, ty)) = find(shape, bare) else {
                self.unknown(shape, name, path);
                continue;
            };
            let bit = 1_u128 << key.element;
            let path = path.key(name);
            if companion {
                self.companion(element, ty, item, &path);
            } else {
                if given & bit != 0 {
                    let what = format!("`{}[x]` is given twice, in different types; keep one", element.name);
                    self.error(&path, "choice", what);
                }
                given |= bit;
                self.property(Slot { element, ty }, item, Companion(map, name), &path);
            }
            seen |= bit;
        }
        if map.len() <= 1 && map.keys().all(|key| key == "id") {
            self.error(path, "ele-1", "is empty; give it a value or leave it out");
        }
        self.missing(shape, shape.required & !seen, path);
        for &at in &shape.invariants {
            invariant::check(self, at, value, path);
        }
    }

    fn unknown(&mut self, shape: &Shape, name: &str, path: &Path<'_>) {
        let of_choice = |e: &&Arc<Element>| {
            let rest = name.strip_prefix(&*e.name).filter(|_| e.choice);
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        if let Some(element) = shape.elements.iter().find(of_choice) {
            let types: Vec<&str> = element.types.iter().map(|t| &*t.json).collect();
            let what = format!("`{}[x]` is given here only as {}", element.name, types.join(" or "));
            self.error(&path.key(name), "choice-type", what);
            return;
        }
        let near = shape.keys.iter().find(|key| key.name.eq_ignore_ascii_case(name));
        let mend = near.map_or_else(
            || "remove it, or put it in an extension".to_owned(),
            |key| format!("did you mean `{}`?", key.name),
        );
        self.error(&path.key(name), "unknown-element", format!("{} has no such element: {mend}", shape.name));
    }

    fn missing(&mut self, shape: &Shape, missing: u128, path: &Path<'_>) {
        if missing == 0 {
            return;
        }
        for (at, element) in shape.elements.iter().enumerate() {
            if missing & (1 << at) != 0 {
                let suffix = if element.choice { "[x]" } else { "" };
                let name = format!("{}{suffix}", element.name);
                let what = format!("`{name}` is missing: {} must have {}", shape.name, count(element));
                self.error(&path.key(&name), "cardinality-min", what);
            }
        }
    }

    /// The `_name` beside a primitive: its id and extensions.
    fn companion(&mut self, element: &'a Element, ty: &'a TypeUse, value: Json<'a>, path: &Path<'_>) {
        if !matches!(ty.form, Form::Primitive(_)) {
            self.error(
                path,
                "unknown-element",
                "only primitive elements have an underscored companion: remove it",
            );
            return;
        }
        let Some(shape) = self.rules.type_named("Element") else { return };
        match value {
            Json::List(items) if element.array => {
                for (at, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                    self.object(shape, item, &path.index(at));
                }
            }
            _ if element.array => self.error(path, "type", "must be an array, as the element itself is"),
            _ => self.object(shape, value, path),
        }
    }

    #[inline]
    fn property(
        &mut self,
        Slot { element, ty }: Slot<'a>,
        value: Json<'a>,
        companion: Companion<'a>,
        path: &Path<'_>,
    ) {
        if element.max == 0 {
            self.error(path, "not-allowed", "is not allowed here by the profile: remove it");
            return;
        }
        if !element.array {
            if matches!(value, Json::List(_)) {
                self.error(path, "type", "must be a single value, not an array");
            } else if element.rare.as_ref().is_some_and(|rare| rare.slicing.is_some()) {
                self.sliced(element, ty, std::iter::once(value), path);
            } else {
                self.item(element, ty, value, path);
            }
            return;
        }
        let Json::List(items) = value else {
            self.error(path, "type", "must be an array, even for one value");
            return;
        };
        self.repetitions(element, items.len(), path);
        if element.rare.as_ref().is_some_and(|rare| rare.slicing.is_some()) {
            self.sliced(element, ty, items.iter(), path);
            return;
        }
        for (at, item) in items.iter().enumerate() {
            if item.is_null() && companion.has(at) {
                continue;
            }
            self.item(element, ty, item, &path.index(at));
        }
    }

    fn repetitions(&mut self, element: &Element, number: usize, path: &Path<'_>) {
        if number == 0 {
            self.error(path, "empty", "is an empty array; leave the element out if there is nothing to say");
        } else if number > element.max as usize {
            let what = format!("has {number} values where {} allowed", count(element));
            self.error(path, "cardinality-max", what);
        } else if number < element.min as usize {
            let what = format!("has {number} values where there must be {}", count(element));
            self.error(path, "cardinality-min", what);
        }
    }

    /// A resource inside another: contained, or of a Bundle in an entry.
    pub(crate) fn inline(&mut self, value: Json<'a>, path: &Path<'_>) {
        if self.place.is_none() {
            // Entries are walked one by one, against what each has to meet.
            if !value.is_map() {
                self.error(path, "type", "must be an object: a resource");
            }
            return;
        }
        let Some(shape) = self.resource_shape(value, path) else { return };
        let was = self.nested;
        self.nested |= path.is_entry_resource();
        self.object(shape, value, path);
        self.nested = was;
    }

    /// The shape of a resource by its `resourceType`.
    pub(crate) fn resource_shape(&mut self, value: Json<'_>, path: &Path<'_>) -> Option<ShapeId> {
        let at = path.key("resourceType");
        if !value.is_map() {
            self.error(path, "type", "must be an object: a resource");
            return None;
        }
        let Some(kind) = value.field("resourceType") else {
            self.error(&at, "resource-type", "`resourceType` is missing: name the type of the resource");
            return None;
        };
        let Some(kind) = kind.as_str() else {
            self.error(&at, "type", "must be a string, in quotes");
            return None;
        };
        let known =
            self.rules.type_named(kind).filter(|id| self.rules.shape(*id).is_some_and(|s| s.resource));
        if known.is_none() {
            if invariant::is_resource_type(self.rules, kind) {
                self.warning(
                    &at,
                    "not-checked",
                    "is of a type that no NRCeS profile uses; it was not checked",
                );
            } else {
                self.error(&at, "resource-type", "is no resource type of FHIR R4");
            }
        }
        known
    }
}

#[inline]
fn find<'s>(shape: &'s Shape, name: &str) -> Option<(&'s Key, &'s Element, &'s TypeUse)> {
    let key = shape.key(name)?;
    let element = shape.elements.get(usize::from(key.element))?;
    Some((key, element, element.types.get(usize::from(key.ty))?))
}

/// What a JSON name stands for: an element in one of its types.
#[derive(Clone, Copy)]
struct Slot<'a> {
    element: &'a Element,
    ty: &'a TypeUse,
}

/// Where the `_name` beside an array of primitives is found.
#[derive(Clone, Copy)]
struct Companion<'a>(Map<'a>, &'a str);

impl Companion<'_> {
    /// Whether the companion says something at `at`.
    fn has(self, at: usize) -> bool {
        let value = self.0.get(&format!("_{}", self.1));
        value.and_then(|value| value.as_list()?.get(at)).is_some_and(Json::is_map)
    }
}

/// `1`, `1 to 2`, `at least 1`, `at most 2`.
fn count(element: &Element) -> String {
    match (element.min, element.max) {
        (min, MANY) => format!("at least {min}"),
        (0, max) => format!("at most {max}"),
        (min, max) if min == max => format!("exactly {min}"),
        (min, max) => format!("{min} to {max}"),
    }
}
