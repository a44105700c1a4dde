//! A person deactivates or deletes their ABHA, opts out, or comes back. Every HIP that has linked something to the address,
//! or holds a consent of it, is told.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::callbacks::Callback;
use crate::core::Sandbox;
use crate::steer::SteerError;
use crate::world::consents::ConsentStatus;
use crate::world::linkings::ApiVersion;
use crate::world::statuses::{AbhaNotice, AbhaStatus};
use crate::world::{Subject, World};

/// Where ABDM documents it.
pub(crate) const NOTIFY_V05: &str = "/v0.5/patients/status/notify";
/// Where integrators expect it in V3; no page of ABDM's names it.
pub(crate) const NOTIFY: &str = "/api/v3/patients/status/notify";

/// What becomes of an ABHA, and how it is told.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusWanted {
    /// What becomes of it.
    pub status: AbhaStatus,
    /// In which interface HIPs are told; v0.5 if absent, for that is the documented one.
    #[serde(default)]
    pub version: Option<ApiVersion>,
}

impl StatusWanted {
    /// Told as ABDM documents it.
    #[must_use]
    pub fn of(status: AbhaStatus) -> Self {
        Self { status, version: None }
    }
}

impl Sandbox {
    /// Changes a person's ABHA and tells the HIPs concerned. The consents of one that ends have ended.
    ///
    /// # Errors
    ///
    /// 404 for an unknown person.
    pub fn set_abha_status(
        &self,
        abha_address: &str,
        wanted: &StatusWanted,
    ) -> Result<Vec<AbhaNotice>, SteerError> {
        self.person(abha_address)?;
        let now = self.now();
        let notices = self.change(|world| {
            let concerned = concerned(world, abha_address);
            if let Some(person) = world.registry.people.get_mut(&abha_address.to_lowercase()) {
                person.deactivated = wanted.status.ends();
            }
            if wanted.status.ends() {
                for consent in world.consents.values_mut() {
                    let theirs = consent.abha_address.eq_ignore_ascii_case(abha_address);
                    if theirs && consent.status == ConsentStatus::Granted {
                        consent.status = ConsentStatus::Revoked;
                    }
                }
            }
            let notice = |hip_id: String| AbhaNotice {
                id: Uuid::new_v4().to_string(),
                abha_address: abha_address.to_owned(),
                hip_id,
                status: wanted.status,
                at: now,
                outcome: None,
            };
            let notices: Vec<_> = concerned.into_iter().map(notice).collect();
            for notice in &notices {
                world.statuses.insert(notice.id.clone(), notice.clone());
            }
            notices
        });
        for notice in &notices {
            self.tell_status(notice, wanted.version.unwrap_or(ApiVersion::V05));
        }
        Ok(notices)
    }

    fn tell_status(&self, notice: &AbhaNotice, version: ApiVersion) {
        let path = if version == ApiVersion::V05 { NOTIFY_V05 } else { NOTIFY };
        let body = json!({"notification": {
            "status": notice.status.as_str(), "patient": {"id": notice.abha_address}
        }});
        let subject = Subject::Status { notice_id: notice.id.clone() };
        self.queue_callback(Callback::new(&notice.hip_id, path, subject, body));
    }

    /// What HIPs were told of a person's ABHA.
    #[must_use]
    pub fn abha_notices(&self, abha_address: &str) -> Vec<AbhaNotice> {
        let of = |notice: &&AbhaNotice| notice.abha_address.eq_ignore_ascii_case(abha_address);
        self.read(|world| world.statuses.values().filter(of).cloned().collect())
    }

    /// Waits until every HIP has said that it knows, for at most `wait` of real time.
    pub async fn status_known(&self, abha_address: &str, wait: Duration) -> bool {
        let known = |world: &World| {
            let mut theirs = world
                .statuses
                .values()
                .filter(|notice| notice.abha_address.eq_ignore_ascii_case(abha_address));
            theirs.all(|notice| notice.outcome.as_deref() == Some("OK")).then_some(())
        };
        self.await_change(wait, known).await.is_some()
    }
}

fn concerned(world: &World, abha_address: &str) -> BTreeSet<String> {
    let linked = world.links.of(abha_address).map(|context| context.hip_id.clone());
    let granted = world
        .consents
        .values()
        .filter(|consent| consent.abha_address.eq_ignore_ascii_case(abha_address))
        .map(|consent| consent.hip_id.clone());
    linked.chain(granted).collect()
}
