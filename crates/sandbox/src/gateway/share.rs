//! `POST patient-share/v3/on-share`: the reply to a profile share.

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::judge::patterns::ABHA_ADDRESS_WIDE;
use crate::judge::{Node, Wrong, reply};
use crate::refusal::Refusal;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::shares::{Share, ShareState};
use crate::world::{Asked, Subject};

/// What the HIP gave.
struct Token {
    status: String,
    address: String,
    context: String,
    number: String,
    expiry: Value,
}

/// `POST on-share`.
pub(crate) fn on_share(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root)?;
    let error = reply::error(&root)?;
    let token = if error.is_some() { None } else { Some(read(&root)?) };
    call.note_strangers(&root.strangers(&["acknowledgement", "error", "response"]));
    let Some(Asked { subject: Subject::Share { share_id }, .. }) = call.asked(&request_id) else {
        return Err(Refusal::bad("ABDM-1052", "Invalid TransactionId or response's requestId")
            .breaks("unknown-request", "response.requestId is no share at this HIP"));
    };
    let late = call.sandbox.change(|world| {
        let Some(share) = world.shares.get_mut(&share_id) else {
            return Err(Refusal::bad("ABDM-1052", "Invalid TransactionId"));
        };
        if share.answered_at.is_some() {
            world.ledger.book(EffectKind::OnShare, share_id, Outcome::Repeat, call.now);
            return Err(Refusal::bad("ABDM-1087", "Duplicate patient share request").forgiven());
        }
        let late = share.state == ShareState::Overdue;
        match (token, error) {
            (Some(token), _) => take(share, token)?,
            (None, error) => {
                share.state = ShareState::Failed;
                share.error = error.map(|error| json!({"code": error.code, "message": error.message}));
            }
        }
        share.answered_at = Some(call.now);
        world.ledger.book(EffectKind::OnShare, share_id, Outcome::Accepted, call.now);
        Ok(late)
    })?;
    if late {
        call.note("late-share", "on-share came after the patient's app had given up");
    }
    Ok(Answer::accepted())
}

fn read(root: &Node<'_>) -> Result<Token, Wrong> {
    let acknowledgement = root.member("acknowledgement")?;
    let profile = acknowledgement.member("profile")?;
    let expiry = profile.member("expiry")?;
    let digits = match expiry.value() {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    if digits.parse::<u32>().is_err() {
        return Err(expiry.wrong("must be a number of seconds"));
    }
    Ok(Token {
        status: acknowledgement.one_of("status", &["SUCCESS", "FAILED"])?.to_owned(),
        address: acknowledgement.matching("abhaAddress", &ABHA_ADDRESS_WIDE)?.to_owned(),
        context: profile.text("context")?.to_owned(),
        number: profile.text("tokenNumber")?.to_owned(),
        expiry: expiry.value().clone(),
    })
}

fn take(share: &mut Share, token: Token) -> Result<(), Refusal> {
    if !share.abha_address.eq_ignore_ascii_case(&token.address) {
        return Err(mismatch("/acknowledgement/abhaAddress is not the one shared"));
    }
    if share.counter != token.context {
        return Err(mismatch("/acknowledgement/profile/context is not the counter"));
    }
    share.state = if token.status == "SUCCESS" { ShareState::Answered } else { ShareState::Failed };
    share.token_number = Some(token.number);
    share.expiry = Some(token.expiry);
    Ok(())
}

fn mismatch(what: &str) -> Refusal {
    Refusal::bad("ABDM-1041", "Invalid Acknowledgement").breaks("ABDM-1041", what)
}
