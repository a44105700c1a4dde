//! Deep links by SMS: sent by themselves for recent visits, once per patient and period, and never twice at a time.

use abdm::id::Mobile;
use domain::care_context::CareContext;
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::patient::Patient;
use kadi::flows::sms;
use sandbox::{CallFault, CallbackFault, EffectKind, Fault, RawCallback, SandboxConfig};
use serde_json::{Value, json};
use store::on_both_databases;

use crate::steps::{HOUR, MINUTE, ONE, SECOND};
use crate::world::{FACILITY, World, facility, id, known_patient, new_visit};

const SMS: &str = "/links/sms/notify2";
const ON_NOTIFY: &str = "/api/v3/patients/sms/on-notify";
const MOBILE: &str = "9812345678";
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

impl World {
    /// A patient with a mobile and no ABHA address.
    async fn without_abha(&self, reference: &str) -> Patient {
        let known = known_patient(&self.sandbox, reference, crate::world::RAMESH);
        let mobile = Some(MOBILE.parse().unwrap());
        let patient = Patient { abha_address: None, abha_number: None, mobile, ..known };
        let mut tx = self.tx().await;
        tx.put_patient(&id(), &patient).await.unwrap();
        tx.commit().await.unwrap();
        patient
    }

    async fn visit_on(&self, patient: &Patient, reference: &str, date: &str) {
        let context = CareContext { date: date.parse().unwrap(), ..new_visit(patient, reference) };
        self.put_visit(patient, context, &ONE).await;
    }

    /// What the last `sms.result` said.
    async fn until_result(&self, count: usize) -> Value {
        let last = async || {
            let mut events = self.events().await;
            events.retain(|event| event.event == EventType::SmsResult);
            events.get(count - 1).map(|event| event.data.clone())
        };
        self.until(last).await
    }

    fn sent(&self) -> u32 {
        let effects = self.sandbox.state().effects(Some(EffectKind::Sms), None);
        effects.iter().map(|effect| effect.accepted).sum()
    }

    /// Asks as the HMIS would.
    async fn asked(&self, mobile: &str) -> Option<uuid::Uuid> {
        let mut tx = self.tx().await;
        let asked = sms::ask(&mut tx, &facility(), mobile.parse::<Mobile>().unwrap(), "").await.unwrap();
        tx.commit().await.unwrap();
        asked
    }
}

