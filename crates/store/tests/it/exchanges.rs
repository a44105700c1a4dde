//! The journal of exchanges: what has ended stays as it ended.

use std::time::Duration;

use domain::exchange::{Direction, ExchangeState};
use store::{Exchange, ExchangeFilter, Store, on_both_databases};
use uuid::Uuid;

use crate::world::{START, World, at, call, facility_id, other_facility, problem};

fn exchange(store: &Store) -> Exchange {
    Exchange {
        id: store.new_id(),
        facility: facility_id(),
        direction: Direction::Out,
        path: "/api/hiecm/hip/v3/link/carecontext".into(),
        request_id: "r1".into(),
        subject: Some("p1".into()),
        state: ExchangeState::Sent,
        started_at: at(START),
        ended_at: None,
        overdue_at: Some(at("2026-01-15T10:05:00Z")),
        error: None,
    }
}

async fn open(store: &Store, exchanges: &[Exchange]) {
    let mut tx = store.begin().await.unwrap();
    for exchange in exchanges {
        tx.open_exchange(exchange).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn listed(store: &Store, filter: &ExchangeFilter, per_page: u32) -> Vec<Uuid> {
    let mut tx = store.read().await.unwrap();
    let mut ids = Vec::new();
    loop {
        let page = tx.exchanges(filter, ids.last().copied(), per_page).await.unwrap();
        if page.is_empty() {
            return ids;
        }
        ids.extend(page.into_iter().map(|exchange| exchange.id));
    }
}

on_both_databases! {
    async fn an_exchange_comes_back_as_it_was_opened_and_opens_once(database: TestDatabase) {
        let world = World::new(database).await;
        let first = Exchange { error: Some(problem("ABDM-1038")), ..exchange(&world.store) };
        open(&world.store, &[first.clone(), Exchange { path: "/other".into(), ..first.clone() }]).await;
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.exchange(first.id).await.unwrap(), Some(first));
        assert_eq!(tx.exchange(world.store.new_id()).await.unwrap(), None);
    }

    async fn an_exchange_moves_until_it_has_ended_and_never_after(database: TestDatabase) {
        let world = World::new(database).await;
        for end in [ExchangeState::Answered, ExchangeState::Refused] {
            let exchange = exchange(&world.store);
            open(&world.store, std::slice::from_ref(&exchange)).await;
            let mut tx = world.store.begin().await.unwrap();
            for state in [ExchangeState::Waiting, ExchangeState::Overdue, ExchangeState::Waiting, end] {
                assert!(tx.move_exchange(exchange.id, state, None, Some(&problem("x"))).await.unwrap(), "{state}");
            }
            let ended = tx.exchange(exchange.id).await.unwrap().unwrap();
            assert_eq!((ended.state, ended.ended_at, ended.overdue_at), (end, Some(at(START)), None));
            for state in ExchangeState::ALL {
                assert!(!tx.move_exchange(exchange.id, *state, None, None).await.unwrap(), "{end} to {state}");
            }
            assert_eq!(tx.exchange(exchange.id).await.unwrap(), Some(ended));
        }
    }

    async fn an_exchange_that_is_run_again_is_open_again(database: TestDatabase) {
        let world = World::new(database).await;
        let exchange = exchange(&world.store);
        open(&world.store, std::slice::from_ref(&exchange)).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.move_exchange(exchange.id, ExchangeState::Refused, None, Some(&problem("x"))).await.unwrap();
        let overdue_at = at("2026-01-15T11:00:00Z");
        tx.reopen_exchange(exchange.id, overdue_at).await.unwrap();
        let open = tx.exchange(exchange.id).await.unwrap().unwrap();
        assert_eq!((open.state, open.ended_at, open.overdue_at), (ExchangeState::Sent, None, Some(overdue_at)));
        assert!(tx.move_exchange(exchange.id, ExchangeState::Answered, None, None).await.unwrap());
    }

    async fn an_exchange_carries_the_request_id_of_its_last_attempt(database: TestDatabase) {
        let world = World::new(database).await;
        let outgoing = exchange(&world.store);
        let incoming = Exchange { direction: Direction::In, ..exchange(&world.store) };
        open(&world.store, &[outgoing.clone(), incoming.clone()]).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.enqueue(store::Lane::Replies, &call(&world.store, outgoing.id)).await.unwrap();
        tx.enqueue(store::Lane::Replies, &call(&world.store, incoming.id)).await.unwrap();
        tx.commit().await.unwrap();
        let sent = world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap();
        let ours = sent.iter().find(|sending| sending.exchange == outgoing.id).unwrap();
        let mut tx = world.store.read().await.unwrap();
        let shown = tx.exchange(outgoing.id).await.unwrap().unwrap().request_id;
        assert_eq!(shown, ours.request_id.to_string());
        assert_eq!(tx.exchange(incoming.id).await.unwrap().unwrap().request_id, "r1", "ABDM's own stays");
    }

    async fn an_overdue_exchange_is_found_at_its_time_unless_it_has_ended(database: TestDatabase) {
        let world = World::new(database).await;
        let (silent, answered) = (exchange(&world.store), exchange(&world.store));
        let patient = Exchange { overdue_at: None, ..exchange(&world.store) };
        open(&world.store, &[silent.clone(), answered.clone(), patient]).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.move_exchange(answered.id, ExchangeState::Answered, answered.overdue_at, None).await.unwrap();
        tx.commit().await.unwrap();
        for (passes, found) in [(299, vec![]), (1, vec![silent.id])] {
            world.pass(Duration::from_secs(passes));
            let overdue = world.store.read().await.unwrap().overdue_exchanges(jiff::Timestamp::MIN, 10).await.unwrap();
            assert_eq!(overdue.iter().map(|exchange| exchange.id).collect::<Vec<_>>(), found);
        }
    }

    async fn exchanges_are_listed_newest_first_page_by_page(database: TestDatabase) {
        let world = World::new(database).await;
        // All begin in the same millisecond.
        let exchanges: Vec<_> = (0..12).map(|_| exchange(&world.store)).collect();
        open(&world.store, &exchanges).await;
        let newest_first: Vec<_> = exchanges.iter().rev().map(|exchange| exchange.id).collect();
        for per_page in [1, 5, 12, 50] {
            assert_eq!(listed(&world.store, &ExchangeFilter::default(), per_page).await, newest_first);
        }
    }

    async fn a_list_can_be_narrowed(database: TestDatabase) {
        let world = World::new(database).await;
        let link = exchange(&world.store);
        let share = Exchange {
            direction: Direction::In,
            path: "/api/v3/hip/patient/share".into(),
            state: ExchangeState::Waiting,
            subject: None,
            facility: other_facility(),
            ..exchange(&world.store)
        };
        open(&world.store, &[link.clone(), share.clone()]).await;
        let all = ExchangeFilter::default();
        let text = |path: &str| ExchangeFilter { path: Some(path.into()), ..ExchangeFilter::default() };
        for (filter, found) in [
            (ExchangeFilter { facility: Some(facility_id()), ..all.clone() }, vec![link.id]),
            (ExchangeFilter { direction: Some(Direction::In), ..all.clone() }, vec![share.id]),
            (ExchangeFilter { state: Some(ExchangeState::Sent), ..all.clone() }, vec![link.id]),
            (ExchangeFilter { subject: Some("p1".into()), ..all.clone() }, vec![link.id]),
            (text("patient/share"), vec![share.id]),
            (text("CareContext"), vec![link.id]),
            (text("v3"), vec![share.id, link.id]),
            (text("v_"), vec![]),
            (text("%"), vec![]),
            (text("\\"), vec![]),
        ] {
            assert_eq!(listed(&world.store, &filter, 10).await, found, "{filter:?}");
        }
    }

    async fn the_subject_of_an_exchange_may_be_learnt_later(database: TestDatabase) {
        let world = World::new(database).await;
        let exchange = Exchange { subject: None, ..exchange(&world.store) };
        open(&world.store, std::slice::from_ref(&exchange)).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.set_exchange_subject(exchange.id, "t1").await.unwrap();
        assert_eq!(tx.exchange(exchange.id).await.unwrap().unwrap().subject.as_deref(), Some("t1"));
    }
}
