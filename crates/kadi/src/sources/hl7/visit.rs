//! Which visit a report belongs to: the visit number of PV1, else the number that the laboratory gave the order.

use domain::care_context::VisitDate;
use domain::reference::CareContextRef;

use super::fault::{Condition, Fault};
use super::message::{Part, Segment};
use super::time;

/// The visit that PV1 tells of; everything in it may be missing.
#[derive(Debug, Clone, Copy)]
pub struct Encounter<'a> {
    /// The segment, if there is one.
    pub pv1: Option<Segment<'a>>,
}

impl Encounter<'_> {
    /// The visit's number, PV1-19.
    ///
    /// # Errors
    /// It can't be a reference.
    pub fn number(&self) -> Result<Option<CareContextRef>, Fault> {
        let Some(number) = self.pv1.and_then(|pv1| pv1.text(19)) else { return Ok(None) };
        number.parse().map(Some).map_err(|_| bad_reference("PV1-19").at("PV1", 1, 19))
    }

    /// FHIR's class of it.
    pub fn class(&self) -> Option<&'static str> {
        Some(match self.pv1?.text(2)?.as_str() {
            "I" => "IMP",
            "O" | "R" => "AMB",
            "E" => "EMER",
            _ => return None,
        })
    }

    /// What the patient's app shows for it: the kind of visit and the day, nothing clinical.
    pub fn display(&self, date: &VisitDate, otherwise: &str) -> String {
        let kind = match self.class() {
            Some("IMP") => "Inpatient stay",
            Some("AMB") => "Outpatient visit",
            Some("EMER") => "Emergency visit",
            _ => otherwise,
        };
        format!("{kind} {}", time::day_words(date.as_str()))
    }
}

/// An order's number as the reference of a visit.
///
/// # Errors
/// It can't be one.
pub fn of_order(
    number: &str,
    segment: &'static str,
    sequence: u32,
    field: u32,
) -> Result<CareContextRef, Fault> {
    let fault = |_| bad_reference("the order number").at(segment, sequence, field);
    number.parse().map_err(fault)
}

/// The first of these that is a day or a time.
///
/// # Errors
/// The first that holds anything is no date.
pub fn date(fields: &[(Part<'_>, &'static str, u32, u32)]) -> Result<Option<VisitDate>, Fault> {
    for (part, segment, sequence, field) in fields {
        if part.is_blank() {
            continue;
        }
        let date = time::visit_date(*part).ok_or_else(|| {
            let message =
                "this must be a day or a time, such as 20260120 or 20260120093000+0530: it dates the visit";
            Fault::error(Condition::DataType, message).at(segment, *sequence, *field)
        })?;
        return Ok(Some(date));
    }
    Ok(None)
}

fn bad_reference(what: &str) -> Fault {
    let message =
        format!("{what} is the visit's reference and may hold 1 to 255 letters, digits and - _ . : /");
    Fault::error(Condition::DataType, message)
}
