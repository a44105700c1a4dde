//! The outbox: every attempt is on disk before it is made, because its callback may be faster than its answer.

use std::time::Duration;

use store::{Call, Made, Sending, Store, StoreError, on_both_databases};
use uuid::Uuid;

use crate::world::{World, at, call, facility_id};

const JUST_OVER_A_LEASE: Duration = Duration::from_millis(15_001);

async fn enqueue(store: &Store, call: &Call) {
    let mut tx = store.begin().await.unwrap();
    tx.enqueue(store::Lane::Replies, call).await.unwrap();
    tx.commit().await.unwrap();
}

async fn enqueued(world: &World) -> Call {
    let call = call(&world.store, world.store.new_id());
    enqueue(&world.store, &call).await;
    call
}

async fn lease_one(store: &Store) -> Sending {
    let mut leased = store.lease_outbox(store::Lane::Replies, 10).await.unwrap();
    assert_eq!(leased.len(), 1, "calls due in the outbox");
    leased.remove(0)
}

async fn made(store: &Store, sending: &Sending) -> Option<Made> {
    let mut tx = store.read().await.unwrap();
    tx.call_by_request_id(&sending.request_id.to_string()).await.unwrap()
}

async fn finish(store: &Store, sending: &Sending, awaits_callback: bool) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let finished = tx.finish_sending(sending.lease, awaits_callback).await?;
    tx.commit().await?;
    Ok(finished)
}

