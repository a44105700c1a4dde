//! Code systems, identifier systems and the few codes that documents need.

pub(crate) const SNOMED: &str = "http://snomed.info/sct";
pub(crate) const LOINC: &str = "http://loinc.org";
pub(crate) const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
pub(crate) const IDENTIFIER_TYPE: &str = "https://nrces.in/ndhm/fhir/r4/CodeSystem/ndhm-identifier-type-code";
pub(crate) const TABLE_0203: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
pub(crate) const PROFILE: &str = "https://nrces.in/ndhm/fhir/r4/StructureDefinition/";
pub(crate) const BRAND_NAME: &str = "https://nrces.in/ndhm/fhir/r4/StructureDefinition/BrandName";
pub(crate) const BILLING: &str = "https://nrces.in/ndhm/fhir/r4/CodeSystem/ndhm-billing-codes";
pub(crate) const PRICE: &str = "https://nrces.in/ndhm/fhir/r4/CodeSystem/ndhm-price-components";

pub(crate) const PATIENT_ID: &str = "https://healthid.ndhm.gov.in";
pub(crate) const PRACTITIONER_ID: &str = "https://doctor.ndhm.gov.in";
pub(crate) const FACILITY_ID: &str = "https://facility.ndhm.gov.in";
pub(crate) const COMPOSITION_ID: &str = "https://ndhm.in/phr";
pub(crate) const BUNDLE_ID: &str = "http://hip.in";
pub(crate) const ENCOUNTER_ID: &str = "https://ndhm.in";

/// The URI of a system that was named shortly; any other name as it is.
pub(crate) fn resolve(system: &str) -> &str {
    const NAMES: [(&str, &str); 12] = [
        ("snomed", SNOMED),
        ("snomedct", SNOMED),
        ("snomed-ct", SNOMED),
        ("snomed ct", SNOMED),
        ("sct", SNOMED),
        ("http://snomed.info/sct/", SNOMED),
        ("loinc", LOINC),
        ("http://loinc.org/", LOINC),
        ("icd-10", ICD10),
        ("icd10", ICD10),
        ("icd", ICD10),
        ("ucum", UCUM),
    ];
    NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(system)).map_or(system, |(_, uri)| uri)
}

/// System and display of an identifier type's code.
pub(crate) fn identifier_type(code: &str) -> Option<(&'static str, &'static str)> {
    const NRCES: [(&str, &str); 21] = [
        ("ABHA", "Ayushman Bharat Health Account (ABHA) ID"),
        ("HIN", "Health ID issued by NDHM"),
        ("HPID", "Healthcare Professional ID (HPID)"),
        ("HPIN", "Health Practitioner ID issued by NDHM"),
        ("ADN", "Adhaar number"),
        ("PMJAY", "Pradhan Mantri Jan Aarogya Yojana (PMJAY) ID"),
        ("CGHS", "Central Government Health Scheme (CGHS) ID"),
        ("ECHS", "Ex-servicemen Contributory Health Scheme (ECHS) ID"),
        ("ROHINI", "Registry of Hospitals in Network of Insurance (ROHINI) ID"),
        ("NHRR", "National Health Resource Repository (NHRR) ID"),
        ("NIN", "National Identification Number (NIN)"),
        ("RCN", "Ration Card Number"),
        ("VID", "Voter ID"),
        ("BPL", "BPL Card Number"),
        ("SCC", "Senior Citizen Card"),
        ("PSC", "Pensioners Card"),
        ("SID", "Student ID card"),
        ("CLN", "Claim number"),
        ("OIN", "Other identifier"),
        ("ODN", "Other document"),
        ("HSN", "Harmonized System of Nomenclature"),
    ];
    const HL7: [(&str, &str); 14] = [
        ("MR", "Medical record number"),
        ("MRT", "Temporary Medical Record Number"),
        ("MD", "Medical License number"),
        ("LN", "License number"),
        ("RN", "Registered Nurse Number"),
        ("PRN", "Provider number"),
        ("FI", "Facility ID"),
        ("EI", "Employee number"),
        ("DL", "Driver's license number"),
        ("PPN", "Passport number"),
        ("TAX", "Tax ID number"),
        ("VN", "Visit number"),
        ("ACSN", "Accession ID"),
        ("U", "Unspecified identifier"),
    ];
    let find = |table: &'static [(&str, &str)], system| {
        table.iter().find(|(c, _)| c.eq_ignore_ascii_case(code)).map(|(_, display)| (system, *display))
    };
    find(&NRCES, IDENTIFIER_TYPE).or_else(|| find(&HL7, TABLE_0203))
}
