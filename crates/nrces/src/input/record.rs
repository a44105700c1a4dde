//! The eight records. Every one of them has the same head, so that a caller
//! learns it once; the bodies are lists named as NHA's mapper names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{List, Text, read_by};
use super::clinical::{
    Allergy, CarePlan, Condition, FamilyHistory, FollowUp, Observation, Procedure, ServiceRequest,
};
use super::concept::Concept;
use super::diagnostics::Diagnostic;
use super::immunization::{Immunization, Recommendation};
use super::invoice::LineItem;
use super::medication::Medication;
use super::people::{Document, Encounter, Organisation, Patient, Practitioner, Signature};

/// The head of a record, borrowed.
pub(crate) struct Head<'a> {
    pub bundle_type: &'a Text,
    pub id: &'a Text,
    pub care_context_reference: &'a Text,
    pub patient: Option<&'a Patient>,
    pub practitioners: &'a [Practitioner],
    pub organisation: Option<&'a Organisation>,
    pub encounter: Option<&'a Encounter>,
    pub authored_on: &'a Text,
    pub visit_date: &'a Text,
    pub status: &'a Text,
    pub title: &'a Text,
    pub documents: &'a [Document],
    pub signature: Option<&'a Signature>,
}

/// What all eight records have in common.
pub(crate) trait Record {
    fn head(&self) -> Head<'_>;

    /// Dates of what the record tells, for a record that does not say when it
    /// was written.
    fn dates(&self) -> Vec<&Text>;
}

macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )*
        }
        dates: $dates:expr
    ) => {
        #[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        #[serde(remote = "Self", rename_all = "camelCase", default)]
        pub struct $name {
            /// NRCeS's name of the record, if sent at all; it must fit the type asked for.
            pub bundle_type: Text,
            /// An id of the caller's own for this record: the ids of the bundle are
            /// derived from it where there is no visit to derive them from.
            pub id: Text,
            /// The visit's reference (care context).
            pub care_context_reference: Text,
            /// The patient; needed where the caller's context does not give them.
            pub patient: Option<Patient>,
            /// Who wrote the record; the facility if nobody.
            pub practitioners: List<Practitioner>,
            /// The facility; needed where the caller's context does not give it.
            #[serde(alias = "organization")]
            pub organisation: Option<Organisation>,
            /// The occasion.
            pub encounter: Option<Encounter>,
            /// When the record was written: a day, or a time with its zone.
            pub authored_on: Text,
            /// When the visit was, if that is the only date.
            pub visit_date: Text,
            /// `preliminary`, `final`, `amended`, `entered-in-error`; `final` if absent.
            pub status: Text,
            /// Title; the record type's if absent.
            pub title: Text,
            $( $(#[$field_meta])* pub $field: $type, )*
            /// Files that belong to the record.
            pub documents: List<Document>,
            /// Who signed.
            pub signature: Option<Signature>,
        }

        read_by!(read_object: $name);

        impl Record for $name {
            fn head(&self) -> Head<'_> {
                Head {
                    bundle_type: &self.bundle_type,
                    id: &self.id,
                    care_context_reference: &self.care_context_reference,
                    patient: self.patient.as_ref(),
                    practitioners: &self.practitioners,
                    organisation: self.organisation.as_ref(),
                    encounter: self.encounter.as_ref(),
                    authored_on: &self.authored_on,
                    visit_date: &self.visit_date,
                    status: &self.status,
                    title: &self.title,
                    documents: &self.documents,
                    signature: self.signature.as_ref(),
                }
            }

            fn dates(&self) -> Vec<&Text> {
                let dates: fn(&Self) -> Vec<&Text> = $dates;
                dates(self)
            }
        }
    };
}

record! {
    /// What was prescribed.
    #[schemars(extend("required" = ["prescriptions"]))]
    pub struct Prescription {
        /// The medicines.
        #[serde(alias = "medications")]
        pub prescriptions: List<Medication>,
    }
    dates: |_| Vec::new()
}

record! {
    /// A laboratory or imaging report: one `diagnostics`, or a document, or both.
    pub struct DiagnosticReport {
        /// Kind of report as a whole, if not "Diagnostic studies report".
        pub report_type: Concept,
        /// The report; several reports are several records.
        pub diagnostics: List<Diagnostic>,
    }
    dates: |r| r.diagnostics.iter().map(|d| &d.authored_on).collect()
}

