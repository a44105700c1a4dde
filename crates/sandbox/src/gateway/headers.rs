//! The headers of every call, in the order of ABDM's checks: presence, session token, `X-CM-ID`, `REQUEST-ID`,
//! `TIMESTAMP`, `Content-Type`, and at last whether the `REQUEST-ID` was used before.

use axum::http::{Method, StatusCode};
use uuid::Uuid;

use super::Operation;
use super::exchange::Exchange;
use crate::judge::patterns::{self, UUID};
use crate::refusal::Refusal;
use crate::world::linkings::ApiVersion;

/// Client id and `REQUEST-ID` of a call whose headers are in order.
pub(super) fn check(exchange: &Exchange<'_>, operation: &Operation) -> Result<(String, String), Refusal> {
    present(exchange, operation)?;
    let client =
        if operation.needs_session() { session(exchange, operation.version())? } else { String::new() };
    if operation.version() == ApiVersion::V05 {
        return older(exchange, operation).map(|()| (client, Uuid::new_v4().to_string()));
    }
    if !operation.is_gateway() {
        content_type(exchange)?;
        return Ok((client, Uuid::new_v4().to_string()));
    }
    if exchange.text("x-cm-id").as_deref() != Some(exchange.sandbox.config().cm_id.as_str()) {
        return Err(Refusal::bad("ABDM-2403", "Invalid X-CM-ID"));
    }
    let request_id = exchange.text("request-id").unwrap_or_default();
    if !UUID.fits(&request_id) {
        return Err(Refusal::bad("ABDM-2404", "Invalid Request Id"));
    }
    timestamp(exchange)?;
    content_type(exchange)?;
    let used = (client.clone(), request_id.to_lowercase());
    if !exchange.sandbox.change(|world| world.request_ids.insert(used)) {
        return Err(Refusal::bad("ABDM-1064", "request with this request id already exists"));
    }
    Ok((client, request_id))
}

/// v0.5 has no headers of its own but `X-CM-ID`: id and time stand in the body.
fn older(exchange: &Exchange<'_>, operation: &Operation) -> Result<(), Refusal> {
    let given = exchange.text("x-cm-id");
    if operation.is_gateway() && given.as_deref() != Some(exchange.sandbox.config().cm_id.as_str()) {
        return Err(Refusal::bad("ABDM-2403", "Invalid X-CM-ID"));
    }
    content_type(exchange)
}

fn present(exchange: &Exchange<'_>, operation: &Operation) -> Result<(), Refusal> {
    let absent = |name: &&&str| exchange.text(name).is_none_or(|value| value.trim().is_empty());
    operation.requires.iter().find(absent).map_or(Ok(()), |name| Err(Refusal::missing_header(name)))
}

fn session(exchange: &Exchange<'_>, version: ApiVersion) -> Result<String, Refusal> {
    let given = exchange.text("authorization").unwrap_or_default();
    let Some(token) = given.strip_prefix("Bearer ").map(str::trim).filter(|token| !token.is_empty()) else {
        return Err(Refusal::manager(
            StatusCode::UNAUTHORIZED,
            "900902",
            "Missing Credentials",
            "Invalid Credentials. Make sure your API invocation call has a header: 'Authorization : Bearer ACCESS_TOKEN'",
        ));
    };
    let live = exchange.sandbox.read(|world| {
        let session = world.registry.sessions.get(token).filter(|session| exchange.now < session.until)?;
        let session = Some(session).filter(|session| session.version == version)?;
        Some(session.client.clone())
    });
    live.ok_or_else(|| {
        // A client may well find its token expired; that it was never given out is another matter.
        let refusal =
            if exchange.sandbox.config().rules.bad_token_is_900900 { unclassified() } else { bad_token() };
        let known = exchange.sandbox.read(|world| {
            world.registry.sessions.get(token).is_some_and(|session| session.version == version)
        });
        if known {
            refusal.forgiven()
        } else {
            refusal.breaks("foreign-token", "a session token that was never given out")
        }
    })
}

/// 401 of a token that is expired or was never given out.
pub(super) fn bad_token() -> Refusal {
    Refusal::manager(
        StatusCode::UNAUTHORIZED,
        "900901",
        "Invalid Credentials",
        "Access failure for API: /api/hiecm, version: v3 status: (900901) - Invalid Credentials. Make sure you have \
         provided the correct security credentials",
    )
}

/// 500 with which one code path answers a wrong token.
pub(super) fn unclassified() -> Refusal {
    Refusal::manager(
        StatusCode::INTERNAL_SERVER_ERROR,
        "900900",
        "Unclassified Authentication Failure",
        "Access failure for API: /api/hiecm, version: v3 status: (900900) - Unclassified Authentication Failure",
    )
}

fn timestamp(exchange: &Exchange<'_>) -> Result<(), Refusal> {
    let given = exchange.text("timestamp").unwrap_or_default();
    let Some(at) = patterns::timestamp(&given) else {
        return Err(Refusal::bad("ABDM-2402", "Invalid Timestamp")
            .breaks("ABDM-2402", "not UTC with exactly milliseconds and Z"));
    };
    if at.duration_since(exchange.now).unsigned_abs() > exchange.sandbox.timing().skew {
        // The clocks differ: no rule is broken, the operator has to see to it.
        return Err(Refusal::bad("ABDM-2402", "Invalid Timestamp").forgiven());
    }
    Ok(())
}

fn content_type(exchange: &Exchange<'_>) -> Result<(), Refusal> {
    if *exchange.method == Method::GET {
        return Ok(());
    }
    let given = exchange.text("content-type").unwrap_or_default();
    if given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Refusal::bad("ABDM-9999: ", "415 UNSUPPORTED_MEDIA_TYPE \"Content type '' not supported\"")
        .breaks("content-type", "Content-Type is not application/json"))
}
