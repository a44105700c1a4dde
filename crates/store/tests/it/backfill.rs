//! The list of old visits: who is put on it, whose turn it is, and how far it is.

use domain::care_context::CareContext;
use domain::link::{Link, LinkState};
use domain::patient::Patient;
use jiff::Timestamp;
use store::{BackfillProgress, Wanted, on_both_databases};

use crate::world::{
    START, World, address, at, facility, facility_id, other_facility, patient, patient_ref, problem, record,
    visit, visit_ref,
};

impl World {
    async fn put(&self, patient: &Patient, visits: &[(CareContext, bool, Link)]) {
        let mut tx = self.store.begin().await.unwrap();
        tx.put_facility(&facility(facility_id().as_str())).await.unwrap();
        tx.put_patient(&facility_id(), patient).await.unwrap();
        for (context, valid, link) in visits {
            let (owner, reference) = (&context.patient, &context.reference);
            tx.put_care_context(&facility_id(), context).await.unwrap();
            let mut new = record(abdm::id::HiType::Prescription, reference.as_str());
            new.valid = *valid;
            tx.replace_records(&facility_id(), owner, reference, vec![new]).await.unwrap();
            tx.put_link(&facility_id(), owner, reference, link).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Puts everybody on the list, some patients at a time.
    async fn list(&self, wanted: Wanted, page: u32) -> u64 {
        let (mut after, mut visits) = (None, 0);
        loop {
            let mut tx = self.store.begin().await.unwrap();
            let listed = tx.list_for_backfill(&facility_id(), wanted, after.as_ref(), page).await.unwrap();
            tx.commit().await.unwrap();
            let Some(listed) = listed else { return visits };
            visits += listed.visits;
            after = Some(listed.last);
        }
    }

    async fn take(&self) -> Option<String> {
        let mut tx = self.store.begin().await.unwrap();
        let taken = tx.take_backfill(&facility_id()).await.unwrap();
        tx.commit().await.unwrap();
        taken.map(|patient| patient.to_string())
    }

    async fn progress(&self) -> BackfillProgress {
        self.store.read().await.unwrap().backfill_progress(&facility_id(), at(START)).await.unwrap()
    }
}

fn known(reference: &str) -> Patient {
    Patient { abha_address: Some(address(&format!("patient.{reference}@sbx"))), ..patient(reference) }
}

fn fresh(patient: &str, reference: &str) -> (CareContext, bool, Link) {
    (visit(patient, reference), true, Link::new())
}

on_both_databases! {
    async fn only_visits_that_can_be_linked_are_put_on_the_list(database: TestDatabase) {
        let world = World::new(database).await;
        let held = CareContext { hold: true, ..visit("p1", "held") };
        let withdrawn = CareContext { withdrawn: true, ..visit("p1", "withdrawn") };
        let early = CareContext { date: "2019-12-31".parse().unwrap(), ..visit("p1", "early") };
        let linked = Link::new().wait(None, None).confirm(&[abdm::id::HiType::Prescription]);
        let refused = Link::new().fail(problem("ABDM-1043")).unwrap();
        world.put(&known("p1"), &[
            fresh("p1", "ready"),
            (held, true, Link::new()),
            (withdrawn, true, Link::new()),
            (early, true, Link::new()),
            (visit("p1", "invalid"), false, Link::new()),
            (visit("p1", "linked"), true, linked),
            (visit("p1", "refused"), true, refused),
        ]).await;
        world.put(&patient("p2"), &[fresh("p2", "no-address")]).await;
        let since: Option<Timestamp> = Some(at("2020-01-01T00:00:00Z"));
        assert_eq!(world.list(Wanted { since, refused: false }, 10).await, 1);
        assert_eq!(world.list(Wanted { since, refused: false }, 10).await, 0, "it is on the list");
        assert_eq!(world.list(Wanted { since: None, refused: true }, 10).await, 2);
        let mut tx = world.store.read().await.unwrap();
        for (reference, state) in [
            ("ready", LinkState::Waiting), ("refused", LinkState::Waiting), ("early", LinkState::Waiting),
            ("held", LinkState::Unlinked), ("invalid", LinkState::Unlinked), ("linked", LinkState::Linked),
        ] {
            let context = tx.care_context(&facility_id(), &patient_ref("p1"), &visit_ref(reference)).await.unwrap();
            let link = context.unwrap().link;
            assert_eq!((link.state, link.error), (state, None), "{reference}");
        }
        assert_eq!(tx.visits_without_address(&facility_id(), since).await.unwrap(), 1);
        let left = tx.unlinked_visits(&facility_id(), since, None, 10).await.unwrap();
        let left: Vec<_> =
            left.iter().map(|one| (one.context.reference.as_str(), one.has_valid_record)).collect();
        assert_eq!(left, [("held", true), ("invalid", false), ("ready", true), ("refused", true)]);
        let from = (patient_ref("p1"), visit_ref("invalid"));
        let rest = tx.unlinked_visits(&facility_id(), since, Some((&from.0, &from.1)), 1).await.unwrap();
        assert_eq!(rest[0].context.reference.as_str(), "ready");
        assert!(tx.unlinked_visits(&other_facility(), None, None, 10).await.unwrap().is_empty());
    }

    async fn each_patient_has_one_turn_and_the_list_ends(database: TestDatabase) {
        let world = World::new(database).await;
        for name in ["p1", "p2", "p3", "p4", "p5"] {
            world.put(&known(name), &[fresh(name, "a"), fresh(name, "b")]).await;
        }
        assert_eq!(world.list(Wanted::default(), 2).await, 10);
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.facilities_with_backfill().await.unwrap(), [facility_id()]);
        drop(tx);
        let progress = world.progress().await;
        assert_eq!((progress.patients, progress.visits, progress.under_way()), (5, 10, 10));
        assert_eq!(world.take().await.as_deref(), Some("p1"));
        assert_eq!(world.take().await.as_deref(), Some("p2"));
        let later = world.clock_now() + std::time::Duration::from_mins(5);
        let mut tx = world.store.begin().await.unwrap();
        tx.put_off_backfill(&facility_id(), &patient_ref("p3"), later).await.unwrap();
        assert_eq!(tx.next_backfill_due(&facility_id()).await.unwrap(), Some(world.clock_now()));
        tx.commit().await.unwrap();
        assert_eq!(world.take().await.as_deref(), Some("p4"));
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.take_backfill(&facility_id()).await.unwrap().unwrap().as_str(), "p5");
        drop(tx);
        // PostgreSQL rolls back in the background; until then the row is locked, and passed over.
        let mut again = world.take().await;
        for _ in 0..1000 {
            again = if again.is_some() { again } else { world.take().await };
        }
        assert_eq!(again.as_deref(), Some("p5"), "a turn that was not committed was none");
        assert_eq!(world.take().await, None);
        world.pass(std::time::Duration::from_mins(5));
        assert_eq!(world.take().await.as_deref(), Some("p3"));
    }

