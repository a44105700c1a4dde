//! The acknowledgement: what became of a message, in HL7.

use jiff::Timestamp;

use super::delimiters::Delimiters;
use super::escape;
use super::fault::{AckCode, Notice};
use super::header::Envelope;
use super::time;

/// More notices than this are counted instead of listed.
const MOST_NOTICES: usize = 20;

/// Everything an acknowledgement says.
#[derive(Debug, Clone)]
pub struct Ack {
    /// `AA`, `AE` or `AR`.
    pub code: AckCode,
    /// What the message's header said.
    pub envelope: Envelope,
    /// Why it was not taken; or, with `AA`, what the sender should know.
    pub notices: Vec<Notice>,
}

impl Ack {
    /// The acknowledgement as a message with its own control id. Its characters are ASCII but for what it repeats of
    /// the message's header, so it says UTF-8.
    pub fn message(&self, now: Timestamp, own_id: &str) -> String {
        let Envelope { sender, receiver, event, control_id, processing, version } = &self.envelope;
        let version = if version.is_empty() { "2.5" } else { version };
        let processing = if processing.is_empty() { "P" } else { processing };
        let kind = match event.as_str() {
            "" => "ACK".to_owned(),
            event => format!("ACK^{}^ACK", encoded(event)),
        };
        let mut text = format!(
            "MSH|^~\\&|{}|{}|{}|{}|{}||{kind}|{}|{}|{}||||||UNICODE UTF-8\r",
            encoded(&receiver.0),
            encoded(&receiver.1),
            encoded(&sender.0),
            encoded(&sender.1),
            time::written(now),
            encoded(own_id),
            encoded(processing),
            encoded(version),
        );
        let first = match self.code {
            AckCode::Accept => None,
            AckCode::Error | AckCode::Reject => self.notices.first(),
        };
        let words = first.map(|notice| encoded(&notice.message)).unwrap_or_default();
        let msa = format!("MSA|{}|{}|{words}", self.code.as_str(), encoded(control_id));
        text.push_str(msa.trim_end_matches('|'));
        text.push('\r');
        for notice in self.notices.iter().take(MOST_NOTICES) {
            text.push_str(&self.error_segment(notice, version));
        }
        text
    }

    fn error_segment(&self, notice: &Notice, version: &str) -> String {
        let (code, words) = notice.condition.coded();
        let place = |mark: char| {
            notice.location.map_or_else(String::new, |at| match at.field {
                0 => format!("{}{mark}{}", at.segment, at.sequence),
                field => format!("{}{mark}{}{mark}{field}", at.segment, at.sequence),
            })
        };
        let message = encoded(&notice.message);
        if is_before_2_5(version) {
            // ERR-1 of HL7 2.4: segment, sequence, field, and the condition as subcomponents.
            let place = place('^');
            let missing = 3 - place.matches('^').count();
            return format!("ERR|{place}{}{code}&{words}&HL70357\r", "^".repeat(missing));
        }
        let severity = if self.code == AckCode::Accept { 'W' } else { 'E' };
        format!("ERR||{}|{code}^{words}^HL70357|{severity}||||{message}\r", place('^'))
    }
}

fn is_before_2_5(version: &str) -> bool {
    ["2.1", "2.2", "2.3", "2.4"].iter().any(|old| version.starts_with(old))
}

fn encoded(text: &str) -> String {
    escape::encode(text, &Delimiters::USUAL)
}

#[cfg(test)]
mod tests {
    use super::super::fault::{Condition, Fault};
    use super::*;

    fn ack(version: &str, code: AckCode, notices: Vec<Notice>) -> String {
        let envelope = Envelope {
            sender: ("LIS".to_owned(), "LAB^1".to_owned()),
            receiver: ("KADI".to_owned(), String::new()),
            event: "R01".to_owned(),
            control_id: "42|7".to_owned(),
            processing: "P".to_owned(),
            version: version.to_owned(),
        };
        let now = "2026-01-20T06:00:00Z".parse().unwrap();
        Ack { code, envelope, notices }.message(now, "K1").replace('\r', "\n")
    }

    #[test]
    fn sender_and_receiver_change_places_and_the_control_id_comes_back() {
        insta::assert_snapshot!(ack("2.5.1", AckCode::Accept, Vec::new()), @r"
        MSH|^~\&|KADI||LIS|LAB\S\1|20260120113000+0530||ACK^R01^ACK|K1|P|2.5.1||||||UNICODE UTF-8
        MSA|AA|42\F\7
        ");
    }

    #[test]
    fn a_refusal_says_where_and_why_as_each_version_has_it() {
        let fault = Fault::error(Condition::RequiredField, "PID-5 is missing").at("PID", 1, 5);
        let notices = vec![fault.notice, Notice::new(Condition::Internal, "a | b").at("OBX", 2, 0)];
        insta::assert_snapshot!(ack("2.5", AckCode::Error, notices.clone()), @r"
        MSH|^~\&|KADI||LIS|LAB\S\1|20260120113000+0530||ACK^R01^ACK|K1|P|2.5||||||UNICODE UTF-8
        MSA|AE|42\F\7|PID-5 is missing
        ERR||PID^1^5|101^Required field missing^HL70357|E||||PID-5 is missing
        ERR||OBX^2|207^Application error^HL70357|E||||a \F\ b
        ");
        insta::assert_snapshot!(ack("2.3.1", AckCode::Reject, notices), @r"
        MSH|^~\&|KADI||LIS|LAB\S\1|20260120113000+0530||ACK^R01^ACK|K1|P|2.3.1||||||UNICODE UTF-8
        MSA|AR|42\F\7|PID-5 is missing
        ERR|PID^1^5^101&Required field missing&HL70357
        ERR|OBX^2^^207&Application error&HL70357
        ");
    }
}
