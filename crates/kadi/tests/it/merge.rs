//! Two patients who are one, over the API: what moves, what ABDM goes on to call by its old name, and what is refused.

use domain::link::LinkState;
use domain::otp::OtpDesk;
use domain::patient::Patient;
use domain::reference::PatientRef;
use reqwest::Method;
use sandbox::{
    CallbackFault, Choice, ConsentWanted, DiscoveryWanted, Fault, LinkingState, RecordsWanted, TransferState,
};
use serde_json::{Value, json};
use store::on_both_databases;

use crate::api::{Answer, Api};
use crate::steps::{CONTEXT_NOTIFY, LINK, MINUTE, ON_CARE_CONTEXT, ONE, SECOND, TWO};
use crate::transfer::told;
use crate::transfer_pages::Hiu;
use crate::world::{PATIENCE, RAMESH, World, id, new_visit};

fn patient_path(reference: &str) -> String {
    Api::in_facility(&format!("/patients/{reference}"))
}

fn visit_path(reference: &str, visit: &str) -> String {
    format!("{}/care-contexts/{visit}", patient_path(reference))
}

fn person(name: &str) -> Value {
    json!({"name": name, "gender": "M", "yearOfBirth": 1985})
}

impl Api {
    async fn merge(&self, from: &str, into: &str) -> Answer {
        self.call(Method::POST, &format!("{}/merge", patient_path(from)), &json!({"into": into})).await
    }

    async fn location(&self, path: &str) -> (u16, String) {
        let response = self
            .send(Method::GET, path, Some(&self.key(Some(crate::world::FACILITY)).await), String::new())
            .await;
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), location.unwrap_or_default())
    }
}

/// As the patient is known under another reference.
fn under(patient: &Patient, reference: &str) -> Patient {
    Patient { reference: reference.parse().unwrap(), ..patient.clone() }
}

