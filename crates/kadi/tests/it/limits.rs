//! How much may be asked, and how much may be sent at once: a table made from the API's own description, so that no
//! route is forgotten, and the public listener.

use abdm::path::Callback;
use futures_util::stream;
use reqwest::{Body, Method, Response};
use sandbox::SandboxConfig;
use serde_json::Value;
use store::testing::TestDatabase;

use crate::api::{Api, client, read};
use crate::callbacks::{CONSENT, new_grant};
use crate::world::{FACILITY, World};

/// Routes that take a body in pieces: each line, or the whole, has a limit of its own.
const STREAMED: [&str; 1] = ["/v1/facilities/{facilityId}/patients/import"];

async fn world(more: &str) -> World {
    World::with(TestDatabase::sqlite(), SandboxConfig::default(), more).await
}

/// Sends a body of this size without saying how long it is.
async fn send_chunked(method: Method, url: String, key: &str, bytes: usize) -> reqwest::Result<Response> {
    client().request(method, url).bearer_auth(key).body(chunked(bytes)).send().await
}

fn chunked(bytes: usize) -> Body {
    let pieces = (0..bytes / 1024).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    Body::wrap_stream(stream::iter(pieces))
}

/// The routes of the API that take a body, and of which kind.
fn routes() -> Vec<(Method, String, String)> {
    let document: Value = serde_json::from_str(&kadi::http::api::document_text().unwrap()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if let Some(content) = operation["requestBody"]["content"].as_object() {
                let kind = content.keys().next().unwrap().clone();
                routes.push((method.to_uppercase().parse().unwrap(), path.clone(), kind));
            }
        }
    }
    assert!(routes.len() >= 8, "{routes:?}");
    routes
}

fn filled(path: &str) -> String {
    let path = path.replace("{facilityId}", FACILITY).replace("{recordType}", "prescription");
    let filled = path.split('/').map(|part| if part.starts_with('{') { "X-1" } else { part });
    filled.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn no_route_of_the_api_takes_a_longer_body_than_the_limit_however_it_is_sent() {
    let api = Api::of(world("server.api_limit = '64KiB'\n[hl7]\nlimit = '64KiB'").await).await;
    let key = api.key(None).await;
    for (method, path, kind) in routes() {
        if STREAMED.contains(&path.as_str()) {
            continue;
        }
        // What a path names is looked for first; of what is not there no body is read.
        let refused = if path.contains("{id}") { (404, "not_found") } else { (413, "too_large") };
        let url = format!("http://{}{}", api.world.bridge.private, filled(&path));
        for body in [Body::from(" ".repeat(80 * 1024)), chunked(80 * 1024)] {
            let request =
                client().request(method.clone(), &url).bearer_auth(&key).header("content-type", &kind);
            let answer = read(request.body(body).send().await.unwrap()).await;
            assert_eq!(answer.refusal(), refused, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_line_of_an_import_is_limited_and_its_body_is_not() {
    let api = Api::of(world("server.api_limit = '64KiB'").await).await;
    let key = api.key(None).await;
    let url = format!("http://{}{}", api.world.bridge.private, filled(STREAMED[0]));
    let answer = send_chunked(Method::POST, url, &key, 3 << 20).await.unwrap();
    assert_eq!(answer.status(), 200);
    let said = answer.text().await.unwrap();
    assert!(said.lines().count() == 1 && said.contains("rejected"), "{said}");
}

#[tokio::test]
async fn no_page_takes_more_than_a_form() {
    let api = Api::start().await;
    let key = api.key(None).await;
    for path in [
        "/console/sign-in",
        "/console/sign-out",
        "/console/exchanges/1/replay",
        "/console/queue/1",
        "/metrics",
        "/",
    ] {
        let url = format!("http://{}{path}", api.world.bridge.private);
        // Answered before all of it is read, if it is read at all; or the connection is closed meanwhile.
        if let Ok(answer) = send_chunked(Method::POST, url, &key, 8 << 20).await {
            assert!(!answer.status().is_success(), "{path}: {}", answer.status());
        }
    }
}

#[tokio::test]
async fn no_callback_is_longer_than_the_limit_however_it_is_sent() {
    let world = world("server.callback_limit = '16KiB'").await;
    for callback in
        [Callback::ConsentNotify, Callback::Discover, Callback::OnCareContext, Callback::ProfileShare]
    {
        let (_, mut long) = new_grant();
        long.path = callback.path().to_owned();
        long.body["filler"] = Value::from("x".repeat(20 * 1024));
        let refused = world.callback(long).await;
        assert_eq!(refused.status, Some(400), "{callback}");
        assert!(refused.answer.contains("too large"), "{}", refused.answer);
    }
    world.assert_untouched().await;
    // Without a token nothing of the body is read.
    let url = format!("http://{}{CONSENT}", world.bridge.public);
    if let Ok(answer) = send_chunked(Method::POST, url, "nobody", 8 << 20).await {
        assert_eq!(answer.status(), 401);
    }
}

#[tokio::test]
async fn more_than_so_many_requests_a_second_of_one_source_are_refused_before_anything_else() {
    let api = Api::of(world("server.rate = 5").await).await;
    for _ in 0..5 {
        let answer = read(api.send(Method::GET, "/v1/facilities", None, String::new()).await).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated"));
    }
    let response = api.send(Method::GET, "/v1/facilities", None, String::new()).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(read(response).await.refusal(), (429, "rate_limited"));
    for free in ["/healthz", "/readyz"] {
        assert_eq!(api.send(Method::GET, free, None, String::new()).await.status(), 200, "{free}");
    }

    // The other listener counts by itself, and speaks ABDM's language.
    let public = format!("http://{}{CONSENT}", api.world.bridge.public);
    let ask = async || client().post(&public).send().await.unwrap();
    for _ in 0..5 {
        assert_eq!(ask().await.status(), 401);
    }
    let refused = ask().await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "ABDM-1022");

    api.world.clock.advance(std::time::Duration::from_millis(200));
    assert_eq!((ask().await.status().as_u16(), ask().await.status().as_u16()), (401, 429));
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_of_its_clients_counts_by_itself() {
    let api = Api::of(world("server.rate = 1\nserver.trusted_proxies = '127.0.0.1'").await).await;
    let ask = async |from: &str| {
        let url = format!("http://{}/v1/facilities", api.world.bridge.private);
        client().get(url).header("x-forwarded-for", from).send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask("192.0.2.1").await, ask("192.0.2.1").await, ask("192.0.2.2").await), (401, 429, 401));
    assert_eq!(ask("192.0.2.9, 192.0.2.1").await, 429, "what a client says of itself does not count");
}

#[tokio::test]
async fn of_others_the_header_is_not_believed() {
    let api = Api::of(world("server.rate = 1").await).await;
    let ask = async |from: &str| {
        let url = format!("http://{}/v1/facilities", api.world.bridge.private);
        client().get(url).header("x-forwarded-for", from).send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask("192.0.2.1").await, ask("192.0.2.2").await), (401, 429));
}
