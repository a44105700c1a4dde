//! `POST dataPushUrl`: where HIPs bring records, at an address of its own for each request.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::HiuKeys;
use super::page::{self, Pushed};
use crate::callbacks::cut;
use crate::core::Sandbox;
use crate::faults::{Fault, PushFault};
use crate::judge::{Node, Wrong};
use crate::refusal::{Refusal, Said};
use crate::server::Hangup;
use crate::world::World;
use crate::world::consents::ConsentStatus;
use crate::world::journal::{Direction, Record, Verdict};
use crate::world::ledger::{EffectKind, Outcome, Violation};
use crate::world::transfers::{Page, ReceivedEntry, Transfer, TransferState};

/// How journal and fault plan call this path.
const PATH: &str = "/hiu/push";

/// Serves a push.
pub(crate) async fn serve(
    State(sandbox): State<Sandbox>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let fault = sandbox.faults().push(PATH);
    let over = is_over(&sandbox, &token);
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, sandbox.config().body_limit).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    if let Some(fault) = fault.as_ref().filter(|fault| fault.fault != PushFault::Slow) {
        keep(&sandbox, &parts.headers, &body, fault_status(fault.fault), Err(format!("{:?}", fault.fault)));
        return strike(&sandbox, fault).await;
    }
    if let Some(slow) = &fault {
        let _ = tokio::time::timeout(slow.wait(), sandbox.ended().cancelled()).await;
    }
    let judging = (sandbox.clone(), parts.headers.clone(), body.clone());
    let judged =
        tokio::task::spawn_blocking(move || take(&judging.0, (&token, over), &judging.1, &judging.2)).await;
    let outcome = judged.unwrap_or_else(|_| Err(Refusal::empty()));
    let status = outcome.as_ref().map_or_else(|refusal| refusal.status, |()| StatusCode::ACCEPTED);
    keep(&sandbox, &parts.headers, &body, status, Ok(outcome.as_ref().err()));
    match outcome {
        Ok(()) => plain(StatusCode::ACCEPTED),
        Err(Refusal { status, said: Said::Json(said), .. }) => json(status, &said),
        Err(refusal) => plain(refusal.status),
    }
}

/// What is known of the transfer that a push is for.
struct Expected {
    transaction: String,
    keys: Arc<HiuKeys>,
    page_known: bool,
}

fn take(
    sandbox: &Sandbox,
    (token, over): (&str, bool),
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(), Refusal> {
    let unknown = || Refusal::with(StatusCode::NOT_FOUND, "ABDM-1017", "Invalid TransactionId");
    let known = sandbox.read(|world| world.push_tokens.contains_key(token));
    if !known {
        return Err(unknown().breaks("unknown-push", "no request has this dataPushUrl"));
    }
    authorized(sandbox, headers)?;
    content_type(headers)?;
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::bad("ABDM-1006", "Bad Request, invalid request Body").breaks("no-json", error.to_string())
    })?;
    let pushed = page::read(&Node::root(&value)).map_err(|wrong: Wrong| Refusal::from(wrong))?;
    let expected = sandbox.read(|world| expect(world, token, &pushed)).ok_or_else(unknown)?;
    if expected.transaction != pushed.transaction {
        return Err(unknown().breaks("unknown-push", "/transactionId is not that of the dataPushUrl"));
    }
    if sandbox.config().rules.note_unknown_members && !pushed.strangers.is_empty() {
        sandbox.violation("unknown-member", pushed.strangers.join(", "), PATH);
    }
    if expected.page_known {
        sandbox.change(|world| repeat(world, sandbox, &pushed));
        return Ok(());
    }
    let entries = pushed.open(&expected.keys, sandbox.config().rules.validate_records);
    let broken = sandbox.change(|world| store(world, sandbox, (&pushed, over), entries));
    for (rule, detail) in broken {
        sandbox.violation(rule, detail, PATH);
    }
    Ok(())
}

/// A page must carry a session token of the sender's.
fn authorized(sandbox: &Sandbox, headers: &HeaderMap) -> Result<(), Refusal> {
    if !sandbox.config().rules.push_needs_token {
        return Ok(());
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let now = sandbox.now();
    let session = sandbox.read(|world| world.registry.sessions.get(token).map(|session| now < session.until));
    let refusal =
        Refusal::manager(StatusCode::UNAUTHORIZED, "900901", "Invalid Credentials", "no valid session token");
    match session {
        Some(true) => Ok(()),
        Some(false) => Err(refusal.forgiven()),
        None => Err(refusal.breaks("push-token", "the push carries no session token of ABDM's")),
    }
}

fn content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given.split(';').next().is_some_and(|kind| kind.trim() == "application/json") {
        return Ok(());
    }
    Err(Refusal::bad("ABDM-9999: ", "415 UNSUPPORTED_MEDIA_TYPE")
        .breaks("content-type", "Content-Type is not application/json"))
}