on_both_databases! {
    async fn the_one_who_stays_has_it_all_and_the_other_leads_there(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let world = &api.world;
        let old = world.linked().await;
        api.put(&patient_path("P2"), json!({"name": "Ramesh K", "gender": "M", "birthDate": "1985-06-06", "mobile": "9000000001",
            "identifiers": [{"type": "MR", "value": "4711"}]})).await;
        api.put(&visit_path("P2", "other"), json!({"display": "Visit", "date": "2026-01-16"})).await;

        let merged = api.merge("P1", "P2").await;
        assert_eq!(merged.status, 200, "{merged:?}");
        assert_eq!((&merged.body["patientRef"], &merged.body["name"]), (&json!("P2"), &json!("Ramesh K")));
        assert_eq!((&merged.body["mobile"], &merged.body["abhaAddress"]), (&json!("9000000001"), &json!(RAMESH)));
        assert_eq!(api.merge("P1", "P2").await, merged, "again: the same answer");
        assert_eq!(api.get(&patient_path("P2")).await.body, merged.body);

        for (path, to) in [
            (patient_path("P1"), patient_path("P2")),
            (visit_path("P1", "visit-1"), visit_path("P2", "visit-1")),
            (format!("{}/care-contexts?limit=1&linkState=linked", patient_path("P1")),
             format!("{}/care-contexts?limit=1&linkState=linked", patient_path("P2"))),
        ] {
            assert_eq!(api.location(&path).await, (301, to));
        }
        for (method, path) in [
            (Method::PUT, patient_path("P1")), (Method::PUT, visit_path("P1", "visit-1")),
            (Method::DELETE, visit_path("P1", "visit-1")), (Method::POST, format!("{}/link", visit_path("P1", "visit-1"))),
        ] {
            let answer = api.call(method.clone(), &path, &person("X")).await;
            assert_eq!(answer.refusal(), (409, "conflict"), "{method} {path}");
            assert!(answer.body["detail"].as_str().unwrap().contains("P2"), "{answer:?}");
        }
        assert_eq!(api.get(&visit_path("P2", "visit-1")).await.body["link"]["state"], "linked");
        let listed = api.get(&format!("{}/care-contexts", patient_path("P2"))).await.body["items"].as_array().unwrap().len();
        let patients = api.get(&Api::in_facility("/patients")).await.body["items"].as_array().unwrap().len();
        assert_eq!((listed, patients), (2, 1));
        let lines = world.read().await.audit_lines(&id(), 0, 1000).await.unwrap();
        assert_eq!(lines.iter().filter(|line| line.action == "patient merged" && line.subject == "P1 P2").count(), 1);
        assert!(world.read().await.patient(&id(), &old.reference).await.unwrap().is_none());
    }

    async fn what_cannot_be_one_is_refused_in_words_and_changes_nothing(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let address = |local: &str| json!({"name": "A", "gender": "M", "yearOfBirth": 1985, "abhaAddress": format!("{local}@sbx")});
        let number = |number: &str| json!({"name": "A", "gender": "M", "yearOfBirth": 1985, "abhaNumber": number});
        for (reference, body) in [
            ("A1", address("first.one")), ("A2", address("second.one")), ("N1", number("91-1234-5678-9015")),
            ("N2", number("91-2345-6789-0129")), ("V1", person("V")), ("V2", person("V")), ("G", person("G")), ("S", person("S")),
        ] {
            assert_eq!(api.put(&patient_path(reference), body).await.status, 201, "{reference}");
        }
        api.put(&visit_path("V1", "same"), json!({"display": "Visit", "date": "2026-01-16"})).await;
        api.put(&visit_path("V2", "same"), json!({"display": "Visit", "date": "2026-01-17"})).await;
        assert_eq!(api.merge("G", "S").await.status, 200);
        for (from, into, status, word) in [
            ("A1", "A2", 409, "ABHA address"), ("N1", "N2", 409, "ABHA number"), ("A1", "A1", 409, "themselves"),
            ("V1", "V2", 409, "same"), ("G", "A1", 409, "merged before, into S"), ("A1", "G", 409, "into S"),
            ("S", "G", 409, "themselves"), ("nobody", "A1", 404, ""), ("A1", "nobody", 422, ""),
        ] {
            let answer = api.merge(from, into).await;
            assert_eq!(answer.status, status, "{from} {into}: {answer:?}");
            assert!(answer.body["detail"].as_str().unwrap_or_default().contains(word), "{from} {into}: {answer:?}");
        }
        for path in ["A1", "A2", "N1", "N2", "V1", "V2", "S"] {
            assert_eq!(api.get(&patient_path(path)).await.status, 200, "{path}");
        }
        let malformed = api.call(Method::POST, &format!("{}/merge", patient_path("A1")), &json!({"into": 7})).await;
        assert_eq!(malformed.refusal().0, 400);
        let unfit = api.call(Method::POST, &format!("{}/merge", patient_path("A1")), &json!({"into": "a b"})).await;
        assert!([400, 422].contains(&unfit.refusal().0), "{unfit:?}");
    }

    async fn the_same_visit_on_both_sides_is_kept_once_as_abdm_has_it(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let world = &api.world;
        let linked = world.linked().await;
        api.put(&patient_path("P2"), person("Ramesh")).await;
        let twin = under(&linked, "P2");
        let twin = Patient { abha_address: None, abha_number: None, ..twin };
        world.visit(&twin, "visit-1", &TWO).await;
        assert_eq!(world.link(&twin, "visit-1").await.state, LinkState::Unlinked);
        assert_eq!(api.merge("P1", "P2").await.status, 200);
        let link = world.link(&twin, "visit-1").await;
        assert_eq!((link.state, link.linked_as), (LinkState::Linked, Some("P1".parse().unwrap())));
    }

    async fn merges_in_a_chain_lead_to_the_end(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        for reference in ["A", "B", "C", "D"] {
            api.put(&patient_path(reference), person("One")).await;
        }
        api.put(&visit_path("A", "first"), json!({"display": "Visit", "date": "2026-01-16"})).await;
        for (from, into) in [("A", "B"), ("B", "C"), ("C", "D")] {
            assert_eq!(api.merge(from, into).await.status, 200);
        }
        for gone in ["A", "B", "C"] {
            assert_eq!(api.location(&patient_path(gone)).await, (301, patient_path("D")));
            let again = api.merge(gone, "D").await;
            assert_eq!((again.status.as_u16(), &again.body["patientRef"]), (200, &json!("D")), "{gone}");
        }
        let again = api.merge("A", "B").await;
        assert_eq!((again.status.as_u16(), &again.body["patientRef"]), (200, &json!("D")), "said again, it still holds");
        assert_eq!(api.get(&visit_path("D", "first")).await.status, 200);
        assert_eq!(api.merge("D", "A").await.refusal(), (409, "conflict"), "nobody goes round in a circle");
    }

    async fn abdm_names_linked_visits_as_before_and_is_served(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let world = &api.world;
        let old = world.linked().await;
        let before = world.granted(ConsentWanted::default()).await;
        api.put(&patient_path("P2"), person("Ramesh Kumar")).await;
        assert_eq!(api.merge("P1", "P2").await.status, 200);

        let after = world.granted(ConsentWanted::default()).await;
        for consent in [&before, &after] {
            assert_eq!(consent.care_contexts[0].patient_reference, "P1", "ABDM goes on so");
            let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
            assert_eq!(transfer.state, TransferState::Transferred, "{transfer:#?}");
            assert_eq!((told(&transfer, "visit-1").0.as_str(), transfer.entries.len()), ("DELIVERED", 2));
        }
        // A later visit is linked under the reference that the patient has now; what is said of the older names the old.
        let now = under(&old, "P2");
        world.visit(&now, "visit-2", &ONE).await;
        world.until_link(&now, "visit-2", LinkState::Linked).await;
        let calls = world.calls(LINK).last().unwrap().body.clone();
        assert_eq!(calls["patient"][0]["referenceNumber"], "P2");
        let context = domain::care_context::CareContext { link: world.link(&now, "visit-1").await, ..new_visit(&now, "visit-1") };
        let more = [TWO[0], TWO[1], ("Prescription", crate::world::PRESCRIPTION)];
        world.put_visit(&now, context, &more[..]).await;
        let notified = world.until_calls(CONTEXT_NOTIFY, 1).await;
        assert_eq!(notified[0].body["notification"]["careContext"]["patientReference"], "P1");
        world.assert_clean().await;
    }

    async fn a_merge_in_the_middle_of_a_transfer_stops_nothing(database: TestDatabase) {
        let (world, _, consent) = crate::transfer_pages::three_visits(database, "[transfer]\nparallel = 1").await;
        let api = Api::of(world).await;
        api.put(&patient_path("P2"), person("Ramesh Kumar")).await;
        let mut hiu = Hiu::new().await;
        let wanted = RecordsWanted { data_push_url: Some(hiu.url.clone()), ..RecordsWanted::under(&consent) };
        let asked = api.world.sandbox.state().request_records(&wanted).unwrap();
        let answer = hiu.next().await;
        assert_eq!(api.merge("P1", "P2").await.status, 200);
        answer.send(axum::http::StatusCode::OK).await.unwrap();
        for _ in 0..2 {
            hiu.next().await.send(axum::http::StatusCode::OK).await.unwrap();
        }
        let closed = api.world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
        let rows = closed.notified.unwrap()["statusResponses"].as_array().unwrap().clone();
        assert!(rows.iter().all(|row| row["hiStatus"] == "DELIVERED"), "{rows:?}");
    }

    async fn a_link_call_under_way_finds_the_visit_where_it_is_now(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let world = &api.world;
        let old = world.linked().await;
        world.callback_faults(vec![Fault::always(CallbackFault::Late).on(ON_CARE_CONTEXT).by(MINUTE).times(1)]);
        let before = world.calls(LINK).len();
        world.visit(&old, "visit-2", &ONE).await;
        world.until_calls(LINK, before + 1).await;
        world.until_link(&old, "visit-2", LinkState::Linking).await;
        api.put(&patient_path("P2"), person("Ramesh Kumar")).await;
        assert_eq!(api.merge("P1", "P2").await.status, 200);
        let now = under(&old, "P2");
        let link = world.link_after(MINUTE, &now, "visit-2", LinkState::Linked).await;
        assert_eq!(link.linked_as, Some("P1".parse().unwrap()), "ABDM linked it under the old name");
        assert_eq!(world.calls(LINK).len(), before + 1, "and was not asked again");
        world.assert_clean().await;
    }

    async fn merges_and_links_at_the_same_moment_lose_nothing(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let world = &api.world;
        let old = world.patient("P1", RAMESH).await;
        api.put(&patient_path("P2"), person("Ramesh Kumar")).await;
        for n in 0..30 {
            world.visit(&old, &format!("visit-{n}"), &ONE).await;
        }
        let merges = futures_util::future::join_all((0..4).map(|_| api.merge("P1", "P2"))).await;
        assert!(merges.iter().all(|answer| answer.status == 200), "{merges:?}");
        let now = under(&old, "P2");
        for n in 0..30 {
            let visit = format!("visit-{n}");
            let look = async || Some(world.link(&now, &visit).await).filter(|link| link.state == LinkState::Linked);
            world.after(SECOND, look).await;
            assert!(world.sandbox.state().is_linked(RAMESH, &visit));
        }
        world.assert_clean().await;
    }

    async fn two_merges_that_meet_leave_one_patient(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        for reference in ["A", "B"] {
            api.put(&patient_path(reference), person("One")).await;
        }
        let (one, other) = tokio::join!(api.merge("A", "B"), api.merge("B", "A"));
        let statuses = [one.status.as_u16(), other.status.as_u16()];
        assert!(statuses == [200, 409] || statuses == [409, 200], "{one:?} {other:?}");
        assert_eq!(api.get(&Api::in_facility("/patients")).await.body["items"].as_array().unwrap().len(), 1);
    }

    async fn a_patients_own_link_goes_on_under_the_name_that_was_offered(database: TestDatabase) {
        let (world, old) = World::for_linking(database).await;
        let api = Api::of(world).await;
        let world = &api.world;
        let offered = world.discovered().await;
        api.put(&patient_path("P2"), person("Ramesh Kumar")).await;
        assert_eq!(api.merge("P1", "P2").await.status, 200);
        let linking = world.chosen(&offered, Choice::default()).await;
        assert_eq!(linking.state, LinkingState::OtpSent, "{linking:?}");
        let linked = world.confirmed(&linking, world.otp()).await;
        assert_eq!(linked.state, LinkingState::Linked, "{linked:?}");
        let now = under(&old, "P2");
        for visit in ["visit-1", "visit-2"] {
            let link = world.until_link(&now, visit, LinkState::Linked).await;
            assert_eq!(link.linked_as, Some("P1".parse().unwrap()));
        }
        let found = world.sandbox.state().discover(&DiscoveryWanted {
            abha_address: RAMESH.to_owned(), hip_id: crate::world::FACILITY.to_owned(), ..DiscoveryWanted::default()
        }).unwrap();
        world.sandbox.state().linking_in(&found.transaction_id, &[LinkingState::Discovered, LinkingState::NothingFound], PATIENCE).await.unwrap();
        world.assert_no_violations().await;
    }

    async fn passwords_counted_for_either_count_for_the_one_who_stays(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let (from, into): (PatientRef, PatientRef) = ("A".parse().unwrap(), "B".parse().unwrap());
        for reference in ["A", "B"] {
            api.put(&patient_path(reference), person("One")).await;
        }
        let mut tx = api.world.tx().await;
        tx.put_otp_desk(&id(), &from, &OtpDesk { wrong: 2, ..OtpDesk::default() }).await.unwrap();
        tx.put_otp_desk(&id(), &into, &OtpDesk { wrong: 1, ..OtpDesk::default() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(api.merge("A", "B").await.status, 200);
        assert_eq!(api.world.read().await.otp_desk(&id(), &into).await.unwrap().wrong, 2);
    }
}
