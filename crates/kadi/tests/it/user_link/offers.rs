//! Who is found, and what they are offered.

use domain::care_context::CareContext;
use domain::link::LinkState;
use domain::patient::Patient;
use sandbox::{Choice, DiscoveryWanted, Identifier, LinkingState};
use serde_json::{Value, json};
use store::on_both_databases;

use super::{ON_DISCOVER, ON_INIT, TO_FILE, code, only, raw_choice};
use crate::linking::{ASHA, IMRAN};
use crate::steps::{LINK, ONE, SECOND, TWO};
use crate::world::{RAMESH, World, id, new_visit};

fn offered(linking: &sandbox::Linking) -> Vec<(String, String)> {
    let entries = linking.patient.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let mut offered = Vec::new();
    for entry in &entries {
        for context in entry["careContexts"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            offered.push((text(&context["referenceNumber"]), text(&entry["hiType"])));
        }
    }
    offered.sort();
    offered
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(visit, hi_type)| ((*visit).to_owned(), (*hi_type).to_owned())).collect()
}

on_both_databases! {
    async fn only_visits_that_can_be_linked_are_offered(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let held = CareContext { hold: true, ..new_visit(&patient, "held") };
        world.put_visit(&patient, held, &ONE).await;
        let withdrawn = CareContext { withdrawn: true, ..new_visit(&patient, "withdrawn") };
        world.put_visit(&patient, withdrawn, &ONE).await;
        world.visit(&patient, "empty", &[]).await;
        let mut invalid = crate::world::prepare(&world.tx().await, &patient, &new_visit(&patient, "invalid"), &ONE);
        invalid[0].valid = false;
        let mut tx = world.tx().await;
        tx.put_care_context(&id(), &new_visit(&patient, "invalid")).await.unwrap();
        tx.replace_records(&id(), &patient.reference, &"invalid".parse().unwrap(), invalid).await.unwrap();
        tx.commit().await.unwrap();

        let found = world.discovered().await;
        let expected =
            [("visit-1", "OPConsultation"), ("visit-1", "Prescription"), ("visit-2", "OPConsultation")];
        assert_eq!(offered(&found), pairs(&expected));
        let sent = world.chosen(&found, only(&["visit-1"])).await;
        world.confirmed(&sent, world.otp()).await;

        let again = world.discovered().await;
        assert_eq!(offered(&again), pairs(&[("visit-2", "OPConsultation")]), "what is linked is not offered");
        assert_eq!(again.matched_by, Some(json!(["ABHA_ADDRESS", "MOBILE"])), "the address was learnt");
        world.assert_clean().await;
    }

    async fn a_patient_with_everything_linked_is_not_found(database: TestDatabase) {
        let world = World::with(database, sandbox::SandboxConfig::default(), TO_FILE).await;
        world.linked().await;
        let found = world.discovered().await;
        assert_eq!((found.state, code(&found)), (LinkingState::NothingFound, "ABDM-1010"));
        assert_eq!(found.error.unwrap()["message"], "Patient not found", "as for a stranger");
    }

    async fn a_type_has_no_more_than_twenty_and_the_newest_come_first(database: TestDatabase) {
        let world = World::with(database, sandbox::SandboxConfig::default(), TO_FILE).await;
        let patient = world.unlinked("P1", RAMESH).await;
        for day in 1..=23 {
            let context = CareContext {
                date: format!("2025-12-{day:02}").parse().unwrap(),
                ..new_visit(&patient, &format!("visit-{day:02}"))
            };
            world.put_visit(&patient, context, &ONE).await;
        }
        let found = world.discovered().await;
        let visits: Vec<_> = offered(&found).into_iter().map(|(visit, _)| visit).collect();
        let newest: Vec<_> = (4..=23).map(|day| format!("visit-{day:02}")).collect();
        assert_eq!(visits, newest);
        let sent = world.chosen(&found, Choice::default()).await;
        assert_eq!(world.confirmed(&sent, world.otp()).await.state, LinkingState::Linked);
        assert_eq!(offered(&world.discovered().await).len(), 3, "the rest is offered next");
    }

    async fn several_who_fit_equally_well_are_nobody_until_a_number_tells_them_apart(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let twin = Patient { reference: "P2".parse().unwrap(), ..patient };
        world.put(&twin).await;
        world.visit(&twin, "twins-visit", &ONE).await;
        let several = world.discovered().await;
        assert_eq!((several.state, code(&several)), (LinkingState::NothingFound, "ABDM-1010"));
        let said = world.calls(ON_DISCOVER)[0].body.to_string();
        assert!(!said.contains("P1") && !said.contains("P2") && !said.contains("Ramesh"), "{said}");

        let typed = Identifier { kind: "MR".into(), value: "P2".into() };
        let wanted = DiscoveryWanted { unverified: Some(vec![typed]), ..DiscoveryWanted::default() };
        let found = world.discovered_as(wanted).await;
        assert_eq!(offered(&found), pairs(&[("twins-visit", "OPConsultation")]));
        world.assert_no_violations().await;
    }

    async fn the_address_is_for_visits_after_the_link_unless_the_hospital_says_so_too(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let sent = world.chosen(&world.discovered().await, only(&["visit-1"])).await;
        let stored = async || world.read().await.patient(&id(), &patient.reference).await.unwrap().unwrap();
        assert!(stored().await.abha_address.is_none(), "not before the password was right");
        world.confirmed(&sent, world.otp()).await;
        assert_eq!(stored().await.abha_address.unwrap().to_string(), RAMESH);
        world.pass(SECOND).await;
        assert_eq!(world.link(&patient, "visit-2").await.state, LinkState::Unlinked, "was not chosen");

        let known = stored().await;
        world.visit(&known, "visit-3", &ONE).await;
        world.until_link(&known, "visit-3", LinkState::Linked).await;
        assert_eq!(world.link(&patient, "visit-2").await.state, LinkState::Unlinked);
        assert_eq!(world.calls(LINK).len(), 1);

        // Asked for by itself, an earlier visit is linked like any.
        let mut tx = world.tx().await;
        let context = tx.care_context(&id(), &known.reference, &"visit-2".parse().unwrap()).await.unwrap();
        let facility = crate::world::facility();
        kadi::flows::link::ask_again(&world.ctx(), &mut tx, &facility, &context.unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        world.until_link(&known, "visit-2", LinkState::Linked).await;
        world.assert_clean().await;
    }

    async fn a_visit_that_was_held_while_the_patient_linked_is_linked_when_released(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let held = CareContext { hold: true, ..new_visit(&patient, "visit-3") };
        world.put_visit(&patient, held.clone(), &ONE).await;
        let sent = world.chosen(&world.discovered().await, only(&["visit-1"])).await;
        world.confirmed(&sent, world.otp()).await;
        world.pass(SECOND).await;
        let known = world.read().await.patient(&id(), &patient.reference).await.unwrap().unwrap();
        world.put_visit(&known, CareContext { hold: false, ..held }, &ONE).await;
        world.until_link(&known, "visit-3", LinkState::Linked).await;
        assert_eq!(world.link(&known, "visit-2").await.state, LinkState::Unlinked);
    }

    async fn types_that_were_not_chosen_are_not_linked(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let choice = Choice {
            care_contexts: Some(vec!["visit-1".to_owned()]),
            hi_types: Some(vec!["Prescription".to_owned()]),
            ..Choice::default()
        };
        let sent = world.chosen(&world.discovered().await, choice).await;
        world.confirmed(&sent, world.otp()).await;
        world.pass(SECOND * 5).await;
        let types: Vec<_> = world.sandbox.state().links(RAMESH)[0].hi_types.iter().cloned().collect();
        assert_eq!(types, ["Prescription"]);
        assert_eq!(world.link(&patient, "visit-1").await.linked_types.len(), 1);
        assert!(world.calls(LINK).is_empty());
        world.assert_clean().await;
    }

    async fn a_choice_is_held_to_what_was_offered_to_whom(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let other = world.unlinked("P3", IMRAN).await;
        world.visit(&other, "imrans-visit", &TWO).await;
        let found = world.discovered().await;
        let of_another = Choice { abha_address: Some(ASHA.to_owned()), ..raw_choice("P1", "visit-1", "OPConsultation") };
        for (choice, expected) in [
            (raw_choice("P1", "imrans-visit", "OPConsultation"), "ABDM-1057"),
            (raw_choice("P3", "imrans-visit", "OPConsultation"), "ABDM-1060"),
            (raw_choice("P1", "visit-2", "Prescription"), "ABDM-1057"),
            (raw_choice("P1", "nowhere", "OPConsultation"), "ABDM-1057"),
            (Choice { patient: Some(json!([])), ..Choice::default() }, "ABDM-1057"),
            (of_another, "ABDM-1017"),
        ] {
            let refused = world.chosen(&found, choice).await;
            assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, expected));
        }
        assert!(world.texts().is_empty(), "no password for any of these");
        // What led to nothing leaves the transaction open.
        assert_eq!(world.chosen(&found, only(&["visit-1"])).await.state, LinkingState::OtpSent);
        assert_eq!(world.calls(ON_INIT).len(), 7);
        world.assert_no_violations().await;
    }

    async fn an_init_without_a_discovery_is_refused(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let asha = DiscoveryWanted { abha_address: ASHA.to_owned(), ..DiscoveryWanted::default() };
        let nobody = world.discovered_as(asha).await;
        let refused = world.chosen(&nobody, raw_choice("P1", "visit-1", "OPConsultation")).await;
        assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1017"));
    }

    async fn a_visit_linked_since_the_search_is_refused(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let (first, second) = (world.discovered().await, world.discovered().await);
        let sent = world.chosen(&first, only(&["visit-1"])).await;
        world.confirmed(&sent, world.otp()).await;
        let refused = world.chosen(&second, only(&["visit-1"])).await;
        assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1056"));
        assert_eq!(world.chosen(&second, only(&["visit-2"])).await.state, LinkingState::OtpSent);
    }

    async fn what_is_shown_is_no_more_than_the_visits_own_name(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        world.discovered().await;
        let reply = &world.calls(ON_DISCOVER)[0].body;
        for entry in reply["patient"].as_array().unwrap() {
            assert_eq!(entry["display"], "Ramesh Kumar");
            for context in entry["careContexts"].as_array().unwrap() {
                assert_eq!(context["display"], "OPD visit");
            }
        }
    }
}

#[tokio::test]
async fn the_answer_to_a_discovery_carries_the_hiu_id_where_that_is_asked_for() {
    let plain = World::for_linking(store::testing::TestDatabase::sqlite()).await.0;
    plain.discovered().await;
    let more = format!("[linking]\non_discover_hiu_id = true\n{}", TO_FILE);
    let asked = World::for_linking_with(store::testing::TestDatabase::sqlite(), &more).await.0;
    assert!(!plain.core().on_discover_hiu_id && asked.core().on_discover_hiu_id);
    asked.discovered().await;
    asked.assert_clean().await;
}
