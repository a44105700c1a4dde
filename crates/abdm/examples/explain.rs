//! Says in a plain sentence what an answer of ABDM means.
//!
//! `cargo run -p abdm --example explain -- link 400 '{"error":{"code":"ABDM-1038","message":"mismatch"}}'`
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use abdm::error::{Answer, Failure};
use abdm::path::Operation;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let operation = match arguments.next().as_deref() {
        Some("token") => Operation::GenerateToken,
        Some("session") => Operation::Session,
        Some("sms") => Operation::SmsNotify,
        _ => Operation::LinkCareContexts,
    };
    let status = arguments.next().and_then(|status| status.parse().ok()).unwrap_or(400);
    let body = arguments
        .next()
        .unwrap_or_else(|| r#"{"error":{"code":"ABDM-1027: ","message":"blocked"}}"#.to_owned());

    let failure = Failure::refused(operation, Answer { status, body: body.as_bytes(), ..Answer::default() });
    println!("{failure}");
    println!("retry: {:?}, effect: {:?}", failure.retry, failure.delivery);
}
