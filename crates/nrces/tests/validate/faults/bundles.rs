//! The Bundle as a document.

use serde_json::json;

use crate::support::{all, faults, push, remove, set, swap};

faults! {
    a_bundle_without_identifier: "op-consultation", remove("Bundle/identifier") => "bdl-9" at "Bundle.identifier";
    a_bundle_identifier_without_value: "op-consultation", remove("Bundle/identifier/value") => "bdl-9" at "Bundle.identifier.value";
    a_bundle_identifier_without_system: "op-consultation", remove("Bundle/identifier/system") => "bdl-9" at "Bundle.identifier.system";
    a_bundle_without_timestamp: "op-consultation", remove("Bundle/timestamp") => "bdl-10" at "Bundle.timestamp";
    a_bundle_without_meta: "op-consultation", remove("Bundle/meta") => "cardinality-min" at "Bundle.meta";
    a_bundle_without_version: "op-consultation", remove("Bundle/meta/versionId") => "cardinality-min" at "Bundle.meta.versionId";
    a_bundle_without_type: "op-consultation", remove("Bundle/type") => "cardinality-min" at "Bundle.type";
    a_bundle_that_is_a_collection: "op-consultation", set("Bundle/type", "collection") => "document-type" at "Bundle.type";
    a_bundle_without_entries: "op-consultation", remove("Bundle/entry") => "bdl-11" at "Bundle.entry";
    a_bundle_with_a_total: "op-consultation", set("Bundle/total", 3) => "bdl-1" at "Bundle.total";
    an_entry_with_a_search_mode: "op-consultation", set("Bundle/entry/1/search", json!({"mode": "match"})) => "bdl-2" at "Bundle.entry[1].search";
    an_entry_with_a_request: "op-consultation", set("Bundle/entry/1/request", json!({"method": "POST", "url": "Patient"})) => "bdl-3" at "Bundle.entry[1].request";
    an_entry_with_a_response: "op-consultation", set("Bundle/entry/1/response", json!({"status": "200"})) => "bdl-4" at "Bundle.entry[1].response";
    an_entry_with_nothing_in_it: "op-consultation", remove("Bundle/entry/1/resource") => "bdl-5" at "Bundle.entry[1]";
    an_entry_without_resource: "op-consultation", remove("Bundle/entry/1/resource") => "entry-resource" at "Bundle.entry[1].resource";
    a_full_url_of_a_version: "op-consultation", set("Bundle/entry/2/fullUrl", "https://a.example/Practitioner/1/_history/2") => "bdl-8" at "Bundle.entry[2].fullUrl";
    an_entry_without_full_url: "op-consultation", remove("Bundle/entry/2/fullUrl") => "full-url" at "Bundle.entry[2].fullUrl";
    a_full_url_that_is_relative: "op-consultation", set("Bundle/entry/2/fullUrl", "Practitioner/1") => "full-url" at "Bundle.entry[2].fullUrl";
    a_full_url_of_another_resource: "op-consultation", set("Bundle/entry/2/fullUrl", "https://a.example/Practitioner/1") => "full-url" at "Bundle.entry[2].fullUrl";
    a_composition_that_is_not_first: "op-consultation", swap("Bundle/entry/0", "Bundle/entry/1") => "bdl-11" at "Bundle.entry[0].resource";
    a_second_composition: "op-consultation", push("Bundle/entry", json!({"fullUrl": "urn:uuid:0c5b6a3e-1111-4222-8333-444455556666", "resource": {"resourceType": "Composition"}})) => "document-composition" at "Bundle.entry[18].resource";
    no_composition: "op-consultation", remove("Bundle/entry/0") => "no-composition" at "Bundle.entry";
    a_second_patient: "op-consultation", push("Bundle/entry", json!({"fullUrl": "urn:uuid:0c5b6a3e-1111-4222-8333-444455556666", "resource": {"resourceType": "Patient"}})) => "document-patient" at "Bundle.entry[18].resource";
    a_profile_of_another_resource: "op-consultation", set("Patient/meta/profile/0", "https://nrces.in/ndhm/fhir/r4/StructureDefinition/Practitioner") => "profile-type" at "Patient.meta.profile[0]";
    a_bundle_that_claims_a_profile_of_another_resource: "op-consultation", set("Bundle/meta/profile/0", "https://nrces.in/ndhm/fhir/r4/StructureDefinition/Patient") => "profile-type" at "Bundle.meta.profile[0]";
    a_signature_without_signer: "op-consultation", set("Bundle/signature", json!({"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}], "when": "2024-05-31T10:15:00+05:30"})) => "cardinality-min" at "Bundle.signature.who";
    a_second_reading_of_one_url: "op-consultation", all([set("Bundle/entry/2/fullUrl", "urn:uuid:0c5b6a3e-1111-4222-8333-444455556666"), set("Bundle/entry/3/fullUrl", "urn:uuid:0c5b6a3e-1111-4222-8333-444455556666")]) => "bdl-7" at "Bundle.entry[3].fullUrl";
}
