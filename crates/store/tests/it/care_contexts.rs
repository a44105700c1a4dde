//! Care contexts: what the facility says of a visit and what ABDM says of it are kept apart.

use std::time::Duration;

use abdm::id::HiType;
use domain::care_context::CareContext;
use domain::link::{Link, LinkState};
use jiff::Timestamp;
use store::{CareContextFilter, Store, on_both_databases};

use crate::world::{World, at, facility_id, other_facility, patient_ref, problem, visit, visit_ref};

async fn put(store: &Store, context: &CareContext) {
    let mut tx = store.begin().await.unwrap();
    tx.put_care_context(&facility_id(), context).await.unwrap();
    tx.put_link(&facility_id(), &context.patient, &context.reference, &context.link).await.unwrap();
    tx.commit().await.unwrap();
}

async fn listed(store: &Store, filter: &CareContextFilter, per_page: u32) -> Vec<String> {
    let mut tx = store.read().await.unwrap();
    let mut names = Vec::new();
    let mut last: Option<(Timestamp, CareContext)> = None;
    loop {
        let after = last.as_ref().map(|(at, last)| (*at, &last.patient, &last.reference));
        let page = tx.care_contexts(&facility_id(), filter, after, per_page).await.unwrap();
        names.extend(page.iter().map(|(_, context)| format!("{}/{}", context.patient, context.reference)));
        last = page.into_iter().last();
        if last.is_none() {
            return names;
        }
    }
}

fn waiting(until: &str) -> Link {
    Link::new().wait(None, Some(at(until)))
}

