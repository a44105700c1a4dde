//! Steps and looks that several tests share.

use std::time::Duration;

use abdm::id::{AbhaAddress, ConsentId};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use domain::event::EventType;
use domain::exchange::Direction as ExchangeDirection;
use domain::link::LinkState;
use domain::patient::Patient;
use domain::token_desk::TokenDesk;
use reqwest::Response;
use sandbox::{
    CallFault, CallbackFault, Consent, ConsentWanted, Direction, Entry, Fault, Plan, PushFault, RawAnswer,
    RawCallback,
};
use serde_json::Value;
use store::{Event, Exchange, ExchangeFilter, StoredConsent, Tx};

use crate::world::{FACILITY, OP_CONSULTATION, PATIENCE, PRESCRIPTION, RAMESH, World, facility, id};

pub const GENERATE_TOKEN: &str = "/v3/token/generate-token";
pub const LINK: &str = "/link/carecontext";
pub const CONTEXT_NOTIFY: &str = "/link/context/notify";
pub const ON_NOTIFY: &str = "/consent/v3/request/hip/on-notify";
pub const ON_REQUEST: &str = "/health-information/hip/on-request";
pub const NOTIFY: &str = "/health-information/notify";
pub const ON_GENERATE_TOKEN: &str = "/hip/token/on-generate-token";
pub const ON_CARE_CONTEXT: &str = "/link/on_carecontext";

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_mins(1);
pub const HOUR: Duration = Duration::from_hours(1);

/// Records of one type.
pub const ONE: [(&str, &str); 1] = [("OPConsultation", OP_CONSULTATION)];
/// Records of two types.
pub const TWO: [(&str, &str); 2] = [("OPConsultation", OP_CONSULTATION), ("Prescription", PRESCRIPTION)];

impl World {
    pub async fn read(&self) -> Tx {
        self.core().store.read().await.unwrap()
    }

    /// Lets `wait` pass, then waits until `look` finds something. The sweep and the pollers look once a second of
    /// the test's clock and may just have done so: therefore it goes on a little, ever more slowly. What is to
    /// happen after `wait` must be on its way before.
    pub async fn after<T>(&self, wait: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        self.clock.advance(wait);
        let mut looks = 0_u32;
        self.until(async || {
            looks += 1;
            if looks >= 8 && (looks.is_power_of_two() || looks.is_multiple_of(64)) {
                self.clock.advance(SECOND);
            }
            look().await
        })
        .await
    }

    /// Lets `wait` pass, then waits until a visit stands so.
    pub async fn link_after(
        &self,
        wait: Duration,
        patient: &Patient,
        reference: &str,
        state: LinkState,
    ) -> domain::link::Link {
        let look = async || Some(self.link(patient, reference).await).filter(|link| link.state == state);
        self.after(wait, look).await
    }

    pub async fn events(&self) -> Vec<Event> {
        self.read().await.events_after(&id(), None, 10_000).await.unwrap()
    }

    /// How many events of a type were raised.
    pub async fn raised(&self, event: EventType) -> usize {
        self.events().await.iter().filter(|raised| raised.event == event).count()
    }

    /// All exchanges, oldest first.
    pub async fn exchanges(&self) -> Vec<Exchange> {
        let mut found = self.read().await.exchanges(&ExchangeFilter::default(), None, 10_000).await.unwrap();
        found.reverse();
        found
    }

    /// Exchanges whose path ends so, oldest first.
    pub async fn exchanges_of(&self, path: &str) -> Vec<Exchange> {
        let mut exchanges = self.exchanges().await;
        exchanges.retain(|exchange| exchange.path.ends_with(path));
        exchanges
    }

    /// Waits until the newest call on this path was accepted and its callback is awaited.
    pub async fn until_awaited(&self, path: &str) {
        let awaited = async || {
            let exchange = self.exchanges_of(path).await.pop()?;
            let calls = self.read().await.calls_of_exchange(exchange.id).await.unwrap();
            Some(()).filter(|()| calls.iter().all(|call| call.state == "sent"))
        };
        self.until(awaited).await;
    }

    /// Waits until the newest call on this path was made so often and the last attempt has its callback.
    pub async fn until_answered(&self, path: &str, attempts: usize) {
        let answered = async || {
            let exchange = self.exchanges_of(path).await.pop()?;
            let made = self.read().await.attempts(exchange.id).await.unwrap();
            let last = made.get(attempts - 1)?.2.clone();
            last.filter(|outcome| outcome == "answered")
        };
        self.until(answered).await;
    }

