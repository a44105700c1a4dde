//! The error object of replies, and the body with which a callback is refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::text;

/// `{"code","message"}` of a reply of ours. The message is made of the characters that ABDM takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorObject {
    code: String,
    message: String,
}

impl ErrorObject {
    /// Makes one of ABDM's codes (`ABDM-1010`) and a text.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: text::message(message) }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text, as it will be sent.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What an HIP says, and in which of ABDM's codes ("Shape the HIP sends" and code list of M2).
pub mod hip {
    use super::ErrorObject;

    macro_rules! answers {
        ($($(#[$doc:meta])* $name:ident => $code:literal, $message:literal;)+) => {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name() -> ErrorObject {
                ErrorObject::new($code, $message)
            }
        )+};
    }

    answers! {
        /// Discovery: no such patient, or nothing left to link.
        patient_not_found => "ABDM-1010", "Patient not found";
        /// Discovery: several patients fit equally well. ABDM has no code of its own for that.
        several_patients => "ABDM-1010", "No single patient matches. Search again with your hospital number.";
        /// Init: a care context that was not offered, or a consent that names another patient's.
        invalid_care_contexts => "ABDM-1057", "Invalid Care Contexts";
        /// Init: a patient that was not offered.
        invalid_patient_reference => "ABDM-1060", "Invalid Patient Reference Number";
        /// Init: no discovery with this transaction.
        invalid_transaction => "ABDM-1017", "Invalid TransactionId";
        /// Init: all chosen care contexts are linked.
        already_linked => "ABDM-1056", "This care context has already been linked";
        /// Init: the OTP could not be sent, or the patient is locked out for a while.
        otp_not_sent => "ABDM-1004", "SMS Gateway is unavailable";
        /// Confirm: wrong or expired OTP.
        incorrect_otp => "ABDM-1035", "Incorrect OTP";
        /// Confirm: no such reference.
        invalid_link_reference => "ABDM-1056", "Invalid Link Reference Number";
        /// Health information request: no such artefact.
        unknown_consent => "ABDM-1112", "Invalid or already expired consent artefact id";
        /// Health information request: the artefact has expired.
        consent_expired => "ABDM-1061", "Consent artefact expired";
        /// Health information request: revoked, denied or never granted.
        consent_not_granted => "ABDM-1062", "Consent Not granted";
        /// Health information request: not inside the granted range.
        invalid_date_range => "ABDM-1063", "Date Range given is invalid";
        /// Share: an intent other than PROFILE_SHARE.
        intent_not_supported => "ABDM-1149", "Intent type is not supported at HIP end";
        /// Share: no token can be given now.
        no_token => "ABDM-9999", "HIP is unable to generate a token at this time. Please try again later.";
        /// Share: nothing can be done now.
        cannot_process => "ABDM-9999", "HIP is unable to process at this time. Please try again later.";
        /// Anything else.
        unknown_exception => "ABDM-9999", "Unknown exception";
        /// A callback's body is not of its shape (HTTP 400).
        invalid_body => "ABDM-1006", "Bad Request, invalid request Body";
        /// A callback has no `REQUEST-ID`, or one that is no UUID (HTTP 400).
        invalid_request_id => "ABDM-2404", "Invalid Request Id";
        /// Another discovery under a known transaction (HTTP 400).
        duplicate_discovery => "ABDM-1103", "Duplicate Discovery request";
        /// Another init under a known transaction (HTTP 400).
        duplicate_init => "ABDM-1104", "Duplicate Init request";
        /// Another confirm under a known reference (HTTP 400).
        duplicate_confirm => "ABDM-1105", "Duplicate Confirm request";
        /// Another share under a known id (HTTP 400).
        duplicate_share => "ABDM-1087", "Duplicate patient share request";
    }

    /// Health information request: key material or push address that cannot be used, with what is wrong with it.
    #[must_use]
    pub fn unusable_request(what: &str) -> ErrorObject {
        ErrorObject::new("ABDM-1031", &format!("Invalid request: {what}"))
    }
}

/// Body of the 400 with which a callback is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Why.
    pub error: ErrorObject,
}

/// Body of the 401 with which a callback without a valid token is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unauthorized {
    code: &'static str,
    message: &'static str,
    description: &'static str,
}

impl Default for Unauthorized {
    fn default() -> Self {
        Self {
            code: "900901",
            message: "Invalid Credentials",
            description: "Access failure: the bearer token is missing, invalid or expired",
        }
    }
}

/// The error object of a callback we received. Code and message as ABDM wrote them, a trailing `": "` included;
/// [`crate::error::callback_failure`] makes sense of them.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ReceivedError {
    /// ABDM's code.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub code: Option<String>,
    /// ABDM's words.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub message: Option<String>,
}

/// Shows the code only: the words may be personal.
impl fmt::Debug for ReceivedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedError").field("code", &self.code).finish_non_exhaustive()
    }
}