record! {
    /// The note of an outpatient consultation.
    pub struct OPConsultation {
        /// Why the patient came.
        pub chief_complaints: List<Condition>,
        /// What examination showed, vital signs included.
        pub physical_examinations: List<Observation>,
        /// Known allergies.
        pub allergies: List<Allergy>,
        /// Illnesses of the past.
        pub medical_histories: List<Condition>,
        /// Illnesses in the family.
        pub family_histories: List<FamilyHistory>,
        /// What was diagnosed at this visit.
        pub diagnoses: List<Condition>,
        /// Investigations advised.
        pub service_requests: List<ServiceRequest>,
        /// Medicines prescribed.
        pub medications: List<Medication>,
        /// Medicines the patient takes already.
        pub current_medications: List<Medication>,
        /// When to come again.
        pub followups: List<FollowUp>,
        /// What was done.
        pub procedures: List<Procedure>,
        /// To whom the patient is sent.
        pub referrals: List<ServiceRequest>,
        /// Anything else observed.
        pub other_observations: List<Observation>,
    }
    dates: |r| r.encounter.iter().flat_map(|e| [&e.start, &e.end]).collect()
}

record! {
    /// The summary of an inpatient stay.
    pub struct DischargeSummary {
        /// Why the patient came.
        pub chief_complaints: List<Condition>,
        /// What examination showed.
        pub physical_examinations: List<Observation>,
        /// Known allergies.
        pub allergies: List<Allergy>,
        /// Illnesses of the past.
        pub medical_histories: List<Condition>,
        /// Illnesses in the family.
        pub family_histories: List<FamilyHistory>,
        /// What was diagnosed during the stay.
        pub diagnoses: List<Condition>,
        /// Laboratory and imaging reports of the stay.
        pub diagnostics: List<Diagnostic>,
        /// Medicines given during the stay and to be taken after it.
        pub medications: List<Medication>,
        /// What was done.
        pub procedures: List<Procedure>,
        /// The course of the stay, in words.
        pub hospital_course: Text,
        /// What is to happen now.
        pub care_plan: Option<CarePlan>,
    }
    dates: |r| r.encounter.iter().map(|e| &e.end).collect()
}

record! {
    /// Vaccinations given and due.
    #[schemars(extend("required" = ["immunizations"]))]
    pub struct ImmunizationRecord {
        /// Vaccinations given.
        pub immunizations: List<Immunization>,
        /// Vaccinations due.
        pub recommendations: List<Recommendation>,
    }
    dates: |r| r.immunizations.iter().map(|i| &i.date).collect()
}

record! {
    /// Scanned or otherwise unstructured documents, in `documents`.
    #[schemars(extend("required" = ["documents"]))]
    pub struct HealthDocumentRecord {
    }
    dates: |_| Vec::new()
}

record! {
    /// Vital signs, measurements and habits.
    pub struct WellnessRecord {
        /// Temperature, pulse, pressure, breathing, oxygen.
        pub vital_signs: List<Observation>,
        /// Height, weight and the like.
        pub body_measurements: List<Observation>,
        /// Steps, sleep, exercise.
        pub physical_activities: List<Observation>,
        /// Sugar, fluids, well-being.
        pub general_assessments: List<Observation>,
        /// Cycle, pregnancies.
        #[serde(alias = "womenHealths", alias = "womenHealth")]
        pub woman_healths: List<Observation>,
        /// Smoking, alcohol, diet.
        #[serde(alias = "lifestyles")]
        pub life_styles: List<Observation>,
        /// Anything else observed.
        pub other_observations: List<Observation>,
        /// Illnesses that belong here.
        pub conditions: List<Condition>,
    }
    dates: |_| Vec::new()
}

record! {
    /// A bill.
    #[schemars(extend("required" = ["invoiceNumber", "lineItems"]))]
    pub struct Invoice {
        /// The bill's number.
        #[serde(alias = "identifier")]
        pub invoice_number: Text,
        /// Kind of bill: a code of NRCeS's billing codes (`00`, `01`, `02`, `03`,
        /// `99`) or its name (`Consultation`, `Pharmacy`, `IPD`, `OPD`, `Others`).
        #[serde(rename = "type")]
        pub kind: Concept,
        /// Date of the bill; the record's date if absent.
        pub date: Text,
        /// FHIR's invoice status; `issued` if absent.
        pub invoice_status: Text,
        /// What is charged for.
        pub line_items: List<LineItem>,
        /// Sum without taxes; added up if absent.
        pub total_net: Option<super::base::Decimal>,
        /// Sum with taxes; added up if absent.
        pub total_gross: Option<super::base::Decimal>,
        /// ISO 4217 code; `INR` if absent.
        pub currency: Text,
        /// When and how to pay.
        pub payment_terms: Text,
        /// Anything else to know.
        pub note: Text,
    }
    dates: |r| vec![&r.date]
}
