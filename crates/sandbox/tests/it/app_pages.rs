//! The patient's app as a person uses it: pages and forms.

use reqwest::redirect::Policy;
use sandbox::{Handle, Home, LinkingState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bridge::{entry, now_of};
use crate::hip::Hip;
use crate::{HIP, RAMESH, SOON, sandbox};

const REPLIES: &str = "/api/hiecm/user-initiated-linking/v3";

/// A browser, which shows pages and follows what forms answer.
struct Browser {
    base: String,
    http: reqwest::Client,
}

impl Browser {
    fn of(sandbox: &Handle) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { base: sandbox.base_url().to_owned(), http }
    }

    async fn page(&self, path: &str) -> String {
        let response = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    async fn status(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap().status().as_u16()
    }

    /// Sends a form; gives where the browser goes next.
    async fn submit(&self, path: &str, form: &[(&str, &str)]) -> String {
        let response = self.http.post(format!("{}{path}", self.base)).form(form).send().await.unwrap();
        assert_eq!(response.status(), 303, "{path}: {:?}", response.text().await);
        response.headers()["location"].to_str().unwrap().to_owned()
    }
}

fn mine(rest: &str) -> String {
    format!("/sandbox/pages/phr/{RAMESH}{rest}")
}

fn id_in(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_searches_chooses_enters_the_password_and_sees_what_is_linked() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let browser = Browser::of(&sandbox);
    let home = browser.page(&mine("")).await;
    assert!(
        home.contains("Ramesh Kumar") && home.contains("Kadi Demo Hospital") && home.contains("None yet")
    );

    let linking = browser.submit(&mine("/discoveries"), &[("hip", HIP), ("number", " MR-7 ")]).await;
    let asked = hip.first("/api/v3/hip/patient/care-context/discover").await;
    assert_eq!(asked.body["patient"]["unverifiedIdentifiers"], json!([{"type": "MR", "value": "MR-7"}]));
    let waiting = browser.page(&linking).await;
    assert!(waiting.contains("id=\"waiting\"") && waiting.contains("http-equiv=\"refresh\""));
    let say = async |path: &str, body: Value| {
        hip.bridge.post(&format!("{REPLIES}{path}"), &body, now_of(&sandbox).await).accepted().await;
    };
    let transaction = id_in(&linking);
    say(
        "/patient/care-context/on-discover",
        json!({"transactionId": transaction, "matchedBy": ["MOBILE"],
        "patient": [entry(&["v1", "v2"], "OPConsultation")], "response": {"requestId": asked.request_id()}}),
    )
    .await;
    let choices = browser.page(&linking).await;
    assert!(choices.contains("value=\"v1\"") && choices.contains("value=\"v2\""), "{choices}");

    assert_eq!(browser.submit(&format!("{linking}/choose"), &[("context", "v2")]).await, linking);
    let init = hip.first("/api/v3/hip/link/care-context/init").await;
    assert_eq!(init.body["patient"][0]["careContexts"], json!([{"referenceNumber": "v2"}]));
    say(
        "/link/care-context/on-init",
        json!({"transactionId": transaction, "link": {"referenceNumber": Uuid::new_v4().to_string(),
        "authenticationType": "DIRECT", "meta": {"communicationMedium": "MOBILE", "communicationHint": "OTP",
        "communicationExpiry": "2026-09-16T10:22:48.483Z"}}, "response": {"requestId": init.request_id()}}),
    )
    .await;
    assert!(browser.page(&linking).await.contains("name=\"otp\""));

    browser.submit(&format!("{linking}/confirm"), &[("otp", "000000")]).await;
    let wrong = hip.nth("/api/v3/hip/link/care-context/confirm", 1).await;
    assert_eq!(wrong.body["confirmation"]["token"], "000000");
    say(
        "/link/care-context/on-confirm",
        json!({"error": {"code": "ABDM-1035", "message": "Incorrect OTP"},
        "response": {"requestId": wrong.request_id()}}),
    )
    .await;
    let again = browser.page(&linking).await;
    assert!(again.contains("ABDM-1035: Incorrect OTP") && again.contains("name=\"otp\""), "{again}");
    browser.submit(&format!("{linking}/confirm"), &[("otp", " 123456 ")]).await;
    let right = hip.nth("/api/v3/hip/link/care-context/confirm", 2).await;
    assert_eq!(right.body["confirmation"]["token"], "123456");
    say(
        "/link/care-context/on-confirm",
        json!({"patient": [entry(&["v2"], "OPConsultation")],
        "response": {"requestId": right.request_id()}}),
    )
    .await;
    assert_eq!(sandbox.state().linking(&transaction).unwrap().state, LinkingState::Linked);
    assert!(browser.page(&linking).await.contains("id=\"linked\""));
    assert!(browser.page(&mine("")).await.contains("<code>v2</code>"));

    browser.submit(&mine("/consents"), &[("hip", "")]).await;
    let consent = sandbox.state().consents(Some(RAMESH)).pop().unwrap();
    assert!(browser.page(&mine("")).await.contains(&format!("/consents/{}/revoke", consent.consent_id)));
    browser.submit(&mine(&format!("/consents/{}/revoke", consent.consent_id)), &[]).await;
    let home = browser.page(&mine("")).await;
    assert!(home.contains("REVOKED") && !home.contains("/revoke"));
}

#[tokio::test]
async fn a_person_scans_a_code_sees_what_is_shared_and_gets_a_token() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let browser = Browser::of(&sandbox);
    let code = format!("https://phrsbx.abdm.gov.in/share-profile?hip-id={HIP}&counter-id=OPD1");
    let escaped = code
        .replace(':', "%3A")
        .replace('/', "%2F")
        .replace('?', "%3F")
        .replace('&', "%26")
        .replace('=', "%3D");
    for query in [format!("content={escaped}"), format!("hip={HIP}&counter=OPD1")] {
        let asked = browser.page(&mine(&format!("/scan?{query}"))).await;
        for text in [
            "You consent",
            "Kadi Demo Hospital",
            "OPD1",
            RAMESH,
            "Ramesh Kumar",
            "9876543210",
            "641050",
            "Cancel",
        ] {
            assert!(asked.contains(text), "{text}: {asked}");
        }
    }
    for wrong in ["", "content=hello", "content=https%3A%2F%2Fx.example%2F%3Fhip-id%3D1", "hip=IN2810014366"]
    {
        assert_eq!(browser.status(&mine(&format!("/scan?{wrong}"))).await, 400, "{wrong}");
    }
    assert_eq!(browser.status(&mine("/scan?hip=IN0&counter=1")).await, 404);
    assert!(hip.all("/api/v3/hip/patient/share").is_empty(), "nothing is shared by looking");

    let share = browser.submit(&mine("/shares"), &[("hip", HIP), ("counter", "OPD1")]).await;
    let callback = hip.first("/api/v3/hip/patient/share").await;
    assert!(browser.page(&share).await.contains("id=\"waiting\""));
    let body = json!({"acknowledgement": {"status": "SUCCESS", "abhaAddress": RAMESH,
        "profile": {"context": "OPD1", "tokenNumber": "42", "expiry": "1800"}}, "response": {"requestId": callback.request_id()}});
    hip.bridge.post("/api/hiecm/patient-share/v3/on-share", &body, now_of(&sandbox).await).accepted().await;
    sandbox.state().answered_share(&id_in(&share), SOON).await.unwrap();
    let token = browser.page(&share).await;
    assert!(token.contains("id=\"token\">42<") && token.contains("Valid for 30 minutes"), "{token}");
}

