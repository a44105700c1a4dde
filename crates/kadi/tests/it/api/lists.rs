//! Lists of the API: newest first, page by page, and whole even while rows come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::{ConsentWanted, RecordsWanted, Renotify};
use serde_json::{Value, json};

use super::Api;
use super::visits::{prescription, until_state};
use crate::steps::SECOND;
use crate::world::{PATIENCE, RAMESH};

const SECOND_AGO: Duration = Duration::from_secs(1);

impl Api {
    async fn page(&self, path: &str, limit: usize, cursor: Option<&str>) -> (Vec<Value>, Option<String>) {
        let joint = if path.contains('?') { '&' } else { '?' };
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = self.get(&Self::in_facility(&format!("{path}{joint}limit={limit}{cursor}"))).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let items = answer.body["items"].as_array().unwrap().clone();
        assert!(items.len() <= limit);
        (items, answer.body["next"].as_str().map(str::to_owned))
    }

    /// All of a list, two at a time; `between` happens after each page.
    async fn all(&self, path: &str, pointer: &str, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let (items, next) = self.page(path, 2, cursor.as_deref()).await;
            seen.extend(items.iter().map(|item| item.pointer(pointer).unwrap().as_str().unwrap().to_owned()));
            pages += 1;
            between(pages).await;
            cursor = next;
            if cursor.is_none() {
                return seen;
            }
        }
    }

    async fn people(&self, references: &[&str]) {
        for reference in references {
            self.world.clock.advance(SECOND_AGO);
            let body = json!({"name": format!("Person {reference}"), "gender": "F", "yearOfBirth": 1985});
            self.put(&Self::in_facility(&format!("/patients/{reference}")), body).await;
        }
    }

    async fn bare_visit(&self, patient: &str, visit: &str) {
        self.world.clock.advance(SECOND_AGO);
        let path = Self::in_facility(&format!("/patients/{patient}/care-contexts/{visit}"));
        self.put(&path, json!({"display": "Visit", "date": "2026-01-15"})).await;
    }
}

#[tokio::test]
async fn patients_who_come_or_go_between_two_pages_spoil_nothing() {
    let api = Api::start().await;
    api.people(&["A", "B", "C", "D", "E", "F"]).await;
    let seen = api
        .all("/patients", "/patientRef", async |page| {
            // New ones come at the front; the one at which the page ended is merged away.
            api.people(&[&format!("N{page}")]).await;
            if page == 1 {
                let path = Api::in_facility("/patients/E/merge");
                let merged = api.call(reqwest::Method::POST, &path, &json!({"into": "F"})).await;
                assert_eq!(merged.status, 200);
            }
        })
        .await;
    assert_eq!(seen, ["F", "E", "D", "C", "B", "A"], "each once, and none left out");
    let searched = api.all("/patients?q=person", "/patientRef", async |_| {}).await;
    assert_eq!(searched, ["N3", "N2", "N1", "F", "D", "C", "B", "A"]);
}

#[tokio::test]
async fn visits_that_come_or_go_between_two_pages_spoil_nothing() {
    let api = Api::start().await;
    api.people(&["P1"]).await;
    for visit in ["V1", "V2", "V3", "V4", "V5"] {
        api.bare_visit("P1", visit).await;
    }
    for path in ["/care-contexts", "/patients/P1/care-contexts"] {
        let seen = api
            .all(path, "/careContext/careContextRef", async |page| {
                // New ones come at the front; those at which the pages ended are deleted.
                api.bare_visit("P1", "new").await;
                if let Some(last) = ["V4", "V2"].get(page - 1) {
                    let gone = Api::in_facility(&format!("/patients/P1/care-contexts/{last}"));
                    assert_eq!(api.delete(&gone).await.status, 204);
                }
            })
            .await;
        assert_eq!(seen, ["V5", "V4", "V3", "V2", "V1"], "{path}");
        for visit in ["V1", "V3", "V5", "new"] {
            let gone = Api::in_facility(&format!("/patients/P1/care-contexts/{visit}"));
            assert_eq!(api.delete(&gone).await.status, 204);
        }
        for visit in ["V1", "V2", "V3", "V4", "V5"] {
            api.bare_visit("P1", visit).await;
        }
    }
}

#[tokio::test]
async fn rows_of_one_moment_are_each_shown_once() {
    let api = Api::start().await;
    for reference in ["A", "B", "C", "D", "E"] {
        let body = json!({"name": "One", "gender": "F", "yearOfBirth": 1985});
        api.put(&Api::in_facility(&format!("/patients/{reference}")), body).await;
        let path = Api::in_facility(&format!("/patients/{reference}/care-contexts/same"));
        api.put(&path, json!({"display": "Visit", "date": "2026-01-15"})).await;
    }
    let patients = api.all("/patients", "/patientRef", async |_| {}).await;
    assert_eq!(patients, ["E", "D", "C", "B", "A"]);
    let visits = api.all("/care-contexts", "/careContext/patientRef", async |_| {}).await;
    assert_eq!(visits, ["E", "D", "C", "B", "A"]);
}

