//! Each kind of resource as something to read.

use serde_json::Value;

use super::tree::Tree;
use super::words::{any, concept, concepts, date, display, money, notes, period, plain, quantity, range};
use super::{Fact, File, Item};

/// How deep panels and reports may go.
const DEPTH: u8 = 5;

/// A resource as an item.
pub(super) fn item(tree: &Tree<'_>, resource: &Value) -> Item {
    nested(tree, resource, DEPTH)
}

/// An item of nothing but a name.
pub(super) fn named(name: &str) -> Item {
    Item { title: name.to_owned(), ..Item::default() }
}

/// An item while its facts are gathered.
struct Facts(Item);

impl Facts {
    fn new(title: Option<String>, otherwise: &str) -> Self {
        Self(Item { title: title.unwrap_or_else(|| otherwise.to_owned()), ..Item::default() })
    }

    fn add(&mut self, label: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.0.facts.push(Fact { label, value: value.into() });
        }
    }

    fn date(&mut self, label: &'static str, value: &Value) {
        self.add(label, value.as_str().map(date));
    }

    fn notes(&mut self, resource: &Value) {
        for note in notes(resource) {
            self.add("Note", Some(note));
        }
    }
}

fn nested(tree: &Tree<'_>, resource: &Value, depth: u8) -> Item {
    match resource["resourceType"].as_str().unwrap_or_default() {
        "Patient" => patient(resource),
        "Practitioner" => practitioner(resource),
        "Organization" => organization(resource),
        "Encounter" => encounter(tree, resource),
        "Condition" => condition(resource),
        "Observation" => observation(tree, resource, depth),
        "AllergyIntolerance" => allergy(resource),
        "FamilyMemberHistory" => family(resource),
        "MedicationRequest" => medication(resource, "dosageInstruction"),
        "MedicationStatement" => medication(resource, "dosage"),
        "ServiceRequest" => service_request(resource),
        "Procedure" => procedure(resource),
        "Appointment" => appointment(resource),
        "CarePlan" => care_plan(resource),
        "DiagnosticReport" => report(tree, resource, depth),
        "Immunization" => immunization(resource),
        "ImmunizationRecommendation" => recommendation(resource),
        "DocumentReference" => document(resource),
        "Binary" => binary(resource),
        "Invoice" => invoice(tree, resource),
        kind => other(resource, kind),
    }
}

/// What is not known is read by its narrative.
fn other(resource: &Value, kind: &str) -> Item {
    let text = resource["text"]["div"].as_str().map(plain).filter(|t| !t.is_empty());
    Facts::new(text, if kind.is_empty() { "Unknown" } else { kind }).0
}

fn name(resource: &Value) -> Option<String> {
    let name = &resource["name"][0];
    let given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name["family"].as_str()).collect();
    name["text"].as_str().map(str::to_owned).or_else(|| (!parts.is_empty()).then(|| parts.join(" ")))
}

fn identifier(resource: &Value, code: &str) -> Option<String> {
    let list = resource["identifier"].as_array().into_iter().flatten();
    let is = |i: &&Value| i["type"]["coding"].as_array().into_iter().flatten().any(|c| c["code"] == code);
    list.filter(is).find_map(|i| i["value"].as_str()).map(str::to_owned)
}

fn patient(resource: &Value) -> Item {
    let mut facts = Facts::new(name(resource), "Patient");
    facts.add("Gender", resource["gender"].as_str());
    facts.date("Born", &resource["birthDate"]);
    facts.add("MRN", identifier(resource, "MR"));
    facts.add("ABHA number", identifier(resource, "HIN"));
    facts.add("ABHA address", identifier(resource, "ABHA"));
    facts.0
}

fn practitioner(resource: &Value) -> Item {
    let mut facts = Facts::new(name(resource), "Practitioner");
    for qualification in resource["qualification"].as_array().into_iter().flatten() {
        facts.add("Qualification", concept(&qualification["code"]));
    }
    facts.add("Registration", identifier(resource, "MD"));
    facts.0
}

