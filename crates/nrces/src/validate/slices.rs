//! Repetitions told apart by slices.

use super::json::Json;
use super::path::Path;
use super::walk::Walk;
use crate::rules::{Element, Matcher, Member, Rules, Slice, Slicing, Test, TypeUse};

impl<'a> Walk<'a> {
    /// Every repetition of a sliced element, each by the slice that it is of.
    pub(crate) fn sliced(
        &mut self,
        element: &'a Element,
        ty: &'a TypeUse,
        items: impl Iterator<Item = Json<'a>>,
        path: &Path<'_>,
    ) {
        let Some(slicing) = element.rare.as_ref().and_then(|rare| rare.slicing.as_ref()) else { return };
        let mut counts = vec![0_u32; slicing.slices.len()];
        let mut last = None;
        let mut stray = None;
        for (at, item) in items.enumerate() {
            let indexed = path.index(at);
            let path = if element.array { &indexed } else { path };
            let matched = slicing.slices.iter().position(|slice| belongs(self.rules, slice, item));
            match matched.and_then(|n| slicing.slices.get(n).map(|slice| (n, slice))) {
                Some((n, slice)) => {
                    counts.iter_mut().skip(n).take(1).for_each(|count| *count += 1);
                    self.order(slicing, (n, last, stray), path);
                    last = last.max(Some(n));
                    let ty = slice.element.types.iter().find(|t| t.json == ty.json).unwrap_or(ty);
                    self.item(&slice.element, ty, item, path);
                }
                None => {
                    stray = stray.or(Some(at));
                    self.stray(slicing, path);
                    self.item(element, ty, item, path);
                }
            }
        }
        for (slice, number) in slicing.slices.iter().zip(counts) {
            self.slice_count(slice, number, path);
        }
    }

    fn order(
        &mut self,
        slicing: &Slicing,
        (n, last, stray): (usize, Option<usize>, Option<usize>),
        path: &Path<'_>,
    ) {
        if slicing.ordered && last.is_some_and(|last| last > n) {
            self.error(path, "slice-order", "stands after a slice that must follow it");
        }
        if slicing.at_end && stray.is_some() {
            let what = "stands after one that the profile does not name; those must come last";
            self.warning(path, "slice-order", what);
        }
    }

    fn stray(&mut self, slicing: &Slicing, path: &Path<'_>) {
        if slicing.closed {
            let what = format!("is none of those that the profile allows: {}", told(slicing));
            self.error(path, "slice-closed", what);
        } else if self.strict && path.is_section() {
            let names: Vec<&str> = slicing.slices.iter().map(|slice| &*slice.name).collect();
            let what = format!(
                "is none of the sections that the profile names, and apps may not show it: {}",
                names.join(", ")
            );
            self.warning(path, "section-unknown", what);
        }
    }

    fn slice_count(&mut self, slice: &Slice, number: u32, path: &Path<'_>) {
        if number < slice.element.min {
            let what = format!(
                "`{}` is missing: at least {} needed ({})",
                slice.name,
                slice.element.min,
                means(slice)
            );
            self.error(path, "slice-min", what);
        } else if number > slice.element.max {
            let what =
                format!("has {number} of `{}` where at most {} allowed", slice.name, slice.element.max);
            self.error(path, "slice-max", what);
        }
    }
}

/// Whether a repetition is of a slice.
fn belongs(rules: &Rules, slice: &Slice, item: Json<'_>) -> bool {
    slice.matchers.iter().all(|matcher| meets(rules, matcher, &matcher.path, item))
}

/// Follows the path through arrays; any value at its end may meet the test.
fn meets(rules: &Rules, matcher: &Matcher, path: &[Box<str>], value: Json<'_>) -> bool {
    if let Json::List(items) = value {
        return items.iter().any(|item| meets(rules, matcher, path, item));
    }
    let Some((step, rest)) = path.split_first() else { return test(rules, &matcher.test, value) };
    match child(value, step) {
        Some(below) => meets(rules, matcher, rest, below),
        None => matches!(matcher.test, Test::Exists(false)),
    }
}

/// The child of a name, or of a choice of that name.
fn child<'v>(value: Json<'v>, step: &str) -> Option<Json<'v>> {
    value.field(step).or_else(|| {
        let typed = |key: &str| {
            key.strip_prefix(step).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        value.as_map()?.iter().find(|(key, _)| typed(key)).map(|(_, below)| below)
    })
}

fn test(rules: &Rules, test: &Test, value: Json<'_>) -> bool {
    match test {
        Test::Equals(fixed) => value.equals(fixed),
        Test::Contains(pattern) => value.contains(pattern),
        Test::Exists(wanted) => *wanted,
        Test::Type(kinds) => {
            let kind = value.text("resourceType");
            kind.is_some_and(|kind| kinds.iter().any(|k| **k == *kind))
        }
        Test::InSet(set) => {
            let coded = |v: Json<'_>| {
                let system = v.text("system");
                let code = v.text("code").or_else(|| v.as_str());
                code.is_some_and(|code| rules.codes.member(*set, system, code) == Member::Yes)
            };
            let codings = value.field("coding").and_then(Json::as_list);
            codings.map_or_else(|| coded(value), |codings| codings.iter().any(coded))
        }
    }
}

/// What the slices ask for, for people.
fn told(slicing: &Slicing) -> String {
    let each: Vec<String> = slicing.slices.iter().map(means).collect();
    each.join(", or ")
}

fn means(slice: &Slice) -> String {
    let each: Vec<String> = slice
        .matchers
        .iter()
        .map(|m| {
            let path = if m.path.is_empty() { "it".to_owned() } else { format!("`{}`", m.path.join(".")) };
            match &m.test {
                Test::Equals(v) | Test::Contains(v) => format!("{path} {v}"),
                Test::InSet(_) => format!("{path} of the value set"),
                Test::Exists(true) => format!("{path} given"),
                Test::Exists(false) => format!("{path} not given"),
                Test::Type(kinds) => format!("{path} a {}", kinds.join(" or ")),
            }
        })
        .collect();
    each.join(" and ")
}
