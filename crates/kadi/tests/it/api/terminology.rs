//! Codes over the API: searched, counted while they stand for nothing, and standard ones once somebody has said.

use serde_json::{Value, json};
use store::terminology::{Builder, NewEntry};

use super::Api;
use crate::world::FACILITY;

const LOINC: &str = "http://loinc.org";
const HEMOGLOBIN: &str = "Hemoglobin [Mass/volume] in Blood";

fn report(observations: &[Value]) -> Value {
    let result = observations.iter().map(
        |observation| json!({"observation": observation, "valueQuantity": {"value": 13.5, "unit": "g/dL"}}),
    );
    let data = json!({
        "authoredOn": "2026-01-15",
        "practitioners": [{"name": "Dr. Rakesh Menon", "registrationNumber": "TSMC-22140"}],
        "diagnostics": [{"serviceName": "Blood", "serviceCategory": "Haematology", "conclusion": "Normal",
            "result": result.collect::<Vec<_>>()}],
    });
    json!({"hiType": "DiagnosticReport", "data": data})
}

/// An API with a patient, as the facility or as an administrator.
async fn hospital(api: Api) -> Api {
    let patient = json!({"name": "Asha Devi", "gender": "F", "birthDate": "1985-07-23"});
    api.put(&Api::in_facility("/patients/P1"), patient).await;
    api
}

/// Puts a visit with such a report. Returns its record's id.
async fn put(api: &Api, visit: &str, observations: &[Value]) -> String {
    let body = json!({"display": "Lab", "date": "2026-01-15", "records": [report(observations)]});
    let answer = api.put(&Api::in_facility(&format!("/patients/P1/care-contexts/{visit}")), body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["records"][0]["valid"], true, "{answer:?}");
    answer.body["records"][0]["id"].as_str().unwrap().to_owned()
}

/// The code of the first result in a stored document.
async fn coded(api: &Api, record: &str) -> Value {
    let mut tx = api.world.tx().await;
    let bundle = tx.bundle(&crate::world::id(), record.parse().unwrap()).await.unwrap().unwrap();
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["resource"]["resourceType"] == "Observation");
    found.unwrap()["resource"]["code"].clone()
}

/// Loads two LOINC codes, as `kadi terminology load` would beside the running bridge.
async fn load_loinc(api: &Api) {
    let mut builder = Builder::new("");
    for (code, display) in [("718-7", HEMOGLOBIN), ("6690-2", "Leukocytes [#/volume] in Blood")] {
        builder.add(&NewEntry { system: LOINC, code, display, kind: "HEM/BC", ..NewEntry::default() });
    }
    let core = api.world.core();
    core.terminology.replace("loinc", builder, core.clock.now(), &mut |_| {}).await.unwrap();
}

async fn unmapped(api: &Api) -> Vec<(String, u64)> {
    let answer = api.get("/v1/terminology/unmapped").await;
    let items = answer.body["items"].as_array().unwrap().iter();
    items
        .map(|item| (item["localCode"].as_str().unwrap().to_owned(), item["count"].as_u64().unwrap()))
        .collect()
}

fn hb() -> Value {
    json!({"text": "Haemoglobin", "code": "HB"})
}

fn tlc() -> Value {
    json!({"text": "Total leucocyte count", "code": "TLC", "system": "urn:lab"})
}

#[tokio::test]
async fn codes_are_searched_with_what_is_built_in_and_what_was_loaded() {
    let api = Api::start().await;
    let found = api.get("/v1/terminology/search?q=hart%20rate").await;
    assert_eq!((found.status.as_u16(), &found.body["next"]), (200, &Value::Null));
    assert_eq!(found.body["items"][0]["code"], "8867-4", "{found:?}");
    load_loinc(&api).await;
    let found = api.get("/v1/terminology/search?q=haemoglob&system=loinc&limit=1").await;
    let expected = json!({"items": [{"system": LOINC, "code": "718-7", "display": HEMOGLOBIN, "kind": "HEM/BC"}],
        "next": null});
    assert_eq!(found.body, expected);
    let none = api.get("/v1/terminology/search?q=zzqqxx&system=urn:nothing").await;
    assert_eq!(none.body["items"], json!([]));
    for (query, pointer) in
        [("q=a&limit=0", "/limit"), ("q=a&limit=101", "/limit"), ("q=a&limit=x", "/limit")]
    {
        let answer = api.get(&format!("/v1/terminology/search?{query}")).await;
        assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec![pointer]), "{query}");
    }
}

