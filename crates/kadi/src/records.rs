//! From what the HMIS sends to what is stored: a FHIR document, checked, with its issues.

use std::sync::Arc;

use abdm::id::HiType;
use domain::facility::Facility;
use domain::patient::{Birth, Patient};
use nrces::terminology::{CodeMap, Terminology};
use nrces::validate::{Mode, record_type, validate};
use nrces::{Context, Issue, LocalCode, PatientContext, Seed, TypedIdentifier, Visit};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::NewRecord;

/// One record as the API takes it: clinical JSON, a ready FHIR document, or a file. Exactly one of the three.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordInput {
    /// ABDM's spelling; may be left out for a file.
    pub hi_type: Option<HiType>,
    /// Clinical JSON.
    pub data: Option<Box<RawValue>>,
    /// A ready FHIR document. It is sent unchanged.
    pub bundle: Option<Box<RawValue>>,
    /// A PDF or image; becomes a HealthDocumentRecord.
    pub file: Option<FileInput>,
}

/// A PDF or image.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileInput {
    /// Such as `application/pdf` or `image/jpeg`.
    pub content_type: String,
    /// The file in base64.
    pub data: String,
    /// What it is, for the patient.
    pub title: String,
}

/// What a record needs to know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The facility that keeps it.
    pub facility: &'a Facility,
    /// Whose it is.
    pub patient: &'a Patient,
    /// The visit's reference.
    pub visit: &'a str,
    /// The visit's date as it was written.
    pub date: &'a str,
}

/// A record that is not one of the three forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordInputError {
    /// None of the three, or more than one.
    #[error("a record has exactly one of data, bundle and file")]
    Form,
    /// No type where one is needed.
    #[error("hiType is needed beside data and bundle")]
    NoType,
    /// A file of another type.
    #[error("a file is a HealthDocumentRecord; leave hiType out")]
    FileType,
}

impl RecordInput {
    /// Whether it is one of the three forms.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<HiType, RecordInputError> {
        match (&self.data, &self.bundle, &self.file) {
            (Some(_), None, None) | (None, Some(_), None) => self.hi_type.ok_or(RecordInputError::NoType),
            (None, None, Some(_)) => match self.hi_type {
                None | Some(HiType::HealthDocumentRecord) => Ok(HiType::HealthDocumentRecord),
                Some(_) => Err(RecordInputError::FileType),
            },
            _ => Err(RecordInputError::Form),
        }
    }

    /// The text by which an equal record is known: its content with sorted keys.
    pub fn source(&self) -> String {
        let kind = self.hi_type.map_or("", HiType::as_str);
        let text = |raw: &RawValue| sorted(serde_json::from_str(raw.get()).unwrap_or_default()).to_string();
        match (&self.data, &self.bundle, &self.file) {
            (Some(data), _, _) => format!("{kind}\0data\0{}", text(data)),
            (_, Some(bundle), _) => format!("{kind}\0bundle\0{}", text(bundle)),
            (_, _, Some(file)) => format!("file\0{}\0{}\0{}", file.content_type, file.title, file.data),
            _ => String::new(),
        }
    }

    /// Builds or takes over the document and checks it. `place` is the record's place in its visit, from 0.
    ///
    /// # Errors
    /// If it is none of the three forms.
    pub fn prepare(
        &self,
        around: &Surroundings<'_>,
        place: u32,
        source_hash: String,
    ) -> Result<NewRecord, RecordInputError> {
        self.prepare_with(around, place, source_hash, None).map(|prepared| prepared.record)
    }

    /// The same with what is known of its codes, see [`crate::terminology::codes`].
    ///
    /// # Errors
    /// As [`RecordInput::prepare`].
    pub fn prepare_with(
        &self,
        around: &Surroundings<'_>,
        place: u32,
        source_hash: String,
        codes: Option<&Arc<CodeMap>>,
    ) -> Result<Prepared, RecordInputError> {
        let hi_type = self.check()?;
        let context = || Context {
            terminology: codes.map(|codes| Arc::<CodeMap>::clone(codes) as Arc<dyn Terminology>),
            ..context(around, place)
        };
        let (bundle, issues, local_codes) = match (&self.data, &self.bundle, &self.file) {
            (Some(data), _, _) => build(hi_type, data.get().as_bytes(), &context()),
            (_, Some(bundle), _) => take_over(hi_type, bundle),
            (_, _, Some(file)) => {
                let context = context();
                let data = nrces::from_file(&file.content_type, &file.data, &file.title, &context);
                build(hi_type, data.to_string().as_bytes(), &context)
            }
            _ => return Err(RecordInputError::Form),
        };
        let valid = bundle.is_some() && !issues.iter().any(Issue::is_error);
        let issues = serde_json::to_string(&issues).unwrap_or_else(|_| "[]".to_owned());
        Ok(Prepared { record: NewRecord { hi_type, valid, issues, source_hash, bundle }, local_codes })
    }
}

