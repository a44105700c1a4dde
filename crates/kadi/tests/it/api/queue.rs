//! Scan and share over the API: the queue, provisional patients and how they are adopted, codes, deep links.

use sandbox::{ShareState, ShareWanted};
use serde_json::{Value, json};

use super::Api;
use crate::world::{FACILITY, PATIENCE, RAMESH};

const ASHA: &str = "asha.rao@sbx";

impl Api {
    pub async fn scanned(&self, address: &str, counter: &str) -> sandbox::Share {
        let wanted = ShareWanted {
            abha_address: address.to_owned(),
            hip_id: FACILITY.to_owned(),
            counter: counter.to_owned(),
            intent: None,
        };
        let share = self.world.sandbox.state().share(&wanted).unwrap();
        let share = self.world.sandbox.state().answered_share(&share.request_id, PATIENCE).await.unwrap();
        assert_eq!(share.state, ShareState::Answered);
        share
    }

    async fn shares(&self, query: &str) -> Value {
        self.get(&Self::in_facility(&format!("/shares{query}"))).await.body
    }

    async fn patient(&self, reference: &str) -> super::Answer {
        self.get(&Self::in_facility(&format!("/patients/{reference}"))).await
    }
}

#[tokio::test]
async fn shares_are_listed_newest_first_with_profiles_that_can_be_put() {
    let api = Api::start().await;
    api.scanned(RAMESH, "OPD1").await;
    api.world.clock.advance(crate::steps::MINUTE);
    api.scanned(ASHA, "DENTAL").await;
    let all = api.shares("").await;
    let newest = &all["items"][0];
    assert_eq!((&newest["tokenNumber"], &newest["counter"]), (&json!("1"), &json!("DENTAL")));
    assert_eq!(
        (&newest["at"], &newest["expiresAt"]),
        (&json!("2026-01-20T06:01:00Z"), &json!("2026-01-20T06:31:00Z"))
    );
    assert_eq!(
        (&newest["profile"]["abhaAddress"], newest["profile"].get("abhaNumber")),
        (&json!(ASHA), None)
    );
    assert_eq!(all["items"][1]["profile"]["address"]["pincode"], "641050");
    let page = api.shares("?limit=1").await;
    assert_eq!(page["items"][0], *newest);
    let next = api.shares(&format!("?limit=1&cursor={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&next["items"][0]["counter"], &next["next"]), (&json!("OPD1"), &Value::Null));
    assert_eq!(api.shares("?counter=DENTAL").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(api.shares("?counter=NONE").await["items"], json!([]));
    let reference = newest["patientRef"].as_str().unwrap();
    assert_eq!(api.shares(&format!("?patientRef={reference}")).await["items"][0], *newest);

    let put = api.put(&Api::in_facility("/patients/MR-7"), newest["profile"].clone()).await;
    assert_eq!(put.status, 201, "{put:?}");
    assert_eq!(api.shares("").await["items"][0]["patientRef"], "MR-7");
}

#[tokio::test]
async fn the_first_put_with_the_same_abha_adopts_a_provisional_patient_with_the_share() {
    let api = Api::start().await;
    api.scanned(RAMESH, "OPD1").await;
    let ours = api.shares("").await["items"][0]["patientRef"].as_str().unwrap().to_owned();
    let provisional = api.patient(&ours).await.body;
    assert_eq!(provisional["provisional"], true);
    let number = provisional["abhaNumber"].clone();
    let body = json!({"name": "Ramesh Kumar", "gender": "M", "yearOfBirth": 1985, "abhaNumber": number});
    let put = api.put(&Api::in_facility("/patients/MR-1"), body.clone()).await;
    assert_eq!(put.status, 201);
    assert_eq!(put.body.get("provisional"), None);
    assert_eq!(put.body["abhaAddress"], RAMESH, "ABDM has told it");
    assert_eq!(api.patient(&ours).await.refusal(), (404, "not_found"));
    assert_eq!(api.shares("").await["items"][0]["patientRef"], "MR-1");
    let again = api.put(&Api::in_facility("/patients/MR-1"), body).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &put.body));
    assert_eq!(api.scanned(RAMESH, "OPD1").await.token_number.as_deref(), Some("1"), "a rescan after that");
    let shares = api.shares("").await;
    assert_eq!(shares["items"].as_array().unwrap().len(), 1, "{shares}");
    assert_eq!(api.get(&Api::in_facility("/patients")).await.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_import_or_a_known_patient_adopts_too_and_a_put_of_our_own_reference_makes_it_theirs() {
    let api = Api::start().await;
    api.scanned(RAMESH, "OPD1").await;
    let line = json!({"patientRef": "MR-1", "name": "Ramesh", "gender": "M", "yearOfBirth": 1985, "abhaAddress": RAMESH.to_uppercase().replace("SBX", "sbx")});
    let answer =
        api.post_text(&Api::in_facility("/patients/import"), format!("{line}\n")).await.text().await.unwrap();
    assert!(answer.contains("\"status\":\"created\""), "{answer}");
    assert_eq!(api.shares("").await["items"][0]["patientRef"], "MR-1");

    api.put(&Api::in_facility("/patients/MR-2"), json!({"name": "Asha", "gender": "F", "yearOfBirth": 1990}))
        .await;
    api.scanned(ASHA, "OPD1").await;
    let put = api.put(&Api::in_facility("/patients/MR-2"), json!({"abhaAddress": ASHA})).await;
    assert_eq!((put.status.as_u16(), &put.body["name"]), (200, &json!("Asha")));
    assert_eq!(api.shares("").await["items"][0]["patientRef"], "MR-2");

    api.scanned("baby.meera@sbx", "OPD1").await;
    let ours = api.shares("").await["items"][0]["patientRef"].as_str().unwrap().to_owned();
    let kept = api.put(&Api::in_facility(&format!("/patients/{ours}")), json!({})).await;
    assert_eq!((kept.status.as_u16(), kept.body.get("provisional")), (200, None));
    let body = json!({"name": "M", "gender": "F", "yearOfBirth": 1990, "abhaAddress": "baby.meera@sbx"});
    let taken = api.put(&Api::in_facility("/patients/MR-3"), body).await;
    assert_eq!(taken.refusal(), (409, "conflict"), "it is the HMIS's own patient now");
}

#[tokio::test]
async fn a_provisional_patient_with_visits_stays_and_an_adoption_that_is_refused_changes_nothing() {
    let api = Api::start().await;
    api.scanned(ASHA, "OPD1").await;
    let ours = api.shares("").await["items"][0]["patientRef"].as_str().unwrap().to_owned();
    let other = json!({"name": "B", "gender": "F", "yearOfBirth": 1990, "abhaNumber": "91-7654-3210-9876"});
    api.put(&Api::in_facility("/patients/MR-8"), other.clone()).await;
    let both = json!({"name": "A", "gender": "F", "yearOfBirth": 1990, "abhaAddress": ASHA, "abhaNumber": "91-7654-3210-9876"});
    let refused = api.put(&Api::in_facility("/patients/MR-9"), both.clone()).await;
    assert_eq!((refused.refusal(), refused.pointers()), ((409, "conflict"), vec!["/abhaNumber"]));
    let mut line = both.clone();
    line["patientRef"] = json!("MR-9");
    let imported =
        api.post_text(&Api::in_facility("/patients/import"), format!("{line}\n")).await.text().await.unwrap();
    assert!(imported.contains("rejected"), "{imported}");
    assert_eq!(api.patient(&ours).await.status, 200, "still there");

    let visit = json!({"display": "Visit", "date": "2026-01-15", "records": [super::visits::prescription()], "hold": true});
    api.put(&Api::in_facility(&format!("/patients/{ours}/care-contexts/V1")), visit).await;
    let taken = json!({"name": "A", "gender": "F", "yearOfBirth": 1990, "abhaAddress": ASHA});
    let taken = api.put(&Api::in_facility("/patients/MR-9"), taken).await;
    assert_eq!((taken.refusal(), taken.pointers()), ((409, "conflict"), vec!["/abhaAddress"]));
}

#[tokio::test]
async fn a_code_is_drawn_in_three_forms() {
    let api = Api::start().await;
    let key = api.key(Some(FACILITY)).await;
    for (query, kind, begins) in [
        ("", "image/png", &b"\x89PNG"[..]),
        ("?counter=OPD1&format=png", "image/png", b"\x89PNG"),
        ("?counter=OPD1&format=svg", "image/svg+xml", b"<svg "),
        ("?format=pdf", "application/pdf", b"%PDF-"),
    ] {
        let path = Api::in_facility(&format!("/qr{query}"));
        let response = api.send(reqwest::Method::GET, &path, Some(&key), String::new()).await;
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
            (200, kind)
        );
        assert!(response.bytes().await.unwrap().starts_with(begins), "{query}");
    }
    for (query, pointer) in
        [("?format=gif", "/format"), ("?counter=OPD%201", "/counter"), ("?counter=IN2810014366", "/counter")]
    {
        let refused = api.get(&Api::in_facility(&format!("/qr{query}"))).await;
        assert_eq!((refused.refusal(), refused.pointers()), ((422, "invalid"), vec![pointer]), "{query}");
    }
}

#[tokio::test]
async fn a_deep_link_is_asked_for_and_refused_while_one_is_under_way() {
    let api = Api::start().await;
    let path = Api::in_facility("/sms-notifications");
    for (body, status) in [
        (json!({}), 422),
        (json!({"mobile": "12"}), 422),
        (json!({"mobile": null}), 422),
        (json!({"mobile": 5}), 400),
    ] {
        let refused = api.call(reqwest::Method::POST, &path, &body).await;
        assert_eq!((refused.status.as_u16(), refused.pointers()), (status, vec!["/mobile"]), "{body}");
    }
    let lost = sandbox::Fault::always(sandbox::CallbackFault::Lost).on("/sms/on-notify");
    api.world.callback_faults(vec![lost]);
    let body = json!({"mobile": "+91-98123 45678"});
    let asked = api.call(reqwest::Method::POST, &path, &body).await;
    assert_eq!(
        (asked.status.as_u16(), asked.body["path"].as_str()),
        (202, Some("/api/hiecm/hip/v3/link/patient/links/sms/notify2"))
    );
    let id = asked.body["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/v1/exchanges/{id}")).await.status, 200);
    let again = api.call(reqwest::Method::POST, &path, &body).await;
    assert_eq!(again.refusal(), (409, "conflict"));
    assert!(!again.body.to_string().contains("98123"));
    let admin = Api { key: api.key(None).await, ..api };
    admin.put(&Api::in_facility(""), json!({"roles": ["HIU"]})).await;
    let body = json!({"mobile": "9823456789"});
    assert_eq!(admin.call(reqwest::Method::POST, &path, &body).await.refusal(), (409, "conflict"), "no HIP");
}