#[tokio::test]
async fn a_lab_sees_its_commonest_codes_with_suggestions_and_says_what_they_stand_for() {
    let api = hospital(Api::start().await).await;
    load_loinc(&api).await;
    put(&api, "V1", &[hb(), tlc(), hb()]).await;
    let before = put(&api, "V2", &[hb()]).await;
    put(&api, "V2", &[hb()]).await;
    assert_eq!(coded(&api, &before).await, json!({"text": "Haemoglobin"}));
    assert_eq!(unmapped(&api).await, [("HB".into(), 3), ("TLC".into(), 1)], "an equal record counts once");
    let listed = api.get("/v1/terminology/unmapped?limit=1").await;
    let first = &listed.body["items"][0];
    assert_eq!((&first["label"], &first["facilityId"]), (&json!("Haemoglobin"), &json!(FACILITY)));
    assert_eq!(first["suggestions"][0]["code"], "718-7", "{first}");
    let next = listed.body["next"].as_str().unwrap();
    let listed = api.get(&format!("/v1/terminology/unmapped?limit=1&cursor={next}")).await;
    let second = &listed.body["items"][0];
    assert_eq!((&second["localCode"], &second["localSystem"]), (&json!("TLC"), &json!("urn:lab")));
    assert_eq!((&second["suggestions"][0]["code"], &listed.body["next"]), (&json!("6690-2"), &Value::Null));

    let path = Api::in_facility("/code-map/HB");
    let mapped = api.put(&path, json!({"system": "loinc", "code": "718-7"})).await;
    let expected = json!({"localCode": "HB", "system": LOINC, "code": "718-7", "display": HEMOGLOBIN});
    assert_eq!((mapped.status.as_u16(), &mapped.body), (201, &expected));
    assert_eq!(api.put(&path, json!({"system": "loinc", "code": "718-7"})).await.status, 200);
    assert_eq!(unmapped(&api).await, [("TLC".into(), 1)]);

    let after = put(&api, "V2", &[hb()]).await;
    assert_ne!(before, after, "put again it is coded");
    assert_eq!(coded(&api, &after).await["coding"][0]["code"], "718-7");
    assert_eq!(coded(&api, &after).await["text"], "Haemoglobin");
    assert_eq!(put(&api, "V2", &[hb()]).await, after, "and put once more it is the same");
    assert_eq!(unmapped(&api).await, [("TLC".into(), 1)]);
}

#[tokio::test]
async fn a_code_of_a_loaded_code_system_needs_no_words() {
    let api = hospital(Api::start().await).await;
    load_loinc(&api).await;
    let record = put(&api, "V1", &[json!({"system": "loinc", "code": "718-7"})]).await;
    assert_eq!(coded(&api, &record).await["coding"][0]["display"], HEMOGLOBIN);
}

