//! Tells events to the webhooks of the HMIS, signed as Standard Webhooks says, until they are taken or given up.
//!
//! A message is the event as the API shows it, with `webhook-id` (the event's id: one that is told twice is known by it),
//! `webhook-timestamp` and `webhook-signature`. Only a 2xx takes it. No redirect is followed.

use std::sync::Arc;
use std::time::Duration;

use abdm::tls::client_config;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use store::{Attempted, Queue, Telling};
use tokio_util::sync::CancellationToken;

use super::{POLL, STORE_DOWN};
use crate::bridge::Bridge;
use crate::http::api::EventView;

/// Tellings under way at once.
const AT_ONCE: u32 = 16;
/// How long an HMIS may take to answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The waits between attempts (Standard Webhooks' example schedule); after the last one the telling is given up.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// How webhooks' secrets begin where people see them.
pub const SECRET_PREFIX: &str = "whsec_";

/// The client of all webhooks.
///
/// # Errors
/// TLS cannot be set up.
pub fn client() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(client_config()?)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .user_agent(concat!("kadi/", env!("CARGO_PKG_VERSION")));
    Ok(builder.build()?)
}

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match bridge.store.lease_webhook_deliveries(AT_ONCE).await {
            Ok(tellings) if tellings.is_empty() => {
                tokio::select! {
                    () = bridge.store.woken(Queue::Webhooks) => {}
                    () = bridge.clock.sleep(POLL) => {}
                    () = stop.cancelled() => {}
                }
            }
            Ok(tellings) => {
                let told = tellings.into_iter().map(|telling| tell(Arc::clone(&bridge), telling));
                futures_util::future::join_all(told).await;
            }
            Err(error) => {
                tracing::error!(error = %error, "webhooks cannot be read");
                stop.run_until_cancelled(bridge.clock.sleep(STORE_DOWN)).await;
            }
        }
    }
}

async fn tell(bridge: Arc<Bridge>, telling: Telling) {
    if let Err(error) = attempt(&bridge, &telling).await {
        tracing::error!(error = %error, webhook = %telling.delivery.webhook,
            "what became of a webhook could not be recorded; its lease will end and it will be told again");
    }
}

async fn attempt(bridge: &Bridge, telling: &Telling) -> store::Result<()> {
    let webhook = bridge.store.read().await?.webhook(&telling.facility, &telling.delivery.webhook).await?;
    let Some(webhook) = webhook else { return Ok(()) };
    let now = bridge.clock.now();
    let (status, error) = post(bridge, telling, (&webhook.url, &webhook.secret), now).await;
    let failures = usize::try_from(telling.delivery.attempts).unwrap_or(usize::MAX).saturating_sub(1);
    let again_at = error.as_ref().and_then(|_| WAITS.get(failures)).map(|wait| {
        let spread = wait.mul_f64(bridge.chance() / 10.0);
        now + *wait + spread
    });
    if let Some(error) = &error {
        tracing::warn!(webhook = %webhook.id, facility.id = %telling.facility, error, "a webhook was not taken");
    }
    let mut tx = bridge.store.begin().await?;
    tx.end_telling(telling.lease, &Attempted { status, error, again_at }).await?;
    tx.commit().await
}

/// Sends the message. Gives the answer's status, and what went wrong.
async fn post(
    bridge: &Bridge,
    telling: &Telling,
    (url, secret): (&str, &[u8]),
    now: Timestamp,
) -> (Option<u16>, Option<String>) {
    let event = &telling.delivery.event;
    let body = match serde_json::to_string(&EventView::from(event)) {
        Ok(body) => body,
        Err(error) => return (None, Some(format!("the message could not be written: {error}"))),
    };
    let (id, time) = (event.id.to_string(), now.as_second().to_string());
    let request = bridge
        .webhooks
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", &time)
        .header("webhook-signature", sign(secret, &id, &time, &body))
        .body(body);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => (Some(answer.status().as_u16()), None),
        Ok(answer) => (Some(answer.status().as_u16()), Some(format!("answered HTTP {}", answer.status()))),
        Err(error) if error.is_timeout() => (None, Some("did not answer in time".to_owned())),
        Err(error) if error.is_connect() => (None, Some("could not be connected to".to_owned())),
        Err(_) => (None, Some("the connection broke".to_owned())),
    }
}

/// `v1,` and the HMAC-SHA256 of id, time and body with dots between, in base64 (Standard Webhooks 1.0, symmetric).
#[must_use]
pub fn sign(secret: &[u8], id: &str, time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", base64_simd::STANDARD.encode_to_string(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_signed_as_the_standards_own_example() {
        let secret = base64_simd::STANDARD.decode_to_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
