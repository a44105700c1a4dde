//! Clinical records as FHIR R4 documents of the NRCeS profiles.

mod context;
mod hi_type;
pub mod issue;
pub mod validate;

pub use context::{Context, Facility, PatientContext, Seed, TypedIdentifier, Visit};
pub use hi_type::{HiType, UnknownHiType};
pub use issue::{Issue, Severity};