    /// Waits until every callback that asks for a reply has one, on record. Before that, a jump of the clock would end
    /// the lease of whoever is about to write it down, and the reply would be made once more.
    pub async fn until_settled(&self) {
        let settled = async || {
            let exchanges = self.exchanges().await;
            let mut asked = exchanges.iter().filter(|exchange| exchange.direction == ExchangeDirection::In);
            Some(()).filter(|()| asked.all(|exchange| exchange.state.is_final()))
        };
        self.until(settled).await;
    }

    pub async fn stored_consent(&self, consent: &str) -> Option<StoredConsent> {
        let consent: ConsentId = consent.parse().unwrap();
        self.read().await.consent(&id(), &consent).await.unwrap()
    }

    pub async fn stored_consents(&self) -> Vec<StoredConsent> {
        self.read().await.consents(&id(), None, 1000).await.unwrap()
    }

    pub async fn desk(&self, address: &str) -> TokenDesk {
        let address: AbhaAddress = address.parse().unwrap();
        self.tx().await.token_desk(&id(), &address).await.unwrap()
    }

    pub async fn put_desk(&self, address: &str, desk: &TokenDesk) {
        let address: AbhaAddress = address.parse().unwrap();
        let mut tx = self.tx().await;
        tx.put_token_desk(&id(), &address, desk).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Calls that ABDM received on paths that end so, whatever became of them.
    pub fn calls(&self, path: &str) -> Vec<Entry> {
        let mut calls = self.sandbox.state().journal(path);
        calls.retain(|entry| entry.direction == Direction::In);
        calls
    }

    /// Waits until ABDM has received so many calls.
    pub async fn until_calls(&self, path: &str, at_least: usize) -> Vec<Entry> {
        self.until(async || Some(self.calls(path)).filter(|calls| calls.len() >= at_least)).await
    }

    pub fn call_faults(&self, calls: Vec<Fault<CallFault>>) {
        self.sandbox.state().set_faults(Plan { calls, ..Plan::default() });
    }

    pub fn callback_faults(&self, callbacks: Vec<Fault<CallbackFault>>) {
        self.sandbox.state().set_faults(Plan { callbacks, ..Plan::default() });
    }

    pub fn push_faults(&self, push: Vec<Fault<PushFault>>) {
        self.sandbox.state().set_faults(Plan { push, ..Plan::default() });
    }

    /// Ramesh, with a linked visit of two records.
    pub async fn linked(&self) -> Patient {
        let patient = self.patient("P1", RAMESH).await;
        self.visit(&patient, "visit-1", &TWO).await;
        self.until_link(&patient, "visit-1", LinkState::Linked).await;
        patient
    }

    /// Ramesh grants what is linked, all of it unless `wanted` says less; the bridge has acknowledged it.
    pub async fn granted(&self, wanted: ConsentWanted) -> Consent {
        let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..wanted };
        let granted = self.sandbox.state().grant(&wanted).unwrap().artefacts.remove(0);
        let status = sandbox::ConsentStatus::Granted;
        assert!(self.sandbox.state().acknowledged(&granted.consent_id, status, PATIENCE).await);
        self.until_settled().await;
        granted
    }

    /// Corrects a patient, as the HMIS would.
    pub async fn correct(&self, patient: &Patient) {
        let mut tx = self.tx().await;
        tx.put_patient(&id(), patient).await.unwrap();
        kadi::flows::visits::patient_changed(&self.ctx(), &mut tx, &facility(), &patient.reference)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// A callback of the test's own making.
    pub async fn callback(&self, callback: RawCallback) -> RawAnswer {
        self.sandbox.state().send_callback(callback).await.unwrap()
    }

    /// A token for callbacks that ABDM made now: what it sends to whoever listens.
    pub async fn callback_token(&self) -> String {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(async move |headers: HeaderMap| {
            sender.send(headers["authorization"].to_str().unwrap().to_owned()).await.unwrap();
            StatusCode::OK
        });
        let listening = tokio::spawn(async move { axum::serve(listener, router).await });
        self.sandbox.state().set_bridge_url("SBX_000000", &url);
        self.callback(RawCallback::new("/", FACILITY, Value::Null)).await;
        self.register();
        listening.abort();
        receiver.recv().await.unwrap()
    }

    /// Posts bytes to the public listener with these headers.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut request = http().post(format!("http://{}{path}", self.bridge.public)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

/// A client that follows nothing and uses no proxy.
pub fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().unwrap()
}
