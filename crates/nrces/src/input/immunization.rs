//! Vaccinations given and due.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{List, Text, read_by};
use super::concept::{Concept, Quantity};

read_by!(read_object: Immunization, Recommendation);

/// A vaccination.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["vaccineName", "date"]))]
pub struct Immunization {
    /// The vaccine.
    #[serde(alias = "vaccine")]
    pub vaccine_name: Concept,
    /// When it was given.
    pub date: Text,
    /// The brand.
    pub brand_name: Text,
    /// Lot or batch number.
    #[serde(alias = "batchNumber")]
    pub lot_number: Text,
    /// Day on which the lot expires.
    pub expiration_date: Text,
    /// Who made it.
    pub manufacturer: Text,
    /// Which dose of the series.
    pub dose_number: Text,
    /// How many doses the series has.
    pub series_doses: Text,
    /// Name of the series.
    pub series: Text,
    /// `completed`, `entered-in-error`, `not-done`; `completed` if absent.
    pub status: Text,
    /// Why it was not done.
    pub status_reason: Concept,
    /// `Intramuscular`, coded or in words.
    pub route: Concept,
    /// `Left deltoid`, coded or in words.
    pub site: Concept,
    /// How much was given.
    pub dose: Option<Quantity>,
    /// What it protects from.
    pub target_disease: List<Concept>,
    /// Why it was given.
    pub reason: Concept,
    /// Anything else to know.
    pub note: Text,
}

/// A vaccination that is due.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["vaccineName"]))]
pub struct Recommendation {
    /// The vaccine.
    #[serde(alias = "vaccine")]
    pub vaccine_name: Concept,
    /// What it protects from.
    pub target_disease: Concept,
    /// When it is due.
    #[serde(alias = "date")]
    pub due_date: Text,
    /// `due`, `overdue`, `immune`, `contraindicated`, `complete`; `due` if absent.
    pub status: Text,
    /// Which dose of the series.
    pub dose_number: Text,
    /// How many doses the series has.
    pub series_doses: Text,
    /// Name of the series.
    pub series: Text,
    /// Why, or what to know.
    pub description: Text,
}
