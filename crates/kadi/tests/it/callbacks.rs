//! Who may call back, and what a refusal leaves behind: nothing.

use domain::consent::ConsentStatus;
use sandbox::RawCallback;
use serde_json::{Value, json};
use store::on_both_databases;
use uuid::Uuid;

use crate::steps::ON_NOTIFY;
use crate::world::{FACILITY, RAMESH, World};

pub const CONSENT: &str = "/api/v3/consent/request/hip/notify";

/// A notice that grants one visit.
pub fn grant(consent: &str) -> Value {
    json!({"notification": {"status": "GRANTED", "consentId": consent, "signature": "c2lnbmVk",
        "grantAcknowledgement": false, "consentDetail": {
            "schemaVersion": "v3", "consentId": consent, "createdAt": "2026-01-20T05:59:00.000Z",
            "patient": {"id": RAMESH},
            "careContexts": [{"patientReference": "P1", "careContextReference": "visit-1"}],
            "purpose": {"text": "Self Requested", "code": "PATRQT", "refUri": ""},
            "hip": {"id": FACILITY}, "consentManager": {"id": "sbx"}, "hiTypes": ["OPConsultation"],
            "permission": {"accessMode": "VIEW",
                "dateRange": {"from": "2016-01-01T00:00:00.000Z", "to": "2026-01-20T06:00:00.000Z"},
                "dataEraseAt": "2026-02-20T06:00:00.000Z",
                "frequency": {"unit": "HOUR", "value": 1, "repeats": 0}}}}})
}

/// The grant of a consent that nobody knows.
pub fn new_grant() -> (String, RawCallback) {
    let consent = Uuid::new_v4().to_string();
    let callback = RawCallback::new(CONSENT, FACILITY, grant(&consent));
    (consent, callback)
}

impl World {
    /// No callback has left anything behind.
    pub async fn assert_untouched(&self) {
        assert_eq!(self.exchanges().await, []);
        assert!(self.stored_consents().await.is_empty());
        assert_eq!(self.events().await, []);
        assert!(self.calls(ON_NOTIFY).is_empty());
    }

    /// Waits until a consent is stored.
    pub async fn until_granted(&self, consent: &str) {
        let stored = self.until(async || self.stored_consent(consent).await).await;
        assert_eq!(stored.status, ConsentStatus::Granted);
    }
}

on_both_databases! {
    async fn a_callback_without_a_token_of_abdms_is_refused_without_a_trace(database: TestDatabase) {
        let world = World::on(database).await;
        let (consent, callback) = new_grant();
        let callback = RawCallback { request_id: Some(Uuid::new_v4().to_string()), ..callback };
        let forgeries = [
            "none", "garbage", "wrongKey", "unknownKid", "algNone", "hmac", "otherParty", "expired:3601",
            "expired:864000", "future:301", "future:86400", "claim:azp=account", "claim:azp=GATEWAY",
        ];
        for forgery in forgeries {
            let refused = world.callback(callback.clone().token(forgery)).await;
            assert_eq!(refused.status, Some(401), "{forgery}");
            let said: Value = serde_json::from_str(&refused.answer).unwrap();
            assert_eq!(said["code"], "900901", "{forgery}");
            assert!(said["message"].is_string() && said["description"].is_string(), "{forgery}");
        }
        for scheme in ["Basic Z2F0ZXdheTpnYXRld2F5", "Bearer", "Bearer  ", "gateway", "Bearer a.b.c.d"] {
            let mut other = callback.clone().token("none");
            other.headers.insert("authorization".to_owned(), scheme.to_owned());
            assert_eq!(world.callback(other).await.status, Some(401), "{scheme}");
        }
        world.assert_untouched().await;

        // The id was not taken by any of them.
        assert_eq!(world.callback(callback).await.status, Some(200));
        world.until_granted(&consent).await;
    }

    async fn a_token_that_is_late_by_less_than_an_hour_is_taken(database: TestDatabase) {
        let world = World::on(database).await;
        for token in ["genuine", "expired:1", "expired:964", "expired:3000", "expired:3600", "future:299"] {
            let (consent, callback) = new_grant();
            assert_eq!(world.callback(callback.token(token)).await.status, Some(200), "{token}");
            world.until_granted(&consent).await;
        }
    }

    async fn the_claims_that_an_operator_asks_for_are_required(database: TestDatabase) {
        let more = "callback_claims = { azp = \"gateway\", aud = \"account\", typ = \"Bearer\" }\n\
                    callback_late = \"10m\"";
        let world = World::with(database, sandbox::SandboxConfig::default(), more).await;
        for token in ["claim:aud=other", "claim:typ=ID", "claim:azp=other", "expired:601"] {
            assert_eq!(world.callback(new_grant().1.token(token)).await.status, Some(401), "{token}");
        }
        world.assert_untouched().await;
        assert_eq!(world.callback(new_grant().1.token("expired:600")).await.status, Some(200));
    }

    async fn the_token_is_looked_at_before_anything_else(database: TestDatabase) {
        let world = World::on(database).await;
        let id = Uuid::new_v4().to_string();
        let whole = grant(&Uuid::new_v4().to_string()).to_string();
        let huge = "[".repeat(200_000);
        let (ours, request) = (("x-hip-id", FACILITY), ("request-id", id.as_str()));
        let cases = [
            ("malformed", vec![ours, request], "{"),
            ("deep", vec![ours, request], huge.as_str()),
            ("empty", vec![], ""),
            ("no request id", vec![ours], whole.as_str()),
            ("another's service", vec![("x-hip-id", "IN0000000000"), request], whole.as_str()),
        ];
        for (what, headers, body) in cases {
            let answer = world.post(CONSENT, &headers, body.to_owned()).await;
            assert_eq!(answer.status(), 401, "{what}");
        }
        world.assert_untouched().await;
    }
}
