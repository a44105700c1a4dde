//! Sending callbacks to bridges, as ABDM does: asynchronously, with the gateway's token; a refused delivery is
//! repeated late with the same token, an unacknowledged consent notification with a fresh `REQUEST-ID`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::core::Sandbox;
use crate::faults::{CallbackFault, Fault};
use crate::judge::patterns::written;
use crate::world::journal::{Direction, Record, Verdict};
use crate::world::linkings::ApiVersion;
use crate::world::{Asked, Subject, World};

/// How long, in real time, a call waits for its early callback to be answered.
const EARLY: Duration = Duration::from_secs(2);

/// A callback that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Callback {
    pub(crate) hip_id: String,
    pub(crate) path: &'static str,
    pub(crate) body: Value,
    pub(crate) subject: Subject,
    /// Key of the notice whose result this is.
    pub(crate) notice: Option<String>,
    /// Used for the first delivery, if the sender has promised an id already.
    pub(crate) request_id: Option<String>,
}

impl Callback {
    pub(crate) fn new(hip_id: &str, path: &'static str, subject: Subject, body: Value) -> Self {
        Self { hip_id: hip_id.into(), path, body, subject, notice: None, request_id: None }
    }

    /// The result of a call.
    pub(crate) fn result(hip_id: &str, path: &'static str, body: Value) -> Self {
        Self::new(hip_id, path, Subject::Result, body)
    }

    /// The interface that its path belongs to.
    fn version(&self) -> ApiVersion {
        if self.path.starts_with("/v0.5/") { ApiVersion::V05 } else { ApiVersion::V3 }
    }

    /// Until it is acknowledged, it is sent again with a fresh `REQUEST-ID`.
    fn is_redelivered(&self) -> bool {
        matches!(self.subject, Subject::Consent { .. })
    }
}

/// One delivery: the same on every repeat but for the time.
struct Delivery {
    callback: Callback,
    request_id: String,
    token: String,
    attempt: u32,
}

impl Delivery {
    fn new(sandbox: &Sandbox, callback: &Callback) -> Self {
        Self {
            request_id: callback.request_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string()),
            token: sandbox.keys().callback_token(
                callback.version(),
                sandbox.now(),
                sandbox.timing().token_age,
            ),
            callback: callback.clone(),
            attempt: 0,
        }
    }
}

/// The answer to a delivery.
struct Answer {
    /// `None` if nobody answered.
    status: Option<u16>,
    body: String,
}

