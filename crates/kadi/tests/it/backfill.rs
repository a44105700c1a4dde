//! Years of old visits: which are linked, which are not and why, and that it goes on wherever it was stopped.

use domain::care_context::CareContext;
use domain::link::LinkState;
use domain::patient::Patient;
use jiff::Timestamp;
use kadi::backfill::{list, report};
use sandbox::{CallFault, CallbackFault, EffectKind, Fault, Plan};
use serde_json::Value;
use store::{BackfillProgress, NewRecord, Wanted, on_both_databases};

use crate::linking::{ASHA, IMRAN, LAKSHMI};
use crate::steps::{GENERATE_TOKEN, HOUR, LINK, MINUTE, ON_GENERATE_TOKEN, ONE, SECOND};
use crate::world::{RAMESH, World, facility, id, known_patient, new_visit, prepare};

impl World {
    /// A patient of years ago: nothing follows from storing them.
    async fn old_patient(&self, reference: &str, address: &str) -> Patient {
        let patient = known_patient(&self.sandbox, reference, address);
        let mut tx = self.tx().await;
        tx.put_patient(&id(), &patient).await.unwrap();
        tx.commit().await.unwrap();
        patient
    }

    /// A visit of years ago.
    async fn old_visit(&self, patient: &Patient, context: CareContext, valid: bool) {
        let mut tx = self.tx().await;
        tx.put_care_context(&id(), &context).await.unwrap();
        let records = prepare(&tx, patient, &context, &ONE);
        let records = records.into_iter().map(|record| NewRecord { valid, ..record }).collect();
        tx.replace_records(&id(), &patient.reference, &context.reference, records).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn old_visits(&self, patient: &Patient, count: usize) {
        for n in 1..=count {
            self.old_visit(patient, new_visit(patient, &format!("visit-{n}")), true).await;
        }
    }

    async fn list(&self, wanted: Wanted) -> u64 {
        list(&self.core().store, &id(), wanted).await.unwrap()
    }

    async fn progress(&self) -> BackfillProgress {
        let soon = self.core().clock.now() + MINUTE * 15;
        self.read().await.backfill_progress(&id(), soon).await.unwrap()
    }

    async fn until_done(&self, done: u64) {
        self.after(SECOND, async || {
            Some(self.progress().await).filter(|it| it.linked + it.failed == done && it.patients == 0)
        })
        .await;
    }
}

on_both_databases! {
    async fn what_is_ready_is_linked_and_the_rest_is_told_with_its_cause(database: TestDatabase) {
        let world = World::on(database).await;
        let ramesh = world.old_patient("P1", RAMESH).await;
        world.old_visits(&ramesh, 45).await;
        let asha = world.old_patient("P2", ASHA).await;
        world.old_visits(&asha, 1).await;
        world.old_visit(&asha, CareContext { hold: true, ..new_visit(&asha, "held") }, true).await;
        world.old_visit(&asha, new_visit(&asha, "invalid"), false).await;
        let imran = Patient { name: "Somebody Else".to_owned(), ..world.old_patient("P3", IMRAN).await };
        let nobody = Patient { abha_address: None, abha_number: None, ..known_patient(&world.sandbox, "P4", LAKSHMI) };
        let mut tx = world.tx().await;
        tx.put_patient(&id(), &imran).await.unwrap();
        tx.put_patient(&id(), &nobody).await.unwrap();
        tx.commit().await.unwrap();
        world.old_visits(&imran, 2).await;
        world.old_visits(&nobody, 3).await;
        assert!(world.calls(GENERATE_TOKEN).is_empty(), "old visits are not linked by themselves");

        assert_eq!(world.list(Wanted::default()).await, 48);
        world.until_done(48).await;
        let progress = world.progress().await;
        assert_eq!((progress.linked, progress.failed, progress.under_way()), (46, 2, 0));
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 3);
        let mut sizes: Vec<_> =
            world.calls(LINK).iter().map(|call| call.body["patient"][0]["count"].as_u64().unwrap()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 5, 20, 20]);

