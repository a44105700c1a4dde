//! An order's results as DiagnosticReport records: one report a record, as NRCeS has it.
//!
//! What the laboratory did not say is not made up: a report without a conclusion is built without one, and its record
//! says that it lacks it.

use abdm::id::HiType;
use serde_json::{Value, json};

use super::attachment::File;
use super::concept;
use super::fault::{Condition, Notice};
use super::json::object;
use super::message::Segment;
use super::names;
use super::observation::{Line, optional_time};
use super::order::Order;
use super::plan::Content;
use super::specimen;
use super::value::Found;

/// What surrounds an order.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The name of the facility that keeps the record.
    pub facility: &'a str,
    /// FHIR's class of the visit.
    pub class: Option<&'static str>,
    /// When the message was sent, as FHIR writes it: dates what has no date of its own.
    pub sent: &'a str,
}

/// What an order and those that detail it say, sorted.
#[derive(Default)]
struct Said {
    results: Vec<Value>,
    /// Impressions and the like, with the observations that they came as.
    conclusions: Vec<(String, Value)>,
    /// Remarks that serve where there is no conclusion.
    remarks: Vec<String>,
    files: Vec<File>,
    /// How many lines the laboratory took back.
    deleted: usize,
}

/// What became of an order.
pub enum Outcome {
    /// It is reported; usually one record, more if there are only files.
    Reported(Vec<Content>),
    /// There is nothing to report yet.
    Nothing,
    /// It was cancelled, or all of its results taken back.
    TakenBack,
}

/// The records of an order; `children` detail it.
pub fn report(
    order: &Order<'_>,
    children: &[&Order<'_>],
    around: &Around<'_>,
    notices: &mut Vec<Notice>,
) -> Outcome {
    let mut said = say(order, children, around, notices);
    if said.results.is_empty() && said.files.is_empty() && said.conclusions.is_empty() {
        let cancelled = order.obr.text(25).as_deref() == Some("X");
        return if cancelled || said.deleted > 0 { Outcome::TakenBack } else { Outcome::Nothing };
    }
    let conclusion = conclude(&mut said, order);
    let (media, forms): (Vec<File>, Vec<File>) =
        said.files.into_iter().partition(|file| is_imaging(&order.obr) && file.is_picture());
    if said.results.is_empty() && media.is_empty() {
        return Outcome::Reported(forms.iter().map(|file| of_file(order, file, around, notices)).collect());
    }
    let (mut results, specimens) = specimen::specimens(order, notices);
    results.append(&mut said.results);
    let attachments = |files: Vec<File>| files.iter().map(File::attachment).collect::<Vec<_>>();
    let obr = &order.obr;
    let diagnostic = object([
        ("serviceName", concept::of_components(obr.get(4))),
        ("serviceCategory", category(obr)),
        ("authoredOn", json!(optional_time(obr, 22, "OBR", notices))),
        ("effectiveDate", json!(optional_time(obr, 7, "OBR", notices))),
        ("status", json!(report_status(obr))),
        ("result", json!(results)),
        ("conclusion", json!(conclusion)),
        ("presentedForm", json!(attachments(forms))),
        ("specimens", json!(specimens)),
        ("media", json!(attachments(media))),
        ("identifier", json!(order.number().map(|(number, _)| number))),
        ("basedOn", json!(based_on(order))),
    ]);
    Outcome::Reported(vec![content(order, ("diagnostics", diagnostic), around)])
}

fn content(order: &Order<'_>, (key, item): (&'static str, Value), around: &Around<'_>) -> Content {
    let reported = super::time::fhir(order.obr.get(22));
    let practitioners: Vec<Value> = order.obr.all(32).filter_map(names::interpreter).collect();
    let data = object([
        ("authoredOn", json!(reported.as_deref().unwrap_or(around.sent))),
        ("status", json!(record_status(&order.obr))),
        ("encounter", object([("class", json!(around.class))])),
        ("practitioners", json!(practitioners)),
        (key, json!([item])),
    ]);
    Content { hi_type: HiType::DiagnosticReport, data, dated_by_message: reported.is_none() }
}