impl Answer {
    fn is_accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Sandbox {
    /// Sends a callback in its own time.
    pub(crate) fn queue_callback(&self, callback: Callback) {
        let fault = self.faults().callback(callback.path);
        self.queue_with(callback, fault);
    }

    pub(crate) fn queue_with(&self, callback: Callback, fault: Option<Fault<CallbackFault>>) {
        let sandbox = self.clone();
        let busy = Busy::new(self);
        let due = self.sleep(self.timing().callback_delay + extra(self, fault.as_ref()));
        tokio::spawn(async move {
            due.await;
            run(&sandbox, callback, fault.map(|fault| fault.fault), busy).await;
        });
    }

    /// Sends a callback now and waits until it is answered, but not for long; for `early` ones.
    pub(crate) async fn send_early(&self, callback: Callback) {
        let (sandbox, busy) = (self.clone(), Busy::new(self));
        let (answered, first) = oneshot::channel();
        tokio::spawn(async move {
            let mut delivery = Delivery::new(&sandbox, &callback);
            let accepted = attempt(&sandbox, &mut delivery).await;
            let _ = answered.send(());
            if !accepted {
                repeat(&sandbox, &mut delivery, &busy).await;
            }
        });
        let _ = tokio::time::timeout(EARLY, first).await;
    }
}

async fn run(sandbox: &Sandbox, callback: Callback, kind: Option<CallbackFault>, busy: Busy) {
    let mut callback = callback;
    if kind == Some(CallbackFault::Lost) {
        lose(sandbox, &callback);
    } else {
        deliver(sandbox, &callback, &busy, kind == Some(CallbackFault::Duplicate)).await;
    }
    callback.request_id = None;
    if kind == Some(CallbackFault::Redeliver) {
        deliver(sandbox, &callback, &busy, false).await;
    }
    if !callback.is_redelivered() {
        return;
    }
    for _ in 0..sandbox.timing().redeliveries {
        far(sandbox, &busy, sandbox.timing().redeliver).await;
        if sandbox.ended().is_cancelled() || sandbox.read(|world| is_settled(world, &callback.subject)) {
            return;
        }
        deliver(sandbox, &callback, &busy, false).await;
    }
}

fn extra(sandbox: &Sandbox, fault: Option<&Fault<CallbackFault>>) -> Duration {
    match fault {
        Some(fault) if fault.fault == CallbackFault::Late => fault.wait(),
        Some(fault) if fault.fault == CallbackFault::Reorder => sandbox.faults().part_of(fault.wait()),
        _ => Duration::ZERO,
    }
}

/// A consent notification is settled once it is acknowledged, or overtaken by a later status.
fn is_settled(world: &World, subject: &Subject) -> bool {
    let Subject::Consent { consent_id, status } = subject else { return true };
    world
        .consents
        .get(consent_id)
        .is_none_or(|consent| consent.is_acknowledged(status) || consent.status.as_str() != *status)
}

fn lose(sandbox: &Sandbox, callback: &Callback) {
    let mut record = journal_record(sandbox.now(), callback, None, 1);
    record.verdict = Verdict::Faulted;
    record.note = Some("lost".into());
    sandbox.change(|world| world.journal.add(record));
}

/// One delivery with its late repeats, all under one `REQUEST-ID` and token.
async fn deliver(sandbox: &Sandbox, callback: &Callback, busy: &Busy, twice: bool) {
    let mut delivery = Delivery::new(sandbox, callback);
    let accepted = attempt(sandbox, &mut delivery).await;
    let again = twice && attempt(sandbox, &mut delivery).await;
    if !accepted && !again {
        repeat(sandbox, &mut delivery, busy).await;
    }
}

/// Delivers again what was refused, late and as often as configured.
async fn repeat(sandbox: &Sandbox, delivery: &mut Delivery, busy: &Busy) {
    for _ in 0..sandbox.timing().refused_repeats {
        far(sandbox, busy, sandbox.timing().refused_repeat).await;
        if sandbox.ended().is_cancelled() || attempt(sandbox, delivery).await {
            return;
        }
    }
}

/// Waits for a repeat; the callback does not count as pending meanwhile.
async fn far(sandbox: &Sandbox, busy: &Busy, wait: Duration) {
    let waiting = sandbox.sleep(wait);
    let _resting = busy.rest();
    waiting.await;
}

/// Sends once, notes what was asked before and what was answered after.
async fn attempt(sandbox: &Sandbox, delivery: &mut Delivery) -> bool {
    delivery.attempt += 1;
    let callback = &delivery.callback;
    let now = sandbox.now();
    let url = sandbox.change(|world| {
        note_asked(world, callback, &delivery.request_id, now);
        world.registry.callback_url(&callback.hip_id)
    });
    let sent = sandbox.elapsed();
    let answer = match url {
        Some(url) => {
            let body = body(delivery, now);
            send(sandbox, &format!("{url}{}", callback.path), headers(sandbox, delivery), &body).await
        }
        None => Answer { status: None, body: "no bridge URL is registered".into() },
    };
    let accepted = answer.is_accepted();
    let mut record = journal_record(now, callback, Some(delivery.request_id.clone()), delivery.attempt);
    record.status = answer.status;
    record.took = Some(sandbox.elapsed().saturating_sub(sent));
    record.verdict = match answer.status {
        None => Verdict::Unreachable,
        Some(_) if accepted => Verdict::Accepted,
        Some(_) => Verdict::Refused,
    };
    record.answer = cut(&answer.body, sandbox.config().journal_body);
    record.body = cut(&record.body, sandbox.config().journal_body);
    sandbox.change(|world| {
        world.journal.add(record);
        if accepted {
            note_taken(world, callback, now);
        }
    });
    accepted
}

fn note_asked(world: &mut World, callback: &Callback, request_id: &str, now: Timestamp) {
    if let Subject::Consent { consent_id, status: "GRANTED" } = &callback.subject
        && let Some(consent) = world.consents.get_mut(consent_id)
    {
        consent.told = Some(now);
    }
    if callback.subject == Subject::Result {
        return;
    }
    // A reply is measured from the last delivery of what it answers.
    let asked = Asked { subject: callback.subject.clone(), hip_id: callback.hip_id.clone(), at: now };
    world.asked.insert(request_id.to_owned(), asked);
}

/// The HIP has taken a callback.
fn note_taken(world: &mut World, callback: &Callback, now: Timestamp) {
    if let Some(notice) = &callback.notice {
        let succeeded = callback.body.get("error").is_none();
        world.links.sent_result(notice, succeeded, true);
    }
    if let Subject::Request { transaction_id } = &callback.subject
        && let Some(transfer) = world.transfers.get_mut(transaction_id)
    {
        transfer.delivered_at.get_or_insert(now);
    }
}

/// In v0.5 id and time of a message stand in its body.
fn body(delivery: &Delivery, now: Timestamp) -> Value {
    let mut body = delivery.callback.body.clone();
    if delivery.callback.version() == ApiVersion::V05
        && let Some(members) = body.as_object_mut()
    {
        members.insert("requestId".to_owned(), delivery.request_id.clone().into());
        members.insert("timestamp".to_owned(), written(now).into());
    }
    body
}

fn headers(sandbox: &Sandbox, delivery: &Delivery) -> HeaderMap {
    let trace = Uuid::new_v4().simple().to_string();
    let span = trace.get(..16).unwrap_or_default().to_owned();
    let now = sandbox.now();
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set("authorization", format!("Bearer {}", delivery.token));
    if delivery.callback.version() == ApiVersion::V3 {
        set("request-id", delivery.request_id.clone());
        set("timestamp", written(now));
    }
    set("x-hip-id", delivery.callback.hip_id.clone());
    set("content-type", "application/json".into());
    set("accept", "*/*".into());
    set("traceparent", format!("00-{trace}-{span}-01"));
    set("tracestate", format!("dd=s:1;p:{span}"));
    set("x-amzn-trace-id", format!("Root=1-{:08x}-{}", now.as_second(), trace.get(..24).unwrap_or_default()));
    headers
}

async fn send(sandbox: &Sandbox, url: &str, headers: HeaderMap, body: &Value) -> Answer {
    let Ok(_slot) = sandbox.slots().acquire().await else {
        return Answer { status: None, body: String::new() };
    };
    let sent = sandbox.http().post(url).headers(headers).body(body.to_string()).send();
    let answered = tokio::select! {
        answered = sent => answered,
        () = sandbox.ended().cancelled() => return Answer { status: None, body: "the sandbox ended".into() },
    };
    match answered {
        Ok(answer) => {
            let status = Some(answer.status().as_u16());
            Answer { status, body: answer.text().await.unwrap_or_default() }
        }
        Err(error) => Answer { status: None, body: error.without_url().to_string() },
    }
}

/// A callback of the tester's own making: its headers as given, sent once.
pub(crate) async fn send_raw(
    sandbox: &Sandbox,
    hip_id: &str,
    path: &str,
    headers: HeaderMap,
    body: &Value,
) -> (Option<u16>, String) {
    let url = sandbox.read(|world| world.registry.callback_url(hip_id).or_else(|| any_url(world)));
    let Some(url) = url else { return (None, "no bridge URL is registered".into()) };
    let answer = send(sandbox, &format!("{url}{path}"), headers, body).await;
    (answer.status, answer.body)
}

/// For callbacks to an HIP that does not exist: the first bridge's address.
fn any_url(world: &World) -> Option<String> {
    world
        .registry
        .bridges
        .values()
        .find_map(|bridge| bridge.url.as_deref())
        .map(|url| url.trim_end_matches('/').to_owned())
}

fn journal_record(now: Timestamp, callback: &Callback, request_id: Option<String>, attempt: u32) -> Record {
    Record {
        at: now,
        direction: Direction::Out,
        method: "POST".into(),
        path: callback.path.into(),
        client_id: None,
        hip_id: Some(callback.hip_id.clone()),
        request_id,
        status: None,
        verdict: Verdict::Accepted,
        note: None,
        attempt,
        took: None,
        body: callback.body.to_string(),
        answer: String::new(),
    }
}

/// The beginning of a text, at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// Counts a callback as pending for as long as it lives.
pub(crate) struct Busy(Sandbox);

impl Busy {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        sandbox.count_pending(true);
        Self(sandbox.clone())
    }

    /// Counts it as waiting instead, for as long as the result lives.
    fn rest(&self) -> Resting<'_> {
        self.0.count_repeating(true);
        self.0.count_pending(false);
        Resting(&self.0)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.count_pending(false);
    }
}

struct Resting<'a>(&'a Sandbox);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.count_pending(true);
        self.0.count_repeating(false);
    }
}