    async fn progress_tells_apart_what_is_done_under_way_and_for_later(database: TestDatabase) {
        let world = World::new(database).await;
        world.put(&known("p1"), &[fresh("p1", "a"), fresh("p1", "b"), fresh("p1", "c"), fresh("p1", "d")]).await;
        world.list(Wanted::default(), 10).await;
        let put = async |reference: &str, link: Link| {
            let mut tx = world.store.begin().await.unwrap();
            tx.put_link(&facility_id(), &patient_ref("p1"), &visit_ref(reference), &link).await.unwrap();
            tx.commit().await.unwrap();
        };
        let waiting = Link::new().wait(None, None);
        put("a", waiting.clone().confirm(&[abdm::id::HiType::Prescription])).await;
        put("b", waiting.clone().fail(problem("ABDM-1043")).unwrap()).await;
        put("c", waiting.clone().wait(Some(problem("ABDM-1027")), Some(at("2026-01-16T10:00:00Z")))).await;
        let progress = world.progress().await;
        assert_eq!(
            (progress.linked, progress.failed, progress.later, progress.under_way()), (1, 1, 1, 1), "{progress:?}"
        );
        let mut tx = world.store.begin().await.unwrap();
        assert!(!tx.end_backfill(&facility_id()).await.unwrap(), "something is under way");
        drop(tx);
        put("c", waiting.clone().confirm(&[])).await;
        put("d", waiting.confirm(&[])).await;
        world.take().await;
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.end_backfill(&facility_id()).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(world.progress().await, BackfillProgress::default());
    }
}