on_both_databases! {
    async fn a_call_is_handed_out_as_it_was_enqueued(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        assert_eq!((sending.id, sending.exchange, &sending.facility), (call.id, call.exchange, &call.facility));
        assert_eq!((sending.kind.as_str(), &sending.subject, &sending.body), (call.kind, &call.subject, &call.body));
        assert_eq!(sending.attempts, 1);
    }

    async fn a_call_is_not_sent_before_its_time(database: TestDatabase) {
        let world = World::new(database).await;
        let later = Call { due_at: at("2026-01-15T10:07:00Z"), ..call(&world.store, Uuid::nil()) };
        enqueue(&world.store, &later).await;
        world.pass(Duration::from_secs(419));
        assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty());
        world.pass(Duration::from_secs(1));
        lease_one(&world.store).await;
    }

    async fn a_call_of_a_transaction_that_failed_is_never_sent(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.enqueue(store::Lane::Replies, &call(&world.store, Uuid::nil())).await.unwrap();
        drop(tx);
        assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty());
    }

    async fn the_attempt_is_on_disk_before_it_is_made(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        let found = made(&world.store, &sending).await.unwrap();
        assert_eq!((found.id, found.exchange, found.state.as_str()), (call.id, call.exchange, "pending"));
        assert_eq!(found.attempted_at, at(crate::world::START));
    }

    async fn each_attempt_has_a_request_id_of_its_own_and_all_lead_to_the_call(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let first = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.end_attempt(first.request_id, "503").await.unwrap();
        assert!(tx.put_back_sending(first.lease, at("2026-01-15T10:00:01Z")).await.unwrap());
        tx.commit().await.unwrap();
        assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty(), "not before its time");
        world.pass(Duration::from_secs(1));
        let second = lease_one(&world.store).await;
        assert_ne!(first.request_id, second.request_id);
        assert_eq!(second.attempts, 2);
        for sending in [&first, &second] {
            assert_eq!(made(&world.store, sending).await.unwrap().id, call.id);
        }
        let mut tx = world.store.read().await.unwrap();
        let attempts = tx.attempts(call.id).await.unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|(_, _, outcome)| outcome.as_deref()).collect();
        assert_eq!(outcomes, [Some("503"), None]);
    }

    async fn an_accepted_call_is_not_sent_again(database: TestDatabase) {
        let world = World::new(database).await;
        for (awaits_callback, state) in [(true, "sent"), (false, "done")] {
            enqueued(&world).await;
            let sending = lease_one(&world.store).await;
            assert!(finish(&world.store, &sending, awaits_callback).await.unwrap());
            assert_eq!(made(&world.store, &sending).await.unwrap().state, state);
        }
        world.pass(Duration::from_hours(24));
        assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty());
    }

    async fn a_callback_may_be_faster_than_the_answer(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.close_call(call.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!finish(&world.store, &sending, true).await.unwrap(), "nothing to change");
        assert_eq!(made(&world.store, &sending).await.unwrap().state, "done");
    }

    async fn a_callback_between_the_next_lease_and_its_call_is_seen(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let first = lease_one(&world.store).await;
        world.pass(JUST_OVER_A_LEASE);
        let second = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.has_unknown_attempt(&second).await.unwrap() && tx.is_still_due(&second).await.unwrap());
        assert!(!tx.is_still_due(&first).await.unwrap(), "another has it");
        // What the first attempt's callback does: now no attempt is unknown, and the call must not go out all the same.
        tx.end_attempt(first.request_id, "answered").await.unwrap();
        tx.close_call(call.id).await.unwrap();
        assert!(!tx.has_unknown_attempt(&second).await.unwrap());
        assert!(!tx.is_still_due(&second).await.unwrap());
    }

    async fn a_call_that_failed_after_its_callback_came_is_not_sent_again(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.close_call(call.id).await.unwrap();
        assert!(!tx.put_back_sending(sending.lease, at(crate::world::START)).await.unwrap());
        tx.commit().await.unwrap();
        assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty());
    }

    async fn a_callback_faster_than_the_answer_may_have_the_call_sent_again(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.resend_call(call.id, at("2026-01-15T10:00:05Z")).await.unwrap();
        tx.commit().await.unwrap();
        let answer = finish(&world.store, &sending, true).await;
        assert!(matches!(answer, Err(StoreError::LeaseLost)), "the old attempt is over: {answer:?}");
        world.pass(Duration::from_secs(5));
        assert_eq!(lease_one(&world.store).await.id, call.id);
    }

    async fn a_call_that_was_sent_may_be_sent_again(database: TestDatabase) {
        let world = World::new(database).await;
        let call = enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        finish(&world.store, &sending, true).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        tx.resend_call(call.id, at("2026-01-15T10:00:05Z")).await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty());
        world.pass(Duration::from_secs(5));
        assert_eq!(lease_one(&world.store).await.attempts, 2);
    }

    async fn a_sender_that_died_is_replaced_and_cannot_record_anything(database: TestDatabase) {
        let world = World::new(database).await;
        enqueued(&world).await;
        let dead = lease_one(&world.store).await;
        world.pass(JUST_OVER_A_LEASE);
        let alive = lease_one(&world.store).await;
        assert!(matches!(finish(&world.store, &dead, true).await, Err(StoreError::LeaseLost)));
        let mut tx = world.store.begin().await.unwrap();
        let put_back = tx.put_back_sending(dead.lease, at(crate::world::START)).await;
        assert!(matches!(put_back, Err(StoreError::LeaseLost)));
        drop(tx);
        assert!(matches!(world.store.renew(dead.lease).await, Err(StoreError::LeaseLost)));
        assert!(finish(&world.store, &alive, true).await.unwrap());
        assert_eq!(made(&world.store, &dead).await.unwrap().state, "sent", "the first attempt's callback counts");
    }

    async fn a_renewed_lease_lasts_another_term(database: TestDatabase) {
        let world = World::new(database).await;
        enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        for _ in 0..4 {
            world.pass(world.store.lease_term());
            assert!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().is_empty());
            world.store.renew(sending.lease).await.unwrap();
        }
        assert!(finish(&world.store, &sending, true).await.unwrap());
    }

    async fn a_finished_call_is_no_lease_any_more(database: TestDatabase) {
        let world = World::new(database).await;
        enqueued(&world).await;
        let sending = lease_one(&world.store).await;
        finish(&world.store, &sending, true).await.unwrap();
        let again = finish(&world.store, &sending, true).await;
        assert!(matches!(again, Err(StoreError::LeaseLost)), "{again:?}");
        let renewed = world.store.renew(sending.lease).await;
        assert!(matches!(renewed, Err(StoreError::LeaseLost)), "{renewed:?}");
    }

    async fn an_exchange_lists_its_calls_in_order(database: TestDatabase) {
        let world = World::new(database).await;
        let exchange = world.store.new_id();
        let calls: Vec<_> = (0..20).map(|_| call(&world.store, exchange)).collect();
        let mut tx = world.store.begin().await.unwrap();
        for call in &calls {
            tx.enqueue(store::Lane::Replies, call).await.unwrap();
        }
        tx.enqueue(store::Lane::Replies, &call(&world.store, world.store.new_id())).await.unwrap();
        let listed = tx.calls_of_exchange(exchange).await.unwrap();
        let ids = |calls: &[Call]| calls.iter().map(|call| call.id).collect::<Vec<_>>();
        assert_eq!(listed.iter().map(|call| call.id).collect::<Vec<_>>(), ids(&calls));
        assert_eq!(listed[0].facility, facility_id());
    }

    async fn an_unknown_request_id_leads_to_no_call(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.read().await.unwrap();
        for unknown in ["", "nobody", "5f7a535d-a3fd-416b-b069-c97d021fbacd"] {
            assert!(tx.call_by_request_id(unknown).await.unwrap().is_none());
        }
    }
}