/// A report that is only a file is a document of its record.
fn of_file(order: &Order<'_>, file: &File, around: &Around<'_>, notices: &mut Vec<Notice>) -> Content {
    let title = concept::said(order.obr.get(4)).or_else(|| file.title.clone());
    let document = object([
        ("type", concept::of_components(order.obr.get(4))),
        ("title", json!(title)),
        ("contentType", json!(file.content_type)),
        ("data", json!(file.data)),
        ("date", json!(optional_time(&order.obr, 22, "OBR", notices))),
        ("identifier", json!(order.number().map(|(number, _)| number))),
    ]);
    content(order, ("documents", document), around)
}

fn say(order: &Order<'_>, children: &[&Order<'_>], around: &Around<'_>, notices: &mut Vec<Notice>) -> Said {
    let mut said = Said::default();
    let mut places = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        let before = said.results.len();
        hear(&mut said, line, around, notices);
        places.push((said.results.len() > before).then_some(before));
    }
    for child in children {
        let detail = say(child, &[], around, notices);
        said.deleted += detail.deleted;
        said.files.extend(detail.files);
        let conclusions = detail.conclusions.into_iter().map(|(_, observation)| observation);
        let members: Vec<Value> = detail.results.into_iter().chain(conclusions).collect();
        let notes: Vec<String> = child.notes.iter().cloned().chain(detail.remarks).collect();
        if members.is_empty() {
            continue;
        }
        let panel = object([
            ("observation", concept::of_components(child.obr.get(4))),
            ("members", json!(members)),
            ("note", json!(notes.join("\n"))),
        ]);
        let place = child.parent_line(order).and_then(|line| places.get(line).copied().flatten());
        match place.and_then(|place| said.results.get_mut(place)).and_then(Value::as_object_mut) {
            Some(detailed) => match detailed.get_mut("members").and_then(Value::as_array_mut) {
                Some(panels) => panels.push(panel),
                None => _ = detailed.insert("members".to_owned(), json!([panel])),
            },
            None => said.results.push(panel),
        }
    }
    said
}

fn hear(said: &mut Said, line: &Line<'_>, around: &Around<'_>, notices: &mut Vec<Notice>) {
    if line.is_deleted() {
        said.deleted += 1;
        return;
    }
    let words = match line.found() {
        Found::File(file) => return said.files.push(file),
        Found::Elsewhere => {
            let message = "a pointer to something elsewhere (RP) can't be shared; send the file itself (ED)";
            notices.push(Notice::new(Condition::TableValue, message).at("OBX", line.obx.sequence(), 2));
            return;
        }
        // A description of the order, not a result.
        Found::Nothing if line.obx.text(11).as_deref() == Some("O") => return,
        Found::Text(text, _) => Some(text),
        Found::Code(code) => concept::words_of(&code),
        Found::Quantity(_) | Found::Nothing => None,
    };
    let observation = line.observation(line.found(), around.facility, notices);
    match (Meaning::of(&line.obx), words) {
        (Meaning::Conclusion, Some(words)) => said.conclusions.push((words, observation)),
        (Meaning::Remark, Some(words)) => {
            said.remarks.push(words);
            said.results.push(observation);
        }
        _ => said.results.push(observation),
    }
}

/// What a line of text is for, by the names that laboratories give it.
enum Meaning {
    Result,
    Conclusion,
    Remark,
}

impl Meaning {
    fn of(obx: &Segment<'_>) -> Self {
        const CONCLUSIONS: [&str; 12] = [
            "impression",
            "conclusion",
            "conclusions",
            "interpretation",
            "clinical interpretation",
            "opinion",
            "diagnosis",
            "final diagnosis",
            "final impression",
            "report conclusion",
            "diagnostic impression",
            "summary",
        ];
        const REMARKS: [&str; 8] =
            ["comment", "comments", "remark", "remarks", "note", "notes", "advice", "clinical comments"];
        // LOINC: impression, diagnosis and conclusion of a report; HL7 2.x, chapter 7: the suffix IMP.
        const CODES: [&str; 5] = ["19005-8", "22637-3", "55110-1", "22634-0", "59776-5"];
        let id = obx.get(3);
        let first = id.component(1);
        let code = first.subcomponent(1).text();
        if first.subcomponent(2).text().as_deref() == Some("IMP")
            || code.is_some_and(|code| CODES.contains(&&*code))
        {
            return Self::Conclusion;
        }
        let name = concept::said(id).unwrap_or_default().to_ascii_lowercase();
        let name = name.trim_end_matches([':', '.', ' ']);
        match name {
            _ if CONCLUSIONS.contains(&name) => Self::Conclusion,
            _ if REMARKS.contains(&name) => Self::Remark,
            _ => Self::Result,
        }
    }
}

