//! The console from outside: who is let in, what they see, and what a browser is told.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use sandbox::{ConsentWanted, RecordsWanted};
use serde_json::json;

use crate::api::Api;
use crate::world::RAMESH;

struct Browser {
    api: Api,
    cookie: Option<String>,
}

impl Browser {
    async fn new() -> Self {
        Self { api: Api::start().await, cookie: None }
    }

    /// Signed in with the facility's key.
    async fn signed_in() -> Self {
        let mut browser = Self::new().await;
        let key = browser.api.key(Some(crate::world::FACILITY)).await;
        browser.sign_in(&key).await;
        browser
    }

    async fn sign_in(&mut self, key: &str) {
        let response = self.post("/console/sign-in", &[("key", key)], &[]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.api.world.bridge.private);
        let request = crate::api::client().request(method, url);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        let mut request = self.request(Method::POST, path).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }

    /// Stores a visit whose link call is made and answered.
    async fn linked_visit(&self) {
        self.api.known_patient("P1", RAMESH).await;
        let visit = json!({"display": "Visit", "date": "2026-01-15", "records": [crate::api::visits::prescription()]});
        let path = Api::in_facility("/patients/P1/care-contexts/V1");
        self.api.put(&path, visit).await;
        crate::api::visits::until_state(&self.api, &path, "linked").await;
    }
}

