//! From what the HMIS sends to what is stored: a FHIR document, checked, with its issues.

use std::io::{self, Write};
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
use store::{NewRecord, SourceHasher};

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
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = self.write_source(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn write_source(&self, out: &mut impl Write) -> io::Result<()> {
        match (&self.data, &self.bundle, &self.file) {
            (Some(data), _, _) => write_json_source(self.hi_type, "data", &value(data), out),
            (_, Some(bundle), _) => write_json_source(self.hi_type, "bundle", &value(bundle), out),
            (_, _, Some(file)) => {
                write!(out, "file\0{}\0{}\0", file.content_type, file.title)?;
                out.write_all(file.data.as_bytes())
            }
            _ => Ok(()),
        }
    }

    /// As [`RecordInput::prepare_with`], for documents of any size: the input is taken apart as it is used, so that no more
    /// than about three times the document is held. The record's hash is that of its source, and of what else makes it
    /// another record: the issues of one that is not valid, since it is another once a newer version of this program has
    /// nothing against it, and what its codes stand for.
    ///
    /// # Errors
    /// As [`RecordInput::prepare`].
    pub fn prepare_owned(
        self,
        around: &Surroundings<'_>,
        place: u32,
        codes: &Arc<CodeMap>,
        mut hasher: SourceHasher,
    ) -> Result<Prepared, RecordInputError> {
        let hi_type = self.check()?;
        let is_data = self.data.is_some();
        let terminology = Some(Arc::<CodeMap>::clone(codes) as Arc<dyn Terminology>);
        let context = Context { terminology, ..context(around, place) };
        // Nor does hashing.
        let (bundle, issues, local_codes) = match (self.data, self.bundle, self.file) {
            (Some(data), _, _) => {
                let _ = write_json_source(self.hi_type, "data", &value(&data), &mut hasher);
                build(hi_type, data.get().as_bytes(), &context)
            }
            (_, Some(bundle), _) => {
                let value = value(&bundle);
                let _ = write_json_source(self.hi_type, "bundle", &value, &mut hasher);
                let issues = issues_of(hi_type, &value);
                drop(value);
                (Some(Box::<str>::from(bundle).into_string().into_bytes()), issues, Vec::new())
            }
            (_, _, Some(file)) => {
                let _ = write!(hasher, "file\0{}\0{}\0", file.content_type, file.title);
                let _ = hasher.write_all(file.data.as_bytes());
                let data = nrces::from_file(&file.content_type, &file.data, &file.title, &context);
                drop(file);
                let text = data.to_string();
                drop(data);
                build(hi_type, text.as_bytes(), &context)
            }
            _ => return Err(RecordInputError::Form),
        };
        let mut record = new_record(hi_type, bundle, &issues, String::new());
        if !record.valid {
            let _ = write!(hasher, "\0{}", record.issues);
        }
        let mapping = codes.mapping();
        if is_data && !mapping.is_empty() {
            let _ = write!(hasher, "\0{mapping}");
        }
        record.source_hash = hasher.finish();
        Ok(Prepared { record, local_codes })
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
        Ok(Prepared { record: new_record(hi_type, bundle, &issues, source_hash), local_codes })
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

fn new_record(hi_type: HiType, bundle: Option<Vec<u8>>, issues: &[Issue], source_hash: String) -> NewRecord {
    let valid = bundle.is_some() && !issues.iter().any(Issue::is_error);
    let issues = serde_json::to_string(issues).unwrap_or_else(|_| "[]".to_owned());
    NewRecord { hi_type, valid, issues, source_hash, bundle: bundle.map(Into::into) }
}

fn take_over(hi_type: HiType, bundle: &RawValue) -> Document {
    (Some(bundle.get().as_bytes().to_vec()), issues_of(hi_type, &value(bundle)), Vec::new())
}

fn issues_of(hi_type: HiType, bundle: &Value) -> Vec<Issue> {
    let mut issues = validate(bundle, Mode::Send);
    if record_type(bundle).is_some_and(|found| found != to_nrces(hi_type)) {
        let message = "The document is of another record type than hiType says; correct hiType.";
        issues.push(Issue::error("Bundle.entry[0].resource.type", "record-type", message));
    }
    issues
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

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn write_json_source(
    hi_type: Option<HiType>,
    form: &str,
    value: &Value,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(out, "{}\0{form}\0", hi_type.map_or("", HiType::as_str))?;
    write_sorted(value, out)
}

/// Writes JSON with the keys of every object in order.
fn write_sorted(value: &Value, out: &mut impl Write) -> io::Result<()> {
    let comma = |place: usize| if place == 0 { "" } else { "," };
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.write_all(b"{")?;
            for (place, (key, value)) in members.into_iter().enumerate() {
                out.write_all(comma(place).as_bytes())?;
                serde_json::to_writer(&mut *out, key)?;
                out.write_all(b":")?;
                write_sorted(value, out)?;
            }
            out.write_all(b"}")
        }
        Value::Array(items) => {
            out.write_all(b"[")?;
            for (place, item) in items.iter().enumerate() {
                out.write_all(comma(place).as_bytes())?;
                write_sorted(item, out)?;
            }
            out.write_all(b"]")
        }
        leaf => Ok(serde_json::to_writer(out, leaf)?),
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
        assert_eq!(one.source(), "Prescription\0data\0{\"a\":1,\"b\":[{\"c\":2,\"d\":3}]}");
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
