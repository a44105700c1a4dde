//! How records come in besides the JSON API.
//!
//! [`hl7`] reads HL7 v2 messages and stores what they report; [`mllp`] is the listener that laboratory systems send
//! them to. Both end where the API ends: a patient, a visit, its records, and the plan of what can be linked.

pub mod hl7;
pub mod mllp;
