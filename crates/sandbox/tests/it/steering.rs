//! Steering over HTTP, as a test in another language uses it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bridge::{http, now_of, token_body};
use crate::hip::Hip;
use crate::{HIP, RAMESH, sandbox};

struct Steering(String);

impl Steering {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = http().request(method, format!("{}/sandbox{path}", self.0));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

#[tokio::test]
async fn a_vendors_test_runs_over_http_alone_and_never_sleeps() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let steering = Steering(sandbox.base_url().to_owned());
    hip.link(&sandbox, "v1").await;
    let links =
        steering.get(&format!("/phr/{RAMESH}/links?careContext=v1&hiType=OPConsultation&wait=5s")).await;
    assert_eq!((&links["satisfied"], &links["items"][0]["by"]), (&json!(true), &json!("hip")));
    let none = steering.get(&format!("/phr/{RAMESH}/links?careContext=v9")).await;
    assert_eq!(none["satisfied"], json!(false));

    let grant = steering.post("/phr/consents", json!({"abhaAddress": RAMESH})).await;
    let id = grant["artefacts"][0]["consentId"].as_str().unwrap().to_owned();
    let callback = hip.first(crate::consents::NOTIFIED).await;
    crate::consents::acknowledge(&hip, &sandbox, &callback).await;
    let consent = steering.get(&format!("/phr/consents/{id}?acknowledged=GRANTED&wait=5s")).await;
    assert_eq!(
        (&consent["status"], &consent["acknowledgements"][0]["outcome"]),
        (&json!("GRANTED"), &json!("OK"))
    );
    let transfer = steering.post("/hiu/requests", json!({"consentId": id, "keyForm": "x509"})).await;
    let transaction = transfer["transactionId"].as_str().unwrap().to_owned();
    let request = hip.first("/api/v3/hip/health-information/request").await;
    assert_eq!(request.body["transactionId"], transaction);
    let state = steering.get(&format!("/transfers/{transaction}?until=requested&wait=5s")).await;
    assert_eq!(state["state"], "requested");
    let ended = steering.call(Method::POST, &format!("/phr/consents/{id}/revoke"), None).await;
    assert_eq!((ended.0, &ended.1["status"]), (200, &json!("REVOKED")), "a body is not needed");

    let effects = steering.get(&format!("/effects?kind=link&key={HIP}&atLeast=1&wait=5s")).await;
    assert_eq!((&effects["satisfied"], &effects["items"][0]["accepted"]), (&json!(true), &json!(1)));
    let journal = steering.get("/journal?direction=out&path=on_carecontext&verdict=accepted&wait=5s").await;
    assert_eq!(journal["items"][0]["body"]["status"], "Successfully Linked care context");
    let after = steering.get(&format!("/journal?after={}", journal["last"])).await;
    assert_eq!(after["items"], json!([]));
    assert_eq!(steering.get("/idle?wait=5s").await["pending"], 0);
    assert_eq!(steering.get("/figures").await["linked"], 1);
}

#[tokio::test]
async fn people_bridges_services_and_facilities_are_listed_and_made() {
    let sandbox = sandbox().await;
    let steering = Steering(sandbox.base_url().to_owned());
    assert_eq!(steering.get("/people").await["items"].as_array().unwrap().len(), 5);
    let person = json!({"name": "Meena Kumari", "gender": "F", "yearOfBirth": 1990, "mobile": "9876500009"});
    let (status, made) = steering.call(Method::PUT, "/people/meena.k@sbx", Some(person)).await;
    assert_eq!((status, &made["abhaAddress"]), (200, &json!("meena.k@sbx")));
    assert_eq!(
        steering.get("/people/MEENA.K@sbx").await["name"],
        "Meena Kumari",
        "addresses compare without case"
    );
    let (_, bridge) =
        steering.call(Method::PUT, "/bridges/SBX_000000", Some(json!({"url": "http://127.0.0.1:1"}))).await;
    assert_eq!((&bridge["url"], &bridge["name"]), (&json!("http://127.0.0.1:1"), &json!("Kadi")));
    let service = json!({"bridgeId": "SBX_000000", "name": "Lab", "hip": true, "hiu": false});
    steering.call(Method::PUT, "/services/IN1234567890", Some(service)).await;
    assert_eq!(steering.get("/services").await["items"].as_array().unwrap().len(), 3);
    steering.call(Method::PUT, "/facilities/IN1234567890", Some(json!({"name": "Lab"}))).await;
    assert_eq!(steering.get("/facilities").await["items"][0]["name"], "Lab");
}

