//! Large records over the API: where they are kept, what becomes of them, and how many are taken at once.

use domain::link::LinkState;
use futures_util::{FutureExt as _, TryStreamExt as _};
use reqwest::Method;
use sandbox::{ConsentWanted, Fault, PushFault, RecordsWanted, SandboxConfig, TransferState};
use serde_json::{Value, json};
use store::testing::TestDatabase;
use store::{ObjectId, Objects, on_both_databases};
use tokio::sync::mpsc;

use super::{Answer, Api, read};
use crate::steps::{MINUTE, SECOND};
use crate::transfer::told;
use crate::world::{RAMESH, World, id};

/// A record with a file of a megabyte, another for each seed.
pub fn large_file(seed: u64) -> Value {
    use rand::{Rng as _, SeedableRng as _};
    let mut bytes = vec![0; 1_000_000];
    rand::rngs::StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes[..5].copy_from_slice(b"%PDF-");
    let data = base64_simd::STANDARD.encode_to_string(&bytes);
    json!({"file": {"contentType": "application/pdf", "title": "Discharge file", "data": data}})
}

fn path(reference: &str) -> String {
    Api::in_facility(&format!("/patients/P1/care-contexts/{reference}"))
}

fn visit(records: &[Value]) -> Value {
    json!({"display": "OPD visit", "date": "2026-01-15", "records": records})
}

async fn with_patient(database: TestDatabase, more: &str) -> Api {
    let api = Api::of(World::with(database, SandboxConfig::default(), more).await).await;
    api.world.patient("P1", RAMESH).await;
    api
}

impl Api {
    async fn put_large(&self, reference: &str, records: &[Value]) -> Answer {
        let answer = self.put(&path(reference), visit(records)).await;
        assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
        for record in answer.body["records"].as_array().unwrap() {
            assert!(record["valid"].as_bool().unwrap(), "{record}");
        }
        answer
    }

    async fn objects(&self) -> Vec<ObjectId> {
        let url = format!("file://{}/objects", self.world.folder.path().display());
        Objects::open(&url).unwrap().list().try_collect().await.unwrap()
    }

    async fn consent_to(&self, visits: &[&str]) -> String {
        let patient = crate::world::known_patient(&self.world.sandbox, "P1", RAMESH);
        for visit in visits {
            self.world.until_link(&patient, visit, LinkState::Linked).await;
        }
        self.world.granted(ConsentWanted::default()).await.consent_id
    }
}

