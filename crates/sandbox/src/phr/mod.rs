//! What a patient does in the PHR app: consents, discovery and linking, sharing a profile.

pub(crate) mod consents;
pub(crate) mod linking;
pub(crate) mod sharing;
pub(crate) mod status;

use crate::core::Sandbox;
use crate::world::links::LinkedContext;

pub use consents::{ConsentWanted, Frequency, Renotify};
pub use linking::{Choice, DiscoveryWanted, Identifier};
pub use sharing::ShareWanted;
pub use status::StatusWanted;

impl Sandbox {
    /// Care contexts linked to an ABHA address.
    #[must_use]
    pub fn links(&self, abha_address: &str) -> Vec<LinkedContext> {
        self.read(|world| world.links.of(abha_address).cloned().collect())
    }

    /// Whether a care context is linked to an ABHA address.
    #[must_use]
    pub fn is_linked(&self, abha_address: &str, care_context: &str) -> bool {
        self.read(|world| {
            world.links.of(abha_address).any(|context| context.care_context_reference == care_context)
        })
    }

    /// Waits until a care context is linked, for at most `wait` of real time.
    pub async fn linked(&self, abha_address: &str, care_context: &str, wait: std::time::Duration) -> bool {
        let linked = |world: &crate::world::World| {
            world
                .links
                .of(abha_address)
                .any(|context| context.care_context_reference == care_context)
                .then_some(())
        };
        self.await_change(wait, linked).await.is_some()
    }
}

/// With the rule on, the patient's app pulls what was just linked, as the sandbox PHR app was seen to do.
pub(crate) fn pull_after_link(sandbox: &Sandbox, hip_id: &str, abha_address: &str) {
    if !sandbox.config().rules.pull_after_link {
        return;
    }
    let wanted = ConsentWanted {
        abha_address: abha_address.to_owned(),
        hip_ids: Some(vec![hip_id.to_owned()]),
        ..ConsentWanted::default()
    };
    let Ok(granted) = sandbox.grant(&wanted) else { return };
    for consent in granted.artefacts {
        let _ = sandbox.request_records(&crate::hiu::RecordsWanted::under(&consent.consent_id));
    }
}