fn organization(resource: &Value) -> Item {
    let mut facts = Facts::new(resource["name"].as_str().map(str::to_owned), "Facility");
    facts.add("Address", resource["address"][0]["text"].as_str());
    facts.add("Phone", resource["telecom"][0]["value"].as_str());
    facts.0
}

fn encounter(tree: &Tree<'_>, resource: &Value) -> Item {
    let class = &resource["class"];
    let title = concept(&resource["type"][0]).or_else(|| display(class).map(str::to_owned));
    let mut facts = Facts::new(title, "Visit");
    facts.add("Number", resource["identifier"][0]["value"].as_str());
    facts.add("Department", concept(&resource["serviceType"]));
    let when = &resource["period"];
    if when["end"].is_string() {
        facts.add("Period", period(when));
    } else {
        facts.date("Date", &when["start"]);
    }
    facts.add("Reason", concepts(&resource["reasonCode"]));
    for diagnosis in resource["diagnosis"].as_array().into_iter().flatten() {
        facts.add("Diagnosis", tree.find(&diagnosis["condition"]).and_then(|c| concept(&c["code"])));
    }
    facts.add("Discharge", concept(&resource["hospitalization"]["dischargeDisposition"]));
    facts.0
}

fn condition(resource: &Value) -> Item {
    let mut facts = Facts::new(concept(&resource["code"]), "Condition");
    facts.add("Status", concept(&resource["clinicalStatus"]));
    facts.add("Certainty", concept(&resource["verificationStatus"]));
    facts.add("Severity", concept(&resource["severity"]));
    facts.add("Site", concepts(&resource["bodySite"]));
    facts.add("Onset", any(resource, "onset"));
    facts.date("Recorded", &resource["recordedDate"]);
    facts.notes(resource);
    facts.0
}

fn observation(tree: &Tree<'_>, resource: &Value, depth: u8) -> Item {
    let mut facts = Facts::new(concept(&resource["code"]), "Observation");
    let parts: Vec<String> = resource["component"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| Some(format!("{} {}", concept(&c["code"])?, any(c, "value")?)))
        .collect();
    let result = any(resource, "value").or_else(|| (!parts.is_empty()).then(|| parts.join(", ")));
    facts.add("Result", result.or_else(|| concept(&resource["dataAbsentReason"])));
    for one in resource["referenceRange"].as_array().into_iter().flatten() {
        facts.add("Range", range(one));
    }
    facts.add("Interpretation", concepts(&resource["interpretation"]).map(|i| spelled(&i)));
    facts.add("Method", concept(&resource["method"]));
    facts.add("Site", concept(&resource["bodySite"]));
    facts.notes(resource);
    let components = resource["component"].as_array().into_iter().flatten();
    facts.0.abnormal = is_abnormal(resource) || components.into_iter().any(is_abnormal);
    facts.0.parts = parts_of(tree, &resource["hasMember"], depth);
    facts.0
}

fn is_abnormal(resource: &Value) -> bool {
    let flag = resource["interpretation"][0]["coding"][0]["code"].as_str();
    flag.is_some_and(|f| !matches!(f, "N" | "NEG" | "ND" | "NR" | "S"))
}

fn spelled(interpretation: &str) -> String {
    crate::names::interpretation(interpretation).map_or(interpretation, |(_, display)| display).to_owned()
}

fn parts_of(tree: &Tree<'_>, references: &Value, depth: u8) -> Vec<Item> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let found = references.as_array().into_iter().flatten().filter_map(|r| tree.find(r));
    found.map(|r| nested(tree, r, depth)).collect()
}

fn allergy(resource: &Value) -> Item {
    let mut facts = Facts::new(concept(&resource["code"]), "Allergy");
    facts.add("Status", concept(&resource["clinicalStatus"]));
    facts.add("Certainty", concept(&resource["verificationStatus"]));
    facts.add("Criticality", resource["criticality"].as_str());
    for reaction in resource["reaction"].as_array().into_iter().flatten() {
        facts.add("Reaction", concepts(&reaction["manifestation"]));
    }
    facts.notes(resource);
    facts.0
}

