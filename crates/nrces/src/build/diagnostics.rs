//! Laboratory and imaging reports.

use std::borrow::Cow;

use super::clinical::words_of;
use super::consultation::each;
use super::doc::{Doc, Ref};
use super::document;
use super::observation::{Profile, observation};
use super::sections::{Kind, Made, Sections};
use super::values::{Systems, coded, coding, date_words};
use crate::fhir::{Map, Node};
use crate::input::{Attachment, Diagnostic, DiagnosticReport, ImagingStudy, Series, Specimen};
use crate::narrative::Row;
use crate::pointer::Place;
use crate::systems::SNOMED;

const REPORT: Kind = Kind::snomed("Diagnostic Report", "721981007", "Diagnostic studies report", "Report");

/// A report on its own: one section of one report and at most one document.
pub(super) fn diagnostic_report<'a>(doc: &mut Doc<'a>, input: &'a DiagnosticReport) -> Sections<'a> {
    super::people::encounter(doc, &[]);
    let mut made = each(doc, &input.diagnostics, "diagnostics", report);
    let documents = super::consultation::documents(doc);
    if made.len() > 1 {
        doc.error(
            &Place::ROOT.key("diagnostics").index(1),
            "input.too-many",
            "A record holds one report; send each report as a record of its own.",
        );
    }
    if documents.len() > 1 {
        doc.error(
            &Place::ROOT.key("documents").index(1),
            "input.too-many",
            "A report holds one document at most; join them into one file, or send a HealthDocumentRecord.",
        );
    }
    if made.is_empty() && documents.is_empty() {
        doc.missing(&Place::ROOT.key("diagnostics"), "A report");
    }
    made.extend(documents);
    let mut sections = Sections::default();
    sections.push_typed(REPORT, made);
    sections.report_type = report_type(doc, input);
    sections
}

/// The profile wants one SNOMED code whatever the words are.
fn report_type<'a>(doc: &mut Doc<'a>, input: &'a DiagnosticReport) -> Option<Map<'a>> {
    let words = input.report_type.words()?;
    let place = Place::ROOT.key("reportType");
    let made = doc.concept_of_one(&input.report_type, Systems::Snomed, &place)?;
    if input.report_type.codes().any(|c| c.system.map(crate::systems::resolve) == Some(SNOMED)) {
        return Some(made);
    }
    Some(coded(SNOMED, "721981007", "Diagnostic studies report").with("text", words))
}

const STATUSES: [&str; 10] = [
    "registered",
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
];

/// One report. Pictures make it an imaging report.
pub(crate) fn report<'a>(doc: &mut Doc<'a>, input: &'a Diagnostic, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Diagnostic::default() {
        return None;
    }
    let imaging = !input.media.is_empty() || !input.imaging_studies.is_empty();
    let specimens = list(doc, &input.specimens, &place.key("specimens"), specimen);
    let results = results(doc, input, place);
    let studies = list(doc, &input.imaging_studies, &place.key("imagingStudies"), study);
    let media = list(doc, &input.media, &place.key("media"), media);
    demand(doc, input, (imaging, results.is_empty(), media.is_empty()), place);
    let profile = if imaging { "DiagnosticReportImaging" } else { "DiagnosticReportLab" };
    let mut draft = doc.open("DiagnosticReport", profile);
    let number = input.identifier.get().map(|n| Map::with_capacity(1).with("value", n));
    draft.put_one("identifier", number);
    let based_on = input.based_on.get().map(|b| Map::with_capacity(1).with("display", b));
    draft.put_one("basedOn", based_on);
    draft.put("status", doc.code(&input.status, &STATUSES, "final", &place.key("status")));
    draft.put_one(
        "category",
        doc.concept(&input.service_category, Systems::Snomed, &place.key("serviceCategory")),
    );
    let at = place.key("serviceName");
    draft.put_some("code", doc.needed(&input.service_name, Systems::Loinc, &at, "What was done"));
    draft.put("subject", doc.patient.to());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    draft.put_some("effectiveDateTime", doc.date_time(&input.effective_date, &place.key("effectiveDate")));
    let issued = doc.moment(&input.authored_on, &place.key("authoredOn"));
    let issued = issued.as_ref().unwrap_or(&doc.date).clone();
    draft.put("issued", issued.instant());
    draft.put_one("performer", doc.organisation.as_ref().or(doc.author()).map(Ref::named));
    let interpreters: Vec<Map<'a>> = match doc.practitioners.as_slice() {
        [] => doc.organisation.iter().map(Ref::named).collect(),
        list => list.iter().map(Ref::named).collect(),
    };
    draft.put("resultsInterpreter", interpreters);
    draft.put("specimen", references(&specimens));
    draft.put("result", references(&results));
    draft.put("imagingStudy", references(&studies));
    let links: Vec<Map<'a>> =
        media.iter().map(|m| Map::with_capacity(1).with("link", m.reference.to())).collect();
    draft.put("media", links);
    match input.conclusion.get() {
        Some(conclusion) => draft.put("conclusion", conclusion),
        None => doc.missing(&place.key("conclusion"), "What the results mean (the conclusion)"),
    }
    let codes = concepts_of(doc, input, place);
    draft.put("conclusionCode", codes);
    let forms = forms(doc, input, place);
    draft.put("presentedForm", forms);
    let mut row = Row::new(input.service_name.words().unwrap_or("Report"))
        .with("Department", input.service_category.words())
        .with("Reported", Some(issued.words()))
        .with("Taken", date_words(&input.effective_date))
        .with("Number", input.identifier.get())
        .with("Conclusion", input.conclusion.get())
        .with("Conclusion", words_of(&input.conclusion_codes));
    for made in specimens.into_iter().chain(studies) {
        row.fact("Examined", Some(made.row.line()));
    }
    row.children = results.into_iter().map(|made| made.row).collect();
    Some(Made { reference: doc.add(draft, &row, place), row })
}

