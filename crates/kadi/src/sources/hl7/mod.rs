//! HL7 v2 messages: `ORU^R01` becomes DiagnosticReport records, `MDM^T02` a HealthDocumentRecord, and the sender is told
//! `AA`, `AE` or `AR`.
//!
//! A message goes through three steps. [`read`] cuts it and says what it asks for, from nothing but its text:
//! `message` and its neighbours know HL7's syntax; `patient`, `results`, `document` and theirs what the segments
//! mean. `keep` looks up patient and visits, builds the records and stores all of it in one transaction, as a `PUT`
//! of the visit would. [`ack`] tells what became of it. `AA` is said after the commit and never before.
//!
//! Safe to repeat: a record remembers which messages it came from, so a message that comes again, late or twice,
//! changes nothing; and an older report never takes the place of a newer one.

pub mod ack;
mod attachment;
pub mod charset;
mod concept;
mod delimiters;
mod document;
mod escape;
pub mod fault;
pub mod header;
mod json;
mod keep;
mod message;
mod names;
mod observation;
mod order;
mod patient;
mod plan;
mod report;
mod results;
mod specimen;
mod time;
mod value;
mod visit;

use std::sync::Arc;

use aws_lc_rs::digest;
use domain::facility::Facility;
use jiff::Timestamp;
use store::StoreError;

use self::ack::Ack;
use self::charset::Charset;
use self::fault::{AckCode, Condition, Fault};
use self::header::{Envelope, Header, Kind};
pub use self::keep::Kept;
use self::message::{Message, Segment};
pub use self::plan::Plan;
use self::results::Source;
use crate::bridge::Bridge;
use crate::flows::FlowError;

/// What is taken.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How a message is written that does not say so in MSH-18.
    pub charset: Charset,
    /// The processing ids (MSH-11) that are taken, a letter each.
    pub processing: String,
    /// The longest message, in bytes.
    pub limit: usize,
}

/// What became of a message.
#[derive(Debug)]
pub struct Answer {
    /// What the sender is told.
    pub ack: Ack,
    /// What was stored, with `AA`.
    pub kept: Option<Kept>,
}

/// A message that was read.
#[derive(Debug)]
pub struct Reading {
    /// Its header, as far as it has one.
    pub envelope: Envelope,
    /// What it asks for, or why it can't be taken.
    pub plan: Result<Plan, Fault>,
}

/// Takes a message for a facility: stores what it reports and says what became of it.
///
/// # Errors
/// The store failed. Nothing was stored then, and the message may be sent again.
pub async fn answer(
    bridge: &Arc<Bridge>,
    facility: &Facility,
    actor: &str,
    bytes: Vec<u8>,
) -> Result<Answer, FlowError> {
    let (terms, now, name) = (bridge.hl7.clone(), bridge.clock.now(), facility.name.clone());
    let reading = tokio::task::spawn_blocking(move || read(&bytes, &terms, &name, now)).await;
    let Reading { envelope, plan } = reading.map_err(|_| StoreError::Contended)?;
    let kept = match plan {
        Ok(plan) => keep::keep(bridge, facility, actor, plan).await?,
        Err(fault) => Err(fault),
    };
    Ok(match kept {
        Ok(mut kept) => {
            let notices = std::mem::take(&mut kept.notices);
            Answer { ack: Ack { code: AckCode::Accept, envelope, notices }, kept: Some(kept) }
        }
        Err(Fault { code, notice }) => {
            Answer { ack: Ack { code, envelope, notices: vec![notice] }, kept: None }
        }
    })
}

/// Reads a message and says what it asks for. Takes any bytes.
pub fn read(bytes: &[u8], terms: &Terms, facility: &str, now: Timestamp) -> Reading {
    let bytes = trimmed(bytes);
    let first = first_line(bytes);
    let Some(msh) = Segment::header(&first) else {
        let message = "this is no HL7 v2 message: it does not begin with MSH and its delimiters";
        let fault = Fault::reject(Condition::MessageType, message);
        return Reading { envelope: Envelope::default(), plan: Err(fault) };
    };
    let envelope = Envelope::of(&msh);
    let header = Header::check(&msh, &envelope, terms);
    let plan = header.and_then(|header| {
        let digest = hex::encode(digest::digest(&digest::SHA256, bytes));
        let text = charset(&msh, terms)?.decode(bytes).ok_or_else(|| {
            let message = "the message holds bytes that are not of its character set: name the right one in MSH-18 (UNICODE UTF-8, 8859/1), or in hl7.charset";
            Fault::error(Condition::DataType, message).at("MSH", 1, 18)
        })?;
        let message = Message::read(&text)?;
        let source = Source { today: time::today(now), digest, facility };
        match header.kind {
            Kind::Results => results::plan(&message, &header, &source),
            Kind::Document => document::plan(&message, &header, &source),
        }
    });
    Reading { envelope, plan }
}

/// What a message is answered that is longer than the limit; `head` is how it begins.
pub fn too_long(head: &[u8], terms: &Terms) -> Ack {
    let message = format!("the message is longer than {} bytes (hl7.limit)", terms.limit);
    refused(head, Fault::error(Condition::TooLong, message))
}

/// What a message is answered while its facility is not stored.
pub fn no_facility(bytes: &[u8]) -> Ack {
    let message = "the facility of this listener (hl7.facility) is not stored yet: put it by the API first";
    refused(bytes, Fault::error(Condition::Internal, message))
}

/// A control id for a message of ours: 20 characters, as many as every version takes.
pub fn new_control_id(store: &store::Store) -> String {
    let id = store.new_id().simple().to_string();
    id.get(12..).unwrap_or(&id).to_owned()
}

fn refused(bytes: &[u8], fault: Fault) -> Ack {
    let first = first_line(trimmed(bytes));
    let envelope = Segment::header(&first).map(|msh| Envelope::of(&msh)).unwrap_or_default();
    Ack { code: fault.code, envelope, notices: vec![fault.notice] }
}

fn first_line(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let first = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    String::from_utf8_lossy(first)
}

fn charset(msh: &Segment<'_>, terms: &Terms) -> Result<Charset, Fault> {
    let Some(named) = msh.text(18) else { return Ok(terms.charset) };
    Charset::named(&named).ok_or_else(|| {
        let message = "MSH-18 must be UNICODE UTF-8, 8859/1 or ASCII";
        Fault::error(Condition::TableValue, message).at("MSH", 1, 18)
    })
}

/// Without a byte order mark, blank lines around it, and the frame that some leave on.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let outside = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0x1c | 0);
    let start = bytes.iter().position(|byte| !outside(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !outside(byte)).map_or(start, |end| end + 1);
    bytes.get(start..end).unwrap_or_default()
}
