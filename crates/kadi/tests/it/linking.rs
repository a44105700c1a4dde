//! A hospital links visits: what is asked of ABDM, once, and when there is nothing to ask.

use abdm::id::HiType;
use abdm::time::AbdmTime;
use domain::care_context::CareContext;
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::link::LinkState;
use domain::patient::Patient;
use jiff::SignedDuration;
use kadi::flows::link::ask_again;
use kadi::flows::visits::{self, TakenBack};
use sandbox::{CallFault, CallbackFault, EffectKind, Entry, Fault, SandboxConfig, Timing};
use serde_json::Value;
use store::{NewRecord, on_both_databases};

use crate::steps::{CONTEXT_NOTIFY, GENERATE_TOKEN, HOUR, LINK, MINUTE, ON_CARE_CONTEXT, ONE, SECOND, TWO};
use crate::world::{PRESCRIPTION, RAMESH, World, facility, id, new_visit, prepare};

pub const ASHA: &str = "asha.rao@sbx";
pub const IMRAN: &str = "imran.s@sbx";
pub const LAKSHMI: &str = "lakshmi.d@sbx";

/// The patient entries of a link call: HI type and references.
fn offered(call: &Entry) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entries = call.body["patient"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let contexts = entry["careContexts"].as_array().unwrap();
            assert_eq!(entry["count"], contexts.len());
            (text(&entry["hiType"]), contexts.iter().map(|one| text(&one["referenceNumber"])).collect())
        })
        .collect()
}

