//! `MDM^T02`: a document with its content, as a HealthDocumentRecord.

use abdm::id::HiType;
use serde_json::{Value, json};

use super::attachment::File;
use super::concept;
use super::fault::{Condition, Fault, Notice};
use super::header::Header;
use super::json::object;
use super::message::{Message, Segment};
use super::observation::optional_time;
use super::patient::Person;
use super::plan::{Change, Content, Plan, VisitPlan};
use super::results::Source;
use super::value::Found;
use super::visit::{self, Encounter};
use super::{names, time};

/// What a document message asks for.
///
/// # Errors
/// It can't be taken as it is.
pub fn plan(message: &Message<'_>, header: &Header, source: &Source<'_>) -> Result<Plan, Fault> {
    let segment = |name: &'static str| {
        message
            .first(name)
            .ok_or_else(|| Fault::missing("a segment that MDM^T02 must have is missing").at(name, 1, 0))
    };
    let person = Person::read(&segment("PID")?, source.today)?;
    let txa = segment("TXA")?;
    let number = txa.get(12);
    let subject = number.text().ok_or_else(|| {
        let message = "TXA-12 (unique document number) is missing: without it a repeat could not be told from another document";
        Fault::missing(message).at("TXA", 1, 12)
    })?;
    let mut notices = Vec::new();
    let encounter = Encounter { pv1: message.first("PV1") };
    // Table 0273: what was deleted, is obsolete or not to be had is taken back.
    let gone = matches!(txa.text(19).as_deref(), Some("CA" | "OB" | "UN"));
    let content = if gone { None } else { Some(content(message, &txa, &encounter, &mut notices)?) };
    let change = Change { subject: format!("document\0{subject}"), content, place: ("TXA", 1) };
    let visit = visit_of(message, &txa, &encounter, change)?;
    Ok(Plan { person, visits: vec![visit], notices, sent_at: header.sent_at, digest: source.digest.clone() })
}

fn content(
    message: &Message<'_>,
    txa: &Segment<'_>,
    encounter: &Encounter<'_>,
    notices: &mut Vec<Notice>,
) -> Result<Content, Fault> {
    let (kind, title) = kind_and_title(txa);
    let files = files(message, title.as_ref(), notices);
    if files.is_empty() {
        let message = "the document has no content: send its file (ED) or its text (TX) in OBX-5";
        return Err(Fault::missing(message).at("OBX", 1, 5));
    }
    let made = [4, 6, 7].into_iter().find_map(|field| optional_time(txa, field, "TXA", notices));
    let sent = message.first("MSH").and_then(|msh| time::fhir(msh.get(7)));
    let documents: Vec<Value> = files
        .iter()
        .map(|file| {
            object([
                ("type", kind.clone()),
                ("title", json!(file.title.as_ref().or(title.as_ref()))),
                ("contentType", json!(file.content_type)),
                ("data", json!(file.data)),
                ("date", json!(made)),
                ("identifier", json!(txa.text(12))),
            ])
        })
        .collect();
    let author = txa.all(9).chain(txa.all(22)).chain(txa.all(10)).find_map(names::practitioner);
    let data = object([
        ("authoredOn", json!(made.as_ref().or(sent.as_ref()))),
        ("status", json!(status(txa))),
        ("encounter", object([("class", json!(encounter.class()))])),
        ("practitioners", json!(author.into_iter().collect::<Vec<_>>())),
        ("documents", json!(documents)),
    ]);
    Ok(Content { hi_type: HiType::HealthDocumentRecord, data, dated_by_message: made.is_none() })
}

/// TXA-2 (table 0270): the type as a concept, and in words.
fn kind_and_title(txa: &Segment<'_>) -> (Value, Option<String>) {
    const TYPES: [(&str, &str); 14] = [
        ("AR", "Autopsy report"),
        ("CD", "Cardiodiagnostics"),
        ("CN", "Consultation"),
        ("DI", "Diagnostic imaging"),
        ("DS", "Discharge summary"),
        ("ED", "Emergency department report"),
        ("HP", "History and physical examination"),
        ("OP", "Operative report"),
        ("PC", "Psychiatric consultation"),
        ("PH", "Psychiatric history and physical examination"),
        ("PN", "Procedure note"),
        ("PR", "Progress note"),
        ("SP", "Surgical pathology"),
        ("TS", "Transfer summary"),
    ];
    let field = txa.get(2);
    let known = TYPES.iter().find(|(code, _)| field.component(1).text().as_deref() == Some(*code));
    match known.filter(|_| field.component(2).is_blank()) {
        Some((_, words)) => (json!(words), Some((*words).to_owned())),
        None => (concept::of_components(field), concept::said(field)),
    }
}

