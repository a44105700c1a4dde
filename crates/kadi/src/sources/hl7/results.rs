//! `ORU^R01`: results.

use super::fault::{Condition, Fault, Notice};
use super::header::Header;
use super::message::Message;
use super::order::{Order, orders};
use super::patient::Person;
use super::plan::{Change, Plan, VisitPlan};
use super::report::{Around, Outcome, report};
use super::visit::{self, Encounter};
use super::{concept, time};

/// What a results message asks for.
///
/// # Errors
/// It can't be taken as it is.
pub fn plan(message: &Message<'_>, header: &Header, source: &Source<'_>) -> Result<Plan, Fault> {
    let pid = message.first("PID").ok_or_else(|| Fault::missing("there is no PID").at("PID", 1, 0))?;
    let person = Person::read(&pid, source.today)?;
    let orders = orders(message)?;
    let encounter = Encounter { pv1: message.first("PV1") };
    let mut notices = Vec::new();
    let sent = time::fhir(message.first("MSH").map_or_else(|| pid.get(99), |msh| msh.get(7)));
    let sent = sent.unwrap_or_default();
    let around = Around { facility: source.facility, class: encounter.class(), sent: &sent };
    let mut visits: Vec<VisitPlan> = Vec::new();
    let mut subjects: Vec<String> = Vec::new();
    for (at, order) in orders.iter().enumerate().filter(|(_, order)| order.parent.is_none()) {
        let children: Vec<_> = orders.iter().filter(|child| child.parent == Some(at)).collect();
        let subject = subject(order, &mut subjects)?;
        let changes = changes(order, &children, subject, &around, &mut notices);
        add(&mut visits, message, &encounter, order, changes)?;
    }
    Ok(Plan { person, visits, notices, sent_at: header.sent_at, digest: source.digest.clone() })
}

/// What a plan needs beside the message.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// Today in India.
    pub today: jiff::civil::Date,
    /// Equal for equal messages.
    pub digest: String,
    /// The name of the facility that keeps the records.
    pub facility: &'a str,
}

/// What an order reports on: its number and service. The same twice in one message are told apart by their order.
fn subject(order: &Order<'_>, subjects: &mut Vec<String>) -> Result<String, Fault> {
    let (_, number) = order.number().ok_or_else(|| {
        let message = "OBR-3 (filler order number) is missing: without it a corrected report could not replace this one";
        Fault::missing(message).at("OBR", order.obr.sequence(), 3)
    })?;
    let service = order.obr.text(4).or_else(|| concept::said(order.obr.get(4))).unwrap_or_default();
    let subject = format!("{number}\0{service}");
    subjects.push(subject.clone());
    let before = subjects.iter().filter(|other| **other == subject).count() - 1;
    Ok(if before == 0 { subject } else { format!("{subject}\0{before}") })
}

fn changes(
    order: &Order<'_>,
    children: &[&Order<'_>],
    subject: String,
    around: &Around<'_>,
    notices: &mut Vec<Notice>,
) -> Vec<Change> {
    let place = ("OBR", order.obr.sequence());
    match report(order, children, around, notices) {
        Outcome::Reported(contents) => {
            let numbered = contents.into_iter().enumerate().map(|(at, content)| {
                let subject = if at == 0 { subject.clone() } else { format!("{subject}\0file {at}") };
                Change { subject, content: Some(content), place }
            });
            numbered.collect()
        }
        Outcome::TakenBack => vec![Change { subject, content: None, place }],
        Outcome::Nothing => {
            let message = "the order has no results yet; nothing of it is stored";
            notices.push(Notice::new(Condition::RequiredField, message).at("OBR", place.1, 0));
            Vec::new()
        }
    }
}

fn add(
    visits: &mut Vec<VisitPlan>,
    message: &Message<'_>,
    encounter: &Encounter<'_>,
    order: &Order<'_>,
    changes: Vec<Change>,
) -> Result<(), Fault> {
    let sequence = order.obr.sequence();
    let reference = match encounter.number()? {
        Some(number) => number,
        None => {
            let number = order.number().map(|(number, _)| number).unwrap_or_default();
            visit::of_order(&number, "OBR", sequence, 3)?
        }
    };
    if let Some(visit) = visits.iter_mut().find(|visit| visit.reference == reference) {
        visit.changes.extend(changes);
        return Ok(());
    }
    let mut fields = vec![(order.obr.get(7), "OBR", sequence, 7)];
    fields.extend(encounter.pv1.map(|pv1| (pv1.get(44), "PV1", 1, 44)));
    fields.extend(message.first("MSH").map(|msh| (msh.get(7), "MSH", 1, 7)));
    let date = visit::date(&fields)?;
    let date = date
        .ok_or_else(|| Fault::missing("OBR-7, PV1-44 or MSH-7 must date the visit").at("OBR", sequence, 7))?;
    let display = encounter.display(&date, "Laboratory visit");
    visits.push(VisitPlan { reference, date, display, changes });
    Ok(())
}