        let folder = tempfile::tempdir().unwrap();
        let (json, csv) = (folder.path().join("left.json"), folder.path().join("left.csv"));
        let store = &world.core().store;
        let summary = report::write(store, &id(), None, Some(&json)).await.unwrap();
        assert_eq!(report::write(store, &id(), None, Some(&csv)).await.unwrap(), summary);
        let counts: Vec<_> = summary.causes.iter().map(|(cause, count)| (cause.as_str(), count.visits)).collect();
        assert_eq!(counts, [("ABDM-1043", 2), ("no_valid_record", 1), ("on_hold", 1)]);
        assert_eq!(summary.without_abha_address, 3);
        let left: Vec<Value> = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        let refs: Vec<_> = left.iter().map(|one| (&one["patientRef"], &one["careContextRef"], &one["cause"])).collect();
        assert_eq!(serde_json::json!(refs), serde_json::json!([
            ["P2", "held", "on_hold"], ["P2", "invalid", "no_valid_record"],
            ["P3", "visit-1", "ABDM-1043"], ["P3", "visit-2", "ABDM-1043"],
        ]));
        let lines = std::fs::read_to_string(&csv).unwrap();
        assert_eq!(lines.lines().count(), 5);
        assert!(!lines.contains("Somebody") && !lines.contains("imran"), "references only: {lines}");
        world.assert_clean().await;
    }

    async fn refused_visits_are_asked_for_again_only_if_that_is_wanted(database: TestDatabase) {
        let world = World::on(database).await;
        let right = world.old_patient("P1", RAMESH).await;
        let wrong = Patient { name: "Somebody Else".to_owned(), ..right.clone() };
        let mut tx = world.tx().await;
        tx.put_patient(&id(), &wrong).await.unwrap();
        tx.commit().await.unwrap();
        world.old_visits(&right, 2).await;
        assert_eq!(world.list(Wanted::default()).await, 2);
        world.until_done(2).await;
        let mut tx = world.tx().await;
        tx.put_patient(&id(), &right).await.unwrap();
        tx.commit().await.unwrap();
        world.clock.advance(MINUTE * 10);

        assert_eq!(world.list(Wanted::default()).await, 0);
        assert_eq!(world.list(Wanted { refused: true, ..Wanted::default() }).await, 2);
        world.until_link(&right, "visit-1", LinkState::Linked).await;
        world.until_done(2).await;
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 2);
    }

    async fn only_visits_since_the_day_are_put_on_the_list_and_none_twice(database: TestDatabase) {
        let world = World::on(database).await;
        let ramesh = world.old_patient("P1", RAMESH).await;
        let asha = world.old_patient("P2", ASHA).await;
        for (patient, date) in [(&ramesh, "2024-03-01"), (&asha, "2020-03-01")] {
            let visit = CareContext { date: date.parse().unwrap(), ..new_visit(patient, "visit-1") };
            world.old_visit(patient, visit, true).await;
        }
        let since: Option<Timestamp> = Some("2024-01-01T00:00:00+05:30".parse().unwrap());
        assert_eq!(world.list(Wanted { since, refused: false }).await, 1);
        world.until_done(1).await;
        assert_eq!(world.link(&asha, "visit-1").await.state, LinkState::Unlinked);
        assert_eq!(world.list(Wanted { since, refused: false }).await, 0, "what is linked is not asked for again");
        assert_eq!(world.calls(LINK).len(), 1);
        world.assert_clean().await;
    }

    async fn a_block_in_the_middle_holds_up_nobody_else_and_ends(database: TestDatabase) {
        let world = World::on(database).await;
        world.call_faults(vec![Fault::always(CallFault::Blocked).on(GENERATE_TOKEN).times(1)]);
        let mut patients = Vec::new();
        for (reference, address) in [("P1", ASHA), ("P2", RAMESH), ("P3", IMRAN), ("P4", LAKSHMI)] {
            let patient = world.old_patient(reference, address).await;
            world.old_visits(&patient, 3).await;
            patients.push(patient);
        }
        world.list(Wanted::default()).await;
        let waits = async || {
            let progress = world.progress().await;
            Some(()).filter(|()| (progress.linked, progress.later, progress.under_way()) == (9, 3, 0))
        };
        world.after(SECOND, waits).await;
        let summary = report::write(&world.core().store, &id(), None, None).await.unwrap();
        assert_eq!(summary.causes["ABDM-1027"].visits, 3);
        world.clock.advance(HOUR * 24);
        world.until_done(12).await;
        let tokens = world.sandbox.state().effects(Some(EffectKind::TokenRequest), None);
        assert!(tokens.iter().all(|effect| effect.accepted <= 3), "{tokens:?}");
        assert_eq!(world.sandbox.state().violations(), []);
    }

    async fn nobody_gets_a_turn_while_callbacks_go_elsewhere(database: TestDatabase) {
        let world = World::with(database, sandbox::SandboxConfig::default(), "bridge_watch = \"1m\"").await;
        let ours = format!("http://{}", world.bridge.public);
        let mut tx = world.tx().await;
        kadi::flows::bridge::registered(&mut tx, &world.core().watch, &ours).await.unwrap();
        tx.commit().await.unwrap();
        world.sandbox.state().set_bridge_url("SBX_000000", "http://127.0.0.1:9/other");
        let taken = async || {
            let watch = world.read().await.bridge_watch("SBX_000000").await.unwrap();
            Some(()).filter(|()| watch.is_taken())
        };
        world.after(MINUTE, taken).await;
        let ramesh = world.old_patient("P1", RAMESH).await;
        world.old_visits(&ramesh, 1).await;
        world.list(Wanted::default()).await;
        world.clock.advance(SECOND * 5);
        assert!(world.calls(GENERATE_TOKEN).is_empty());
        assert_eq!(world.progress().await.patients, 1);
        world.register();
        world.clock.advance(MINUTE);
        world.until_done(1).await;
        world.assert_clean().await;
    }

    async fn what_was_stopped_is_as_if_it_had_never_been_listed(database: TestDatabase) {
        let world = World::on(database).await;
        // Nobody gets a turn while the facility pauses.
        let mut tx = world.tx().await;
        let pace = tx.lock_pace(&id()).await.unwrap();
        let until = tx.now() + MINUTE * 60;
        tx.put_pace(&id(), &domain::pace::Pace { held_until: Some(until), strikes: 1, ..pace }).await.unwrap();
        tx.commit().await.unwrap();
        let ramesh = world.old_patient("P1", RAMESH).await;
        world.old_visits(&ramesh, 2).await;
        assert_eq!(world.list(Wanted::default()).await, 2);
        assert_eq!(world.link(&ramesh, "visit-1").await.state, LinkState::Waiting);
        let mut tx = world.tx().await;
        assert_eq!(tx.stop_backfill(&id()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(world.link(&ramesh, "visit-1").await.state, LinkState::Unlinked);
        assert_eq!(world.progress().await, BackfillProgress::default());
        world.clock.advance(MINUTE * 61);
        assert_eq!(world.list(Wanted::default()).await, 2, "it can be begun again");
        world.until_done(2).await;
        world.assert_clean().await;
    }

    async fn a_new_visit_goes_before_years_of_old_ones(database: TestDatabase) {
        let world = World::on(database).await;
        // Callbacks do not come: so many calls are awaited that no old visit gets a turn.
        let lost = Fault::always(CallbackFault::Lost).on(ON_GENERATE_TOKEN).times(1);
        world.sandbox.state().set_faults(Plan { callbacks: vec![lost], ..Plan::default() });
        let old = world.old_patient("P1", RAMESH).await;
        world.old_visits(&old, 1).await;
        world.list(Wanted::default()).await;
        world.until_awaited(GENERATE_TOKEN).await;
        let asha = world.patient("P2", ASHA).await;
        world.visit(&asha, "visit-1", &ONE).await;
        world.until_link(&asha, "visit-1", LinkState::Linked).await;
        assert_eq!(facility().id, id());
        world.clock.advance(MINUTE * 10);
        world.until_done(1).await;
    }
}