fn family(resource: &Value) -> Item {
    let mut facts = Facts::new(concept(&resource["relationship"]), "Relative");
    for one in resource["condition"].as_array().into_iter().flatten() {
        facts.add("Condition", concept(&one["code"]));
        facts.add("Onset", any(one, "onset"));
        facts.add("Died of it", one["contributedToDeath"].as_bool().filter(|d| *d).map(|_| "yes"));
    }
    facts.notes(resource);
    facts.0
}

fn medication(resource: &Value, dosage: &str) -> Item {
    let mut facts = Facts::new(any(resource, "medication"), "Medicine");
    for one in resource[dosage].as_array().into_iter().flatten() {
        facts.add("Dosage", one["text"].as_str());
        facts.add("When needed", one["asNeededBoolean"].as_bool().filter(|n| *n).map(|_| "yes"));
        facts.add("Dose", quantity(&one["doseAndRate"][0]["doseQuantity"]));
        facts.add("Timing", timing(&one["timing"]));
        facts.add("Duration", duration(&one["timing"]["repeat"]["boundsDuration"]));
        facts.add("Route", concept(&one["route"]));
        facts.add("Method", concept(&one["method"]));
        facts.add("Instructions", concepts(&one["additionalInstruction"]));
    }
    facts.add("Reason", concepts(&resource["reasonCode"]));
    facts.add("Taken", any(resource, "effective"));
    facts.add("Quantity", quantity(&resource["dispenseRequest"]["quantity"]));
    facts.notes(resource);
    facts.0
}

fn duration(bounds: &Value) -> Option<String> {
    let words = quantity(bounds)?;
    let many = bounds["value"].as_f64() != Some(1.0) && bounds["unit"].as_str().is_some_and(|u| u.len() > 2);
    Some(if many && !words.ends_with('s') { words + "s" } else { words })
}

fn timing(timing: &Value) -> Option<String> {
    let repeat = &timing["repeat"];
    let when = repeat["when"].as_array().into_iter().chain(repeat["timeOfDay"].as_array()).flatten();
    let when: Vec<&str> = when.filter_map(Value::as_str).map(event).collect();
    let rate =
        match (repeat["frequency"].as_u64(), repeat["period"].as_number(), repeat["periodUnit"].as_str()) {
            (Some(frequency), Some(period), Some(unit)) => {
                let unit = match unit {
                    "s" => "second",
                    "min" => "minute",
                    "h" => "hour",
                    "d" => "day",
                    "wk" => "week",
                    "mo" => "month",
                    _ => "year",
                };
                let times = if frequency == 1 { "once".to_owned() } else { format!("{frequency} times") };
                let every = if period.as_u64() == Some(1) {
                    format!("a {unit}")
                } else {
                    format!("in {period} {unit}s")
                };
                Some(format!("{times} {every}"))
            }
            _ => None,
        };
    let when = (!when.is_empty()).then(|| when.join(", "));
    match (rate, when) {
        (Some(rate), Some(when)) => Some(format!("{rate}, {when}")),
        (rate, when) => rate.or(when).or_else(|| concept(&timing["code"])),
    }
}

fn event(code: &str) -> &str {
    match code {
        "MORN" => "morning",
        "NOON" => "noon",
        "AFT" => "afternoon",
        "EVE" => "evening",
        "NIGHT" => "night",
        "HS" => "bedtime",
        "AC" => "before meals",
        "PC" => "after meals",
        other => other,
    }
}

fn service_request(resource: &Value) -> Item {
    let mut facts = Facts::new(concept(&resource["code"]), "Request");
    facts.add("Status", resource["status"].as_str().filter(|s| *s != "active"));
    facts.add("Priority", resource["priority"].as_str());
    facts.add("Specimen", display(&resource["specimen"][0]));
    facts.add("Referred to", display(&resource["performer"][0]));
    facts.add("Reason", concepts(&resource["reasonCode"]));
    facts.add("When", any(resource, "occurrence"));
    facts.add("Instruction", resource["patientInstruction"].as_str());
    facts.notes(resource);
    facts.0
}

