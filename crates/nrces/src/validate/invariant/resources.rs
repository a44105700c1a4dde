//! Invariants of resources and their parts.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::Native;
use super::facts::{Facts, coded, has, list, order};
use crate::validate::json::Json;

const fn native(key: &'static str, check: super::Check, mend: &'static str) -> Native {
    Native { key, check, mend }
}

const ALLERGY_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const CONDITION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const ERRONEOUS: &[&str] = &["entered-in-error"];

pub(super) const ALL: &[Native] = &[
    native("ait-1", ait_1, "`clinicalStatus` is missing; only an entry in error has none"),
    native("ait-2", ait_2, "an entry in error has no `clinicalStatus`: remove it"),
    native("app-1", |f| f.has("type") || f.has("actor"), "a participant needs `type` or `actor`"),
    native("app-2", |f| f.has("start") == f.has("end"), "give both `start` and `end`, or neither"),
    native(
        "app-3",
        app_3,
        "`start` and `end` are missing; only a proposed, cancelled or waitlisted one has none",
    ),
    native("app-4", app_4, "`cancelationReason` is only for status noshow or cancelled"),
    native(
        "bdl-5",
        |f| f.has("resource") || f.has("request") || f.has("response"),
        "an entry needs a `resource`",
    ),
    native(
        "ces-1",
        |f| f.has("category") != f.has("productOrService"),
        "give either `category` or `productOrService`",
    ),
    native(
        "cmp-1",
        |f| f.has("text") || f.has("entry") || f.has("section"),
        "a section needs `text`, `entry` or `section`",
    ),
    native(
        "cmp-2",
        |f| !f.has("emptyReason") || !f.has("entry"),
        "`emptyReason` is only for a section without `entry`",
    ),
    native("con-1", |f| f.has("summary") || f.has("assessment"), "a stage needs `summary` or `assessment`"),
    native("con-2", |f| f.has("code") || f.has("detail"), "evidence needs `code` or `detail`"),
    native("con-3", con_3, "`clinicalStatus` should be given for a problem list item"),
    native("con-4", con_4, "`abatement[x]` needs `clinicalStatus` inactive, remission or resolved"),
    native("con-5", con_5, "an entry in error has no `clinicalStatus`: remove it"),
    native(
        "cpl-3",
        |f| !f.has("detail") || !f.has("reference"),
        "an activity has `detail` or `reference`, not both",
    ),
    native("ctm-1", ctm_1, "only a practitioner acts on behalf of another"),
    native("dom-2", dom_2, "a contained resource must not contain others: put them beside it"),
    native("dom-3", dom_3, "a contained resource is referred to from nowhere: refer to it or remove it"),
    native("dom-4", dom_4, "a contained resource has no `meta.versionId` or `meta.lastUpdated`: remove them"),
    native("dom-5", dom_5, "a contained resource has no `meta.security`: remove it"),
    native(
        "dom-6",
        |f| f.value.field("text").is_some_and(|t| has(t, "div")),
        "has no narrative: apps that cannot read the data show nothing",
    ),
    native(
        "fhs-1",
        |f| !f.has_choice("age") || !f.has_choice("born"),
        "give `age[x]` or `born[x]`, not both",
    ),
    native("fhs-2", |f| f.has_choice("age") || !f.has("estimatedAge"), "`estimatedAge` needs `age[x]`"),
    native(
        "grp-1",
        |f| !f.has("member") || matches!(f.value.field("actual"), Some(Json::Bool(true))),
        "members need `actual` true",
    ),
    native(
        "imm-1",
        |f| f.has("documentType") || f.has("reference"),
        "education needs `documentType` or `reference`",
    ),
    native(
        "imr-1",
        |f| f.has("vaccineCode") || f.has("targetDisease"),
        "a recommendation needs `vaccineCode` or `targetDisease`",
    ),
    native("inv-1", inv_1, "`lastModified` must not be before `authoredOn`"),
    native("ipn-1", |f| f.has("identifier") || f.has("name"), "needs `identifier` or `name`"),
    native(
        "obs-3",
        |f| f.has("low") || f.has("high") || f.has("text"),
        "a reference range needs `low`, `high` or `text`",
    ),
    native(
        "obs-6",
        |f| !f.has("dataAbsentReason") || !f.has_choice("value"),
        "give a value or `dataAbsentReason`, not both",
    ),
    native("obs-7", obs_7, "a component has the Observation's own code: then the Observation has no value"),
    native("org-1", |f| f.has("identifier") || f.has("name"), "needs `identifier` or `name`"),
    native("pat-1", pat_1, "a contact needs `name`, `telecom`, `address` or `organization`"),
    native("prr-1", |f| !f.has("orderDetail") || f.has("code"), "`orderDetail` needs `code`"),
];

