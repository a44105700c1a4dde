//! The orders of a results message: each OBR with its results, notes and specimens, and which panel belongs to which.

use super::fault::{Condition, Fault};
use super::message::{Message, Segment};
use super::observation::Line;

/// More orders than this are no report of one patient.
const MOST_ORDERS: usize = 500;

/// An OBR with what follows it.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The ORC before it.
    pub orc: Option<Segment<'a>>,
    /// The segment.
    pub obr: Segment<'a>,
    /// Its notes.
    pub notes: Vec<String>,
    /// Its results.
    pub lines: Vec<Line<'a>>,
    /// Its specimens.
    pub specimens: Vec<Segment<'a>>,
    /// Which order this one details, as sensitivities detail a culture; a place in the list.
    pub parent: Option<usize>,
}

impl<'a> Order<'a> {
    fn new(orc: Option<Segment<'a>>, obr: Segment<'a>) -> Self {
        Self { orc, obr, notes: Vec::new(), lines: Vec::new(), specimens: Vec::new(), parent: None }
    }

    /// The laboratory's number of the order, else that of whoever placed it: OBR-3, ORC-3, OBR-2, ORC-2. Its first
    /// component, and all of it.
    pub fn number(&self) -> Option<(String, String)> {
        let of_orc = |field| self.orc.map(|orc| orc.get(field));
        let fields = [Some(self.obr.get(3)), of_orc(3), Some(self.obr.get(2)), of_orc(2)];
        fields.into_iter().flatten().find_map(|field| Some((field.component(1).text()?, field.text()?)))
    }

    /// The number of whoever placed it, if it is another than the laboratory's.
    pub fn placer(&self) -> Option<String> {
        let placer = self.obr.text(2).or_else(|| self.orc.and_then(|orc| orc.text(2)));
        placer.filter(|placer| self.number().is_none_or(|(number, _)| number != *placer))
    }

    /// Which line this order details, by OBR-26: the code of a result and its sub-id.
    pub fn parent_line(&self, parent: &Self) -> Option<usize> {
        let result = self.obr.get(26);
        let code = result.component(1).subcomponent(1).text()?;
        let sub_id = result.component(2).text();
        let fits = |line: &Line<'_>| {
            line.obx.text(3).as_ref() == Some(&code) && (sub_id.is_none() || line.obx.text(4) == sub_id)
        };
        parent.lines.iter().position(fits)
    }
}

/// Cuts a results message into its orders.
///
/// # Errors
/// Results before any order, a second patient, or no order at all.
pub fn orders<'a>(message: &Message<'a>) -> Result<Vec<Order<'a>>, Fault> {
    let mut orders: Vec<Order<'a>> = Vec::new();
    let mut orc = None;
    let mut noted = Noted::Nobody;
    for segment in message.segments() {
        let full = orders.len() == MOST_ORDERS;
        match (segment.name(), orders.last_mut()) {
            ("PID", _) if segment.sequence() > 1 => {
                let message = "one patient a message: there is a second PID";
                return Err(Fault::error(Condition::SegmentSequence, message).at(
                    "PID",
                    segment.sequence(),
                    0,
                ));
            }
            ("ORC", _) => (orc, noted) = (Some(*segment), Noted::Nobody),
            ("OBR", _) if full => {
                let message =
                    format!("the message reports on more than {MOST_ORDERS} orders; send it in parts");
                return Err(Fault::error(Condition::TooLong, message).at("OBR", segment.sequence(), 0));
            }
            ("OBR", _) => {
                orders.push(Order::new(orc.take(), *segment));
                noted = Noted::Order;
            }
            ("OBX", Some(order)) => {
                match order.lines.last_mut().filter(|line| line.goes_on_in(segment)) {
                    Some(line) => line.more.push(*segment),
                    None => order.lines.push(Line::new(*segment)),
                }
                noted = Noted::Line;
            }
            ("OBX", None) => {
                let message = "a result must follow the OBR that it belongs to";
                return Err(Fault::error(Condition::SegmentSequence, message).at(
                    "OBX",
                    segment.sequence(),
                    0,
                ));
            }
            ("SPM", Some(order)) => {
                order.specimens.push(*segment);
                noted = Noted::Order;
            }
            ("NTE", Some(order)) => note(order, noted, segment),
            _ => {}
        }
    }
    if orders.is_empty() {
        let message = "there is no OBR, so nothing is reported";
        return Err(Fault::error(Condition::SegmentSequence, message).at("OBR", 1, 0));
    }
    find_parents(&mut orders);
    Ok(orders)
}

/// What a note is about.
#[derive(Clone, Copy)]
enum Noted {
    Nobody,
    Order,
    Line,
}

fn note(order: &mut Order<'_>, noted: Noted, nte: &Segment<'_>) {
    let lines: Vec<String> = nte.all(3).filter_map(super::message::Part::text).collect();
    if lines.is_empty() {
        return;
    }
    match (noted, order.lines.last_mut()) {
        (Noted::Line, Some(line)) => line.notes.push(lines.join("\n")),
        (Noted::Nobody, _) => {}
        _ => order.notes.push(lines.join("\n")),
    }
}

/// An order with OBR-26 or OBR-29 details an earlier one of the message. What details a detail belongs to the root.
fn find_parents(orders: &mut [Order<'_>]) {
    for at in 1..orders.len() {
        let (earlier, rest) = orders.split_at_mut(at);
        let Some(order) = rest.first_mut() else { return };
        let named = order.obr.get(29);
        let numbers = [(3, named.component(2)), (2, named.component(1))];
        let says_so = !named.is_blank() || !order.obr.get(26).is_blank();
        if !says_so {
            continue;
        }
        let by_number = |parent: &Order<'_>| {
            numbers.iter().any(|(field, part)| {
                let number = part.subcomponent(1).text();
                number.is_some() && number == parent.obr.text(*field)
            })
        };
        let by_line = |parent: &Order<'_>| order.parent_line(parent).is_some();
        let found = earlier
            .iter()
            .position(|parent| by_line(parent) && (named.is_blank() || by_number(parent)))
            .or_else(|| earlier.iter().position(|parent| parent.parent.is_none() && by_number(parent)));
        order.parent =
            found.map(|found| earlier.get(found).and_then(|parent| parent.parent).unwrap_or(found));
    }
}
