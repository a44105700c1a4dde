//! The patient scans a facility's code.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::linking::dashed;
use crate::callbacks::Callback;
use crate::core::Sandbox;
use crate::steer::SteerError;
use crate::world::registry::Person;
use crate::world::shares::{Share, ShareState};
use crate::world::{Subject, World};

const SHARE: &str = "/api/v3/hip/patient/share";

/// A share to make.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareWanted {
    /// The patient.
    pub abha_address: String,
    /// The HIP whose code it is.
    pub hip_id: String,
    /// The counter in the code.
    pub counter: String,
    /// `PROFILE_SHARE` if absent.
    #[serde(default)]
    pub intent: Option<String>,
}

impl Sandbox {
    /// The patient scans the code of a counter and shares their profile.
    ///
    /// # Errors
    ///
    /// 404 for an unknown person or service.
    pub fn share(&self, wanted: &ShareWanted) -> Result<Share, SteerError> {
        let person = self.read(|world| world.registry.person(&wanted.abha_address).cloned());
        let person = person.ok_or_else(|| SteerError::not_found("no such person"))?;
        if self.read(|world| !world.registry.services.contains_key(&wanted.hip_id)) {
            return Err(SteerError::not_found("no such service"));
        }
        let id = Uuid::new_v4().to_string();
        let share = Share {
            request_id: id.clone(),
            abha_address: person.abha_address.clone(),
            hip_id: wanted.hip_id.clone(),
            counter: wanted.counter.clone(),
            state: ShareState::Sent,
            token_number: None,
            expiry: None,
            error: None,
            sent_at: self.now(),
            answered_at: None,
        };
        self.change(|world| world.shares.insert(id.clone(), share.clone()));
        let mut callback = Callback::new(
            &wanted.hip_id,
            SHARE,
            Subject::Share { share_id: id.clone() },
            body(wanted, &person),
        );
        callback.request_id = Some(id.clone());
        self.queue_callback(callback);
        self.give_up_later(id);
        Ok(share)
    }

    fn give_up_later(&self, id: String) {
        let (sandbox, waiting) = (self.clone(), self.sleep(self.timing().share));
        tokio::spawn(async move {
            waiting.await;
            sandbox.change(|world| {
                if let Some(share) = world.shares.get_mut(&id).filter(|share| share.state == ShareState::Sent)
                {
                    share.state = ShareState::Overdue;
                }
            });
        });
    }

    /// A share as it stands.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub fn shared(&self, id: &str) -> Result<Share, SteerError> {
        self.read(|world| world.shares.get(id).cloned()).ok_or_else(|| SteerError::not_found("no such share"))
    }

    /// Waits until a share is answered or given up, for at most `wait` of real time.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub async fn answered_share(&self, id: &str, wait: Duration) -> Result<Share, SteerError> {
        let done = |world: &World| {
            world.shares.get(id).is_none_or(|share| share.state != ShareState::Sent).then_some(())
        };
        self.await_change(wait, done).await;
        self.shared(id)
    }
}

fn body(wanted: &ShareWanted, person: &Person) -> Value {
    json!({
        "intent": wanted.intent.as_deref().unwrap_or("PROFILE_SHARE"),
        "metaData": {"hipId": wanted.hip_id, "context": wanted.counter, "hprId": Value::Null, "latitude": "12.97",
            "longitude": "77.71"},
        "profile": {"patient": {
            "abhaNumber": person.abha_number.as_deref().map(dashed), "abhaAddress": person.abha_address,
            "name": person.name, "gender": person.gender, "dayOfBirth": person.day_of_birth,
            "monthOfBirth": person.month_of_birth, "yearOfBirth": person.year_of_birth.to_string(),
            "address": person.address, "phoneNumber": person.mobile}},
    })
}