fn procedure(resource: &Value) -> Item {
    let mut facts = Facts::new(concept(&resource["code"]), "Procedure");
    facts.add("Date", any(resource, "performed"));
    facts.add("Status", resource["status"].as_str());
    facts.add("Reason", concepts(&resource["reasonCode"]));
    facts.add("Site", concepts(&resource["bodySite"]));
    facts.add("Outcome", concept(&resource["outcome"]));
    facts.add("Complications", concepts(&resource["complication"]));
    facts.add("Follow-up", concepts(&resource["followUp"]));
    facts.notes(resource);
    facts.0
}

fn appointment(resource: &Value) -> Item {
    let title =
        concepts(&resource["serviceType"]).or_else(|| resource["description"].as_str().map(str::to_owned));
    let mut facts = Facts::new(title, "Follow-up");
    let start = resource["start"].as_str().unwrap_or_default();
    let end = resource["end"].as_str().unwrap_or_default();
    let whole_day = start.contains("T00:00:00") && end.contains("T23:59:59");
    facts.add(
        "When",
        Some(date(if whole_day { start.get(..10).unwrap_or(start) } else { start }))
            .filter(|d| !d.is_empty()),
    );
    facts.add("Specialty", concepts(&resource["specialty"]));
    facts.add("Reason", concepts(&resource["reasonCode"]));
    facts.add("Instruction", resource["patientInstruction"].as_str());
    facts.add("Note", resource["comment"].as_str());
    facts.0
}

fn care_plan(resource: &Value) -> Item {
    let title = resource["title"].as_str().map(str::to_owned).or_else(|| concepts(&resource["category"]));
    let mut facts = Facts::new(title, "Care plan");
    facts.add("Description", resource["description"].as_str());
    for goal in resource["goal"].as_array().into_iter().flatten() {
        facts.add("Goal", display(goal));
    }
    facts.add("Period", period(&resource["period"]));
    for activity in resource["activity"].as_array().into_iter().flatten() {
        let detail = &activity["detail"];
        let what = detail["description"].as_str().map(str::to_owned).or_else(|| concept(&detail["code"]));
        let when = any(detail, "scheduled").map(|when| format!(" ({when})")).unwrap_or_default();
        facts.add("To do", what.map(|what| what + &when));
    }
    facts.notes(resource);
    facts.0
}

fn report(tree: &Tree<'_>, resource: &Value, depth: u8) -> Item {
    let mut facts = Facts::new(concept(&resource["code"]), "Report");
    facts.add("Department", concepts(&resource["category"]));
    facts.add("Number", resource["identifier"][0]["value"].as_str());
    facts.add("Taken", any(resource, "effective"));
    facts.date("Reported", &resource["issued"]);
    for specimen in resource["specimen"].as_array().into_iter().flatten() {
        let found = tree.find(specimen).and_then(|s| concept(&s["type"]));
        facts.add("Specimen", found.or_else(|| display(specimen).map(str::to_owned)));
    }
    for study in resource["imagingStudy"].as_array().into_iter().flatten() {
        facts.add("Study", tree.find(study).and_then(|s| s["description"].as_str()));
    }
    facts.add("Conclusion", resource["conclusion"].as_str());
    facts.add("Conclusion", concepts(&resource["conclusionCode"]));
    facts.0.parts = parts_of(tree, &resource["result"], depth);
    for media in resource["media"].as_array().into_iter().flatten() {
        facts.0.files.extend(tree.find(&media["link"]).and_then(|m| file(&m["content"])));
    }
    let forms = resource["presentedForm"].as_array().into_iter().flatten();
    facts.0.files.extend(forms.filter_map(file));
    facts.0
}

fn immunization(resource: &Value) -> Item {
    let mut facts = Facts::new(concept(&resource["vaccineCode"]), "Vaccine");
    let extensions = resource["extension"].as_array().into_iter().flatten();
    let brand =
        extensions.filter(|e| e["url"] == crate::systems::BRAND_NAME).find_map(|e| e["valueString"].as_str());
    facts.add("Brand", brand);
    facts.add("Date", any(resource, "occurrence"));
    facts.add("Status", resource["status"].as_str().filter(|s| *s != "completed"));
    facts.add("Reason", concept(&resource["statusReason"]));
    for protocol in resource["protocolApplied"].as_array().into_iter().flatten() {
        let of = any(protocol, "seriesDoses").map(|of| format!(" of {of}")).unwrap_or_default();
        facts.add("Dose", any(protocol, "doseNumber").map(|dose| dose + &of));
        facts.add("Against", concepts(&protocol["targetDisease"]));
    }
    facts.add("Amount", quantity(&resource["doseQuantity"]));
    facts.add("Lot", resource["lotNumber"].as_str());
    facts.add("Manufacturer", display(&resource["manufacturer"]));
    facts.add("Site", concept(&resource["site"]));
    facts.add("Route", concept(&resource["route"]));
    facts.notes(resource);
    facts.0
}