#[tokio::test]
async fn what_is_wrong_with_steering_is_said() {
    let sandbox = sandbox().await;
    let steering = Steering(sandbox.base_url().to_owned());
    let missing = steering.call(Method::GET, "/people/nobody@sbx", None).await;
    assert_eq!((missing.0, &missing.1["error"]["code"]), (404, &json!("not-found")));
    let wrong = steering.call(Method::PUT, "/faults", Some(json!({"calls": [{"fault": "418"}]}))).await;
    assert_eq!((wrong.0, &wrong.1["error"]["code"]), (400, &json!("bad-request")));
    let nothing = steering.call(Method::POST, "/phr/consents", Some(json!({"abhaAddress": RAMESH}))).await;
    assert_eq!((nothing.0, &nothing.1["error"]["code"]), (409, &json!("nothing-linked")));
    assert_eq!(steering.call(Method::GET, "/effects?kind=nothing", None).await.0, 400);
}

#[tokio::test]
async fn faults_are_put_read_and_taken_away() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let steering = Steering(sandbox.base_url().to_owned());
    let plan = json!({"seed": 7, "calls": [{"match": "generate-token", "fault": "429", "times": 2}]});
    steering.call(Method::PUT, "/faults", Some(plan)).await;
    let said = hip.bridge.post(crate::bridge::TOKEN, &token_body(), now_of(&sandbox).await).send().await;
    assert_eq!(said.status, 429);
    assert_eq!(steering.get("/faults").await["calls"][0]["times"], 1);
    steering.call(Method::DELETE, "/faults", None).await;
    hip.link_token(&sandbox).await;
}

#[tokio::test]
async fn a_reset_forgets_what_happened_but_not_who_there_is() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let steering = Steering(sandbox.base_url().to_owned());
    hip.link(&sandbox, "v1").await;
    assert_eq!(steering.call(Method::POST, "/reset", None).await.0, 204);
    assert!(sandbox.state().links(RAMESH).is_empty() && sandbox.state().violations().is_empty());
    assert_eq!(sandbox.state().bridges()[0].url.as_deref(), Some(hip.url.as_str()));
    hip.bridge.post(crate::bridge::TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
}

#[tokio::test]
async fn the_openapi_document_names_every_route_of_the_steering() {
    let sandbox = sandbox().await;
    let steering = Steering(sandbox.base_url().to_owned());
    let document = steering.get("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/sandbox/people/{abhaAddress}",
        "/sandbox/phr/consents",
        "/sandbox/hiu/requests",
        "/sandbox/transfers/{transactionId}",
        "/sandbox/faults",
        "/sandbox/journal",
        "/sandbox/effects",
        "/sandbox/violations",
        "/sandbox/callbacks",
    ] {
        assert!(paths.contains_key(path), "{path} is missing of {:?}", paths.keys().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn many_sandboxes_live_side_by_side() {
    let (first, second) = (sandbox().await, sandbox().await);
    let hip = Hip::of(&first).await;
    hip.link(&first, "v1").await;
    assert!(second.state().links(RAMESH).is_empty());
    assert_ne!(first.addr(), second.addr());
    let address = first.addr();
    first.shutdown().await;
    tokio::net::TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn the_pages_show_people_and_what_was_said_without_running_any_of_it() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let person = sandbox::Person {
        name: "<script>alert(1)</script>".into(),
        ..sandbox.state().person(RAMESH).unwrap()
    };
    sandbox.state().put_person(person);
    let pages = [
        ("/sandbox/", "SBX_000000"),
        ("/sandbox", "IN2710000001_1"),
        ("/sandbox/pages/people", RAMESH),
        ("/sandbox/pages/people/ramesh.k_85%40sbx", "OPD visit"),
        ("/sandbox/pages/journal?live=true", "on_carecontext"),
    ];
    for (path, shows) in pages {
        let response = http().get(format!("{}{path}", sandbox.base_url())).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let page = response.text().await.unwrap();
        assert!(page.contains(shows), "{path} does not show {shows}");
        assert!(!page.contains("<script>"), "{path}");
    }
    let missing =
        http().get(format!("{}/sandbox/pages/people/nobody@sbx", sandbox.base_url())).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}