#[tokio::test]
async fn nobody_acts_for_another_and_no_other_site_for_anyone() {
    let sandbox = sandbox().await;
    let browser = Browser::of(&sandbox);
    let linking = browser.submit(&mine("/discoveries"), &[("hip", HIP)]).await;
    let others = format!("/sandbox/pages/phr/asha.rao@sbx/discoveries/{}", id_in(&linking));
    assert_eq!(browser.status(&others).await, 404);
    assert_eq!(browser.status("/sandbox/pages/phr/nobody@sbx").await, 404);
    let forged = browser.http.post(format!("{}{}", browser.base, mine("/discoveries")));
    let forged = forged.header("sec-fetch-site", "cross-site").form(&[("hip", HIP)]).send().await.unwrap();
    assert_eq!(forged.status(), 403);
    let script = sandbox.state().person(RAMESH).unwrap();
    let home = Home { line: Some("<script>".into()), ..script.address.clone().unwrap() };
    sandbox.state().put_person(sandbox::Person { name: "<b>R</b>".into(), address: Some(home), ..script });
    let page = browser.page(&mine(&format!("/scan?hip={HIP}&counter=%3Ci%3E"))).await;
    assert!(!page.contains("<b>R") && !page.contains("<script>") && !page.contains("<i>"), "{page}");
}