/// What the profile of the kind of report cannot do without.
fn demand(
    doc: &mut Doc<'_>,
    input: &Diagnostic,
    (imaging, no_results, no_media): (bool, bool, bool),
    place: &Place<'_>,
) {
    if imaging && no_media {
        doc.missing(&place.key("media"), "A picture (media), which an imaging report must show,");
    }
    if !imaging && no_results {
        let hint = if input.presented_form.is_empty() {
            "A result; a report without results or pictures is not valid. Send result, or media if it is imaging."
        } else {
            "A report that is only a file has no results; send the file in documents instead of presentedForm."
        };
        doc.error(&place.key("result"), "input.required", hint);
    }
}

fn references<'a>(made: &[Made<'a>]) -> Vec<Node<'a>> {
    made.iter().map(|m| m.reference.to().into()).collect()
}

fn list<'a, T>(
    doc: &mut Doc<'a>,
    items: &'a [T],
    place: &Place<'_>,
    make: impl Fn(&mut Doc<'a>, &'a T, &Place<'_>) -> Option<Made<'a>>,
) -> Vec<Made<'a>> {
    let mut made = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        made.extend(make(doc, item, &place.index(i)));
    }
    made
}

fn results<'a>(doc: &mut Doc<'a>, input: &'a Diagnostic, place: &Place<'_>) -> Vec<Made<'a>> {
    list(doc, &input.result, &place.key("result"), |doc, item, at| {
        observation(doc, item, Profile::General, at)
    })
}

fn concepts_of<'a>(doc: &mut Doc<'a>, input: &'a Diagnostic, place: &Place<'_>) -> Vec<Map<'a>> {
    let at = place.key("conclusionCodes");
    let mut made = Vec::new();
    for (i, one) in input.conclusion_codes.iter().enumerate() {
        made.extend(doc.concept(one, Systems::Snomed, &at.index(i)));
    }
    made
}

fn forms<'a>(doc: &mut Doc<'a>, input: &'a Diagnostic, place: &Place<'_>) -> Vec<Map<'a>> {
    let at = place.key("presentedForm");
    let mut made = Vec::new();
    for (i, one) in input.presented_form.iter().enumerate() {
        if *one != Attachment::default() {
            made.push(document::attachment(doc, one, &at.index(i)));
        }
    }
    made
}

