//! What is found, known and planned: complaints, observations, allergies,
//! family history, orders, procedures, plans.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Decimal, FromText, List, Text, or_text, read_by};
use super::concept::{Concept, DateRange, Quantity};

read_by!(read_text_or_object: Condition, ReferenceRange, Allergy, Reaction, ServiceRequest, Activity);
read_by!(read_object: Observation, Component, FamilyHistory, Procedure, FollowUp, CarePlan);

/// A complaint, a diagnosis or an illness of the past.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Condition {
    /// What it is.
    #[serde(alias = "condition", alias = "diagnosis")]
    pub complaint: Concept,
    /// When it was written down.
    pub recorded_date: Text,
    /// When it began and ended.
    pub date_range: Option<DateRange>,
    /// `active`, `recurrence`, `relapse`, `inactive`, `remission`, `resolved`.
    pub clinical_status: Text,
    /// `unconfirmed`, `provisional`, `differential`, `confirmed`, `refuted`, `entered-in-error`.
    pub verification_status: Text,
    /// How bad it is.
    pub severity: Concept,
    /// Where in the body.
    pub body_site: Concept,
    /// Anything else to know.
    pub note: Text,
}

impl FromText for Condition {
    fn from_text(text: &str) -> Self {
        Self { complaint: Concept::from_text(text), ..Self::default() }
    }
}

/// Something observed or measured: a vital sign, a finding, a test result.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["observation"]))]
pub struct Observation {
    /// What was observed.
    #[serde(alias = "name", alias = "test")]
    pub observation: Concept,
    /// The result in words. A number with `unit` beside it counts as a quantity.
    /// Beside a quantity or a coded value it is kept as a note.
    pub result: Text,
    /// The unit of a `result` that is a number.
    pub unit: Text,
    /// The result as a quantity.
    pub value_quantity: Option<Quantity>,
    /// The result as a coded value.
    pub value_code: Option<Concept>,
    /// FHIR's observation status; `final` if absent.
    pub status: Text,
    /// When it was observed; the record's date if absent.
    #[serde(alias = "effectiveDate")]
    pub date: Text,
    /// `H`, `L`, `N`, `A`, `HH`, `LL`, `POS`, `NEG` ..., or in words.
    pub interpretation: Concept,
    /// What is normal.
    pub reference_range: List<ReferenceRange>,
    /// Parts of one observation, such as systolic and diastolic pressure.
    pub components: List<Component>,
    /// The observations of a panel.
    pub members: List<Observation>,
    /// How it was measured.
    pub method: Concept,
    /// Where in the body.
    pub body_site: Concept,
    /// Why there is no result.
    pub data_absent_reason: Concept,
    /// Anything else to know.
    pub note: Text,
}

/// What is normal: `"13 - 17"`, or bounds.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct ReferenceRange {
    /// The lower bound.
    pub low: Option<Decimal>,
    /// The upper bound.
    pub high: Option<Decimal>,
    /// The bounds' unit; the result's if absent.
    pub unit: Text,
    /// The range in words.
    pub text: Text,
    /// Whom it holds for.
    pub applies_to: Concept,
}

impl FromText for ReferenceRange {
    fn from_text(text: &str) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// One part of an observation.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["observation"]))]
pub struct Component {
    /// What was observed.
    #[serde(alias = "name")]
    pub observation: Concept,
    /// The result in words.
    pub result: Text,
    /// The unit of a `result` that is a number.
    pub unit: Text,
    /// The result as a quantity.
    pub value_quantity: Option<Quantity>,
    /// The result as a coded value.
    pub value_code: Option<Concept>,
    /// `H`, `L`, `N` ..., or in words.
    pub interpretation: Concept,
    /// What is normal.
    pub reference_range: List<ReferenceRange>,
}

/// An allergy or intolerance; as text, its substance.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Allergy {
    /// The substance.
    #[serde(alias = "allergy")]
    pub substance: Concept,
    /// `allergy` or `intolerance`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// `food`, `medication`, `environment`, `biologic`.
    pub category: Text,
    /// `low`, `high`, `unable-to-assess`.
    pub criticality: Text,
    /// `active`, `inactive`, `resolved`; `active` if absent.
    pub clinical_status: Text,
    /// `unconfirmed`, `confirmed`, `refuted`, `entered-in-error`.
    pub verification_status: Text,
    /// When it was written down.
    pub recorded_date: Text,
    /// What happened when the patient met it.
    pub reactions: List<Reaction>,
    /// Anything else to know.
    pub note: Text,
}

