//! A provider's HTTP interface, as the configuration describes it.

use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::{Context as _, bail};
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use reqwest::{Client, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};

use super::auth::{self, Auth, ToSign};
use super::{Delivery, DeliveryId, Dlt, Escape, Message, NotSent, SmsSender, Success, Template, Values};
use crate::config::{Config, Sms};

/// The most that is read of an answer.
const ANSWER_LIMIT: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How a header's name ends whose value is in a file.
const FILE: &str = "_file";

/// Sends through a provider.
pub(super) struct HttpSender {
    client: Client,
    method: Method,
    url: Template,
    headers: Vec<(HeaderName, Template)>,
    content_type: String,
    body: Template,
    text: Template,
    dlt: Dlt,
    auth: Auth,
    success: Success,
    delivery_id: Option<DeliveryId>,
}

impl HttpSender {
    pub(super) fn new(
        (config, sms): (&Config, &Sms),
        clock: &SharedClock,
        text: Template,
        dlt: Dlt,
    ) -> anyhow::Result<Self> {
        let url = sms.url.expose_secret();
        let sender = Self {
            client: client(url)?,
            method: sms.method.parse().context("sms.method: expected an HTTP method such as \"POST\"")?,
            url: Template::new(url),
            headers: headers(config, sms)?,
            content_type: sms.content_type.clone(),
            body: Template::new(sms.body.expose_secret()),
            auth: Auth::read(config, sms.auth.as_ref(), url, clock)?,
            success: sms.success.parse().map_err(|why| anyhow::anyhow!("sms.success: {why}"))?,
            delivery_id: delivery_id(&sms.delivery_id)?,
            text,
            dlt,
        };
        sender.check()?;
        Ok(sender)
    }

    /// Whether a message would hold what it is sent for.
    fn check(&self) -> anyhow::Result<()> {
        let bodies = if self.has_body() { vec![&self.body] } else { Vec::new() };
        let templates =
            || bodies.iter().copied().chain([&self.url]).chain(self.headers.iter().map(|header| &header.1));
        let says = |place: &str| {
            templates().any(|template| template.has(place) || (template.has("text") && self.text.has(place)))
        };
        for place in ["mobile", "otp"] {
            if !says(place) {
                bail!("[sms]: neither url nor headers nor body nor text holds {{{place}}}");
            }
        }
        let filled = self.url.fill(Escape::Percent, |_| "1");
        reqwest::Url::parse(&filled).map(drop).context("sms.url is not an address")
    }

    fn has_body(&self) -> bool {
        self.method != Method::GET
    }

    async fn attempt(&self, message: &Message<'_>, within: Duration) -> Result<Delivery, NotSent> {
        let values = Values::new(message, &self.text, &self.dlt);
        let url = self.url.fill(Escape::Percent, |place| values.of(place));
        let escape = Escape::of_content_type(&self.content_type);
        let body =
            if self.has_body() { self.body.fill(escape, |place| values.of(place)) } else { String::new() };
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        if self.has_body() {
            headers.push((CONTENT_TYPE, self.content_type.clone()));
        }
        for (name, template) in &self.headers {
            headers.push((name.clone(), template.fill(Escape::Line, |place| values.of(place))));
        }
        let signed = self
            .auth
            .headers(&ToSign {
                method: self.method.as_str(),
                url: &url,
                headers: headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
                body: body.as_bytes(),
            })
            .map_err(|_| NotSent::refused("the request could not be signed"))?;
        let mut request = self.client.request(self.method.clone(), url).timeout(within);
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| NotSent::refused("a header holds characters that no header takes"))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        for (name, value) in signed {
            request = request.header(name, value);
        }
        if self.has_body() {
            request = request.body(body);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        self.judge(answer).await
    }

    async fn judge(&self, answer: Response) -> Result<Delivery, NotSent> {
        let status = answer.status();
        let body = read(answer).await;
        if self.success.holds(status.as_u16(), &body) {
            let id = self.delivery_id.as_ref().and_then(|place| place.find(&body));
            return Ok(Delivery { id });
        }
        let passing = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        let why = format!("the provider answered {} and did not take the message", status.as_u16());
        Err(NotSent { why, passing })
    }
}

impl SmsSender for HttpSender {
    fn send<'a>(
        &'a self,
        message: &'a Message<'a>,
        within: Duration,
    ) -> BoxFuture<'a, Result<Delivery, NotSent>> {
        Box::pin(self.attempt(message, within))
    }
}

fn client(url: &str) -> anyhow::Result<Client> {
    let builder = Client::builder()
        .tls_backend_preconfigured(abdm::tls::client_config()?)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("kadi/", env!("CARGO_PKG_VERSION")));
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let local = host.is_some_and(|host| {
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    });
    // What runs on this machine is reached without the proxy that the environment names.
    let builder = if local { builder.no_proxy() } else { builder };
    builder.build().context("the HTTP client of [sms] cannot be set up")
}

fn headers(config: &Config, sms: &Sms) -> anyhow::Result<Vec<(HeaderName, Template)>> {
    let mut headers = Vec::with_capacity(sms.headers.len());
    for (key, value) in &sms.headers {
        let (name, value) = match key.strip_suffix(FILE) {
            Some(name) => (name, auth::secret(config, value.expose_secret())?),
            None => (key.as_str(), SecretString::from(value.expose_secret())),
        };
        let name: HeaderName =
            name.parse().with_context(|| format!("sms.headers: no header is called {name}"))?;
        headers.push((name, Template::new(value.expose_secret())));
    }
    Ok(headers)
}

fn delivery_id(place: &str) -> anyhow::Result<Option<DeliveryId>> {
    if place.trim().is_empty() {
        return Ok(None);
    }
    place.parse().map(Some).map_err(|why| anyhow::anyhow!("sms.delivery_id: {why}"))
}

/// Without the address: it may hold the provider's key, the number and the password.
fn unreachable(error: &reqwest::Error) -> NotSent {
    NotSent::passing(if error.is_timeout() {
        "the provider did not answer in time"
    } else if error.is_connect() {
        "the provider cannot be reached"
    } else {
        "the connection to the provider broke"
    })
}

async fn read(mut answer: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = ANSWER_LIMIT.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            break;
        }
    }
    body
}
