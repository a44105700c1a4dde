//! One-time passwords by SMS: a provider's HTTP interface as the operator describes it, or, for development, the
//! console or a file. What providers want and how that is written stands in `docs/sms.md`.
//!
//! Nothing here logs a number, a password or an answer of the provider, and no error text holds one.

mod answer;
mod auth;
mod http;
mod local;
mod template;

use std::time::Duration;

use abdm::clock::SharedClock;
use abdm::id::Mobile;
use anyhow::Context as _;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, SmsKind};

pub use answer::{DeliveryId, Success};
pub use template::{Escape, Template};

/// A message to be sent. `Debug` shows nothing of it.
pub struct Message<'a> {
    /// To whom.
    pub mobile: Mobile,
    /// The password.
    pub otp: &'a SecretString,
    /// The facility's name.
    pub facility: &'a str,
    /// For how many minutes the password is good.
    pub minutes: u64,
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").finish_non_exhaustive()
    }
}

/// The provider took the message. `id` is its name for it, if it gave one and the configuration says where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// The provider's id.
    pub id: Option<String>,
}

/// Why a message was not taken: for the log, nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotSent {
    /// What happened.
    pub why: String,
    /// Whether it may pass within seconds.
    pub passing: bool,
}

impl NotSent {
    fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: true }
    }

    fn refused(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: false }
    }
}

/// Sends one-time passwords.
pub trait SmsSender: Send + Sync {
    /// One attempt, which takes at most `within`.
    fn send<'a>(
        &'a self,
        message: &'a Message<'a>,
        within: Duration,
    ) -> BoxFuture<'a, Result<Delivery, NotSent>>;
}

/// Every place that holds one of these is written with what is sent.
pub(crate) const PLACES: [&str; 8] =
    ["mobile", "otp", "facility", "minutes", "text", "dlt.entity_id", "dlt.template_id", "dlt.sender"];

/// What the places of a template stand for.
struct Values<'a> {
    message: &'a Message<'a>,
    mobile: String,
    minutes: String,
    text: String,
    dlt: &'a Dlt,
}

/// DLT's ids, from the configuration.
#[derive(Debug, Clone)]
struct Dlt {
    entity_id: String,
    template_id: String,
    sender: String,
}

impl<'a> Values<'a> {
    fn new(message: &'a Message<'a>, text: &Template, dlt: &'a Dlt) -> Self {
        let (mobile, minutes) = (message.mobile.to_string(), message.minutes.to_string());
        let mut values = Self { message, mobile, minutes, text: String::new(), dlt };
        values.text = text.fill(Escape::None, |place| values.of(place));
        values
    }

    fn of(&self, place: &str) -> &str {
        match place {
            "mobile" => &self.mobile,
            "otp" => self.message.otp.expose_secret(),
            "facility" => self.message.facility,
            "minutes" => &self.minutes,
            "text" => &self.text,
            "dlt.entity_id" => &self.dlt.entity_id,
            "dlt.template_id" => &self.dlt.template_id,
            "dlt.sender" => &self.dlt.sender,
            _ => "",
        }
    }
}

/// The sender that the configuration describes; none without `[sms]`.
///
/// # Errors
/// A part of the description is not usable: the key, and how to mend it.
pub fn sender(config: &Config, clock: &SharedClock) -> anyhow::Result<Option<Box<dyn SmsSender>>> {
    let Some(sms) = &config.sms else { return Ok(None) };
    let text = Template::new(&sms.text);
    let dlt = Dlt {
        entity_id: sms.dlt.entity_id.clone(),
        template_id: sms.dlt.template_id.clone(),
        sender: sms.dlt.sender.clone(),
    };
    Ok(Some(match sms.kind {
        SmsKind::Http => Box::new(http::HttpSender::new((config, sms), clock, text, dlt)?),
        SmsKind::Console => Box::new(local::LocalSender::console(text, dlt)),
        SmsKind::File => {
            let path = config.resolve(sms.url.expose_secret());
            let sender = local::LocalSender::file(&path, text, dlt);
            Box::new(sender.with_context(|| format!("sms.url: {} cannot be written", path.display()))?)
        }
    }))
}