on_both_databases! {
    async fn a_care_context_comes_back_as_it_was_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let mut context = visit("p1", "v1");
        context.date = "2026-01-15T10:30:00+05:30".parse().unwrap();
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.put_care_context(&facility_id(), &context).await.unwrap(), "new");
        let found = tx.care_context(&facility_id(), &context.patient, &context.reference).await.unwrap();
        assert_eq!(found.as_ref(), Some(&context));
        context.display = "OP visit, Ortho".into();
        context.hold = true;
        context.withdrawn = true;
        assert!(!tx.put_care_context(&facility_id(), &context).await.unwrap(), "known");
        let found = tx.care_context(&facility_id(), &context.patient, &context.reference).await.unwrap();
        assert_eq!(found, Some(context));
    }

    async fn one_reference_may_be_a_visit_of_each_patient_and_facility(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.put_care_context(&facility_id(), &visit("p1", "v1")).await.unwrap());
        assert!(tx.put_care_context(&facility_id(), &visit("p2", "v1")).await.unwrap());
        assert!(tx.put_care_context(&other_facility(), &visit("p1", "v1")).await.unwrap());
        assert!(tx.care_context(&other_facility(), &patient_ref("p2"), &visit_ref("v1")).await.unwrap().is_none());
    }

    async fn what_abdm_said_outlives_a_change_of_the_visit(database: TestDatabase) {
        let world = World::new(database).await;
        let mut context = visit("p1", "v1");
        let asked = Link::new().wait(None, None).ask().unwrap();
        context.link = asked.confirm(&[HiType::Prescription, HiType::OPConsultation]);
        put(&world.store, &context).await;
        let mut tx = world.store.begin().await.unwrap();
        let changed = CareContext { display: "Follow-up".into(), ..visit("p1", "v1") };
        tx.put_care_context(&facility_id(), &changed).await.unwrap();
        let found = tx.care_context(&facility_id(), &context.patient, &context.reference).await.unwrap().unwrap();
        assert_eq!((found.display.as_str(), found.link), ("Follow-up", context.link));
    }

    async fn why_it_waits_or_failed_is_kept(database: TestDatabase) {
        let world = World::new(database).await;
        let mut context = visit("p1", "v1");
        let later = at("2026-01-16T10:00:00Z");
        let failed = Link::new().fail(problem("ABDM-1038")).unwrap();
        for link in [Link::new().wait(Some(problem("ABDM-1092")), Some(later)), failed, Link::new()] {
            context.link = link;
            put(&world.store, &context).await;
            let mut tx = world.store.read().await.unwrap();
            let found = tx.care_context(&facility_id(), &context.patient, &context.reference).await.unwrap();
            assert_eq!(found.as_ref(), Some(&context));
        }
    }

    async fn a_link_call_knows_its_care_contexts(database: TestDatabase) {
        let world = World::new(database).await;
        let here = facility_id();
        for reference in ["v1", "v2", "v3"] {
            put(&world.store, &visit("p1", reference)).await;
        }
        let mut tx = world.store.begin().await.unwrap();
        tx.put_link_call(&here, &visit("p1", "v1"), Some("call-1")).await.unwrap();
        tx.put_link_call(&here, &visit("p1", "v3"), Some("call-1")).await.unwrap();
        let names = |contexts: Vec<CareContext>| -> Vec<String> {
            contexts.into_iter().map(|context| context.reference.to_string()).collect()
        };
        assert_eq!(names(tx.care_contexts_of_call(&here, "call-1").await.unwrap()), ["v1", "v3"]);
        assert_eq!(names(tx.unsettled_care_contexts(&here, &patient_ref("p1")).await.unwrap()), ["v2"]);
        assert!(tx.care_contexts_of_call(&other_facility(), "call-1").await.unwrap().is_empty());
        tx.put_link_call(&here, &visit("p1", "v1"), None).await.unwrap();
        assert_eq!(names(tx.unsettled_care_contexts(&here, &patient_ref("p1")).await.unwrap()), ["v1", "v2"]);
    }

    async fn a_patient_is_due_once_a_wait_has_ended_and_no_call_is_out(database: TestDatabase) {
        let world = World::new(database).await;
        let soon = "2026-01-15T10:00:10Z";
        put(&world.store, &CareContext { link: waiting(soon), ..visit("p1", "v1") }).await;
        put(&world.store, &CareContext { link: waiting(soon), ..visit("p1", "v2") }).await;
        put(&world.store, &CareContext { link: waiting("2026-01-15T11:00:00Z"), ..visit("p2", "v1") }).await;
        put(&world.store, &CareContext { link: Link::new().wait(None, None), ..visit("p3", "v1") }).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.put_care_context(&facility_id(), &CareContext { link: waiting(soon), ..visit("p4", "v1") }).await.unwrap();
        tx.put_link(&facility_id(), &patient_ref("p4"), &visit_ref("v1"), &waiting(soon)).await.unwrap();
        tx.put_link_call(&facility_id(), &visit("p4", "v1"), Some("call-1")).await.unwrap();
        tx.commit().await.unwrap();
        for (passes, due) in [(9, 0), (1, 1)] {
            world.pass(Duration::from_secs(passes));
            let mut tx = world.store.read().await.unwrap();
            let patients = tx.patients_due_for_linking(10).await.unwrap();
            let expected = vec![(facility_id(), patient_ref("p1")); due];
            assert_eq!(patients, expected, "after {passes} s more");
        }
    }

    async fn care_contexts_are_listed_newest_first_page_by_page(database: TestDatabase) {
        let world = World::new(database).await;
        for (patient, reference) in [("p1", "v1"), ("p2", "v1"), ("p1", "v2")] {
            put(&world.store, &visit(patient, reference)).await; // all in the same millisecond
        }
        world.pass(Duration::from_millis(1));
        put(&world.store, &visit("p1", "v0")).await;
        for per_page in 1..=5 {
            let names = listed(&world.store, &CareContextFilter::default(), per_page).await;
            assert_eq!(names, ["p1/v0", "p1/v2", "p2/v1", "p1/v1"], "{per_page} per page");
        }
    }

    async fn a_list_can_be_narrowed(database: TestDatabase) {
        let world = World::new(database).await;
        let dated = |reference, date: &str| CareContext { date: date.parse().unwrap(), ..visit("p1", reference) };
        put(&world.store, &dated("v1", "2026-01-10")).await;
        put(&world.store, &dated("v2", "2026-01-15")).await;
        put(&world.store, &dated("v3", "2026-01-15T23:30:00+05:30")).await;
        put(&world.store, &CareContext { link: Link::new().wait(None, None), ..visit("p2", "v4") }).await;
        let filter = CareContextFilter { patient: Some(patient_ref("p1")), ..CareContextFilter::default() };
        assert_eq!(listed(&world.store, &filter, 2).await, ["p1/v3", "p1/v2", "p1/v1"]);
        let evening = at("2026-01-15T18:00:00Z");
        let from = CareContextFilter { from: Some(evening), ..filter.clone() };
        assert_eq!(listed(&world.store, &from, 2).await, ["p1/v3", "p1/v2"], "the day goes on until 18:30 UTC");
        let to = CareContextFilter { to: Some(evening - Duration::from_secs(1)), ..filter };
        assert_eq!(listed(&world.store, &to, 2).await, ["p1/v2", "p1/v1"]);
        let state = CareContextFilter { link_state: Some(LinkState::Waiting), ..CareContextFilter::default() };
        assert_eq!(listed(&world.store, &state, 2).await, ["p2/v4"]);
    }
}