/// The files of the message; its text, if it has any, is one more.
fn files(message: &Message<'_>, title: Option<&String>, notices: &mut Vec<Notice>) -> Vec<File> {
    let (mut files, mut text) = (Vec::new(), String::new());
    let mut heading = title.cloned();
    for obx in message.segments().iter().filter(|segment| segment.name() == "OBX") {
        match Found::read(obx) {
            Found::File(file) => files.push(file),
            Found::Elsewhere => {
                let message =
                    "a pointer to something elsewhere (RP) can't be shared; send the file itself (ED)";
                notices.push(Notice::new(Condition::TableValue, message).at("OBX", obx.sequence(), 2));
            }
            found => {
                let Some(words) = words(found) else { continue };
                let named = concept::said(obx.get(3));
                if named != heading {
                    append(&mut text, named.as_deref().unwrap_or_default());
                    heading = named;
                }
                append(&mut text, &words);
            }
        }
    }
    if !text.is_empty() {
        files.push(File::of_text(&text, title.cloned()));
    }
    files
}

fn append(text: &mut String, line: &str) {
    if !(text.is_empty() || line.is_empty()) {
        text.push('\n');
    }
    text.push_str(line);
}

fn words(found: Found) -> Option<String> {
    match found {
        Found::Text(text, unit) => Some(unit.map_or(text.clone(), |unit| format!("{text} {unit}"))),
        Found::Quantity(quantity) => {
            let part = |key: &str| quantity.get(key).and_then(Value::as_str).unwrap_or_default();
            Some(format!("{}{} {}", part("comparator"), part("value"), part("unit")).trim().to_owned())
        }
        Found::Code(code) => concept::words_of(&code),
        Found::File(_) | Found::Nothing | Found::Elsewhere => None,
    }
}

/// TXA-17 (table 0271): what is still being written up is preliminary.
fn status(txa: &Segment<'_>) -> &'static str {
    match txa.text(17).as_deref() {
        Some("DI" | "IP" | "IN" | "PA") => "preliminary",
        _ => "final",
    }
}

fn visit_of(
    message: &Message<'_>,
    txa: &Segment<'_>,
    encounter: &Encounter<'_>,
    change: Change,
) -> Result<VisitPlan, Fault> {
    let (obr, orc) = (message.first("OBR"), message.first("ORC"));
    let numbered = [(obr, "OBR", 3_u8), (orc, "ORC", 3), (Some(*txa), "TXA", 15), (Some(*txa), "TXA", 12)];
    let reference = match encounter.number()? {
        Some(number) => Some(number),
        None => numbered
            .into_iter()
            .find_map(|(segment, name, field)| Some((segment?.text(usize::from(field))?, name, field)))
            .map(|(number, name, field)| visit::of_order(&number, name, 1, u32::from(field)))
            .transpose()?,
    };
    let reference =
        reference.ok_or_else(|| Fault::missing("nothing names the visit: send PV1-19").at("PV1", 1, 19))?;
    let mut fields = Vec::with_capacity(4);
    fields.extend(obr.map(|obr| (obr.get(7), "OBR", 1, 7)));
    fields.extend(encounter.pv1.map(|pv1| (pv1.get(44), "PV1", 1, 44)));
    fields.push((txa.get(4), "TXA", 1, 4));
    fields.extend(message.first("MSH").map(|msh| (msh.get(7), "MSH", 1, 7)));
    let date = visit::date(&fields)?;
    let date = date.ok_or_else(|| Fault::missing("TXA-4 or MSH-7 must date the visit").at("TXA", 1, 4))?;
    let display = encounter.display(&date, "Document");
    Ok(VisitPlan { reference, date, display, changes: vec![change] })
}
