//! Whether trying again helps: one pure function over operation, status, code and words.

use std::time::Duration;

use crate::path::Operation;

/// Whether, and when, to try again. Every further attempt needs a new `REQUEST-ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Never: it would be refused again.
    Never,
    /// Later, with growing pauses.
    Later,
    /// After this time, and not before.
    After(Duration),
    /// ABDM has shut us out for this time. For a link token this holds for the one ABHA address only.
    Blocked(Duration),
    /// ABDM does not know yet what it confirmed a moment ago: after each of [`NOT_YET_WAITS`], then give up.
    NotYet,
    /// ABDM has it already: take it as done.
    AlreadyDone,
    /// At once, once: the session token was refused and has been dropped.
    RefreshSession,
    /// Not with this link token: ask for another.
    TokenInvalid,
}

impl Retry {
    /// How long to wait at least, where that is known.
    #[must_use]
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::After(wait) | Self::Blocked(wait) => Some(wait),
            _ => None,
        }
    }

    /// Whether the same call may succeed some time.
    #[must_use]
    pub fn is_retry(self) -> bool {
        !matches!(self, Self::Never | Self::AlreadyDone | Self::TokenInvalid)
    }
}

/// How long ABDM blocks an ABHA address for which too many link tokens were asked (ABDM-1027).
pub const BLOCKED_FOR: Duration = Duration::from_hours(24);

/// How long after an accepted link token request another is refused (ABDM-1092): 6.2 minutes were measured.
pub const TOKEN_WINDOW: Duration = Duration::from_mins(7);

/// After how long an accepted call without a callback is overdue; 1 to 9 s are usual.
pub const OVERDUE_AFTER: Duration = Duration::from_mins(10);

/// How long ABDM locks a client out after about eight wrong session requests.
pub const SESSION_LOCK: Duration = Duration::from_mins(8);

/// Waits before each further context notify that comes too early after linking.
pub const NOT_YET_WAITS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(1), Duration::from_mins(2)];

/// Says whether trying again helps. `status` is none for an error inside a callback; `code` is without `": "`.
///
/// One code can carry several meanings, so operation, code and words decide together.
#[must_use]
pub fn classify(
    operation: Operation,
    status: Option<u16>,
    code: Option<&str>,
    message: Option<&str>,
) -> Retry {
    let code = code.map_or("", |code| code.strip_prefix("ABDM-").unwrap_or(code));
    let words = message.unwrap_or_default().to_ascii_lowercase();
    let operation = operation.in_v3();
    by_meaning(operation, code, &words)
        .or_else(|| by_code(operation, code))
        .unwrap_or_else(|| by_status(status))
}

/// What only the operation and the words tell.
fn by_meaning(operation: Operation, code: &str, words: &str) -> Option<Retry> {
    match (operation, code) {
        _ if already_done(operation, code, words) => Some(Retry::AlreadyDone),
        (Operation::LinkCareContexts, "1026" | "1038" | "1063" | "1065" | "2401") => {
            Some(Retry::TokenInvalid)
        }
        (Operation::LinkCareContexts, _) if words.contains("invalid x auth token") => {
            Some(Retry::TokenInvalid)
        }
        (Operation::GenerateToken, "1092") => Some(Retry::After(TOKEN_WINDOW)),
        (Operation::ContextNotify, "1006") if not_linked_yet(words) => Some(Retry::NotYet),
        (Operation::Session, "1921" | "1922") => Some(Retry::Never),
        (Operation::Session, "9999") if words.contains("credentials") => Some(Retry::Never),
        (_, "1108" | "1109") if words.contains("unavailable") => Some(Retry::Later),
        _ => None,
    }
}

fn already_done(operation: Operation, code: &str, words: &str) -> bool {
    let linked_before = words.contains("duplicate hip link request");
    match operation {
        Operation::LinkCareContexts => {
            linked_before || code == "1090" || (code == "1056" && !words.contains("reference"))
        }
        Operation::OnRequest | Operation::TransferNotify => matches!(code, "1101" | "1113"),
        Operation::OnDiscover => code == "1106",
        Operation::OnInit => code == "1107",
        Operation::OnConfirm => code == "1108" && !words.contains("unavailable"),
        Operation::OnShare => code == "1087",
        _ => false,
    }
}

fn not_linked_yet(words: &str) -> bool {
    words.contains("no care context linked") || words.contains("no links found")
}

/// What the code tells by itself.
fn by_code(operation: Operation, code: &str) -> Option<Retry> {
    match code {
        "1027" => Some(Retry::Blocked(BLOCKED_FOR)),
        "900901" | "900902" if operation != Operation::Session => Some(Retry::RefreshSession),
        // 1016 and 2402 among them: a clock is wrong, and when it is right again, the same call passes.
        "1000" | "1007" | "1016" | "2402" | "1011" | "1019" | "1024" | "1029" | "1034" | "1048" | "1022"
        | "2429" | "303001" | "900900" => Some(Retry::Later),
        _ => None,
    }
}

fn by_status(status: Option<u16>) -> Retry {
    match status {
        Some(408 | 429 | 500..=599) => Retry::Later,
        _ => Retry::Never,
    }
}
