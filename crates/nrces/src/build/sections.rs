//! The Composition and its sections.

use super::doc::{Doc, Draft, Ref};
use super::values::{coded, worded};
use crate::fhir::{Map, Node};
use crate::hi_type::HiType;
use crate::narrative::{self, Row};
use crate::pointer::Place;
use crate::systems::{self, SNOMED};

/// A resource that was made, with what there is to read of it.
pub(crate) struct Made<'a> {
    pub reference: Ref,
    pub row: Row<'a>,
}

/// What a section is called and how it is coded.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub title: &'static str,
    /// System, code and display.
    pub code: Option<(&'static str, &'static str, &'static str)>,
    /// Heading of the first column of its table.
    pub heading: &'static str,
}

impl Kind {
    pub const fn snomed(
        title: &'static str,
        code: &'static str,
        display: &'static str,
        heading: &'static str,
    ) -> Self {
        Self { title, code: Some((SNOMED, code, display)), heading }
    }

    pub const fn uncoded(title: &'static str, heading: &'static str) -> Self {
        Self { title, code: None, heading }
    }
}

/// The sections of a document, in order.
#[derive(Default)]
pub(crate) struct Sections<'a> {
    list: Vec<Node<'a>>,
    /// What a diagnostic report says that it is.
    pub report_type: Option<Map<'a>>,
}

impl<'a> Sections<'a> {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A section of what was made; none if nothing was.
    pub fn push(&mut self, kind: Kind, made: Vec<Made<'a>>) {
        self.push_with(kind, made, Ref::to);
    }

    /// The same where a closed slicing looks at the entries' type.
    pub fn push_typed(&mut self, kind: Kind, made: Vec<Made<'a>>) {
        self.push_with(kind, made, Ref::typed);
    }

    fn push_with(&mut self, kind: Kind, made: Vec<Made<'a>>, reference: fn(&Ref) -> Map<'a>) {
        if made.is_empty() {
            return;
        }
        let entries: Vec<Node<'a>> = made.iter().map(|m| reference(&m.reference).into()).collect();
        let rows: Vec<Row<'a>> = made.into_iter().map(|m| m.row).collect();
        let mut section = head(kind, narrative::table(kind.heading, &rows));
        section.put("entry", entries);
        self.list.push(section.into());
    }

    /// A section of words alone.
    pub fn push_text(&mut self, kind: Kind, text: &str) {
        self.list.push(head(kind, narrative::paragraphs(text)).into());
    }
}

fn head<'a>(kind: Kind, div: String) -> Map<'a> {
    let mut section = Map::with_capacity(4);
    section.put("title", kind.title);
    section.put_some("code", kind.code.map(|(system, code, display)| coded(system, code, display)));
    section.put("text", narrative::text(div));
    section
}

/// `Composition.type` of each record type; receivers tell the type from it.
fn kind(hi_type: HiType, report_type: Option<Map<'_>>) -> Map<'_> {
    match hi_type {
        HiType::Prescription => coded(SNOMED, "440545006", "Prescription record"),
        HiType::DiagnosticReport => {
            report_type.unwrap_or_else(|| coded(SNOMED, "721981007", "Diagnostic studies report"))
        }
        HiType::OPConsultation => coded(SNOMED, "371530004", "Clinical consultation report"),
        HiType::DischargeSummary => coded(SNOMED, "373942005", "Discharge summary"),
        HiType::ImmunizationRecord => coded(SNOMED, "41000179103", "Immunization record"),
        HiType::HealthDocumentRecord => coded(SNOMED, "419891008", "Record artifact"),
        HiType::WellnessRecord => worded("Wellness Record"),
        HiType::Invoice => worded("Invoice Record"),
    }
}

const STATUSES: [&str; 4] = ["preliminary", "final", "amended", "entered-in-error"];

/// Puts the Composition, which stands before everything it points at.
pub(crate) fn compose<'a>(doc: &mut Doc<'a>, mut draft: Draft<'a>, sections: Sections<'a>) {
    let title = doc.head.title.get().unwrap_or(doc.hi_type.title());
    draft.put_head("language", "en-IN");
    let number = doc.id("Composition.identifier");
    draft.put(
        "identifier",
        Map::with_capacity(2).with("system", systems::COMPOSITION_ID).with("value", number),
    );
    draft.put("status", doc.code(doc.head.status, &STATUSES, "final", &Place::ROOT.key("status")));
    draft.put("type", kind(doc.hi_type, sections.report_type));
    draft.put("subject", doc.patient.named());
    draft.put_some("encounter", doc.encounter.as_ref().map(Ref::to));
    draft.put("date", doc.date.as_str().to_owned());
    let authors: Vec<Map<'a>> = match doc.practitioners.as_slice() {
        [] => doc.organisation.iter().map(Ref::named).collect(),
        list => list.iter().map(Ref::named).collect(),
    };
    draft.put("author", authors);
    draft.put("title", title);
    draft.put_some("custodian", doc.organisation.as_ref().map(Ref::named));
    draft.put("section", sections.list);
    let row = Row::new(title).with("Date", Some(doc.date.words()));
    doc.add(draft, &row, &Place::ROOT);
    // Made last, when all it points at is known; read first.
    doc.entries.rotate_right(1);
}