#[tokio::test]
async fn mappings_are_listed_and_forgotten_each_under_its_own_system() {
    let api = Api::start().await;
    let map = async |path: &str, code: &str| {
        let body = json!({"system": LOINC, "code": code, "display": "Test"});
        let answer = api.put(&Api::in_facility(path), body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    map("/code-map/HB", "718-7").await;
    map("/code-map/HB?localSystem=urn:lab-2", "20509-6").await;
    map("/code-map/a%2Fb%20c", "6690-2").await;
    map("/code-map/%E0%A4%B9", "6690-2").await;
    let mut seen = Vec::new();
    let mut path = Api::in_facility("/code-map?limit=1");
    loop {
        let page = api.get(&path).await;
        let item = &page.body["items"][0];
        seen.push((item["localCode"].clone(), item["localSystem"].clone()));
        let Some(next) = page.body["next"].as_str() else { break };
        path = Api::in_facility(&format!("/code-map?limit=1&cursor={next}"));
    }
    let lab = json!("urn:lab-2");
    let none = Value::Null;
    let expected =
        [(json!("HB"), none.clone()), (json!("HB"), lab), (json!("a/b c"), none.clone()), (json!("ह"), none)];
    assert_eq!(seen, expected);
    assert_eq!(api.delete(&Api::in_facility("/code-map/HB")).await.status, 204);
    assert_eq!(api.delete(&Api::in_facility("/code-map/HB")).await.refusal(), (404, "not_found"));
    assert_eq!(api.delete(&Api::in_facility("/code-map/HB?localSystem=urn:lab-2")).await.status, 204);
}

#[tokio::test]
async fn a_mapping_that_makes_no_sense_is_told_field_by_field() {
    let api = Api::start().await;
    let path = Api::in_facility("/code-map/HB");
    for (body, pointers) in [
        (json!({"system": "ours", "code": "1", "display": "x"}), vec!["/system"]),
        (json!({"system": "loinc", "code": "718-8", "display": "x"}), vec!["/code"]),
        (json!({"system": "snomed", "code": "386661007", "display": "x"}), vec!["/code"]),
        (json!({"system": "", "code": " ", "display": ""}), vec!["/system", "/code", "/display"]),
        (json!({"system": "urn:unknown", "code": "1"}), vec!["/display"]),
        (json!({"system": "x:".repeat(200), "code": "1", "display": "x"}), vec!["/system"]),
    ] {
        let answer = api.put(&path, body.clone()).await;
        assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), pointers), "{body}");
    }
    let long = Api::in_facility(&format!("/code-map/{}", "x".repeat(256)));
    let answer = api.put(&long, json!({"system": "loinc", "code": "718-7", "display": "x"})).await;
    assert_eq!(answer.pointers(), ["/localCode"]);
    assert_eq!(api.get(&Api::in_facility("/code-map")).await.body["items"], json!([]));
}

#[tokio::test]
async fn a_list_is_stored_together_and_its_bad_lines_are_told() {
    let api = hospital(Api::start().await).await;
    load_loinc(&api).await;
    put(&api, "V1", &[hb()]).await;
    let list = "local_code,system,code,display\nHB,loinc,718-7,\nTLC,loinc,6690-3,misprint\nXX,urn:a,1,\nGLU,loinc,2345-7,Glucose\n";
    let answer = super::read(api.post_text(&Api::in_facility("/code-map"), list.into()).await).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["stored"], &answer.body["rejected"]),
        (200, &json!(2), &json!(2))
    );
    let lines: Vec<_> =
        answer.body["problems"].as_array().unwrap().iter().map(|problem| &problem["line"]).collect();
    assert_eq!(lines, [3, 4]);
    let mapped = api.get(&Api::in_facility("/code-map")).await;
    assert_eq!(mapped.body["items"][1]["display"], HEMOGLOBIN, "words that the list lacks are looked up");
    assert!(unmapped(&api).await.is_empty());
    for text in ["", "HB,718-7\n"] {
        let answer = super::read(api.post_text(&Api::in_facility("/code-map"), text.into()).await).await;
        assert_eq!(answer.refusal(), (422, "invalid"), "{text}");
    }
}

#[tokio::test]
async fn a_facility_sees_its_own_unmapped_codes_and_an_administrator_any() {
    let api = hospital(Api::start().await).await;
    api.other_facility("IN0000000002").await;
    put(&api, "V1", &[hb()]).await;
    let foreign = Api { key: api.key(Some("IN0000000002")).await, ..api };
    assert!(unmapped(&foreign).await.is_empty());
    let asked = format!("/v1/terminology/unmapped?facilityId={FACILITY}");
    assert_eq!(foreign.get(&asked).await.refusal(), (404, "not_found"));
    assert_eq!(foreign.get("/v1/terminology/search?q=fever").await.status, 200);

    let admin = Api { key: foreign.key(None).await, ..foreign };
    assert_eq!(unmapped(&admin).await, [("HB".into(), 1)]);
    assert_eq!(admin.get(&asked).await.body["items"][0]["localCode"], "HB");
    let other = admin.get("/v1/terminology/unmapped?facilityId=IN0000000002").await;
    assert_eq!(other.body["items"], json!([]));
    for query in ["facilityId=a%20b", "facilityId="] {
        let answer = admin.get(&format!("/v1/terminology/unmapped?{query}")).await;
        assert_eq!(answer.refusal(), (404, "not_found"), "{query}");
    }
    let cursor = admin.get("/v1/terminology/unmapped?cursor=AAAA").await;
    assert_eq!((cursor.refusal(), cursor.pointers()), ((422, "invalid"), vec!["/cursor"]));
}
