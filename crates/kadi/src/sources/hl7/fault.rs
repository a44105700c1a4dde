//! What is wrong with a message: where, which condition of HL7's table 0357, and in plain words without a value.

use std::borrow::Cow;

/// The acknowledgement codes of HL7's original mode (table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCode {
    /// `AA`: what it says is stored.
    Accept,
    /// `AE`: it can't be taken as it is; nothing of it is stored.
    Error,
    /// `AR`: not a message for this listener: type, version or processing id.
    Reject,
}

impl AckCode {
    /// The code as MSA-1 has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "AA",
            Self::Error => "AE",
            Self::Reject => "AR",
        }
    }
}

/// Conditions of HL7's table 0357.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// 100
    SegmentSequence,
    /// 101
    RequiredField,
    /// 102
    DataType,
    /// 103
    TableValue,
    /// 104
    TooLong,
    /// 200
    MessageType,
    /// 201
    Event,
    /// 202
    Processing,
    /// 203
    Version,
    /// 204
    UnknownKey,
    /// 206
    Locked,
    /// 207
    Internal,
}

impl Condition {
    /// Code and words of the table.
    pub const fn coded(self) -> (u16, &'static str) {
        match self {
            Self::SegmentSequence => (100, "Segment sequence error"),
            Self::RequiredField => (101, "Required field missing"),
            Self::DataType => (102, "Data type error"),
            Self::TableValue => (103, "Table value not found"),
            Self::TooLong => (104, "Value too long"),
            Self::MessageType => (200, "Unsupported message type"),
            Self::Event => (201, "Unsupported event code"),
            Self::Processing => (202, "Unsupported processing id"),
            Self::Version => (203, "Unsupported version id"),
            Self::UnknownKey => (204, "Unknown key identifier"),
            Self::Locked => (206, "Application record locked"),
            Self::Internal => (207, "Application error"),
        }
    }
}

/// A place in a message. Field 0 means the segment as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The segment's name.
    pub segment: &'static str,
    /// Which one of its name, from 1.
    pub sequence: u32,
    /// The field, from 1.
    pub field: u32,
}

/// Something to tell the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where, if it is about one place.
    pub location: Option<Location>,
    /// What kind.
    pub condition: Condition,
    /// In plain words; nothing of what the message said.
    pub message: Cow<'static, str>,
}

impl Notice {
    /// A notice about the message as a whole.
    pub fn new(condition: Condition, message: impl Into<Cow<'static, str>>) -> Self {
        Self { location: None, condition, message: message.into() }
    }

    /// The same about one place.
    #[must_use]
    pub fn at(self, segment: &'static str, sequence: u32, field: u32) -> Self {
        Self { location: Some(Location { segment, sequence, field }), ..self }
    }
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `AE` or `AR`.
    pub code: AckCode,
    /// What is wrong.
    pub notice: Notice,
}

impl Fault {
    /// It can't be taken as it is.
    pub fn error(condition: Condition, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: AckCode::Error, notice: Notice::new(condition, message) }
    }

    /// It is not for this listener.
    pub fn reject(condition: Condition, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: AckCode::Reject, notice: Notice::new(condition, message) }
    }

    /// A field that must be there and is not.
    pub fn missing(message: &'static str) -> Self {
        Self::error(Condition::RequiredField, message)
    }

    /// The same about one place.
    #[must_use]
    pub fn at(self, segment: &'static str, sequence: u32, field: u32) -> Self {
        Self { notice: self.notice.at(segment, sequence, field), ..self }
    }
}
