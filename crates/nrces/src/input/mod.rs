//! What a hospital system sends: one documented JSON object per HI type. Field
//! names and enumerations are those of NHA's `fhir-mapper`, and whatever that
//! takes is taken here; codes, units, ranges and the like come on top.

mod base;
mod clinical;
mod concept;
mod diagnostics;
mod immunization;
mod invoice;
mod medication;
mod people;
mod read;
mod record;
mod watched;

pub use base::{Decimal, FromText, List, Text};
pub use clinical::{
    Activity, Allergy, CarePlan, Component, Condition, FamilyHistory, FollowUp, Observation, Procedure,
    Reaction, ReferenceRange, ServiceRequest,
};
pub use concept::{Coding, Concept, DateRange, Quantity};
pub use diagnostics::{Diagnostic, ImagingStudy, Series, Specimen};
pub use immunization::{Immunization, Recommendation};
pub use invoice::{Charge, LineItem};
pub use medication::{Duration, Medication, Timing};
pub use people::{
    Attachment, Document, Encounter, Identifier, Organisation, Patient, Practitioner, Signature,
};
pub use record::{
    DiagnosticReport, DischargeSummary, HealthDocumentRecord, ImmunizationRecord, Invoice, OPConsultation,
    Prescription, WellnessRecord,
};

pub(crate) use concept::Code;
pub(crate) use read::{Source, read};
pub(crate) use record::{Head, Record};
