//! The message header: who sends what, in which version, and what the acknowledgement repeats of it.

use jiff::Timestamp;

use super::Terms;
use super::fault::{Condition, Fault};
use super::message::Segment;
use super::time;

/// What an acknowledgement repeats is cut off here; HL7 2.7 allows 199 characters of a control id.
const LONGEST: usize = 227;

/// What the acknowledgement needs of a message, good or bad.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// MSH-3 and MSH-4.
    pub sender: (String, String),
    /// MSH-5 and MSH-6.
    pub receiver: (String, String),
    /// The trigger event, MSH-9.2.
    pub event: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-11.1.
    pub processing: String,
    /// MSH-12.1.
    pub version: String,
}

impl Envelope {
    /// What this header says.
    pub fn of(msh: &Segment<'_>) -> Self {
        let text = |field| shortened(msh.whole(field).text());
        Self {
            sender: (text(3), text(4)),
            receiver: (text(5), text(6)),
            event: shortened(msh.get(9).component(2).text()),
            control_id: text(10),
            processing: shortened(msh.get(11).component(1).text()),
            version: shortened(msh.get(12).component(1).text()),
        }
    }
}

fn shortened(text: Option<String>) -> String {
    text.unwrap_or_default().chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Shows no name that a message gave.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The messages that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ORU^R01`: results.
    Results,
    /// `MDM^T02`: a document.
    Document,
}

/// A header that is in order.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// What the message is.
    pub kind: Kind,
    /// When it was sent; MSH-7.
    pub sent_at: Timestamp,
}

impl Header {
    /// Checks a header.
    ///
    /// # Errors
    /// Type, event, version or processing id that are not taken are `AR`; everything else is `AE`.
    pub fn check(msh: &Segment<'_>, envelope: &Envelope, terms: &Terms) -> Result<Self, Fault> {
        let kind = kind(msh)?;
        if !is_version(&envelope.version) {
            let message = "MSH-12 must be a version from 2.1 to 2.8";
            return Err(Fault::reject(Condition::Version, message).at("MSH", 1, 12));
        }
        let taken = &terms.processing;
        if !(envelope.processing.len() == 1 && taken.contains(&envelope.processing)) {
            let message = format!("MSH-11 must be one of \"{taken}\" (hl7.processing says which are taken)");
            return Err(Fault::reject(Condition::Processing, message).at("MSH", 1, 11));
        }
        if envelope.control_id.is_empty() {
            return Err(Fault::missing("MSH-10 (message control id) is missing").at("MSH", 1, 10));
        }
        if !msh.get(14).is_blank() {
            let message = "continued messages are not taken: send the report in one message";
            return Err(Fault::error(Condition::SegmentSequence, message).at("MSH", 1, 14));
        }
        let sent_at = msh.get(7);
        if sent_at.is_blank() {
            return Err(Fault::missing("MSH-7 (date and time of the message) is missing").at("MSH", 1, 7));
        }
        let sent_at = time::moment(sent_at).ok_or_else(|| {
            let message = "MSH-7 must be a time such as 20260120093000+0530, or at least a day";
            Fault::error(Condition::DataType, message).at("MSH", 1, 7)
        })?;
        Ok(Self { kind, sent_at })
    }
}

fn kind(msh: &Segment<'_>) -> Result<Kind, Fault> {
    let part = |number| msh.get(9).component(number).text().unwrap_or_default();
    match (part(1).as_str(), part(2).as_str()) {
        // Old senders leave the event out: results have no other.
        ("ORU", "R01" | "") => Ok(Kind::Results),
        ("MDM", "T02") => Ok(Kind::Document),
        ("ORU" | "MDM", _) => {
            let message = "the events taken are R01 (of ORU) and T02 (of MDM)";
            Err(Fault::reject(Condition::Event, message).at("MSH", 1, 9))
        }
        _ => {
            let message = "the messages taken are ORU^R01 and MDM^T02";
            Err(Fault::reject(Condition::MessageType, message).at("MSH", 1, 9))
        }
    }
}

fn is_version(version: &str) -> bool {
    let Some(rest) = version.strip_prefix("2.") else { return false };
    let (minor, patch) = rest.split_once('.').map_or((rest, None), |(minor, patch)| (minor, Some(patch)));
    matches!(minor, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8")
        && patch.is_none_or(|patch| patch.len() == 1 && patch.bytes().all(|byte| byte.is_ascii_digit()))
}
