//! Specimens: SPM, or in older messages OBR-15 with the times of the order.

use serde_json::{Value, json};

use super::concept;
use super::fault::Notice;
use super::json::object;
use super::message::{Part, Segment};
use super::observation::optional_time;
use super::order::Order;

/// The specimens of an order as the clinical JSON has them. NRCeS asks of each when the laboratory received it. Of one
/// that does not say, what it was is told as a result of its own: it may be what the others mean.
pub fn specimens(order: &Order<'_>, notices: &mut Vec<Notice>) -> (Vec<Value>, Vec<Value>) {
    let (mut sources, mut specimens) = (Vec::new(), Vec::new());
    let obr = &order.obr;
    let all = match order.specimens.as_slice() {
        [] => vec![of_order(obr, notices)],
        list => list.iter().map(|spm| of_spm(spm, obr, notices)).collect(),
    };
    for specimen in all {
        match (specimen.get("type"), specimen.get("receivedOn")) {
            (None, _) => {}
            (Some(_), Some(_)) => specimens.push(specimen),
            (Some(kind), None) => sources.push(source(kind)),
        }
    }
    (sources, specimens)
}

fn source(kind: &Value) -> Value {
    let words = concept::words_of(kind).or_else(|| Some(kind.get("code")?.as_str()?.to_owned()));
    object([
        (
            "observation",
            json!({"text": "Specimen", "system": "loinc", "code": "31208-2", "display": "Specimen source identified"}),
        ),
        ("result", json!(words)),
    ])
}

fn of_spm(spm: &Segment<'_>, obr: &Segment<'_>, notices: &mut Vec<Notice>) -> Value {
    let received = optional_time(spm, 18, "SPM", notices).or_else(|| optional_time(obr, 14, "OBR", notices));
    let collected =
        optional_time(spm, 17, "SPM", notices).or_else(|| optional_time(obr, 7, "OBR", &mut Vec::new()));
    let id = spm.get(2);
    let number = |part: Part<'_>| part.subcomponent(1).text();
    object([
        ("type", concept::of_components(spm.get(4))),
        ("receivedOn", json!(received)),
        ("collectedOn", json!(collected)),
        ("bodySite", concept::of_components(spm.get(8))),
        ("identifier", json!(number(id.component(2)).or_else(|| number(id.component(1))))),
        ("condition", concept::of_components(spm.get(24))),
        ("note", json!(spm.get(14).text())),
    ])
}

fn of_order(obr: &Segment<'_>, notices: &mut Vec<Notice>) -> Value {
    let source = obr.get(15);
    let first = source.component(1);
    let kind = if first.has_subcomponents() {
        concept::of_subcomponents(first)
    } else {
        // Many write a plain coded element here; a lone code is a word to its reader.
        let words =
            source.component(2).text().or_else(|| first.text()).or_else(|| source.component(3).text());
        concept::words(words)
    };
    let site = source.component(4);
    let site =
        if site.has_subcomponents() { concept::of_subcomponents(site) } else { concept::words(site.text()) };
    object([
        ("type", kind),
        ("receivedOn", json!(optional_time(obr, 14, "OBR", notices))),
        ("collectedOn", json!(optional_time(obr, 7, "OBR", &mut Vec::new()))),
        ("bodySite", site),
    ])
}
