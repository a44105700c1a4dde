//! `POST generate-token` and its callback. ABDM V3, hospital-initiated linking.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call};
use crate::callbacks::Callback;
use crate::judge::patterns::{ABHA_ADDRESS, ABHA_NUMBER, GENDERS, NAME};
use crate::judge::{Node, Wrong};
use crate::refusal::Refusal;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::links::TokenVerdict;
use crate::world::registry::Person;

pub(crate) const CALLBACK: &str = "/api/v3/hip/token/on-generate-token";

/// What the call says of the patient.
struct Asked {
    address: String,
    number: Option<String>,
    name: String,
    gender: String,
    year: i64,
}

/// `POST generate-token`.
pub(crate) fn generate(call: &Call<'_>) -> Result<Answer, Refusal> {
    let hip = call.hip()?.to_owned();
    let asked = read(&call.root())?;
    call.note_strangers(&call.root().strangers(&[
        "abhaAddress",
        "abhaNumber",
        "name",
        "gender",
        "yearOfBirth",
    ]));
    if call.sandbox.read(|world| world.registry.service_of(&call.client, &hip).is_none()) {
        return Ok(Answer::silence("the HIP id is no service of this bridge"));
    }
    let person = call.sandbox.read(|world| world.registry.person(&asked.address).cloned());
    let Some(person) = person else {
        return Err(
            Refusal::bad("ABDM-9999: ", "User not found").breaks("unknown-user", "no such ABHA address")
        );
    };
    let body = match judge(call, &hip, &person)? {
        TokenVerdict::Blocked { .. } => {
            failure("ABDM-1027: ", "You are blocked. Please try again after 24 hours.", call)
        }
        TokenVerdict::Granted | TokenVerdict::TooSoon => granted(call, &hip, &asked, &person),
    };
    Ok(Answer::then(Callback::result(&hip, CALLBACK, body)))
}

/// Books the request; a second one inside its window is refused at once.
fn judge(call: &Call<'_>, hip: &str, person: &Person) -> Result<TokenVerdict, Refusal> {
    let (timing, rules) = (call.sandbox.timing(), &call.sandbox.config().rules);
    let address = &person.abha_address;
    let key = format!("{hip}|{address}");
    let verdict = call.sandbox.change(|world| {
        let verdict = world.links.ask_token((hip, address), timing, rules, call.now);
        let outcome = if verdict == TokenVerdict::TooSoon { Outcome::Refused } else { Outcome::Accepted };
        world.ledger.book(EffectKind::TokenRequest, key, outcome, call.now);
        verdict
    });
    match verdict {
        TokenVerdict::TooSoon => {
            let refusal = Refusal::bad("ABDM-1092", "Duplicate Link token request");
            return Err(
                refusal.breaks("token-window", "a second token request inside the window of the first")
            );
        }
        TokenVerdict::Blocked { now: true } => {
            call.note(
                "tokens-a-day",
                format!("more than {} token requests a day for one address", timing.tokens_a_day),
            );
        }
        TokenVerdict::Blocked { now: false } | TokenVerdict::Granted => {}
    }
    Ok(verdict)
}

fn read(root: &Node<'_>) -> Result<Asked, Wrong> {
    let number = match root.maybe("abhaNumber")? {
        None => None,
        Some(number) => Some(digits(&number)?),
    };
    let year = root.member("yearOfBirth")?;
    let born = year.value().as_i64().or_else(|| year.value().as_str()?.parse().ok());
    Ok(Asked {
        address: root.matching("abhaAddress", &ABHA_ADDRESS)?.to_owned(),
        number,
        name: root.matching("name", &NAME)?.to_owned(),
        gender: root.one_of("gender", &GENDERS)?.to_owned(),
        year: born
            .filter(|year| (1900..=2200).contains(year))
            .ok_or_else(|| year.wrong("must be a year from 1900 to 2200"))?,
    })
}

/// An ABHA number as integer or digit string.
pub(crate) fn digits(node: &Node<'_>) -> Result<String, Wrong> {
    let digits = match node.value() {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(node.wrong(ABHA_NUMBER.says())),
    };
    if ABHA_NUMBER.fits(&digits) { Ok(digits) } else { Err(node.wrong(ABHA_NUMBER.says())) }
}

/// The callback of a request that was let through: a token, or why the demographics do not do.
fn granted(call: &Call<'_>, hip: &str, asked: &Asked, person: &Person) -> Value {
    if person.deactivated {
        let text = "The ABHA Number associated with this ABHA Address is currently deactivated. Please reactivate it.";
        return failure("ABDM-1407", text, call);
    }
    if asked.number.is_some() && asked.number != person.abha_number {
        return failure("ABDM-1051", "Invalid ABHA Number or ABHA Address", call);
    }
    let same_name = normal(&asked.name) == normal(&person.name);
    if !same_name || asked.gender != person.gender || asked.year != person.year_of_birth {
        return failure("ABDM-1043: ", "ABHA Address does not match with KYC details.", call);
    }
    let token = mint(call, hip, person, asked.number.as_deref());
    json!({"abhaAddress": person.abha_address, "linkToken": token, "response": {"requestId": call.request_id}})
}

fn normal(name: &str) -> String {
    name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn mint(call: &Call<'_>, hip: &str, person: &Person, number: Option<&str>) -> String {
    let issued = call.now.as_second();
    let life = i64::try_from(call.sandbox.timing().link_token.as_secs()).unwrap_or(i64::MAX);
    let mut claims = json!({"hipId": hip, "sub": person.abha_address, "abhaAddress": person.abha_address,
        "transactionId": Uuid::new_v4().to_string(), "iat": issued, "exp": issued.saturating_add(life)});
    if let (Some(members), Some(number)) =
        (claims.as_object_mut(), number.and_then(|number| number.parse::<u64>().ok()))
    {
        members.insert("abhaNumber".into(), number.into());
    }
    call.sandbox.keys().link_token(&claims)
}

fn failure(code: &str, message: &str, call: &Call<'_>) -> Value {
    json!({"error": {"code": code, "message": message}, "response": {"requestId": call.request_id}})
}

/// Fault `blocked`: the address of this request is blocked from now on.
pub(crate) fn block(call: &Call<'_>) {
    if let Ok(address) = call.root().text("abhaAddress") {
        let until = call.now.saturating_add(call.sandbox.timing().block).unwrap_or(Timestamp::MAX);
        call.sandbox.change(|world| world.links.block(address, until));
    }
}