on_both_databases! {
    async fn hip_init_notify_hiecm_a_recent_visit_of_a_patient_with_a_mobile_only_leads_to_a_text(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.without_abha("P1").await;
        world.visit_on(&patient, "visit-1", "2026-01-13").await;
        let result = world.until_result(1).await;
        let exchange = world.exchanges_of(SMS).await.pop().unwrap();
        let expected = json!({"exchangeId": exchange.id, "state": "accepted", "patientRef": "P1", "facilityId": FACILITY});
        assert_eq!(result, expected);
        assert_eq!((exchange.state, exchange.subject.as_deref()), (ExchangeState::Answered, Some("P1")));
        let body = &world.calls(SMS)[0].body;
        assert_eq!(*body, json!({"notification": {"phoneNo": MOBILE, "hip": {"id": FACILITY, "name": "Kadi Demo Hospital"}}}));
        assert_eq!(world.sent(), 1);
        world.assert_clean().await;
    }

    async fn history_and_whoever_needs_no_text_lead_to_none(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.without_abha("P1").await;
        world.visit_on(&patient, "old", "2026-01-12").await;
        world.visit_on(&patient, "older", "2019-05-01").await;
        let held = CareContext { hold: true, date: "2026-01-20".parse().unwrap(), ..new_visit(&patient, "held") };
        world.put_visit(&patient, held, &ONE).await;
        let empty = CareContext { date: "2026-01-20".parse().unwrap(), ..new_visit(&patient, "empty") };
        world.put_visit(&patient, empty, &[]).await;
        let silent = Patient { reference: "P2".parse().unwrap(), mobile: None, ..patient.clone() };
        let mut tx = world.tx().await;
        tx.put_patient(&id(), &silent).await.unwrap();
        tx.commit().await.unwrap();
        world.visit_on(&silent, "today", "2026-01-20").await;
        let ramesh = world.patient("P3", crate::world::RAMESH).await;
        world.visit_on(&ramesh, "today", "2026-01-20").await;
        assert!(world.exchanges_of(SMS).await.is_empty());
    }

    async fn the_same_patient_gets_one_text_a_month_and_at_a_new_mobile_another(database: TestDatabase) {
        let world = World::on(database).await;
        let mut patient = world.without_abha("P1").await;
        world.visit_on(&patient, "visit-1", "2026-01-20").await;
        world.until_result(1).await;
        world.until_settled().await;
        world.visit_on(&patient, "visit-2", "2026-01-20").await;
        assert_eq!(world.exchanges_of(SMS).await.len(), 1);
        patient.mobile = Some("9823456789".parse().unwrap());
        world.correct(&patient).await;
        world.visit_on(&patient, "visit-3", "2026-01-20").await;
        world.until_result(2).await;
        world.until_settled().await;
        world.clock.advance(29 * DAY);
        world.visit_on(&patient, "visit-4", "2026-02-18").await;
        assert_eq!(world.exchanges_of(SMS).await.len(), 2);
        world.clock.advance(DAY);
        world.visit_on(&patient, "visit-5", "2026-02-19").await;
        world.until_result(3).await;
        assert_eq!(world.sent(), 3);
    }

    async fn two_patients_of_one_mobile_have_one_text_while_the_first_is_under_way(database: TestDatabase) {
        let mut settings = SandboxConfig::default();
        settings.timing.callback_delay = MINUTE;
        let world = World::with(database, settings, "").await;
        let (one, other) = (world.without_abha("P1").await, world.without_abha("P2").await);
        world.visit_on(&one, "visit-1", "2026-01-20").await;
        world.until_awaited(SMS).await;
        world.visit_on(&other, "visit-1", "2026-01-20").await;
        assert_eq!(world.asked(MOBILE).await, None, "nor may the HMIS ask");
        assert!(world.asked("9800000000").await.is_some(), "another mobile has its own");
        world.until_calls(SMS, 2).await;
        world.until_awaited(SMS).await;
        world.clock.advance(MINUTE);
        world.until_result(2).await;
        world.assert_clean().await;
        assert!(world.asked(MOBILE).await.is_some(), "answered: there is room for another");
    }

    async fn a_text_whose_outcome_is_unknown_is_never_sent_again(database: TestDatabase) {
        let world = World::on(database).await;
        world.sandbox.state().set_faults(sandbox::Plan {
            calls: vec![Fault::always(CallFault::Close).on(SMS).after().times(1)],
            callbacks: vec![Fault::always(CallbackFault::Lost).on(ON_NOTIFY)],
            ..sandbox::Plan::default()
        });
        let patient = world.without_abha("P1").await;
        world.visit_on(&patient, "visit-1", "2026-01-20").await;
        world.until_awaited(SMS).await;
        assert_eq!(world.asked(MOBILE).await, None);
        let unknown = async || {
            world.clock.advance(MINUTE);
            Some(()).filter(|()| world.calls(SMS).len() == 1)?;
            let events = world.events().await;
            events.into_iter().find(|event| event.event == EventType::SmsResult).map(|event| event.data)
        };
        assert_eq!(world.until(unknown).await["state"], "unknown");
        let exchange = world.exchanges_of(SMS).await.pop().unwrap();
        assert_eq!(exchange.state, ExchangeState::Overdue);
        world.visit_on(&patient, "visit-2", "2026-01-20").await;
        world.clock.advance(HOUR);
        assert_eq!((world.calls(SMS).len(), world.sent()), (1, 1));

        // The callback comes after all, twice.
        let request = world.calls(SMS)[0].request_id.clone().unwrap();
        for _ in 0..2 {
            let body = json!({"acknowledgement": {"status": "SUCCESS"}, "response": {"requestId": request}});
            assert_eq!(world.callback(RawCallback::new("/api/v3/patients/sms/on-notify", FACILITY, body)).await.status, Some(200));
        }
        assert_eq!(world.until_result(2).await["state"], "accepted");
        assert!(world.asked(MOBILE).await.is_some(), "its window is over");
        world.until_calls(SMS, 2).await;
        assert_eq!(world.raised(EventType::SmsResult).await, 2);
    }

    async fn what_did_not_leave_is_tried_again_and_what_abdm_refuses_is_told(database: TestDatabase) {
        let world = World::on(database).await;
        world.call_faults(vec![Fault::always(CallFault::TooMany).on(SMS).times(2)]);
        let patient = world.without_abha("P1").await;
        world.visit_on(&patient, "visit-1", "2026-01-20").await;
        for calls in 1..=2 {
            world.until_calls(SMS, calls).await;
            world.after(10 * SECOND, async || Some(()).filter(|()| world.calls(SMS).len() > calls)).await;
        }
        assert_eq!(world.until_result(1).await["state"], "accepted");
        world.until_settled().await;

        world.call_faults(vec![Fault::always(CallFault::Empty400).on(SMS).times(1)]);
        let mut other = world.without_abha("P2").await;
        other.mobile = Some("9823456789".parse().unwrap());
        world.correct(&other).await;
        world.visit_on(&other, "visit-1", "2026-01-21").await;
        let result = world.until_result(2).await;
        assert_eq!((&result["state"], &result["patientRef"]), (&json!("failed"), &json!("P2")));
        let refused = world.exchanges_of(SMS).await.pop().unwrap();
        assert_eq!(refused.state, ExchangeState::Refused);
        world.visit_on(&other, "visit-2", "2026-01-21").await;
        assert_eq!(world.until_result(3).await["state"], "accepted", "nothing had gone out, so the next visit may");
    }

    async fn a_person_may_send_a_failed_text_again_unless_another_is_under_way(database: TestDatabase) {
        let mut settings = SandboxConfig::default();
        settings.timing.callback_delay = MINUTE;
        let world = World::with(database, settings, "").await;
        world.call_faults(vec![Fault::always(CallFault::Empty400).on(SMS).times(1)]);
        let failed = world.asked(MOBILE).await.unwrap();
        world.until_result(1).await;
        let replay = async || {
            let mut tx = world.tx().await;
            let exchange = tx.exchange(failed).await.unwrap().unwrap();
            let replayed = kadi::flows::replay::replay(&world.ctx(), &mut tx, &exchange, ("key:1", None)).await.unwrap();
            if replayed.is_ok() {
                tx.commit().await.unwrap();
            }
            replayed.is_ok()
        };
        assert!(world.asked(MOBILE).await.is_some());
        assert!(!replay().await, "another is under way");
        world.until_calls(SMS, 2).await;
        world.until_awaited(SMS).await;
        world.clock.advance(MINUTE);
        world.until_result(2).await;
        assert!(replay().await);
        assert_eq!(world.asked(MOBILE).await, None, "now this one is");
        world.until_calls(SMS, 3).await;
    }

    async fn a_failure_that_abdm_calls_back_is_told(database: TestDatabase) {
        let mut settings = SandboxConfig::default();
        settings.timing.callback_delay = HOUR;
        let world = World::with(database, settings, "").await;
        let id = world.asked(MOBILE).await.unwrap();
        world.until_awaited(SMS).await;
        let request = world.calls(SMS)[0].request_id.clone().unwrap();
        let body = json!({"acknowledgement": {"status": "ERRORED"}, "response": {"requestId": request},
            "error": {"code": "ABDM-1024: ", "message": "Dependent service unavailable"}});
        world.callback(RawCallback::new("/api/v3/patients/sms/on-notify", FACILITY, body)).await;
        let expected = json!({"exchangeId": id, "state": "failed", "facilityId": FACILITY});
        assert_eq!(world.until_result(1).await, expected);
        let exchange = world.exchanges_of(SMS).await.pop().unwrap();
        assert_eq!((exchange.state, exchange.error.unwrap().code.as_str()), (ExchangeState::Refused, "ABDM-1024"));
    }
}