fn recommendation(resource: &Value) -> Item {
    let mut all = named("Vaccines due");
    for one in resource["recommendation"].as_array().into_iter().flatten() {
        let title = concepts(&one["vaccineCode"]).or_else(|| concept(&one["targetDisease"]));
        let mut facts = Facts::new(title, "Vaccine");
        for criterion in one["dateCriterion"].as_array().into_iter().flatten() {
            facts.date("Due", &criterion["value"]);
        }
        facts.add("Status", concept(&one["forecastStatus"]));
        let of = any(one, "seriesDoses").map(|of| format!(" of {of}")).unwrap_or_default();
        facts.add("Dose", any(one, "doseNumber").map(|dose| dose + &of));
        facts.add("Description", one["description"].as_str());
        all.parts.push(facts.0);
    }
    all
}

fn document(resource: &Value) -> Item {
    let attachment = &resource["content"][0]["attachment"];
    let title = attachment["title"].as_str().map(str::to_owned).or_else(|| concept(&resource["type"]));
    let mut facts = Facts::new(title, "Document");
    facts.add("Type", concept(&resource["type"]).filter(|t| *t != facts.0.title));
    facts.date("Date", &attachment["creation"]);
    let contents = resource["content"].as_array().into_iter().flatten();
    facts.0.files = contents.filter_map(|c| file(&c["attachment"])).collect();
    facts.0
}

fn binary(resource: &Value) -> Item {
    Item { files: file(resource).into_iter().collect(), ..named("Document") }
}

fn file(attachment: &Value) -> Option<File> {
    Some(File {
        title: attachment["title"].as_str().unwrap_or("File").to_owned(),
        content_type: attachment["contentType"].as_str().unwrap_or_default().to_owned(),
        data: attachment["data"].as_str()?.to_owned(),
    })
}

fn invoice(tree: &Tree<'_>, resource: &Value) -> Item {
    let number = resource["identifier"][0]["value"].as_str().map(|n| format!("Invoice {n}"));
    let mut facts = Facts::new(number, "Invoice");
    facts.date("Date", &resource["date"]);
    facts.add("Type", concept(&resource["type"]));
    facts.add("Total before tax", money(&resource["totalNet"]));
    facts.add("Total", money(&resource["totalGross"]));
    facts.add("Terms", resource["paymentTerms"].as_str());
    facts.notes(resource);
    let lines = resource["lineItem"].as_array().into_iter().flatten();
    facts.0.parts = lines.map(|line| line_item(tree, line)).collect();
    facts.0
}

fn line_item(tree: &Tree<'_>, line: &Value) -> Item {
    let charge = tree.find(&line["chargeItemReference"]).unwrap_or(&Value::Null);
    let product = tree.find(&charge["productReference"]).and_then(|m| concept(&m["code"]));
    let title = product
        .or_else(|| concept(&charge["productCodeableConcept"]))
        .or_else(|| concept(&charge["code"]))
        .or_else(|| concept(&line["chargeItemCodeableConcept"]));
    let mut facts = Facts::new(title, "Charge");
    facts.add("Quantity", quantity(&charge["quantity"]));
    for part in line["priceComponent"].as_array().into_iter().flatten() {
        let label = match part["code"]["coding"][0]["code"].as_str() {
            Some("00") => "MRP",
            Some("01") => "Amount",
            Some("02") => "Discount",
            Some("03") => "CGST",
            Some("04") => "SGST",
            Some("IGST") => "IGST",
            _ => "Other",
        };
        facts.add(label, money(&part["amount"]));
    }
    facts.0
}
