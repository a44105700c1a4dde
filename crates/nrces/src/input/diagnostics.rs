//! Laboratory and imaging reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Decimal, List, Text, one_or_many, or_one, read_by};
use super::clinical::Observation;
use super::concept::Concept;
use super::people::Attachment;

read_by!(read_object: Diagnostic, Specimen, ImagingStudy, Series);

/// One report. With `media` or `imagingStudies` it is an imaging report, else
/// a laboratory report.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["serviceName", "conclusion"]))]
pub struct Diagnostic {
    /// What was done: `Complete blood count`, `CT chest`.
    pub service_name: Concept,
    /// The department: `Haematology`, `Radiology`.
    pub service_category: Concept,
    /// When the report was issued; the record's date if absent.
    pub authored_on: Text,
    /// When the specimen was taken or the image made.
    pub effective_date: Text,
    /// FHIR's report status; `final` if absent.
    pub status: Text,
    /// The results; panels by `members`.
    #[serde(alias = "results")]
    pub result: List<Observation>,
    /// What the results mean, in words.
    pub conclusion: Text,
    /// What they mean, coded.
    pub conclusion_codes: List<Concept>,
    /// The report as it was printed.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(transform = or_one)]
    pub presented_form: List<Attachment>,
    /// What was examined.
    pub specimens: List<Specimen>,
    /// Pictures of an imaging report.
    pub media: List<Attachment>,
    /// The studies behind an imaging report.
    pub imaging_studies: List<ImagingStudy>,
    /// The laboratory's number of the report.
    #[serde(alias = "reportNumber")]
    pub identifier: Text,
    /// What was ordered, in words.
    pub based_on: Text,
}

/// A specimen.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["receivedOn"]))]
pub struct Specimen {
    /// `Venous blood`, coded or in words.
    #[serde(rename = "type")]
    pub kind: Concept,
    /// When the laboratory received it.
    pub received_on: Text,
    /// When it was taken.
    pub collected_on: Text,
    /// Where in the body.
    pub body_site: Concept,
    /// The laboratory's number of it.
    pub identifier: Text,
    /// Its state on arrival.
    pub condition: Concept,
    /// Anything else to know.
    pub note: Text,
}

/// An imaging study.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub struct ImagingStudy {
    /// DICOM study instance UID.
    pub study_uid: Text,
    /// Accession number.
    pub accession_number: Text,
    /// FHIR's study status; `available` if absent.
    pub status: Text,
    /// When it began.
    pub started: Text,
    /// What was done, in words.
    pub description: Text,
    /// What was done, coded.
    pub procedure: Concept,
    /// Why.
    pub reason: Concept,
    /// Its series.
    pub series: List<Series>,
}

/// A series of an imaging study.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["uid", "modality"]))]
pub struct Series {
    /// DICOM series instance UID.
    pub uid: Text,
    /// DICOM modality: `CT`, `MR`, `CR`, `US`.
    pub modality: Text,
    /// In words.
    pub description: Text,
    /// Where in the body.
    pub body_site: Concept,
    /// How many images.
    pub instances: Option<Decimal>,
}
