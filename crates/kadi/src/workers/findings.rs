//! What is found out about a callback before its transaction: where the name in a push address leads, and whether the
//! signature under an artefact is right. A flow has neither network nor keys.

use std::time::Duration;

use abdm::path::Callback;
use abdm::push::PushUrlRefused;
use abdm::wire;
use abdm::wire::consent::ConsentNotify;
use abdm::wire::health_information::HealthInformationRequest;
use domain::consent::Signature;
use store::Received;

use crate::bridge::Bridge;
use crate::flows::Findings;

/// How long a name is looked up. One that takes longer is let through: it is looked up again for the push itself, and
/// the reply is waited for.
const LOOK_UP: Duration = Duration::from_secs(2);

pub(super) async fn find(bridge: &Bridge, received: &Received) -> Findings {
    let mut findings = Findings { signature_required: bridge.signatures.required, ..Findings::default() };
    match Callback::from_path(&received.kind) {
        Some(Callback::HealthInformationRequest) => {
            findings.push_refused = leads_inside(bridge, &received.body).await;
        }
        Some(Callback::ConsentNotify) => findings.signature = signature(bridge, &received.body),
        _ => {}
    }
    findings
}

async fn leads_inside(bridge: &Bridge, body: &[u8]) -> bool {
    let Ok(message) = wire::read::<HealthInformationRequest>(body) else { return false };
    tokio::select! {
        screened = bridge.pusher.screen(&message.hi_request.data_push_url) => {
            matches!(screened, Err(PushUrlRefused::Address))
        }
        () = bridge.clock.sleep(LOOK_UP) => false,
    }
}

fn signature(bridge: &Bridge, body: &[u8]) -> Signature {
    let Some(key) = &bridge.signatures.key else { return Signature::Unverified };
    let Ok(message) = wire::read::<ConsentNotify>(body) else { return Signature::Unverified };
    match (message.notification.raw_detail(), &message.notification.signature) {
        (Some(detail), Some(signature)) if key.verifies(detail, signature) => Signature::Verified,
        // An artefact without a signature proves nothing either.
        (Some(_), _) => Signature::Invalid,
        _ => Signature::Unverified,
    }
}