fn expect(world: &World, token: &str, pushed: &Pushed<'_>) -> Option<Expected> {
    let transaction = world.push_tokens.get(token)?;
    let transfer = world.transfers.get(transaction)?;
    Some(Expected {
        transaction: transaction.clone(),
        keys: transfer.keys.clone()?,
        page_known: transfer.pages.iter().any(|page| page.page_number == pushed.number),
    })
}

fn key(pushed: &Pushed<'_>) -> String {
    format!("{}|{}", pushed.transaction, pushed.number)
}

fn repeat(world: &mut World, sandbox: &Sandbox, pushed: &Pushed<'_>) {
    world.ledger.book(EffectKind::Page, key(pushed), Outcome::Repeat, sandbox.now());
    let transfer = world.transfers.get_mut(pushed.transaction);
    let pages = transfer.into_iter().flat_map(|transfer| transfer.pages.iter_mut());
    pages.filter(|page| page.page_number == pushed.number).for_each(|page| page.repeated += 1);
}

/// Keeps a page; gives the rules that it breaks.
fn store(
    world: &mut World,
    sandbox: &Sandbox,
    (pushed, over): (&Pushed<'_>, bool),
    entries: Vec<ReceivedEntry>,
) -> Vec<(&'static str, String)> {
    let now = sandbox.now();
    let mut broken = reused(world, pushed);
    broken.extend(without_consent(world, pushed, over));
    let limit = sandbox.config().kept_records;
    let World { transfers, ledger, kept, .. } = world;
    let Some(transfer) = transfers.get_mut(pushed.transaction) else { return broken };
    // Two deliveries of one page may have been opened at the same time.
    if transfer.pages.iter().any(|page| page.page_number == pushed.number) {
        ledger.book(EffectKind::Page, key(pushed), Outcome::Repeat, now);
        return broken;
    }
    broken.extend(out_of_place(transfer, pushed, &entries));
    ledger.book(EffectKind::Page, key(pushed), Outcome::Accepted, now);
    transfer.page_count.get_or_insert(pushed.count);
    if transfer.state == TransferState::Acknowledged {
        transfer.state = TransferState::Receiving;
    }
    let problems = broken.iter().map(|(rule, detail)| format!("{rule}: {detail}")).collect();
    transfer.pages.push(Page {
        page_number: pushed.number,
        at: now,
        entries: pushed.len(),
        repeated: 0,
        problems,
    });
    for mut entry in entries {
        if *kept + entry.bytes > limit {
            entry.bundle = None;
        } else {
            *kept += entry.bytes;
        }
        transfer.entries.push(entry);
    }
    broken
}

/// A HIP's key or nonce that served another transfer before.
fn reused(world: &mut World, pushed: &Pushed<'_>) -> Vec<(&'static str, String)> {
    let mut broken = Vec::new();
    for (name, value) in [("key", pushed.key), ("nonce", pushed.nonce)] {
        let first = world.hip_keys.entry(value.to_owned()).or_insert_with(|| pushed.transaction.to_owned());
        if first != pushed.transaction {
            broken.push(("reused-key", format!("the HIP's {name} served another transfer before")));
        }
    }
    broken
}

/// Whether the consent of a push is over, and the HIP has said that it knows. To be asked when a push begins to arrive: what
/// the HIP says while it is read, opened and validated, it did not know before.
fn is_over(sandbox: &Sandbox, token: &str) -> bool {
    sandbox.read(|world| {
        let transfer = world.push_tokens.get(token).and_then(|transaction| world.transfers.get(transaction));
        let consent = transfer.and_then(|transfer| world.consents.get(&transfer.consent_id));
        consent.is_some_and(|consent| {
            let ended = consent.status != ConsentStatus::Granted;
            let known = ended && consent.is_acknowledged(consent.status.as_str());
            known || consent.data_erase_at <= sandbox.now()
        })
    })
}

/// Records that came although the HIP knew that the consent is over, or under none.
fn without_consent(world: &World, pushed: &Pushed<'_>, over: bool) -> Option<(&'static str, String)> {
    let transfer = world.transfers.get(pushed.transaction)?;
    if !world.consents.contains_key(&transfer.consent_id) {
        return Some(("no-consent", "records under an unknown consent".into()));
    }
    over.then(|| ("no-consent", "records under a consent that the HIP knew to be over".into()))
}

/// What on the page is not in its place: order, count, care contexts, types.
fn out_of_place(
    transfer: &Transfer,
    pushed: &Pushed<'_>,
    entries: &[ReceivedEntry],
) -> Vec<(&'static str, String)> {
    let mut broken = Vec::new();
    if transfer.state == TransferState::Requested {
        broken.push(("push-order", "pushed before on-request".to_owned()));
    }
    if transfer.state == TransferState::Overdue {
        broken.push(("transfer-limit", "pushed after the limit of 20 minutes".to_owned()));
    } else if transfer.state.is_closed() {
        broken.push(("push-order", "pushed after the transfer was closed".to_owned()));
    }
    if transfer.page_count.is_some_and(|count| count != pushed.count) {
        broken.push(("page-count", "pageCount differs between pages".to_owned()));
    }
    for context in pushed.care_contexts() {
        if !transfer.care_contexts.contains(context) {
            broken.push(("beyond-consent", format!("care context {context} is not in the artefact")));
        }
    }
    for hi_type in entries.iter().filter_map(|entry| entry.hi_type.as_deref()) {
        if !transfer.hi_types.contains(hi_type) {
            broken.push(("beyond-consent", format!("HI type {hi_type} is not in the artefact")));
        }
    }
    if let Some(entry) = entries.iter().find(|entry| !entry.issues.is_empty()) {
        broken.push(("bad-record", format!("{}: {}", entry.care_context_reference, entry.issues.join("; "))));
    }
    broken
}

fn keep(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    body: &Bytes,
    status: StatusCode,
    outcome: Result<Option<&Refusal>, String>,
) {
    let now = sandbox.now();
    let (verdict, note) = match &outcome {
        Ok(None) => (Verdict::Accepted, None),
        Ok(Some(refusal)) => (Verdict::Refused, refusal.rule.map(str::to_owned)),
        Err(fault) => (Verdict::Faulted, Some(fault.clone())),
    };
    // Ciphertext says nothing to a reader: the beginning of a page is enough.
    let start = body.get(..body.len().min(2048)).unwrap_or_default();
    let record = Record {
        at: now,
        direction: Direction::In,
        method: "POST".into(),
        path: PATH.into(),
        client_id: None,
        hip_id: None,
        request_id: headers.get("request-id").and_then(|id| id.to_str().ok()).map(str::to_owned),
        status: Some(status.as_u16()),
        verdict,
        note,
        attempt: 1,
        took: None,
        body: cut(&String::from_utf8_lossy(start), sandbox.config().journal_body),
        answer: String::new(),
    };
    let violation = outcome.ok().flatten().and_then(|refusal| {
        let rule = refusal.rule?.to_owned();
        Some(Violation {
            n: 0,
            at: now,
            rule,
            detail: refusal.detail.clone(),
            path: PATH.into(),
            request_id: None,
            client_id: None,
        })
    });
    sandbox.change(|world| {
        world.journal.add(record);
        if let Some(violation) = violation {
            world.ledger.violate(violation);
        }
    });
}

fn fault_status(fault: PushFault) -> StatusCode {
    match fault {
        PushFault::Bad => StatusCode::BAD_REQUEST,
        PushFault::Unauthorized => StatusCode::UNAUTHORIZED,
        PushFault::TooMany => StatusCode::TOO_MANY_REQUESTS,
        PushFault::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        PushFault::Redirect => StatusCode::TEMPORARY_REDIRECT,
        PushFault::Slow | PushFault::Timeout | PushFault::Close => StatusCode::GATEWAY_TIMEOUT,
    }
}

async fn strike(sandbox: &Sandbox, fault: &Fault<PushFault>) -> Response {
    let mut response = plain(fault_status(fault.fault));
    match fault.fault {
        PushFault::Redirect => {
            let to = fault.to.as_deref().unwrap_or("http://127.0.0.1:9/elsewhere");
            if let Ok(to) = HeaderValue::from_str(to) {
                response.headers_mut().insert(header::LOCATION, to);
            }
        }
        PushFault::Timeout => {
            let _ = tokio::time::timeout(fault.wait(), sandbox.ended().cancelled()).await;
            response.extensions_mut().insert(Hangup);
        }
        PushFault::Close => {
            response.extensions_mut().insert(Hangup);
        }
        _ => {}
    }
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, said: &Value) -> Response {
    let mut response = Response::new(Body::from(said.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
