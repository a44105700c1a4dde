//! Signing in with an API key, and out.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::App;
use super::super::auth::note_use;
use super::page::{NoPage, render};
use super::session::{SignedIn, clear_cookie, idle_since, set_cookie};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Page {
    next: String,
    wrong: bool,
}

/// Where to go once signed in.
#[derive(Debug, Default, Deserialize)]
pub struct Next {
    next: Option<String>,
}

/// The form.
pub async fn page(Query(next): Query<Next>) -> Result<Html<String>, NoPage> {
    render(&Page { next: ours(next.next), wrong: false })
}

/// What was filled in.
#[derive(Deserialize)]
pub struct Filled {
    key: String,
    next: Option<String>,
}

/// Signs in.
pub async fn submit(
    State(app): State<App>,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> Result<Response, NoPage> {
    refuse_from_elsewhere(&headers)?;
    let next = ours(filled.next);
    let mut tx = app.store.begin().await?;
    let Some(key) = tx.key_by_token(filled.key.trim()).await? else {
        let page = render(&Page { next, wrong: true })?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    let cookie = tx.begin_session(&key.id, idle_since(app.clock.now())).await?;
    tx.commit().await?;
    note_use(&app, &key).await;
    tracing::info!(key.id, "signed in to the console");
    let cookie = set_cookie(&cookie).map(|cookie| [(header::SET_COOKIE, cookie)]);
    Ok((cookie, Redirect::to(&next)).into_response())
}

/// A form that changes something.
#[derive(Deserialize)]
pub struct Change {
    csrf: String,
}

/// Ends the session.
pub async fn sign_out(
    State(app): State<App>,
    signed_in: SignedIn,
    Form(form): Form<Change>,
) -> Result<Response, NoPage> {
    signed_in.check_csrf(&form.csrf)?;
    let mut tx = app.store.begin().await?;
    tx.end_session(signed_in.cookie()).await?;
    tx.commit().await?;
    Ok(([(header::SET_COOKIE, clear_cookie())], Redirect::to("/console/sign-in")).into_response())
}

/// Browsers say where a form comes from; another site must not sign anyone in.
fn refuse_from_elsewhere(headers: &HeaderMap) -> Result<(), NoPage> {
    let from = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    match from {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(NoPage::Forged),
    }
}

/// Only pages of the console are gone to.
fn ours(next: Option<String>) -> String {
    let ours = next.filter(|next| next.starts_with("/console/") && !next.contains(['\\', '\r', '\n']));
    ours.unwrap_or_else(|| "/console/exchanges".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_nowhere_but_to_the_console() {
        assert_eq!(
            ours(Some("/console/exchanges?state=overdue".to_owned())),
            "/console/exchanges?state=overdue"
        );
        for elsewhere in
            ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "/v1", "/console/\\x", ""]
        {
            assert_eq!(ours(Some(elsewhere.to_owned())), "/console/exchanges", "{elsewhere}");
        }
    }
}
