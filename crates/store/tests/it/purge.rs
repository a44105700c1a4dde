//! What has ended long ago is forgotten; what is open, and what a facility needs, stays.

use domain::exchange::{Direction, ExchangeState};
use store::{Exchange, ExchangeFilter, on_both_databases};
use uuid::Uuid;

use crate::world::{START, World, at, call, facility_id};

/// An exchange with its call.
async fn begun(world: &World) -> Uuid {
    let id = world.store.new_id();
    let call = call(&world.store, id);
    let mut tx = world.store.begin().await.unwrap();
    let exchange = Exchange {
        id,
        facility: facility_id(),
        direction: Direction::Out,
        path: call.kind.to_owned(),
        request_id: String::new(),
        subject: None,
        state: ExchangeState::Sent,
        started_at: at(START),
        ended_at: None,
        overdue_at: None,
        error: None,
    };
    tx.open_exchange(&exchange).await.unwrap();
    tx.enqueue(store::Lane::Replies, &call).await.unwrap();
    tx.commit().await.unwrap();
    id
}

on_both_databases! {
    async fn ended_exchanges_are_forgotten_with_all_that_belongs_to_them(database: TestDatabase) {
        let world = World::new(database).await;
        let (ended, open) = (begun(&world).await, begun(&world).await);
        let sent = world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap();
        assert_eq!(sent.len(), 2);
        let mut tx = world.store.begin().await.unwrap();
        tx.move_exchange(ended, ExchangeState::Answered, None, None).await.unwrap();
        tx.audit(&facility_id(), "key 1", "patient stored", "MR-1").await.unwrap();
        tx.commit().await.unwrap();

        let purge = async |before: jiff::Timestamp| {
            let mut tx = world.store.begin().await.unwrap();
            let gone = tx.purge(before, 100).await.unwrap();
            tx.commit().await.unwrap();
            gone
        };
        assert_eq!(purge(at(START)).await, 0, "it is not older than that");
        assert!(purge(at("2027-01-01T00:00:00Z")).await > 0);
        assert_eq!(purge(at("2027-01-01T00:00:00Z")).await, 0);
        let mut tx = world.store.read().await.unwrap();
        let left = tx.exchanges(&ExchangeFilter::default(), None, 10).await.unwrap();
        assert_eq!(left.iter().map(|exchange| exchange.id).collect::<Vec<_>>(), [open]);
        for call in &sent {
            let known = tx.call_by_request_id(&call.request_id.to_string()).await.unwrap();
            assert_eq!(known.is_some(), call.exchange == open);
        }
        assert_eq!(tx.verify_audit(&facility_id()).await.unwrap().unwrap().seq, 1);
    }
}