/// What the results mean, as the laboratory put it; where it did not, its remarks on the order.
fn conclude(said: &mut Said, order: &Order<'_>) -> Option<String> {
    let conclusions = std::mem::take(&mut said.conclusions);
    let (mut texts, observations): (Vec<String>, Vec<Value>) = conclusions.into_iter().unzip();
    if said.results.is_empty() {
        said.results = observations;
    }
    if texts.is_empty() {
        texts = order.notes.iter().chain(&said.remarks).cloned().collect();
    }
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// OBR-25 (table 0123) in the words of FHIR.
fn report_status(obr: &Segment<'_>) -> Option<&'static str> {
    Some(match obr.text(25)?.as_str() {
        "F" => "final",
        "C" | "K" => "corrected",
        "P" | "R" | "M" | "N" => "preliminary",
        "A" => "partial",
        "O" | "I" | "S" => "registered",
        "X" => "cancelled",
        "Y" | "Z" => "unknown",
        _ => return None,
    })
}

/// The same for the document.
fn record_status(obr: &Segment<'_>) -> &'static str {
    match report_status(obr) {
        Some("corrected") => "amended",
        Some("preliminary" | "partial" | "registered") => "preliminary",
        _ => "final",
    }
}

/// OBR-24 (table 0074), in words.
fn category(obr: &Segment<'_>) -> Value {
    const SECTIONS: [(&str, &str); 25] = [
        ("BG", "Blood gases"),
        ("BLB", "Blood bank"),
        ("CG", "Cytogenetics"),
        ("CH", "Chemistry"),
        ("CP", "Cytopathology"),
        ("CT", "CT scan"),
        ("CUS", "Cardiac ultrasound"),
        ("EC", "Electrocardiography"),
        ("GE", "Genetics"),
        ("HM", "Haematology"),
        ("IMM", "Immunology"),
        ("LAB", "Laboratory"),
        ("MB", "Microbiology"),
        ("MCB", "Mycobacteriology"),
        ("MYC", "Mycology"),
        ("NMR", "Magnetic resonance imaging"),
        ("NMS", "Nuclear medicine"),
        ("OUS", "Obstetric ultrasound"),
        ("RAD", "Radiology"),
        ("RUS", "Ultrasound"),
        ("RX", "Radiography"),
        ("SP", "Surgical pathology"),
        ("SR", "Serology"),
        ("TX", "Toxicology"),
        ("VR", "Virology"),
    ];
    let code = obr.text(24);
    let known = SECTIONS.iter().find(|(section, _)| Some(*section) == code.as_deref());
    concept::words(known.map(|(_, words)| (*words).to_owned()).or(code))
}

fn is_imaging(obr: &Segment<'_>) -> bool {
    const IMAGING: [&str; 12] =
        ["RAD", "RX", "RUS", "OUS", "VUS", "CUS", "CT", "NMR", "NMS", "XRC", "MR", "US"];
    obr.text(24).is_some_and(|section| IMAGING.contains(&&*section))
}

fn based_on(order: &Order<'_>) -> Option<String> {
    let by = order.obr.all(16).find_map(names::practitioner_name);
    let by = by.or_else(|| order.orc.and_then(|orc| orc.all(12).find_map(names::practitioner_name)));
    match (order.placer(), by) {
        (Some(number), Some(by)) => Some(format!("Order {number} by {by}")),
        (Some(number), None) => Some(format!("Order {number}")),
        (None, Some(by)) => Some(format!("Ordered by {by}")),
        (None, None) => None,
    }
}
