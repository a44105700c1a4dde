//! What the HMIS is told: nothing clinical, no names.

use crate::words;

/// The types of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// ABDM said that a visit is linked.
    CareContextLinked,
    /// ABDM refused to link a visit.
    CareContextFailed,
    /// A patient linked visits from their app.
    PatientLinked,
    /// A consent arrived.
    ConsentGranted,
    /// A consent was revoked or expired.
    ConsentEnded,
    /// Records arrived at the HIU.
    TransferCompleted,
    /// No record arrived at the HIU.
    TransferFailed,
    /// A patient scanned a counter's QR code.
    ShareArrived,
    /// A record arrived for us.
    RecordArrived,
    /// What became of a deep link by SMS.
    SmsResult,
    /// ABDM has not answered, or we have not.
    ExchangeOverdue,
    /// Another system took the bridge's URL.
    BridgeTakenOver,
}

words!(EventType, "event type":
    CareContextLinked = "care_context.linked",
    CareContextFailed = "care_context.failed",
    PatientLinked = "patient.linked",
    ConsentGranted = "consent.granted",
    ConsentEnded = "consent.ended",
    TransferCompleted = "transfer.completed",
    TransferFailed = "transfer.failed",
    ShareArrived = "share.arrived",
    RecordArrived = "record.arrived",
    SmsResult = "sms.result",
    ExchangeOverdue = "exchange.overdue",
    BridgeTakenOver = "bridge.taken_over",
);
