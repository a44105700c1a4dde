//! Medicines prescribed or taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Decimal, FromText, List, Text, or_text, read_by};
use super::concept::{Concept, DateRange, Quantity};

read_by!(read_text_or_object: Timing, Duration);
read_by!(read_object: Medication);

/// A medicine with its dosage.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["medicine", "dosage"]))]
pub struct Medication {
    /// The medicine with strength and form: `Paracetamol 500 mg tablet`.
    #[serde(alias = "name")]
    pub medicine: Concept,
    /// How much and when, in words: `1-0-1`, `1 tablet twice a day`.
    pub dosage: Text,
    /// `FREQUENCY-PERIOD-UNIT` such as `2-1-d` (twice a day), or structured.
    pub timing: Timing,
    /// One dose.
    #[serde(alias = "doseQuantity")]
    pub dose: Option<Quantity>,
    /// For how long.
    pub duration: Option<Duration>,
    /// `Oral`, coded or in words.
    pub route: Concept,
    /// `Swallow`, coded or in words.
    pub method: Concept,
    /// Where on the body.
    pub site: Concept,
    /// `After food`, coded or in words.
    pub additional_instructions: Concept,
    /// Only when needed.
    pub as_needed: Option<bool>,
    /// What it is for.
    pub reason: Concept,
    /// FHIR's status; `active` if absent.
    pub status: Text,
    /// FHIR's intent; `order` if absent.
    pub intent: Text,
    /// When it was prescribed; the record's date if absent.
    pub authored_on: Text,
    /// How much to dispense.
    pub quantity: Option<Quantity>,
    /// How often it may be dispensed again.
    pub refills: Option<Decimal>,
    /// Whether a generic or another brand may be given instead.
    pub substitution_allowed: Option<bool>,
    /// When a medicine that the patient takes was begun and ended.
    pub date_range: Option<DateRange>,
    /// Anything else to know.
    pub note: Text,
}

/// When a dose is taken; as text, `FREQUENCY-PERIOD-UNIT` or words.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Timing {
    /// In words.
    pub text: Text,
    /// How many times in a period.
    pub frequency: Option<Decimal>,
    /// How many units the period has; 1 if absent.
    pub period: Option<Decimal>,
    /// `s`, `min`, `h`, `d`, `wk`, `mo`, `a`.
    pub period_unit: Text,
    /// FHIR's event codes: `MORN`, `NOON`, `EVE`, `NIGHT`, `AC`, `PC`, `HS` ...
    pub when: List<Text>,
    /// Clock times, `08:00`.
    pub time_of_day: List<Text>,
}

impl FromText for Timing {
    fn from_text(text: &str) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A length of time; as text, `5 days`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Duration {
    /// How many units.
    pub value: Option<Decimal>,
    /// `s`, `min`, `h`, `d`, `wk`, `mo`, `a`, or the word.
    pub unit: Text,
    /// In words.
    pub text: Text,
}

impl FromText for Duration {
    fn from_text(text: &str) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}
