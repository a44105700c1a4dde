//! What exchanges are called and how times are told, for people in India.

use abdm::path::{Callback, Operation};
use aws_lc_rs::digest::{self, SHA256};
use domain::exchange::{Direction, ExchangeState};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use store::Exchange;
use uuid::Uuid;

/// India's offset from UTC, without summer time.
const INDIA_SECONDS: i32 = 5 * 3600 + 30 * 60;

/// What an exchange or a call with this path is called.
pub fn title(path: &str) -> String {
    if let Some(operation) = Operation::from_path(path) {
        return of_operation(operation).to_owned();
    }
    match Callback::from_path(path) {
        Some(callback) => of_callback(callback).to_owned(),
        None if path == crate::flows::TRANSFER => "Send the records".to_owned(),
        None if path == crate::flows::user_link::SMS => "Send a one-time password".to_owned(),
        None => path.to_owned(),
    }
}

fn of_operation(operation: Operation) -> &'static str {
    match operation.in_v3() {
        Operation::GenerateToken => "Ask for a link token",
        Operation::LinkCareContexts => "Link visits",
        Operation::ContextNotify => "Tell of new records",
        Operation::SmsNotify => "Send a deep link by SMS",
        Operation::OnDiscover => "Answer a search for visits",
        Operation::OnInit => "Answer a patient's linking",
        Operation::OnConfirm => "Answer a patient's password",
        Operation::ConsentOnNotify => "Acknowledge a consent",
        Operation::OnRequest => "Acknowledge a request for records",
        Operation::TransferNotify => "Tell what was sent",
        Operation::OnShare => "Answer a profile share",
        Operation::PatientStatusOnNotify => "Acknowledge an ABHA's status",
        Operation::BridgeUrl => "Set the bridge's address",
        other => other.path(),
    }
}

fn of_callback(callback: Callback) -> &'static str {
    match callback.in_v3() {
        Callback::OnGenerateToken => "A link token arrives",
        Callback::OnCareContext => "The answer to a link",
        Callback::OnContextNotify => "The answer to new records",
        Callback::OnSmsNotify => "What became of a deep link",
        Callback::Discover => "A patient searches for visits",
        Callback::LinkInit => "A patient begins to link visits",
        Callback::LinkConfirm => "A patient confirms a link",
        Callback::ConsentNotify => "A consent changes",
        Callback::HealthInformationRequest => "Records are asked for",
        Callback::ProfileShare => "A patient shares their profile",
        Callback::PatientStatus => "An ABHA changes",
        other => other.path(),
    }
}

/// What a state is called.
pub fn state_name(state: ExchangeState) -> &'static str {
    match state {
        ExchangeState::Sent => "Sent",
        ExchangeState::Waiting => "Waiting",
        ExchangeState::Answered => "Answered",
        ExchangeState::Refused => "Refused",
        ExchangeState::Overdue => "Overdue",
    }
}

/// What the state of an exchange means.
pub fn meaning(exchange: &Exchange) -> String {
    if let Some(error) = exchange.error.as_ref().filter(|error| !error.explanation.is_empty()) {
        return error.explanation.clone();
    }
    let text = match (exchange.direction, exchange.state) {
        (Direction::Out, ExchangeState::Sent) => {
            "Our call is on its way. ABDM has not accepted it yet; if it can't be reached, it is tried again by itself."
        }
        (Direction::Out, ExchangeState::Waiting) => {
            "ABDM has accepted our call. That is no result yet: the answer comes as a callback, usually within 9 seconds."
        }
        (Direction::Out, ExchangeState::Answered) => "ABDM has answered. All is done.",
        (Direction::Out, ExchangeState::Refused) => "ABDM has refused.",
        (Direction::Out, ExchangeState::Overdue) => {
            "ABDM accepted our call and has not answered. The likely cause is a wrong HIP id: ABDM is silent then."
        }
        (Direction::In, ExchangeState::Sent) => "ABDM's message is stored. Our reply is on its way.",
        (Direction::In, ExchangeState::Waiting) => "ABDM's message is being worked on.",
        (Direction::In, ExchangeState::Answered) => "ABDM has our reply. All is done.",
        (Direction::In, ExchangeState::Refused) => "We have refused what ABDM asked.",
        (Direction::In, ExchangeState::Overdue) => {
            "ABDM has not had our reply in time. It is still being tried."
        }
    };
    text.to_owned()
}

/// An id as it fits in a line: of a UUID, its beginning.
pub fn shortened(id: &str) -> String {
    match id.get(..8).filter(|_| Uuid::try_parse(id).is_ok()) {
        Some(beginning) => format!("{beginning}…"),
        None => id.to_owned(),
    }
}

/// A short text that is another when `text` is.
pub fn digest(text: &str) -> String {
    hex::encode(digest::digest(&SHA256, text.as_bytes()).as_ref().get(..8).unwrap_or_default())
}

/// What became of an attempt.
pub fn outcome(outcome: Option<&str>) -> String {
    match outcome {
        None => "On its way, or cut off".to_owned(),
        Some("accepted") => "Accepted".to_owned(),
        Some("not sent") => "Could not be sent".to_owned(),
        Some("no answer") => "No answer".to_owned(),
        Some(code) => code.to_owned(),
    }
}

/// The time in India.
pub fn in_india(time: Timestamp) -> Zoned {
    let offset = Offset::from_seconds(INDIA_SECONDS).unwrap_or(Offset::UTC);
    time.to_zoned(TimeZone::fixed(offset))
}

/// `15 January 2026`, with the day of the week.
pub fn day(time: Timestamp) -> String {
    in_india(time).strftime("%A, %-d %B %Y").to_string()
}

/// `14:03:44`
pub fn clock(time: Timestamp) -> String {
    in_india(time).strftime("%H:%M:%S").to_string()
}

/// `15 January 2026, 14:03:44 IST`
pub fn moment(time: Timestamp) -> String {
    in_india(time).strftime("%-d %B %Y, %H:%M:%S IST").to_string()
}

/// How long something took, in the two largest units that matter.
pub fn took(duration: SignedDuration) -> String {
    let ms = duration.as_millis().max(0);
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_india() {
        let time: Timestamp = "2026-01-15T20:05:09Z".parse().unwrap();
        assert_eq!(day(time), "Friday, 16 January 2026");
        assert_eq!(clock(time), "01:35:09");
        assert_eq!(moment(time), "16 January 2026, 01:35:09 IST");
    }

    #[test]
    fn durations_are_told_in_units_that_matter() {
        let table = [
            (340, "340 ms"),
            (2449, "2.4 s"),
            (303_000, "5 min 3 s"),
            (7_500_000, "2 h 5 min"),
            (-5, "0 ms"),
        ];
        for (ms, text) in table {
            assert_eq!(took(SignedDuration::from_millis(ms)), text);
        }
    }

    #[test]
    fn a_uuid_is_shortened_and_a_reference_is_not() {
        assert_eq!(shortened("06e27a96-e03f-41da-a706-6b100fc6e514"), "06e27a96…");
        assert_eq!(shortened("MR-2026/0042-of-the-old-building"), "MR-2026/0042-of-the-old-building");
    }

    #[test]
    fn every_path_has_a_name() {
        assert_eq!(title("/api/hiecm/hip/v3/link/carecontext"), "Link visits");
        assert_eq!(title("/api/v3/consent/request/hip/notify"), "A consent changes");
        assert_eq!(title("/something/new"), "/something/new");
    }
}