impl World {
    /// Stores a visit whose records no validator has passed.
    async fn invalid_visit(&self, patient: &Patient, reference: &str, records: &[(&str, &str)]) {
        let context = new_visit(patient, reference);
        let mut tx = self.tx().await;
        let invalid = |record: NewRecord| NewRecord {
            valid: false,
            source_hash: format!("{}-invalid", record.source_hash),
            ..record
        };
        let records = prepare(&tx, patient, &context, records).into_iter().map(invalid).collect();
        visits::put(&self.ctx(), &mut tx, &facility(), (patient, &context), Some(records)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Asks again, as the HMIS does by `POST .../link`.
    pub async fn retry_link(&self, patient: &Patient, reference: &str) {
        let mut tx = self.tx().await;
        let reference = reference.parse().unwrap();
        let context = tx.care_context(&id(), &patient.reference, &reference).await.unwrap().unwrap();
        ask_again(&self.ctx(), &mut tx, &facility(), &context).await.unwrap();
        tx.commit().await.unwrap();
    }
}

on_both_databases! {
    async fn many_visits_take_one_token_and_calls_of_twenty(database: TestDatabase) {
        let world = World::on(database).await;
        let mut patient = world.patient("P1", RAMESH).await;
        let address = patient.abha_address.take();
        world.correct(&patient).await;
        for n in 0..45 {
            world.visit(&patient, &format!("visit-{n}"), &ONE).await;
            assert_eq!(world.link(&patient, &format!("visit-{n}")).await.state, LinkState::Unlinked);
        }
        assert!(world.calls(GENERATE_TOKEN).is_empty(), "without an ABHA address there is nothing to ask");

        patient.abha_address = address;
        world.correct(&patient).await;
        for n in 0..45 {
            world.until_link(&patient, &format!("visit-{n}"), LinkState::Linked).await;
        }
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 1);
        let mut sizes: Vec<_> = world.calls(LINK).iter().map(|call| offered(call)[0].1.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [5, 20, 20]);
        assert_eq!(world.raised(EventType::CareContextLinked).await, 45);

        // Months later the token is still good.
        world.clock.advance(HOUR * 24 * 100);
        world.visit(&patient, "visit-45", &ONE).await;
        world.until_link(&patient, "visit-45", LinkState::Linked).await;
        assert_eq!((world.calls(GENERATE_TOKEN).len(), world.calls(LINK).len()), (1, 4));
        world.assert_clean().await;
    }

    async fn a_call_holds_one_entry_for_each_type(database: TestDatabase) {
        let world = World::on(database).await;
        let mut patient = world.patient("P1", RAMESH).await;
        let address = patient.abha_address.take();
        world.correct(&patient).await;
        world.visit(&patient, "both", &TWO).await;
        world.visit(&patient, "twice", &[("Prescription", PRESCRIPTION), ("Prescription", PRESCRIPTION)]).await;
        world.visit(&patient, "one", &ONE).await;
        patient.abha_address = address;
        world.correct(&patient).await;
        for reference in ["both", "twice", "one"] {
            world.until_link(&patient, reference, LinkState::Linked).await;
        }
        let calls = world.calls(LINK);
        assert_eq!(calls.len(), 1);
        let list = |references: [&str; 2]| references.map(str::to_owned).to_vec();
        let mut entries = offered(&calls[0]);
        for (_, references) in &mut entries {
            references.sort();
        }
        entries.sort();
        let expected = [
            ("OPConsultation".to_owned(), list(["both", "one"])),
            ("Prescription".to_owned(), list(["both", "twice"])),
        ];
        assert_eq!(entries, expected);
        let link = world.link(&patient, "both").await;
        assert_eq!(link.linked_types, [HiType::OPConsultation, HiType::Prescription]);
        world.assert_clean().await;
    }

    async fn a_number_is_sent_plain_and_an_address_alone_will_do(database: TestDatabase) {
        let world = World::on(database).await;
        let number = world.sandbox.state().person(RAMESH).unwrap().abha_number.unwrap();
        let dashes = format!("{}-{}-{}-{}", &number[..2], &number[2..6], &number[6..10], &number[10..]);
        let dashed = Patient { abha_number: Some(dashes.parse().unwrap()), ..world.patient("P1", RAMESH).await };
        world.correct(&dashed).await;
        world.visit(&dashed, "visit-1", &ONE).await;
        world.until_link(&dashed, "visit-1", LinkState::Linked).await;
        let plain = |call: &Entry| call.body["abhaNumber"].to_string().trim_matches('"').to_owned();
        assert_eq!(plain(&world.calls(GENERATE_TOKEN)[0]), number);
        assert_eq!(plain(&world.calls(LINK)[0]), number);

        // Asha has an address only; of Imran the hospital knows no more than that.
        let asha = world.patient("P2", ASHA).await;
        let imran = Patient { abha_number: None, mobile: None, ..world.patient("P3", IMRAN).await };
        world.correct(&imran).await;
        for patient in [&asha, &imran] {
            world.visit(patient, "visit-1", &ONE).await;
            world.until_link(patient, "visit-1", LinkState::Linked).await;
        }
        for call in world.calls(GENERATE_TOKEN)[1..].iter().chain(&world.calls(LINK)[1..]) {
            assert!(call.body.get("abhaNumber").is_none_or(Value::is_null), "{:?}", call.body);
        }
        world.assert_clean().await;
    }

    async fn a_held_visit_is_linked_once_it_is_released(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        let held = CareContext { hold: true, ..new_visit(&patient, "held") };
        world.put_visit(&patient, held.clone(), &ONE).await;
        world.visit(&patient, "other", &ONE).await;
        world.until_link(&patient, "other", LinkState::Linked).await;
        assert_eq!(world.link(&patient, "held").await.state, LinkState::Unlinked);
        assert!(!world.sandbox.state().is_linked(RAMESH, "held"));

        world.put_visit(&patient, CareContext { hold: false, ..held }, &ONE).await;
        world.until_link(&patient, "held", LinkState::Linked).await;
        world.assert_clean().await;
    }

    async fn a_visit_without_a_valid_record_is_never_linked(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        world.invalid_visit(&patient, "invalid", &TWO).await;
        world.visit(&patient, "other", &ONE).await;
        world.until_link(&patient, "other", LinkState::Linked).await;
        world.retry_link(&patient, "invalid").await;
        assert_eq!(world.link(&patient, "invalid").await.state, LinkState::Unlinked);

        // Mended in part, it is linked with that part.
        let mended = new_visit(&patient, "invalid");
        world.put_visit(&patient, mended, &ONE).await;
        let link = world.until_link(&patient, "invalid", LinkState::Linked).await;
        assert_eq!(link.linked_types, [HiType::OPConsultation]);
        assert!(world.calls(LINK).iter().all(|call| offered(call).len() == 1));
        world.assert_clean().await;
    }

    async fn a_new_type_of_a_linked_visit_is_linked_with_all_others_and_told(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        world.clock.advance(MINUTE);
        world.visit(&patient, "visit-1", &TWO).await;
        let both = [HiType::OPConsultation, HiType::Prescription];
        world.until(async || Some(()).filter(|()| !world.calls(CONTEXT_NOTIFY).is_empty())).await;
        let link = world.link(&patient, "visit-1").await;
        assert_eq!((link.state, link.linked_types.as_slice()), (LinkState::Linked, both.as_slice()));
        let types: Vec<_> = world.calls(LINK).iter().map(|call| offered(call).len()).collect();
        assert_eq!(types, [1, 2], "the linked type is sent again beside the new one");
        let told = &world.calls(CONTEXT_NOTIFY)[0].body["notification"];
        assert_eq!(told["hiTypes"], serde_json::json!(["Prescription"]));
        assert_eq!(told["date"], AbdmTime("2026-01-20T06:01:00Z".parse().unwrap()).to_string());
        assert_eq!(world.raised(EventType::CareContextLinked).await, 1, "it was linked before");

        // The same records once more cause nothing; another record of a linked type is told and not linked.
        world.visit(&patient, "visit-1", &TWO).await;
        let three = [TWO[0], TWO[1], ("Prescription", PRESCRIPTION)];
        world.clock.advance(MINUTE);
        world.visit(&patient, "visit-1", &three).await;
        world.until_calls(CONTEXT_NOTIFY, 2).await;
        assert_eq!(world.calls(LINK).len(), 2);
        assert!(world.sandbox.state().is_idle(crate::world::PATIENCE).await);
        assert_eq!(world.sandbox.state().violations(), []);
    }

    async fn a_notify_that_comes_too_soon_after_the_link_is_repeated(database: TestDatabase) {
        let timing = Timing { notify_after_link: MINUTE * 3, ..Timing::default() };
        let world = World::with(database, SandboxConfig { timing, ..SandboxConfig::default() }, "").await;
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        world.visit(&patient, "visit-1", &TWO).await;
        for (count, wait) in [(1, 0), (2, 5), (3, 30), (4, 60), (5, 120)] {
            let look = async || Some(()).filter(|()| world.calls(CONTEXT_NOTIFY).len() >= count);
            world.after(SECOND * wait, look).await;
            world.until_answered(CONTEXT_NOTIFY, count).await;
        }
        assert_eq!(world.exchanges_of(CONTEXT_NOTIFY).await[0].state, ExchangeState::Answered);
        let key = format!("{}|{RAMESH}|visit-1", crate::world::FACILITY);
        let told = world.sandbox.state().effects(Some(EffectKind::ContextNotify), Some(&key));
        assert_eq!((told.len(), told[0].accepted, told[0].refused), (1, 1, 4));
        let at: Vec<_> = world.calls(CONTEXT_NOTIFY).iter().map(|call| call.at).collect();
        let gaps: Vec<_> = at.windows(2).map(|pair| pair[1].duration_since(pair[0])).collect();
        for (gap, least) in gaps.iter().zip([5, 30, 60, 120]) {
            assert!(*gap >= SignedDuration::from_secs(least), "{gaps:?}");
        }
        world.assert_clean().await;
    }

    async fn a_notify_that_abdm_never_takes_is_given_up(database: TestDatabase) {
        let timing = Timing { notify_after_link: HOUR, ..Timing::default() };
        let world = World::with(database, SandboxConfig { timing, ..SandboxConfig::default() }, "").await;
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        world.visit(&patient, "visit-1", &TWO).await;
        for (count, wait) in [(1, 0), (2, 5), (3, 30), (4, 60), (5, 120)] {
            let look = async || Some(()).filter(|()| world.calls(CONTEXT_NOTIFY).len() >= count);
            world.after(SECOND * wait, look).await;
            world.until_answered(CONTEXT_NOTIFY, count).await;
        }
        let told = world.exchanges_of(CONTEXT_NOTIFY).await.remove(0);
        assert_eq!((told.state, told.error.unwrap().code.as_str()), (ExchangeState::Refused, "ABDM-1006"));
        let link = world.link(&patient, "visit-1").await;
        assert_eq!((link.state, link.linked_types.len()), (LinkState::Linked, 2), "it is linked all the same");
        world.assert_clean().await;
    }

    async fn a_visit_is_deleted_before_it_is_linked_and_withdrawn_after(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let held = CareContext { hold: true, ..new_visit(&patient, "held") };
        world.put_visit(&patient, held, &ONE).await;
        let take_back = async |reference: &str| {
            let mut tx = world.tx().await;
            let reference = reference.parse().unwrap();
            let taken = visits::take_back(&mut tx, &id(), &patient.reference, &reference).await.unwrap();
            tx.commit().await.unwrap();
            taken
        };
        assert_eq!(take_back("held").await, Some(TakenBack::Deleted));
        assert_eq!(take_back("held").await, None);
        assert_eq!(take_back("visit-1").await, Some(TakenBack::Withdrawn));
        assert_eq!(take_back("visit-1").await, Some(TakenBack::Withdrawn));
        assert_eq!(world.link(&patient, "visit-1").await.state, LinkState::Linked, "ABDM keeps it linked");
        world.assert_clean().await;
    }

    async fn a_new_type_that_is_refused_is_not_asked_for_again_by_itself(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        world.call_faults(vec![Fault::always(CallFault::Empty400).on(LINK)]);
        world.visit(&patient, "visit-1", &TWO).await;
        let link = world.until(async || Some(world.link(&patient, "visit-1").await).filter(|link| link.error.is_some())).await;
        assert_eq!((link.state, link.linked_types.len()), (LinkState::Linked, 1), "what is linked stays so");
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_link(&patient, "visit-2", LinkState::Failed).await;
        assert_eq!(world.calls(LINK).len(), 3, "the new type was asked for once");

        world.call_faults(Vec::new());
        world.retry_link(&patient, "visit-1").await;
        let both = async || Some(world.link(&patient, "visit-1").await).filter(|link| link.linked_types.len() == 2);
        assert_eq!(world.until(both).await.error, None);
        world.assert_clean().await;
    }

    async fn a_visit_that_gains_a_type_while_it_is_being_linked_is_linked_with_it(database: TestDatabase) {
        let world = World::on(database).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Late).on(ON_CARE_CONTEXT).by(MINUTE).times(1)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linking).await;
        world.visit(&patient, "visit-1", &TWO).await;
        assert_eq!(world.link(&patient, "visit-1").await.state, LinkState::Linking);
        let both = async || Some(world.link(&patient, "visit-1").await).filter(|link| link.linked_types.len() == 2);
        world.after(MINUTE, both).await;
        assert_eq!(world.calls(LINK).len(), 2);
        assert!(world.sandbox.state().is_idle(crate::world::PATIENCE).await);
        assert_eq!(world.sandbox.state().violations(), []);
    }
}
