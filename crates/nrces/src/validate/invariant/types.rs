//! Invariants of data types.

use std::cmp::Ordering;

use super::Native;
use super::facts::{Facts, UCUM, has, list, order};
use crate::validate::json::Json;

const fn native(key: &'static str, check: super::Check, mend: &'static str) -> Native {
    Native { key, check, mend }
}

pub(super) const ALL: &[Native] = &[
    native("age-1", age_1, "give a unit of time of UCUM as `code` with the value, and a value above 0"),
    native("att-1", |f| !f.has("data") || f.has("contentType"), "`data` needs `contentType` beside it"),
    native("cnt-3", cnt_3, "must be a whole number with `code` 1 of UCUM"),
    native(
        "cpt-2",
        |f| !f.has("value") || f.has("system"),
        "`value` needs `system` beside it: phone, email, ...",
    ),
    native("dis-1", dis_1, "give a unit of length of UCUM as `code` with the value"),
    native("drq-1", |f| f.has("path") != f.has("searchParam"), "give either `path` or `searchParam`"),
    native("drq-2", |f| f.has("path") != f.has("searchParam"), "give either `path` or `searchParam`"),
    native("drt-1", drt_1, "give a unit of time of UCUM as `code` and `system`, with the value"),
    native("exp-1", |f| f.has("expression") || f.has("reference"), "give `expression` or `reference`"),
    native(
        "ext-1",
        |f| f.has("extension") != f.has_choice("value"),
        "give either extensions or a value, not both or neither",
    ),
    native("mqty-1", mqty_1, "give a currency of ISO 4217 as `code` with the value"),
    native("org-2", |f| f.text("use") != Some("home"), "an organisation's address cannot be of use `home`"),
    native("org-3", |f| f.text("use") != Some("home"), "an organisation's telecom cannot be of use `home`"),
    native("per-1", per_1, "`start` must not be later than `end`"),
    native(
        "qty-3",
        |f| !f.has("code") || f.has("system"),
        "a unit's `code` needs `system` beside it: http://unitsofmeasure.org",
    ),
    native("rat-1", rat_1, "give both `numerator` and `denominator`"),
    native("ref-1", ref_1, "leads to no contained resource: contain one with this id"),
    native("rng-2", rng_2, "`low` must not be above `high`"),
    native("sqty-1", |f| !f.has("comparator"), "takes no `comparator`: remove it"),
    native("tim-1", |f| !f.has("duration") || f.has("durationUnit"), "`duration` needs `durationUnit`"),
    native("tim-2", |f| !f.has("period") || f.has("periodUnit"), "`period` needs `periodUnit`"),
    native("tim-4", |f| f.number("duration").is_none_or(|n| n >= 0.0), "`duration` must not be below 0"),
    native("tim-5", |f| f.number("period").is_none_or(|n| n >= 0.0), "`period` must not be below 0"),
    native("tim-6", |f| !f.has("periodMax") || f.has("period"), "`periodMax` needs `period`"),
    native("tim-7", |f| !f.has("durationMax") || f.has("duration"), "`durationMax` needs `duration`"),
    native("tim-8", |f| !f.has("countMax") || f.has("count"), "`countMax` needs `count`"),
    native("tim-9", tim_9, "`offset` needs a `when` other than C, CM, CD or CV"),
    native("tim-10", |f| !f.has("timeOfDay") || !f.has("when"), "give `timeOfDay` or `when`, not both"),
    native("trd-1", |f| !f.has("data") || !f.has_choice("timing"), "give `data` or `timing[x]`, not both"),
    native("trd-2", |f| !f.has("condition") || f.has("data"), "`condition` needs `data`"),
    native("trd-3", trd_3, "a named event needs `name`, a periodic one `timing[x]`, a data event `data`"),
];

/// A value with a code, of UCUM if of any system.
fn measured(f: &Facts<'_>) -> bool {
    (f.has("code") || !f.has("value")) && f.text("system").is_none_or(|s| s == UCUM)
}

fn age_1(f: &Facts<'_>) -> bool {
    measured(f) && f.number("value").is_none_or(|n| n > 0.0)
}

fn cnt_3(f: &Facts<'_>) -> bool {
    let whole = f.value.field("value").and_then(Json::as_number).is_none_or(|n| !n.to_string().contains('.'));
    measured(f) && f.text("code").is_none_or(|c| c == "1") && whole
}

fn dis_1(f: &Facts<'_>) -> bool {
    measured(f)
}

fn drt_1(f: &Facts<'_>) -> bool {
    !f.has("code") || (f.text("system") == Some(UCUM) && f.has("value"))
}

fn mqty_1(f: &Facts<'_>) -> bool {
    (f.has("code") || !f.has("value")) && f.text("system").is_none_or(|s| s == "urn:iso:std:iso:4217")
}

fn per_1(f: &Facts<'_>) -> bool {
    match (f.text("start"), f.text("end")) {
        (Some(start), Some(end)) => order(start, end) != Some(Ordering::Greater),
        _ => true,
    }
}

fn rat_1(f: &Facts<'_>) -> bool {
    let both = f.has("numerator") == f.has("denominator");
    both && (f.has("numerator") || f.has("extension"))
}

fn ref_1(f: &Facts<'_>) -> bool {
    let Some(id) = f.text("reference").and_then(|r| r.strip_prefix('#')) else { return true };
    // `#` alone is the resource around.
    id.is_empty() || list(f.root, "contained").iter().any(|r| r.text("id") == Some(id))
}

fn rng_2<'a>(f: &Facts<'a>) -> bool {
    let (Some(low), Some(high)) = (f.value.field("low"), f.value.field("high")) else {
        return true;
    };
    let number = |v: Json<'_>| v.field("value").and_then(Json::as_f64);
    let unit = |v: Json<'a>| v.field("code").or_else(|| v.field("unit")).and_then(Json::as_str);
    match (number(low), number(high)) {
        (Some(l), Some(h)) if unit(low) == unit(high) => l <= h,
        _ => true,
    }
}

fn tim_9(f: &Facts<'_>) -> bool {
    if !has(f.value, "offset") {
        return true;
    }
    let when = f.all("when");
    let meal = |w: Json<'_>| matches!(w.as_str(), Some("C" | "CM" | "CD" | "CV"));
    !when.is_empty() && !when.iter().any(meal)
}

fn trd_3(f: &Facts<'_>) -> bool {
    match f.text("type") {
        Some("named-event") => f.has("name"),
        Some("periodic") => f.has_choice("timing"),
        Some(kind) if kind.starts_with("data-") => f.has("data"),
        _ => true,
    }
}