fn ait_1(f: &Facts<'_>) -> bool {
    coded(f.value.field("verificationStatus"), ALLERGY_VERIFICATION, ERRONEOUS) || f.has("clinicalStatus")
}

fn ait_2(f: &Facts<'_>) -> bool {
    !coded(f.value.field("verificationStatus"), ALLERGY_VERIFICATION, ERRONEOUS) || !f.has("clinicalStatus")
}

fn app_3(f: &Facts<'_>) -> bool {
    (f.has("start") && f.has("end"))
        || matches!(f.text("status"), Some("proposed" | "cancelled" | "waitlist"))
}

fn app_4(f: &Facts<'_>) -> bool {
    !f.has("cancelationReason") || matches!(f.text("status"), Some("noshow" | "cancelled"))
}

fn con_3(f: &Facts<'_>) -> bool {
    let problem =
        f.all("category").iter().any(|c| coded(Some(c), CONDITION_CATEGORY, &["problem-list-item"]));
    f.has("clinicalStatus")
        || !problem
        || coded(f.value.field("verificationStatus"), CONDITION_VERIFICATION, ERRONEOUS)
}

fn con_4(f: &Facts<'_>) -> bool {
    let past = &["resolved", "remission", "inactive"];
    !f.has_choice("abatement") || coded(f.value.field("clinicalStatus"), CONDITION_CLINICAL, past)
}

fn con_5(f: &Facts<'_>) -> bool {
    !coded(f.value.field("verificationStatus"), CONDITION_VERIFICATION, ERRONEOUS) || !f.has("clinicalStatus")
}

fn ctm_1(f: &Facts<'_>) -> bool {
    if !f.has("onBehalfOf") {
        return true;
    }
    let member = f.value.field("member").and_then(|m| f.target_type(m));
    member.is_none_or(|kind| kind == "Practitioner")
}

fn dom_2(f: &Facts<'_>) -> bool {
    f.all("contained").iter().all(|r| !has(r, "contained"))
}

fn dom_4(f: &Facts<'_>) -> bool {
    let meta = |r: Json<'_>, key: &str| r.field("meta").is_some_and(|m| has(m, key));
    f.all("contained").iter().all(|r| !meta(r, "versionId") && !meta(r, "lastUpdated"))
}

fn dom_5(f: &Facts<'_>) -> bool {
    f.all("contained").iter().all(|r| !r.field("meta").is_some_and(|m| has(m, "security")))
}

/// Every contained resource is referred to, or refers to the one around it.
fn dom_3(f: &Facts<'_>) -> bool {
    let contained = f.all("contained");
    if contained.is_empty() {
        return true;
    }
    let mut local = HashSet::new();
    fragments(f.value, &mut local);
    contained.iter().all(|resource| {
        let id = resource.text("id").unwrap_or_default();
        let mut own = HashSet::new();
        local.contains(id) || {
            fragments(resource, &mut own);
            own.contains("")
        }
    })
}

/// Every `#fragment` among the strings below a value, without its `#`.
fn fragments<'a>(value: Json<'a>, into: &mut HashSet<&'a str>) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Json::Text(text) | Json::Narrative(text) => into.extend(text.strip_prefix('#')),
            Json::List(items) => open.extend(items.iter()),
            Json::Map(map) => open.extend(map.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

fn inv_1(f: &Facts<'_>) -> bool {
    match (f.text("lastModified"), f.text("authoredOn")) {
        (Some(modified), Some(authored)) => order(modified, authored) != Some(Ordering::Less),
        _ => true,
    }
}

fn obs_7(f: &Facts<'_>) -> bool {
    if !f.has("component") || !f.has_choice("value") {
        return true;
    }
    let named = |coding: Json<'_>| {
        let text = |key: &str| coding.text(key).map(str::to_owned);
        (text("system"), text("code"))
    };
    let codings = |concept: Option<Json<'_>>| -> Vec<_> {
        concept.map(|c| list(c, "coding")).unwrap_or_default().iter().map(named).collect()
    };
    let own: HashSet<_> = codings(f.value.field("code")).into_iter().collect();
    !f.all("component").iter().any(|c| codings(c.field("code")).iter().any(|coding| own.contains(coding)))
}

fn pat_1(f: &Facts<'_>) -> bool {
    ["name", "telecom", "address", "organization"].iter().any(|name| f.has(name))
}
