//! Sends one-time passwords. The password is drawn here and lives no longer than its sending; the store holds a keyed
//! hash of it, committed before it leaves.

use std::time::Duration;

use domain::otp;
use secrecy::{ExposeSecret as _, SecretString};
use store::Sending;

use super::{again, ctx};
use crate::bridge::Bridge;
use crate::flows;
use crate::flows::user_link::init::{self, ToSend};
use crate::sms::{Message, SmsSender};

/// The first pause between two attempts; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The provider's id of the message, or why there is none.
type Outcome = Result<Option<String>, String>;

/// Sends the password of one link, and records what became of it.
pub(super) async fn serve(bridge: &Bridge, sending: &Sending) -> flows::Result<()> {
    let outcome = send(bridge, sending).await?;
    match &outcome {
        Ok(id) => tracing::info!(
            facility.id = %sending.facility, sms.delivery_id = id.as_deref(), "one-time password sent"
        ),
        Err(why) => tracing::warn!(facility.id = %sending.facility, why, "one-time password not sent"),
    }
    again(|| record(bridge, sending, &outcome)).await
}

async fn record(bridge: &Bridge, sending: &Sending, outcome: &Outcome) -> flows::Result<()> {
    let mut tx = bridge.store.begin().await?;
    init::on_sms(&mut tx, sending, outcome).await?;
    Ok(tx.commit().await?)
}

async fn send(bridge: &Bridge, sending: &Sending) -> flows::Result<Outcome> {
    let mut tx = bridge.store.read().await?;
    let facility = tx.facility(&sending.facility).await?;
    let unknown = tx.has_unknown_attempt(sending).await?;
    drop(tx);
    let (Some(sender), Some(facility)) = (&bridge.sms, facility) else {
        return Ok(Err("nothing is configured to send it by".to_owned()));
    };
    if unknown {
        return Ok(Err("its sending was interrupted, and it may have been sent".to_owned()));
    }
    let mut random = [0; 8];
    store::fill(&mut random)?;
    let password = SecretString::from(otp::password(random));
    let Some(to) = issue(bridge, sending, &password).await? else {
        return Ok(Err("there is nobody to send it to, or too many were sent".to_owned()));
    };
    let minutes = bridge.rules.otp.ttl.as_secs().div_ceil(60);
    let message = Message { mobile: to.mobile, otp: &password, facility: &facility.name, minutes };
    Ok(until_given_up(bridge, sender.as_ref(), &message, &to).await)
}

async fn issue(bridge: &Bridge, sending: &Sending, password: &SecretString) -> flows::Result<Option<ToSend>> {
    let issue = || async {
        let mut tx = bridge.store.begin().await?;
        let issued = init::issue(&ctx(bridge), &mut tx, sending, password.expose_secret()).await?;
        tx.commit().await?;
        Ok(issued)
    };
    again(issue).await
}

/// Tries while it may pass and there is time: the patient waits in their app.
async fn until_given_up(
    bridge: &Bridge,
    sender: &dyn SmsSender,
    message: &Message<'_>,
    to: &ToSend,
) -> Outcome {
    let mut pause = FIRST_PAUSE;
    loop {
        let left = Duration::try_from(to.give_up_at.duration_since(bridge.clock.now())).unwrap_or_default();
        if left.is_zero() {
            return Err("there was no time left to send it".to_owned());
        }
        match sender.send(message, left).await {
            Ok(delivery) => return Ok(delivery.id),
            Err(not_sent) => {
                let left = to.give_up_at.duration_since(bridge.clock.now());
                if !not_sent.passing || Duration::try_from(left).unwrap_or_default() <= pause {
                    return Err(not_sent.why);
                }
            }
        }
        bridge.clock.sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