#[tokio::test]
async fn a_visit_withdrawn_stays_in_the_list_and_one_deleted_does_not() {
    let api = Api::start().await;
    api.known_patient("P1", RAMESH).await;
    for visit in ["linked", "held"] {
        api.world.clock.advance(SECOND_AGO);
        let body = json!({"display": "Visit", "date": "2026-01-15", "records": [prescription()], "hold": visit == "held"});
        api.put(&Api::in_facility(&format!("/patients/P1/care-contexts/{visit}")), body).await;
    }
    until_state(&api, &Api::in_facility("/patients/P1/care-contexts/linked"), "linked").await;
    for (visit, status) in [("linked", 200), ("held", 204)] {
        assert_eq!(
            api.delete(&Api::in_facility(&format!("/patients/P1/care-contexts/{visit}"))).await.status,
            status
        );
    }
    let (items, _) = api.page("/care-contexts", 10, None).await;
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["careContext"]["withdrawn"], &items[0]["records"]), (&json!(true), &json!([])));
    let (linked, _) = api.page("/care-contexts?linkState=linked", 10, None).await;
    assert_eq!(linked, items, "ABDM has it linked still");
    // Put again it is shared again.
    let body = json!({"display": "Visit", "date": "2026-01-15", "records": [prescription()]});
    let again = api.put(&Api::in_facility("/patients/P1/care-contexts/linked"), body).await;
    assert_eq!(again.body["careContext"].get("withdrawn"), None);
}

#[tokio::test]
async fn consents_transfers_and_exchanges_page_newest_first_and_an_over_one_shows_as_expired() {
    let api = Api::start().await;
    api.known_patient("P1", RAMESH).await;
    let body = json!({"display": "Visit", "date": "2026-01-15", "records": [prescription()]});
    let visit = Api::in_facility("/patients/P1/care-contexts/V1");
    api.put(&visit, body).await;
    until_state(&api, &visit, "linked").await;
    let abdm = api.world.sandbox.state();
    let (mut consents, mut transfers) = (Vec::new(), Vec::new());
    for n in 0..5 {
        api.world.clock.advance(SECOND_AGO);
        let end = api.world.core().clock.now() + Duration::from_secs(3600);
        let wanted =
            ConsentWanted { data_erase_at: Some(end).filter(|_| n == 4), ..ConsentWanted::default() };
        let consent = api.world.granted(wanted).await.consent_id;
        let asked = abdm.request_records(&RecordsWanted::under(&consent)).unwrap().transaction_id;
        abdm.closed_transfer(&asked, PATIENCE).await.unwrap();
        api.world.until_settled().await;
        consents.insert(0, consent);
        transfers.insert(0, asked);
    }
    assert_eq!(api.all("/consents", "/consentId", async |_| {}).await, consents);
    assert_eq!(api.all("/transfers", "/transactionId", async |_| {}).await, transfers);
    let mut ids = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let answer = api.get(&format!("/v1/exchanges?direction=in&limit=3{cursor}")).await;
        for item in answer.body["items"].as_array().unwrap() {
            assert_eq!(item["direction"], "in");
            assert!(ids.insert(item["id"].as_str().unwrap().to_owned()), "shown twice");
        }
        match answer.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(ids.len() >= 10, "a notice and a request for each consent: {}", ids.len());

    abdm.revoke(&consents[1], Renotify::default()).unwrap();
    api.world
        .until(async || {
            let shown = api.get(&Api::in_facility(&format!("/consents/{}", consents[1]))).await.body;
            Some(()).filter(|()| shown["status"] == "REVOKED")
        })
        .await;
    api.world.until_settled().await;
    api.world.clock.advance(SECOND * 3600);
    // At this very moment, whether or not anybody has swept: it is over.
    let over = api.get(&Api::in_facility(&format!("/consents/{}", consents[0]))).await.body;
    assert_eq!(over["status"], "EXPIRED");
    assert_eq!(over.as_object().unwrap().len(), 3, "{over}");
    for wrong in ["limit=0", "limit=201", "limit=x", "cursor=***", "cursor=AAAA"] {
        for list in ["/patients", "/care-contexts", "/consents", "/transfers", "/shares"] {
            let answer = api.get(&Api::in_facility(&format!("{list}?{wrong}"))).await;
            assert_eq!(answer.refusal(), (422, "invalid"), "{list}?{wrong}");
        }
    }
}