/// A record that is ready to be stored.
#[derive(Clone)]
pub struct Prepared {
    /// The record.
    pub record: NewRecord,
    /// Codes of the facility's own that stand in it as text.
    pub local_codes: Vec<LocalCode>,
}

type Document = (Option<Vec<u8>>, Vec<Issue>, Vec<LocalCode>);

fn build(hi_type: HiType, data: &[u8], context: &Context) -> Document {
    match nrces::build_slice(to_nrces(hi_type), data, context) {
        Ok(built) => (Some(built.json.into_bytes()), built.issues, built.local_codes),
        Err(issues) => (None, issues, Vec::new()),
    }
}

fn take_over(hi_type: HiType, bundle: &RawValue) -> Document {
    let value: Value = serde_json::from_str(bundle.get()).unwrap_or_default();
    let mut issues = validate(&value, Mode::Send);
    if record_type(&value).is_some_and(|found| found != to_nrces(hi_type)) {
        let message = "The document is of another record type than hiType says; correct hiType.";
        issues.push(Issue::error("Bundle.entry[0].resource.type", "record-type", message));
    }
    (Some(bundle.get().as_bytes().to_vec()), issues, Vec::new())
}

/// ABDM's type as the document crate names it.
pub fn to_nrces(hi_type: HiType) -> nrces::HiType {
    match hi_type {
        HiType::Prescription => nrces::HiType::Prescription,
        HiType::DiagnosticReport => nrces::HiType::DiagnosticReport,
        HiType::OPConsultation => nrces::HiType::OPConsultation,
        HiType::DischargeSummary => nrces::HiType::DischargeSummary,
        HiType::ImmunizationRecord => nrces::HiType::ImmunizationRecord,
        HiType::HealthDocumentRecord => nrces::HiType::HealthDocumentRecord,
        HiType::WellnessRecord => nrces::HiType::WellnessRecord,
        HiType::Invoice => nrces::HiType::Invoice,
    }
}

fn context(around: &Surroundings<'_>, place: u32) -> Context {
    let Surroundings { facility, patient, visit, date } = *around;
    let (birth_date, year_of_birth) = match patient.birth {
        Birth::BirthDate(date) => (Some(date.to_string()), None),
        Birth::YearOfBirth(year) => (None, u16::try_from(year).ok()),
    };
    let identifiers = patient.identifiers.iter();
    Context {
        facility: Some(nrces::Facility {
            id: facility.id.to_string(),
            name: facility.name.clone(),
            ..nrces::Facility::default()
        }),
        patient: Some(PatientContext {
            reference: patient.reference.to_string(),
            name: patient.name.clone(),
            gender: Some(patient.gender.as_str().to_owned()),
            birth_date,
            year_of_birth,
            mobile: patient.mobile.map(|mobile| mobile.to_string()),
            abha_number: patient.abha_number.map(|number| number.to_string()),
            abha_address: patient.abha_address.as_ref().map(ToString::to_string),
            identifiers: identifiers
                .map(|identifier| TypedIdentifier {
                    kind: identifier.kind.clone(),
                    value: identifier.value.clone(),
                    system: None,
                })
                .collect(),
        }),
        visit: Some(Visit { reference: visit.to_owned(), date: date.to_owned() }),
        seed: Seed::Place(place),
        terminology: None,
    }
}

/// The same JSON with the keys of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(json: &str) -> RecordInput {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn equal_content_has_equal_source_whatever_its_order_and_spacing() {
        let one = input(r#"{"hiType":"Prescription","data":{"a":1,"b":[{"c":2,"d":3}]}}"#);
        let same = input(r#"{"data":{ "b":[{"d":3, "c":2}], "a":1 },"hiType":"Prescription"}"#);
        let other = input(r#"{"hiType":"Prescription","data":{"a":1,"b":[{"c":2,"d":4}]}}"#);
        assert_eq!(one.source(), same.source());
        assert_ne!(one.source(), other.source());
    }

    #[test]
    fn a_record_is_exactly_one_of_three_things() {
        let file = r#""file":{"contentType":"application/pdf","data":"AA==","title":"Scan"}"#;
        assert_eq!(input(&format!("{{{file}}}")).check(), Ok(HiType::HealthDocumentRecord));
        let mixed = input(&format!(r#"{{"hiType":"Invoice","data":{{}},{file}}}"#));
        assert_eq!(mixed.check(), Err(RecordInputError::Form));
        assert_eq!(input("{}").check(), Err(RecordInputError::Form));
        assert_eq!(input(r#"{"data":{}}"#).check(), Err(RecordInputError::NoType));
        let wrong = input(&format!(r#"{{"hiType":"Invoice",{file}}}"#));
        assert_eq!(wrong.check(), Err(RecordInputError::FileType));
    }
}
