//! Bodies that no client should send: every call survives them and refuses.

use serde_json::{Value, json};

use crate::bridge::{Bridge, now_of};
use crate::sandbox;

const CALLS: [&str; 11] = [
    "/api/hiecm/gateway/v3/sessions",
    "/api/hiecm/v3/token/generate-token",
    "/api/hiecm/hip/v3/link/context/notify",
    "/api/hiecm/hip/v3/link/patient/links/sms/notify2",
    "/api/hiecm/user-initiated-linking/v3/patient/care-context/on-discover",
    "/api/hiecm/user-initiated-linking/v3/link/care-context/on-init",
    "/api/hiecm/user-initiated-linking/v3/link/care-context/on-confirm",
    "/api/hiecm/consent/v3/request/hip/on-notify",
    "/api/hiecm/data-flow/v3/health-information/hip/on-request",
    "/api/hiecm/data-flow/v3/health-information/notify",
    "/api/hiecm/patient-share/v3/on-share",
];

fn odd_bodies() -> Vec<String> {
    let mut bodies: Vec<String> = [
        json!(null),
        json!([]),
        json!({}),
        json!(7),
        json!("text"),
        json!({"notification": []}),
        json!({"response": "x"}),
    ]
    .iter()
    .map(Value::to_string)
    .collect();
    bodies.push(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    bodies.push("{\"a\":1".to_owned());
    bodies.push("\u{feff}{}".to_owned());
    bodies.push(format!("{{\"abhaAddress\":\"{}\"}}", "a".repeat(1_000_000)));
    bodies
}

#[tokio::test]
async fn every_call_refuses_odd_bodies_and_goes_on() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    for path in CALLS {
        for body in odd_bodies() {
            let said = bridge.post(path, &json!({}), now).raw(&body).send().await;
            let shown: String = body.chars().take(60).collect();
            assert_eq!(said.status, 400, "{path}: {shown}");
        }
    }
    assert_eq!(bridge.get("/api/hiecm/gateway/v3/certs", now).send().await.status, 200);
    assert!(sandbox.state().effects(None, None).is_empty());
}