impl FromText for Allergy {
    fn from_text(text: &str) -> Self {
        Self { substance: Concept::from_text(text), ..Self::default() }
    }
}

/// An allergic reaction; as text, how it showed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Reaction {
    /// How it showed.
    pub manifestation: Concept,
    /// `mild`, `moderate`, `severe`.
    pub severity: Text,
    /// When.
    pub date: Text,
}

impl FromText for Reaction {
    fn from_text(text: &str) -> Self {
        Self { manifestation: Concept::from_text(text), ..Self::default() }
    }
}

/// An illness in the family.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["relationship", "observation"]))]
pub struct FamilyHistory {
    /// Who: `Father`, `Maternal aunt`.
    pub relationship: Concept,
    /// The illness.
    #[serde(alias = "condition")]
    pub observation: Concept,
    /// `partial`, `completed`, `entered-in-error`, `health-unknown`; `completed` if absent.
    pub status: Text,
    /// At what age it began, in words.
    pub onset: Text,
    /// Whether it led to death.
    pub contributed_to_death: Option<bool>,
    /// Anything else to know.
    pub note: Text,
}

/// An order or advice for an investigation, or a referral; as text, what is asked for.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct ServiceRequest {
    /// What is asked for.
    pub details: Concept,
    /// FHIR's request status; `active` if absent.
    pub status: Text,
    /// FHIR's request intent; `order` if absent.
    pub intent: Text,
    /// `routine`, `urgent`, `asap`, `stat`.
    pub priority: Text,
    /// The specimen, in words.
    pub specimen: Text,
    /// Kind of service, such as imaging.
    pub category: Concept,
    /// Why.
    pub reason: Concept,
    /// When it should happen.
    pub date: Text,
    /// To whom a referral goes, in words.
    pub refer_to: Text,
    /// What the patient should know.
    pub instruction: Text,
    /// Anything else to know.
    pub note: Text,
}

impl FromText for ServiceRequest {
    fn from_text(text: &str) -> Self {
        Self { details: Concept::from_text(text), ..Self::default() }
    }
}

/// A procedure done or planned.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["procedureName"]))]
pub struct Procedure {
    /// What was done.
    #[serde(alias = "name")]
    pub procedure_name: Concept,
    /// When.
    pub date: Text,
    /// When it ended, if that is worth saying.
    pub end_date: Text,
    /// `COMPLETED`, `INPROGRESS`, or FHIR's procedure status; `unknown` if absent.
    pub status: Text,
    /// Why.
    #[serde(alias = "reason")]
    pub procedure_reason: Concept,
    /// What came of it.
    pub outcome: Concept,
    /// Kind of procedure.
    pub category: Concept,
    /// Where in the body.
    pub body_site: Concept,
    /// What went wrong.
    pub complications: List<Concept>,
    /// What should follow.
    pub follow_up: List<Concept>,
    /// Anything else to know.
    pub note: Text,
}

/// A follow-up appointment.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["appointmentTime"]))]
pub struct FollowUp {
    /// What for: `OP Consultation`.
    pub service_type: Concept,
    /// When; a day stands for the whole day.
    #[serde(alias = "date")]
    pub appointment_time: Text,
    /// Its end.
    pub end_time: Text,
    /// Why.
    pub reason: Concept,
    /// FHIR's appointment status; `proposed` if absent.
    pub status: Text,
    /// Specialty.
    pub specialty: Concept,
    /// What the patient should know.
    pub instruction: Text,
    /// Anything else to know.
    pub note: Text,
}

/// A plan of care.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub struct CarePlan {
    /// `proposal`, `plan`, `order`, `option`; `plan` if absent.
    pub intent: Text,
    /// FHIR's request status; `active` if absent.
    pub status: Text,
    /// Its kind: `Diet`, `Regular check up`.
    #[serde(rename = "type")]
    pub kind: Concept,
    /// When it holds.
    pub period: Option<DateRange>,
    /// What it is about.
    pub description: Text,
    /// What it wants to reach.
    pub goal: Text,
    /// More aims.
    pub goals: List<Text>,
    /// What is to be done.
    pub activities: List<Activity>,
    /// Anything else to know.
    #[serde(alias = "note")]
    pub notes: Text,
}

/// One step of a plan; as text, its description.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Activity {
    /// What is to be done.
    pub description: Text,
    /// The same, coded.
    pub code: Concept,
    /// FHIR's activity status; `not-started` if absent.
    pub status: Text,
    /// When.
    pub date: Text,
}

impl FromText for Activity {
    fn from_text(text: &str) -> Self {
        Self { description: text.into(), ..Self::default() }
    }
}