fn specimen<'a>(doc: &mut Doc<'a>, input: &'a Specimen, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Specimen::default() {
        return None;
    }
    let mut draft = doc.open("Specimen", "Specimen");
    let number = input.identifier.get().map(|n| Map::with_capacity(1).with("value", n));
    draft.put_one("identifier", number);
    draft.put_some("type", doc.concept(&input.kind, Systems::Snomed, &place.key("type")));
    draft.put("subject", doc.patient.to());
    match doc.date_time(&input.received_on, &place.key("receivedOn")) {
        Some(received) => draft.put("receivedTime", received),
        None => doc.missing(&place.key("receivedOn"), "When the laboratory received the specimen"),
    }
    if let Some(collected) = doc.date_time(&input.collected_on, &place.key("collectedOn")) {
        let mut collection = Map::with_capacity(2).with("collectedDateTime", collected);
        collection.put_some("bodySite", doc.concept(&input.body_site, Systems::Any, &place.key("bodySite")));
        draft.put("collection", collection);
    }
    draft.put_one("condition", doc.concept(&input.condition, Systems::Any, &place.key("condition")));
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    let row = Row::new(input.kind.words().unwrap_or("Specimen"))
        .with("Number", input.identifier.get())
        .with("Site", input.body_site.words())
        .with("State", input.condition.words());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn media<'a>(doc: &mut Doc<'a>, input: &'a Attachment, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == Attachment::default() {
        return None;
    }
    let mut draft = doc.open("Media", "Media");
    draft.put("status", "completed");
    draft.put("subject", doc.patient.to());
    draft.put("createdDateTime", doc.date.as_str().to_owned());
    for (key, name, size) in [("height", "height", &input.height), ("width", "width", &input.width)] {
        let Some(size) = size else { continue };
        match size.number().as_u64().filter(|n| (1..=100_000).contains(n)) {
            Some(pixels) => draft.put(key, pixels),
            None => doc.error(&place.key(name), "input.number", "Pixels are a whole number above zero."),
        }
    }
    draft.put("content", document::attachment(doc, input, place));
    let row = Row::new(input.title.get().unwrap_or("Image"));
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn study<'a>(doc: &mut Doc<'a>, input: &'a ImagingStudy, place: &Place<'_>) -> Option<Made<'a>> {
    if *input == ImagingStudy::default() {
        return None;
    }
    let mut draft = doc.open("ImagingStudy", "ImagingStudy");
    let mut numbers = Vec::new();
    if let Some(uid) = input.study_uid.get() {
        let uid = format!("urn:oid:{}", uid.trim_start_matches("urn:oid:"));
        numbers.push(Map::with_capacity(2).with("system", "urn:dicom:uid").with("value", uid));
    }
    if let Some(accession) = input.accession_number.get() {
        numbers.push(super::people::identifier("ACSN", accession, None));
    }
    draft.put("identifier", numbers);
    let statuses = ["registered", "available", "cancelled", "entered-in-error", "unknown"];
    draft.put("status", doc.code(&input.status, &statuses, "available", &place.key("status")));
    draft.put("subject", doc.patient.to());
    draft.put_some("started", doc.date_time(&input.started, &place.key("started")));
    draft.put("numberOfSeries", input.series.len() as u64);
    draft.put_one("procedureCode", doc.concept(&input.procedure, Systems::Snomed, &place.key("procedure")));
    draft.put_one("reasonCode", doc.concept(&input.reason, Systems::Snomed, &place.key("reason")));
    draft.put_some("description", input.description.get());
    let at = place.key("series");
    let mut all = Vec::with_capacity(input.series.len());
    for (i, one) in input.series.iter().enumerate() {
        all.push(series(doc, one, &at.index(i)));
    }
    draft.put("series", all);
    let title = input.description.get().or_else(|| input.procedure.words());
    let row = Row::new(title.unwrap_or("Imaging study"))
        .with("Started", date_words(&input.started))
        .with("Number", input.accession_number.get())
        .with("Reason", input.reason.words());
    Some(Made { reference: doc.add(draft, &row, place), row })
}

fn series<'a>(doc: &mut Doc<'a>, input: &'a Series, place: &Place<'_>) -> Node<'a> {
    let mut map = Map::with_capacity(5);
    match input.uid.get() {
        Some(uid) => map.put("uid", uid),
        None => doc.missing(&place.key("uid"), "The series' UID"),
    }
    match input.modality.get() {
        Some(modality) => map.put("modality", modality_coding(modality)),
        None => doc.missing(&place.key("modality"), "The series' modality"),
    }
    map.put_some("description", input.description.get());
    map.put_some("numberOfInstances", input.instances.as_ref().and_then(|n| n.number().as_u64()));
    // An ImagingStudy's body site is a Coding, which only a code can make.
    let site = doc.concept(&input.body_site, Systems::Any, &place.key("bodySite"));
    let first = input.body_site.codes().next().filter(|_| site.is_some());
    if let Some(code) = first
        && let (Some(system), Some(display)) = (code.system, code.display)
    {
        map.put("bodySite", coding(crate::systems::resolve(system), code.value, display));
    }
    map.into()
}

fn modality_coding(code: &str) -> Map<'_> {
    const DISPLAYS: [(&str, &str); 14] = [
        ("CT", "Computed Tomography"),
        ("MR", "Magnetic Resonance"),
        ("CR", "Computed Radiography"),
        ("DX", "Digital Radiography"),
        ("US", "Ultrasound"),
        ("XA", "X-Ray Angiography"),
        ("RF", "Radio Fluoroscopy"),
        ("MG", "Mammography"),
        ("NM", "Nuclear Medicine"),
        ("PT", "Positron emission tomography (PET)"),
        ("ES", "Endoscopy"),
        ("ECG", "Electrocardiography"),
        ("PX", "Panoramic X-Ray"),
        ("OT", "Other"),
    ];
    let display = DISPLAYS.iter().find(|(c, _)| *c == code).map_or(code, |(_, display)| *display);
    coding("http://dicom.nema.org/resources/ontology/DCM", code, display)
}
