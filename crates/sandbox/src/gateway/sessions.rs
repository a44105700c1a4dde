//! Sessions and the certificate set. ABDM V3, `gateway/v3`.

use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::{Answer, Call};
use crate::judge::Wrong;
use crate::refusal::Refusal;
use crate::world::World;
use crate::world::linkings::ApiVersion;
use crate::world::registry::Session;

/// Failures in a row after which a client is locked, and for how long (about 8 and about 8 minutes were seen).
const FAILURES: u32 = 8;
const LOCK: Duration = Duration::from_mins(8);

/// `POST sessions`.
pub(crate) fn open(call: &Call<'_>) -> Result<Answer, Refusal> {
    let (client, secret) = credentials(call)?;
    call.sandbox.change(|world| admit(world, client, secret, call.now))?;
    let life = call.sandbox.timing().session;
    let version = super::version(call.path);
    let token = call.sandbox.keys().session_token(version, client, call.now, life);
    let until = call.now.saturating_add(life).unwrap_or(Timestamp::MAX);
    call.sandbox.change(|world| {
        let sessions = &mut world.registry.sessions;
        sessions.insert(token.clone(), Session { client: client.to_owned(), version, until });
    });
    let refresh = call.sandbox.keys().session_token(version, client, call.now, life);
    let body = json!({"accessToken": token, "expiresIn": life.as_secs(), "refreshExpiresIn": 1800,
        "refreshToken": refresh, "tokenType": "bearer"});
    let status = if version == ApiVersion::V3 { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(Answer::with(status, body))
}

fn credentials<'a>(call: &'a Call<'_>) -> Result<(&'a str, &'a str), Wrong> {
    let members = call.body.as_object();
    let root = call.root();
    root.one_of("grantType", &["client_credentials"])?;
    root.text("clientId")?;
    root.text("clientSecret")?;
    call.note_strangers(&root.strangers(&["clientId", "clientSecret", "grantType"]));
    let text = |name| members.and_then(|members| members.get(name)?.as_str()).unwrap_or_default();
    Ok((text("clientId"), text("clientSecret")))
}

fn admit(world: &mut World, client: &str, secret: &str, now: Timestamp) -> Result<(), Refusal> {
    let locked = |failures: &(u32, Timestamp)| failures.0 >= FAILURES && now < failures.1;
    if world.registry.failures.get(client).is_some_and(locked) {
        return Err(Refusal::bad("ABDM-9999: ", "invalid user credentials"));
    }
    let bridge = world.registry.bridges.get(client).filter(|bridge| bridge.active);
    if bridge.is_some_and(|bridge| bridge.secret == secret) {
        world.registry.failures.remove(client);
        return Ok(());
    }
    let known = bridge.is_some();
    let failures = world.registry.failures.entry(client.to_owned()).or_insert((0, now));
    if failures.0 >= FAILURES && now >= failures.1 {
        failures.0 = 0;
    }
    failures.0 += 1;
    failures.1 = now.saturating_add(LOCK).unwrap_or(Timestamp::MAX);
    Err(if known {
        Refusal::bad("1922", "Invalid client secret")
    } else {
        Refusal::bad("1921", "Invalid client id")
    })
}

/// `GET certs`.
#[expect(clippy::unnecessary_wraps, reason = "every operation is judged alike")]
pub(crate) fn certs(call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::with(StatusCode::OK, call.sandbox.keys().published()))
}

/// `GET certs` of v0.5: for everybody.
#[expect(clippy::unnecessary_wraps, reason = "every operation is judged alike")]
pub(crate) fn certs_v05(call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::with(StatusCode::OK, call.sandbox.keys().published_v05()))
}

/// `GET .well-known/openid-configuration`.
#[expect(clippy::unnecessary_wraps, reason = "every operation is judged alike")]
pub(crate) fn configuration(call: &Call<'_>) -> Result<Answer, Refusal> {
    let uri = format!("{}/api/hiecm/gateway/v3/certs", call.sandbox.base_url());
    Ok(Answer::with(StatusCode::OK, json!({"jwks_uri": uri})))
}
