//! What a provider receives, and what its answers mean. The provider is a listener of the test's own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use domain::exchange::ExchangeState;
use sandbox::{Choice, LinkingState};
use serde_json::Value;
use store::on_both_databases;
use store::testing::TestDatabase;

use super::{INIT, code, only};
use crate::steps::SECOND;
use crate::world::{World, id};

/// The examples of the documentation.
const DOCUMENTED: &str = include_str!("../../../../../docs/sms.md");
/// An authentication that needs no environment.
const BASIC: &str = "body = '{\"to\":\"91{mobile}\",\"text\":\"{text}\",\"otp\":\"{otp}\"}'";

/// A request as the provider got it.
#[derive(Clone)]
struct Got {
    method: String,
    uri: String,
    headers: HeaderMap,
    body: String,
}

#[derive(Clone, Default)]
struct Provider {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    url: String,
}

impl Provider {
    /// Listens. Answers these in turn, then the last one for ever.
    async fn answering(answers: &[(u16, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { answers: Arc::new(Mutex::new(answers)), url, ..Self::default() };
        let serving = provider.clone();
        let router = Router::new().fallback(async move |request: Request| serving.serve(request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    async fn serve(&self, request: Request) -> (StatusCode, String) {
        let (parts, body) = request.into_parts();
        let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        self.got.lock().unwrap().push(Got {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let (status, body) = answer.unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// `[sms]` with this provider's address and these lines.
    fn section(&self, more: &str) -> String {
        format!("[sms]\nkind = \"http\"\nurl = \"{}/send\"\n{more}\n", self.url)
    }
}

async fn world(database: TestDatabase, provider: &Provider, more: &str) -> World {
    World::for_linking_with(database, &provider.section(more)).await.0
}

on_both_databases! {
    async fn a_provider_that_stumbles_is_tried_again_with_the_same_password(database: TestDatabase) {
        let answers = [(503, ""), (429, ""), (200, r#"{"type":"success","message":"57a455944f8d"}"#)];
        let provider = Provider::answering(&answers).await;
        let more = format!("success = '/type = success'\ndelivery_id = \"/message\"\n{BASIC}");
        let world = world(database, &provider, &more).await;
        let found = world.discovered().await;
        world.sandbox.state().init_link(&found.transaction_id, &only(&["visit-1"])).unwrap();
        let sent = async || {
            let linking = world.sandbox.state().linking(&found.transaction_id).unwrap();
            Some(linking).filter(|linking| linking.state == LinkingState::OtpSent)
        };
        let sent = world.after(SECOND, sent).await;
        let got = provider.got();
        assert_eq!(got.len(), 3);
        assert!(got.iter().all(|one| one.body == got[0].body), "one password");
        let body: Value = serde_json::from_str(&got[0].body).unwrap();
        assert_eq!(body["to"].as_str().unwrap().len(), 12);
        let reference = sent.link.as_ref().unwrap()["referenceNumber"].as_str().unwrap().parse().unwrap();
        let request = world.read().await.link_request(&id(), &reference).await.unwrap().unwrap();
        assert_eq!(request.delivery_id.as_deref(), Some("57a455944f8d"));
        world.until_settled().await;
        assert_eq!(world.confirmed(&sent, body["otp"].clone()).await.state, LinkingState::Linked);
    }

    async fn a_provider_that_refuses_is_not_asked_again_and_the_app_is_told(database: TestDatabase) {
        for (status, answer) in [(400, ""), (200, r#"{"type":"error","message":"invalid template"}"#)] {
            let provider = Provider::answering(&[(status, answer)]).await;
            let database = if database.url().starts_with("postgres") {
                TestDatabase::postgres().await
            } else {
                TestDatabase::sqlite()
            };
            let world = world(database, &provider, &format!("success = '/type = success'\n{BASIC}")).await;
            let refused = world.chosen(&world.discovered().await, Choice::default()).await;
            assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1004"));
            assert_eq!(provider.got().len(), 1);
            let exchange = world.exchanges_of(INIT).await.remove(0);
            assert_eq!(exchange.state, ExchangeState::Refused);
            let explanation = exchange.error.unwrap().explanation;
            assert!(explanation.contains(&status.to_string()) && !explanation.contains("template"), "{explanation}");
        }
    }

    async fn a_provider_that_never_takes_it_is_given_up(database: TestDatabase) {
        let provider = Provider::answering(&[(500, "")]).await;
        let world = world(database, &provider, BASIC).await;
        let found = world.discovered().await;
        world.sandbox.state().init_link(&found.transaction_id, &Choice::default()).unwrap();
        world.until(async || Some(()).filter(|()| !provider.got().is_empty())).await;
        let mut seconds = 0;
        let failed = async || {
            // Past the end, but not past the lease of whoever records it.
            if seconds < 25 {
                seconds += 1;
                world.clock.advance(SECOND);
            }
            let linking = world.sandbox.state().linking(&found.transaction_id).unwrap();
            Some(linking).filter(|linking| linking.state == LinkingState::InitFailed)
        };
        let failed = world.until(failed).await;
        assert_eq!(code(&failed), "ABDM-1004");
        let tried = provider.got().len();
        assert!((1..12).contains(&tried), "{tried} attempts in twenty seconds");
        world.until_settled().await;
        // The patient may choose again in the same search.
        provider.answers.lock().unwrap().push_front((200, String::new()));
        provider.answers.lock().unwrap().truncate(1);
        assert_eq!(world.chosen(&found, Choice::default()).await.state, LinkingState::OtpSent);
    }
}

/// The example under a heading, sent to `provider` instead.
fn documented(provider: &Provider, heading: &str) -> String {
    let section = DOCUMENTED.split_once(&format!("## {heading}\n")).unwrap().1;
    let example = section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let line = example.lines().find(|line| line.starts_with("url = ")).unwrap();
    let url = line.trim_start_matches("url = ").trim_matches('"');
    let path = url.splitn(4, '/').nth(3).unwrap();
    example.replace(line, &format!("url = \"{}/{path}\"", provider.url))
}

/// What the provider got by the example under a heading. Its answer must count as taken.
async fn sent_as(heading: &str, answer: &str, id_of: Option<&str>) -> Got {
    let provider = Provider::answering(&[(200, answer)]).await;
    let folder = tempfile::tempdir().unwrap();
    for secret in ["msg91-authkey", "exotel-token", "aws-secret", "sms-token"] {
        std::fs::write(folder.path().join(secret), "s3cret\n").unwrap();
    }
    let config = crate::world::config(&folder, "http://127.0.0.1:9", &documented(&provider, heading));
    let clock: abdm::clock::SharedClock = abdm::clock::SystemClock::shared();
    let sender = kadi::sms::sender(&config, &clock).unwrap().unwrap();
    let otp = "123456".into();
    let message = kadi::sms::Message {
        mobile: "9876543210".parse().unwrap(),
        otp: &otp,
        facility: "Asha & \"Sons\" Hospital",
        minutes: 10,
    };
    let taken = sender.send(&message, SECOND * 10).await.unwrap();
    assert_eq!(taken.id.as_deref(), id_of, "{heading}");
    provider.got().remove(0)
}

fn form(body: &str) -> Vec<(String, String)> {
    serde_json::from_value(serde_json::json!(
        reqwest::Url::parse(&format!("http://x/?{body}"))
            .unwrap()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect::<Vec<_>>()
    ))
    .unwrap()
}

fn value<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    &form.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}")).1
}

const TEXT: &str = "123456 is your OTP to link your health records at Asha & \"Sons\" Hospital to your ABHA. It is valid \
                    for 10 minutes. Do not share it.";

#[tokio::test]
async fn msg91_gets_what_its_documentation_asks_for() {
    let got = sent_as("MSG91", r#"{"type":"success","message":"57a4"}"#, Some("57a4")).await;
    assert_eq!((got.method.as_str(), got.uri.as_str()), ("POST", "/api/v5/flow/"));
    assert_eq!(got.headers["authkey"], "s3cret");
    assert_eq!(got.headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&got.body).unwrap();
    assert_eq!(body["recipients"][0]["mobiles"], "919876543210");
    assert_eq!(body["recipients"][0]["otp"], "123456");
    assert_eq!(body["recipients"][0]["facility"], "Asha & \"Sons\" Hospital");
}

#[tokio::test]
async fn gupshup_gets_what_its_documentation_asks_for() {
    let answer = r#"{"response":{"id":"3491-7","phone":"91","details":"","status":"success"}}"#;
    let got = sent_as("Gupshup", answer, Some("3491-7")).await;
    assert_eq!(got.uri, "/GatewayAPI/rest");
    let form = form(&got.body);
    assert_eq!((value(&form, "send_to"), value(&form, "msg")), ("919876543210", TEXT));
    assert_eq!(value(&form, "principalEntityId"), "1101000000000000000");
}

#[tokio::test]
async fn exotel_gets_what_its_documentation_asks_for() {
    let got = sent_as("Exotel", r#"{"SMSMessage":{"Sid":"sid1","Status":"queued"}}"#, Some("sid1")).await;
    assert_eq!(got.uri, "/v1/Accounts/hospital1/Sms/send.json");
    assert_eq!(got.headers["authorization"], "Basic QVBJX0tFWTpzM2NyZXQ=");
    let form = form(&got.body);
    assert_eq!((value(&form, "To"), value(&form, "Body")), ("+919876543210", TEXT));
    assert_eq!(value(&form, "DltTemplateId"), "1107000000000000000");
}

#[tokio::test]
async fn aws_gets_what_its_documentation_asks_for() {
    let answer =
        "<PublishResponse><PublishResult><MessageId>94f2-1</MessageId></PublishResult></PublishResponse>";
    let got = sent_as("AWS SNS", answer, Some("94f2-1")).await;
    let signature = got.headers["authorization"].to_str().unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"), "{signature}");
    assert!(signature.contains("/ap-south-1/sns/aws4_request") && got.headers.contains_key("x-amz-date"));
    let form = form(&got.body);
    assert_eq!((value(&form, "Action"), value(&form, "PhoneNumber")), ("Publish", "+919876543210"));
    assert_eq!(value(&form, "Message"), TEXT);
}

#[tokio::test]
async fn a_status_that_is_not_the_expected_one_is_a_refusal() {
    let provider = Provider::answering(&[(200, r#"{"id":1}"#)]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sms-token"), "s3cret").unwrap();
    let config =
        crate::world::config(&folder, "http://127.0.0.1:9", &documented(&provider, "Any other provider"));
    let clock: abdm::clock::SharedClock = abdm::clock::SystemClock::shared();
    let sender = kadi::sms::sender(&config, &clock).unwrap().unwrap();
    let otp = "123456".into();
    let mobile = "9876543210".parse().unwrap();
    let message = kadi::sms::Message { mobile, otp: &otp, facility: "Asha", minutes: 10 };
    let refused = sender.send(&message, SECOND * 10).await.unwrap_err();
    assert!(!refused.passing && refused.why.contains("200"), "{refused}");
    let got = provider.got().remove(0);
    assert_eq!(got.headers["authorization"], "Bearer s3cret");
    assert_eq!(serde_json::from_str::<Value>(&got.body).unwrap()["from"], "HOSPTL");
}

#[tokio::test]
async fn what_is_set_wrongly_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let clock: abdm::clock::SharedClock = abdm::clock::SystemClock::shared();
    for (lines, told) in [
        ("success = 'always'", "sms.success"),
        ("delivery_id = 'id'", "sms.delivery_id"),
        ("auth = 'basic:me'", "sms.auth"),
        ("auth = 'bearer:nowhere'", "nowhere"),
        ("headers = { 'a b' = 'c' }", "sms.headers"),
        ("headers = { authkey_file = 'nowhere' }", "nowhere"),
        ("method = 'SEND IT'", "sms.method"),
        ("body = '{\"text\":\"hello\"}'", "{mobile}"),
        ("body = '{\"to\":\"{mobile}\"}'", "{otp}"),
    ] {
        let section = format!("[sms]\nkind = \"http\"\nurl = \"https://sms.example/send\"\n{lines}\n");
        let config = crate::world::config(&folder, "http://127.0.0.1:9", &section);
        let error = kadi::sms::sender(&config, &clock).err().unwrap_or_else(|| panic!("{lines} is taken"));
        assert!(format!("{error:#}").contains(told), "{lines}: {error:#}");
    }
}