on_both_databases! {
    async fn large_records_arrive_whole_with_room_for_less_than_one(database: TestDatabase) {
        let api = with_patient(database, "[transfer]\nmemory = \"64KiB\"\n").await;
        for (seed, reference) in (1..).zip(["V1", "V2", "V3"]) {
            api.put_large(reference, &[large_file(seed)]).await;
        }
        assert_eq!(api.objects().await.len(), 3);
        let consent = api.consent_to(&["V1", "V2", "V3"]).await;
        let transfer = api.world.transferred(RecordsWanted::under(&consent)).await;
        assert_eq!((transfer.state, transfer.pages.len()), (TransferState::Transferred, 3));
        for entry in &transfer.entries {
            assert!(entry.decrypted && entry.checksum_ok && entry.valid, "{:?}", entry.issues);
            let text = entry.bundle.as_deref().unwrap();
            let sent = (1..=3).any(|seed| text.contains(large_file(seed)["file"]["data"].as_str().unwrap()));
            assert!(sent, "the file is in it, unchanged");
        }
        for reference in ["V1", "V2", "V3"] {
            assert_eq!(told(&transfer, reference).0, "DELIVERED");
        }
        api.world.assert_clean().await;
    }

    async fn a_record_whose_object_is_gone_or_altered_is_told_as_it_is_and_the_others_arrive(database: TestDatabase) {
        let api = with_patient(database, "").await;
        for (seed, reference) in (1..).zip(["V1", "V2", "V3"]) {
            api.put_large(reference, &[large_file(seed)]).await;
        }
        let consent = api.consent_to(&["V1", "V2", "V3"]).await;
        let mut objects = api.objects().await;
        objects.sort_unstable();
        let url = format!("file://{}/objects", api.world.folder.path().display());
        let store = Objects::open(&url).unwrap();
        store.delete(objects[0]).await.unwrap();
        let mut altered = store.get(objects[1]).await.unwrap().unwrap().to_vec();
        altered[1000] ^= 1;
        store.delete(objects[1]).await.unwrap();
        store.put(objects[1], altered.into()).await.unwrap();
        let transfer = api.world.transferred(RecordsWanted::under(&consent)).await;
        assert_eq!(transfer.state, TransferState::Transferred);
        let unreadable = ("ERRORED".to_owned(), "The stored record cannot be read".to_owned());
        assert_eq!(told(&transfer, "V1"), unreadable);
        assert_eq!(told(&transfer, "V2"), unreadable);
        assert_eq!(told(&transfer, "V3").0, "DELIVERED");
        api.world.assert_clean().await;
    }

    async fn what_is_replaced_or_withdrawn_is_deleted_from_the_object_store(database: TestDatabase) {
        let api = with_patient(database, "").await;
        let first = api.put_large("V1", &[large_file(1)]).await;
        let again = api.put_large("V1", &[large_file(1)]).await;
        assert_eq!(first.body["records"], again.body["records"], "an equal record keeps its id");
        assert_eq!(api.objects().await.len(), 1);
        api.put_large("V1", &[large_file(2)]).await;
        api.put_large("V2", &[large_file(3)]).await;
        api.consent_to(&["V1", "V2"]).await;
        assert_eq!(api.delete(&path("V2")).await.status.as_u16(), 200);
        assert_eq!(api.objects().await.len(), 3, "for an hour");
        let left = async || Some(api.objects().await).filter(|objects| objects.len() == 1);
        api.world.after(MINUTE * 70, left).await;
        let kept = api.get(&path("V1")).await.body["records"][0]["id"].as_str().unwrap().parse().unwrap();
        assert!(api.world.tx().await.bundle(&id(), kept).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_wait_for_room_and_are_refused_for_now_if_there_is_none() {
    let api = with_patient(TestDatabase::sqlite(), "server.api_memory = \"1MiB\"").await;
    let (sender, body) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
    let url = format!("http://{}{}", api.world.bridge.private, path("V1"));
    let slow = api.http.put(url).bearer_auth(&api.key).body(reqwest::Body::wrap_stream(body)).send();
    let slow = tokio::spawn(slow);
    let full = async || api.world.core().api_room.take(1).now_or_never().is_none().then_some(());
    api.world.until(full).await;
    let send = |api: &Api, key: &str| {
        let url = format!("http://{}{}", api.world.bridge.private, path("V2"));
        let body = visit(&[large_file(1)]).to_string();
        // A connection of its own: one whose body was refused unread ends.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        tokio::spawn(client.put(url).bearer_auth(key).body(body).send())
    };
    let nobody = send(&api, "kadi_nobody").await.unwrap().unwrap();
    assert_eq!(nobody.status().as_u16(), 401, "takes no room from those with a key");
    let small = api.put(&path("V3"), visit(&[])).await;
    assert_eq!(small.status.as_u16(), 202, "small bodies do not wait");
    let waiting = send(&api, &api.key);
    api.world.after(SECOND * 30, async || waiting.is_finished().then_some(())).await;
    let refused = waiting.await.unwrap().unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(read(refused).await.refusal(), (503, "unavailable"));
    sender.send(Ok(visit(&[]).to_string().into_bytes())).await.unwrap();
    drop(sender);
    assert_eq!(slow.await.unwrap().unwrap().status().as_u16(), 202);
    let answer =
        api.send(Method::PUT, &path("V2"), Some(&api.key), visit(&[large_file(1)]).to_string()).await;
    assert_eq!(answer.status().as_u16(), 202, "there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_under_way_shows_its_deadline_and_the_pages_that_are_left() {
    let api = with_patient(TestDatabase::sqlite(), "").await;
    for reference in ["V1", "V2"] {
        let answer = api.put(&path(reference), visit(&[super::visits::prescription()])).await;
        assert_eq!(answer.status.as_u16(), 202);
    }
    let consent = api.consent_to(&["V1", "V2"]).await;
    api.world.push_faults(vec![Fault::always(PushFault::Broken)]);
    let asked_at = api.world.core().clock.now();
    let asked = api.world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
    let path = Api::in_facility(&format!("/transfers/{}", asked.transaction_id));
    let tried = async || {
        let shown = api.get(&path).await.body;
        let pages = shown["openPages"].as_array()?.clone();
        (pages.len() == 2 && pages.iter().all(|page| page["attempts"] == 1)).then_some(shown)
    };
    let shown = api.world.until(tried).await;
    assert_eq!((&shown["overdue"], &shown["pagesSent"]), (&json!(false), &json!(0)));
    let deadline: jiff::Timestamp = shown["deadline"].as_str().unwrap().parse().unwrap();
    assert!(deadline.duration_since(asked_at) <= jiff::SignedDuration::from_mins(20));
    let due: jiff::Timestamp = shown["openPages"][0]["dueAt"].as_str().unwrap().parse().unwrap();
    assert!(asked_at < due && due < deadline);
    let ended = async || Some(api.get(&path).await.body).filter(|shown| shown["status"] == "FAILED");
    let ended = api.world.after(MINUTE * 19, ended).await;
    assert_eq!((&ended["overdue"], &ended["openPages"]), (&json!(false), &json!([])));
    assert_eq!(ended["careContexts"][0]["description"], "Not delivered before the deadline");
}
