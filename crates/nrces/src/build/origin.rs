//! Where in the input a problem of the built document came from.

use super::doc::Origin;
use crate::fhir::Map;
use crate::issue::Issue;
use crate::validate;

/// Validates a built document; locations become pointers into the input.
pub(super) fn validate_built(bundle: &Map<'_>, origins: &[Origin]) -> Vec<Issue> {
    let mut issues = validate::validate_built(bundle);
    issues.retain(|issue| !is_price_without_code(issue));
    for issue in &mut issues {
        retell(issue, origins);
    }
    issues
}

/// NRCeS has price codes for CGST and SGST but none for IGST or a surcharge; a
/// binding that is extensible allows another code just then.
fn is_price_without_code(issue: &Issue) -> bool {
    issue.rule == "binding-extensible" && issue.path.contains(".priceComponent[")
}

/// Puts a pointer to what was read in place of a location in the document. Where
/// no field is known for it, the message keeps the location.
fn retell(issue: &mut Issue, origins: &[Origin]) {
    let Some((entry, element)) = entry_of(&issue.path, origins) else {
        issue.message = format!("{} (at {})", issue.message, issue.path);
        issue.path = String::new();
        return;
    };
    let name = element.split(['.', '[']).next().unwrap_or_default();
    if let Some(field) = field(entry.kind, name) {
        issue.path = format!("{}/{field}", entry.origin);
    } else {
        issue.message = format!("{} (at {}.{element})", issue.message, entry.kind);
        issue.path.clone_from(&entry.origin);
    }
}

/// The entry and the element in it of a location `Bundle.entry[3].resource.code.text`.
fn entry_of<'o, 'l>(location: &'l str, origins: &'o [Origin]) -> Option<(&'o Origin, &'l str)> {
    let (index, rest) = location.strip_prefix("Bundle.entry[")?.split_once(']')?;
    let entry = origins.get(index.parse::<usize>().ok()?)?;
    Some((entry, rest.strip_prefix(".resource.").unwrap_or_default()))
}

/// The field of the input that an element of a resource is made from, where its
/// name is another.
fn field(kind: &str, element: &str) -> Option<&'static str> {
    let fields: &[(&str, &'static str)] = match kind {
        "Patient" => &[
            ("identifier", "patientReference"),
            ("name", "name"),
            ("gender", "gender"),
            ("birthDate", "birthDate"),
            ("telecom", "mobile"),
        ],
        "Practitioner" => {
            &[("identifier", "practitionerId"), ("name", "name"), ("qualification", "qualification")]
        }
        "Organization" => &[("identifier", "facilityId"), ("name", "facilityName")],
        "Condition" => &[
            ("code", "complaint"),
            ("onsetPeriod", "dateRange"),
            ("recordedDate", "recordedDate"),
            ("clinicalStatus", "clinicalStatus"),
            ("verificationStatus", "verificationStatus"),
        ],
        "Observation" => &[
            ("code", "observation"),
            ("valueQuantity", "valueQuantity"),
            ("valueString", "result"),
            ("valueCodeableConcept", "valueCode"),
            ("referenceRange", "referenceRange"),
            ("component", "components"),
            ("hasMember", "members"),
            ("effectiveDateTime", "date"),
        ],
        "MedicationRequest" | "MedicationStatement" => &[
            ("medicationCodeableConcept", "medicine"),
            ("dosageInstruction", "dosage"),
            ("dosage", "dosage"),
            ("reasonCode", "reason"),
            ("authoredOn", "authoredOn"),
            ("dispenseRequest", "quantity"),
        ],
        "AllergyIntolerance" => &[("code", "substance"), ("reaction", "reactions")],
        "FamilyMemberHistory" => &[("relationship", "relationship"), ("condition", "observation")],
        "ServiceRequest" => &[("code", "details"), ("reasonCode", "reason"), ("occurrenceDateTime", "date")],
        "Procedure" => {
            &[("code", "procedureName"), ("reasonCode", "procedureReason"), ("outcome", "outcome")]
        }
        "Appointment" => &[("start", "appointmentTime"), ("end", "endTime"), ("serviceType", "serviceType")],
        "DocumentReference" | "Binary" => {
            &[("content", "data"), ("data", "data"), ("contentType", "contentType")]
        }
        "DiagnosticReport" => &[
            ("code", "serviceName"),
            ("category", "serviceCategory"),
            ("result", "result"),
            ("conclusion", "conclusion"),
            ("media", "media"),
            ("presentedForm", "presentedForm"),
        ],
        "Immunization" => &[
            ("vaccineCode", "vaccineName"),
            ("occurrenceDateTime", "date"),
            ("protocolApplied", "doseNumber"),
            ("lotNumber", "lotNumber"),
        ],
        "Composition" => {
            &[("date", "authoredOn"), ("title", "title"), ("status", "status"), ("encounter", "encounter")]
        }
        _ => &[],
    };
    fields.iter().find(|(name, _)| *name == element).map(|(_, field)| *field)
}
