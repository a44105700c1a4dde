//! Imports: many lines, one answer each.

use serde_json::{Value, json};

use super::Api;

async fn import(api: &Api, body: String) -> Vec<Value> {
    let response = api.post_text(&Api::in_facility("/patients/import"), body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    response.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(reference: &str, address: Option<&str>) -> String {
    json!({"patientRef": reference, "name": "Asha", "gender": "F", "yearOfBirth": 1985, "abhaAddress": address}).to_string()
}

#[tokio::test]
async fn each_line_is_answered_in_order_and_a_bad_one_stops_nothing() {
    let api = Api::start().await;
    api.put(&Api::in_facility("/patients/P1"), json!({"name": "Asha", "gender": "F", "yearOfBirth": 1985}))
        .await;
    let lines = [
        line("P1", None),
        line("P1", Some("asha@sbx")),
        "not json".to_owned(),
        line("P2", None),
        String::new(),
        line("bad ref", None),
        line("P3", Some("asha@sbx")),
        json!({"name": "Nobody"}).to_string(),
        line("P4", Some("asha@sbx")).replace("asha@sbx", "ravi@sbx"),
        json!({"patientRef": "P5", "name": "X", "gender": "Q", "yearOfBirth": 1985}).to_string(),
    ];
    let results = import(&api, lines.join("\r\n")).await;
    let seen: Vec<_> = results
        .iter()
        .map(|result| (result["line"].as_u64().unwrap(), result["status"].as_str().unwrap()))
        .collect();
    let expected = [
        (1, "unchanged"),
        (2, "updated"),
        (3, "rejected"),
        (4, "created"),
        (6, "rejected"),
        (7, "rejected"),
        (8, "rejected"),
        (9, "created"),
        (10, "rejected"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(results[5]["error"]["code"], "conflict");
    assert_eq!(results[5]["patientRef"], "P3");
    assert_eq!(results[8]["error"]["errors"][0]["pointer"], "/gender");
    assert_eq!(api.get(&Api::in_facility("/patients/P4")).await.body["abhaAddress"], "ravi@sbx");
    assert_eq!(api.get(&Api::in_facility("/patients/P3")).await.status, 404);
}

#[tokio::test]
async fn thousands_of_lines_and_too_long_ones_pass() {
    let api = Api::start().await;
    let mut body: Vec<_> = (0..3000).map(|number| line(&format!("P{number}"), None)).collect();
    body.insert(1500, format!("{{\"patientRef\":\"{}\"}}", "x".repeat(2 << 20)));
    let results = import(&api, body.join("\n")).await;
    assert_eq!(results.len(), 3001);
    assert_eq!(results[1500]["error"]["code"], "too_large");
    let created = results.iter().filter(|result| result["status"] == "created").count();
    assert_eq!(created, 3000);
    let again = import(&api, body.join("\n")).await;
    assert_eq!(again.iter().filter(|result| result["status"] == "unchanged").count(), 3000);
}