fn csrf(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_is_shown_before_signing_in() {
    let browser = Browser::new().await;
    for path in
        ["/console/exchanges?state=overdue", "/console/exchanges/019b0000-0000-7000-8000-000000000000"]
    {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let to = response.headers()["location"].to_str().unwrap();
        assert!(to.starts_with("/console/sign-in?next=%2Fconsole%2Fexchanges"), "{to}");
    }
    let part = browser.request(Method::GET, "/console/exchanges/live").header("hx-request", "true");
    let part = part.send().await.unwrap();
    assert_eq!(
        (part.status(), &part.headers()["hx-redirect"]),
        (StatusCode::UNAUTHORIZED, &"/console/sign-in".parse().unwrap())
    );
    for (path, to) in [("/", "/console"), ("/console", "/console/exchanges")] {
        assert_eq!(browser.get(path).await.headers()["location"], to);
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_shown_again() {
    let browser = Browser::new().await;
    let response = browser.post("/console/sign-in", &[("key", "kadi_planted")], &[]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().get("set-cookie").is_none());
    let page = response.text().await.unwrap();
    assert!(page.contains("no valid key") && !page.contains("planted"), "{page}");
}

#[tokio::test]
async fn another_site_cannot_sign_anyone_in_or_out() {
    let mut browser = Browser::new().await;
    let key = browser.api.key(None).await;
    let forged =
        browser.post("/console/sign-in", &[("key", &*key)], &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    browser.sign_in(&key).await;
    for token in ["", "wrong"] {
        let response = browser.post("/console/sign-out", &[("csrf", token)], &[]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
    let token = csrf(&browser.page("/console/exchanges").await);
    let response = browser.post("/console/sign-out", &[("csrf", &*token)], &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(
        browser.get("/console/exchanges").await.status(),
        StatusCode::SEE_OTHER,
        "the cookie is worth nothing now"
    );
}

#[tokio::test]
async fn a_session_ends_after_eight_idle_hours_however_long_a_page_stays_open() {
    let browser = Browser::signed_in().await;
    let clock = &browser.api.world.clock;
    clock.advance(Duration::from_hours(7));
    browser.page("/console/exchanges").await;
    clock.advance(Duration::from_hours(7));
    let part = browser.request(Method::GET, "/console/exchanges/live").header("hx-request", "true");
    assert_eq!(part.send().await.unwrap().status(), StatusCode::OK, "seven hours after its last use");
    clock.advance(Duration::from_hours(1));
    assert_eq!(browser.get("/console/exchanges").await.status(), StatusCode::OK, "eight hours to the second");
    clock.advance(Duration::from_secs(8 * 3600 + 1));
    assert_eq!(browser.get("/console/exchanges").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let browser = Browser::signed_in().await;
    let mut tx = browser.api.world.tx().await;
    for key in tx.keys().await.unwrap() {
        tx.revoke_key(&key.id).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(browser.get("/console/exchanges").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_timeline_shows_what_was_said_and_renews_only_what_changed() {
    let browser = Browser::signed_in().await;
    let empty = browser.page("/console/exchanges").await;
    assert!(empty.contains("Nothing has been said yet"), "{empty}");
    browser.linked_visit().await;
    let page = browser.page("/console/exchanges").await;
    for text in ["Ask for a link token", "Link visits", "Answered", "Tuesday, 20 January 2026", "11:30:00"] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let (_, rest) = page.split_once("hx-get=\"").unwrap();
    let live = rest.split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(browser.get(&live).await.status(), StatusCode::NO_CONTENT, "nothing has changed");
    let changed = browser.get("/console/exchanges/live?state=&seen=other").await.text().await.unwrap();
    assert!(changed.trim_start().starts_with("<section id=\"timeline\""), "a part, not a page: {changed}");
    let none = browser.page("/console/exchanges?state=overdue").await;
    assert!(
        none.contains("No exchange is overdue") && none.contains("Every answer has come in time"),
        "{none}"
    );
}

#[tokio::test]
async fn an_exchange_is_explained_and_its_view_is_in_the_audit_trail() {
    let browser = Browser::signed_in().await;
    browser.linked_visit().await;
    let exchanges = browser.api.get("/v1/exchanges?path=carecontext").await.body;
    let id = exchanges["items"][0]["id"].as_str().unwrap();
    let page = browser.page(&format!("/console/exchanges/{id}")).await;
    for text in ["Link visits", "ABDM has answered", "/api/hiecm/hip/v3/link/carecontext", "We called ABDM"] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert_eq!(browser.get("/console/exchanges/unknown").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_request_for_records_shows_what_was_sent_and_how_long_there_is_for_the_rest() {
    let browser = Browser::signed_in().await;
    browser.linked_visit().await;
    let world = &browser.api.world;
    let consent = world.granted(ConsentWanted::default()).await;
    let shown = async |wanted: &RecordsWanted, texts: &[&str]| {
        world.sandbox.state().request_records(wanted).unwrap();
        let there = async || {
            let exchanges = browser.api.get("/v1/exchanges?path=health-information%2Frequest").await.body;
            let page =
                browser.page(&format!("/console/exchanges/{}", exchanges["items"][0]["id"].as_str()?)).await;
            texts.iter().all(|text| page.contains(text)).then_some(())
        };
        world.until(there).await;
    };
    // Nobody listens there.
    let nowhere = RecordsWanted {
        data_push_url: Some("http://127.0.0.1:9/push".to_owned()),
        ..RecordsWanted::under(&consent.consent_id)
    };
    shown(&nowhere, &["ACKNOWLEDGED", "0 of 1", "min", " left", "V1", "On its way"]).await;
    shown(&RecordsWanted::under(&consent.consent_id), &["TRANSFERRED", "1 of 1", "V1", "Delivered"]).await;
}

#[tokio::test]
async fn a_facilitys_key_shows_its_own_exchanges_and_no_others() {
    let browser = Browser::signed_in().await;
    browser.linked_visit().await;
    let id = browser.api.get("/v1/exchanges").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    let mut other = Browser { cookie: None, ..browser };
    other.api.other_facility("IN0000000002").await;
    let key = other.api.key(Some("IN0000000002")).await;
    other.sign_in(&key).await;
    assert!(other.page("/console/exchanges").await.contains("Nothing has been said yet"));
    assert_eq!(other.get(&format!("/console/exchanges/{id}")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_queue_shows_who_scanned_and_renews_itself_when_somebody_else_does() {
    let browser = Browser::signed_in().await;
    let empty = browser.page("/console/queue").await;
    assert!(empty.contains("Nobody has scanned") && empty.contains("All counters"), "{empty}");
    browser.api.scanned(RAMESH, "OPD1").await;
    let live = |page: &str| {
        let (_, rest) = page.split_once("hx-get=\"").unwrap();
        rest.split('"').next().unwrap().replace("&amp;", "&")
    };
    let part = browser.get(&live(&empty)).await;
    assert_eq!(part.status(), StatusCode::OK);
    let part = part.text().await.unwrap();
    assert!(part.trim_start().starts_with("<section id=\"queue\""), "a part, not a page: {part}");
    for text in [
        "Ramesh Kumar",
        "Male, 40",
        "91-1234-0704-2043",
        RAMESH,
        "9876543210",
        "OPD1",
        "11:30",
        "New here",
        "1 waiting",
    ] {
        assert!(part.contains(text), "{text}\n{part}");
    }
    assert_eq!(browser.get(&live(&part)).await.status(), StatusCode::NO_CONTENT, "nothing has changed");
    let page = browser.page("/console/queue?counter=OPD1").await;
    assert!(page.contains("Ramesh Kumar"));
    assert!(!browser.page("/console/queue?counter=OPD2").await.contains("Ramesh Kumar"));
    browser.api.known_patient("MR-1", RAMESH).await;
    let known = browser.get(&live(&part)).await.text().await.unwrap();
    assert!(known.contains("MR-1") && !known.contains("New here"), "{known}");
    browser.api.world.clock.advance(Duration::from_hours(14));
    assert!(browser.get("/console/queue").await.status() == StatusCode::SEE_OTHER, "the session is over");
}

#[tokio::test]
async fn somebody_is_called_to_the_desk_and_put_back_by_a_form_of_this_session_only() {
    let mut browser = Browser::signed_in().await;
    browser.api.scanned(RAMESH, "OPD1").await;
    let page = browser.page("/console/queue").await;
    let (_, rest) = page.split_once("action=\"/console/queue/").unwrap();
    let id = rest.split('"').next().unwrap().to_owned();
    let path = format!("/console/queue/{id}");
    let facility = crate::world::FACILITY;
    let forged = [("csrf", "wrong"), ("facility", facility), ("state", "called")];
    assert_eq!(browser.post(&path, &forged, &[]).await.status(), StatusCode::FORBIDDEN);
    let token = csrf(&page);
    for (state, shown) in [("called", "0 waiting"), ("waiting", "1 waiting")] {
        let form = [("csrf", &*token), ("facility", facility), ("counter", "OPD1"), ("state", state)];
        let response = browser.post(&path, &form, &[]).await;
        let to = response.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(to, format!("/console/queue?facility={facility}&counter=OPD1"));
        assert!(browser.page(&to).await.contains(shown));
    }
    browser.api.other_facility("IN0000000002").await;
    let key = browser.api.key(Some("IN0000000002")).await;
    browser.sign_in(&key).await;
    assert!(!browser.page("/console/queue").await.contains("Ramesh"));
    assert_eq!(
        browser.get(&format!("/console/queue?facility={facility}")).await.status(),
        StatusCode::NOT_FOUND
    );
    let live = format!("/console/queue/live?facility={facility}");
    assert_eq!(browser.get(&live).await.status(), StatusCode::NOT_FOUND);
    let token = csrf(&browser.page("/console/queue").await);
    for facility in [facility, "IN0000000002"] {
        let form = [("csrf", &*token), ("facility", facility), ("state", "called")];
        assert_eq!(browser.post(&path, &form, &[]).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn pages_forbid_what_they_do_not_need_and_assets_are_kept() {
    let browser = Browser::signed_in().await;
    for path in ["/console/exchanges", "/console/queue", "/console/sign-in", "/docs"] {
        let response = browser.get(path).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path} {policy}"
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        let html = response.text().await.unwrap();
        assert!(
            !html.contains("style=") && !html.contains("<script>") && !html.contains(" onclick"),
            "{path}"
        );
        for name in html.split("/assets/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let asset = browser.get(&format!("/assets/{name}")).await;
            assert_eq!(asset.status(), StatusCode::OK, "{name}");
            let tag = asset.headers()["etag"].clone();
            let again = browser.request(Method::GET, &format!("/assets/{name}")).header("if-none-match", tag);
            assert_eq!(again.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
        }
    }
    assert_eq!(browser.get("/assets/nothing.css").await.status(), StatusCode::NOT_FOUND);
}
