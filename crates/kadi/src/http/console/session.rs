//! Sessions: who is signed in, and whether a form is their own.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;

use super::super::App;
use super::super::auth::{Caller, note_use};
use super::page::{NoPage, Who};

/// How long a session lasts without use.
const IDLE: Duration = Duration::from_hours(8);
const COOKIE: &str = "kadi_session";

/// Who is signed in. A request without a session is sent to the sign-in page.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What they may see.
    pub caller: Caller,
    cookie: String,
}

impl SignedIn {
    /// For the top of the page.
    pub fn who(&self) -> Who {
        let scope =
            self.caller.scope.facility().map_or_else(|| "All facilities".to_owned(), ToString::to_string);
        Who { scope, csrf: csrf_token(&self.cookie) }
    }

    /// Whether a form is of this session.
    pub fn check_csrf(&self, token: &str) -> Result<(), NoPage> {
        let own = csrf_token(&self.cookie);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(own.as_bytes(), token.as_bytes());
        same.map_err(|_| NoPage::Forged)
    }

    /// The cookie's text.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = NoPage;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, NoPage> {
        // A part of a page that asks by itself is no use of the session: else an open page would keep it for ever.
        let by_itself = parts.headers.contains_key("hx-request");
        let here = if parts.method == Method::GET { parts.uri.to_string() } else { "/console".to_owned() };
        let sign_in = || if by_itself { NoPage::SignInAgain } else { NoPage::SignIn(here.clone()) };
        let cookie = cookie(&parts.headers).ok_or_else(sign_in)?;
        let session = app.store.read().await?.session(&cookie, idle_since(app.clock.now())).await?;
        let session = session.ok_or_else(sign_in)?;
        if !by_itself && session.use_is_worth_noting(app.clock.now()) {
            let mut tx = app.store.begin().await?;
            tx.note_session_use(&cookie).await?;
            tx.commit().await?;
            note_use(app, &session.key).await;
        }
        Ok(Self { caller: session.key.into(), cookie })
    }
}

/// Sessions not used since are over.
pub fn idle_since(now: Timestamp) -> Timestamp {
    now.checked_sub(IDLE).unwrap_or(Timestamp::MIN)
}

/// Sets the session's cookie: for this site's own requests only, out of scripts' reach. It is not marked `Secure`, because the
/// private listener speaks plain HTTP; a proxy that adds TLS can add that too.
pub fn set_cookie(cookie: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{COOKIE}={cookie}; Path=/console; HttpOnly; SameSite=Strict")).ok()
}

/// Takes the session's cookie away.
pub fn clear_cookie() -> HeaderValue {
    HeaderValue::from_static("kadi_session=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0")
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
        .filter(|value| !value.is_empty())
}

/// Who does not know the cookie does not know this.
fn csrf_token(cookie: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, format!("csrf {cookie}").as_bytes()))
}
