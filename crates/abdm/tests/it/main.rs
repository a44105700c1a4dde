//! The clients against small servers that answer as ABDM and HIUs have been seen to, and worse.
#![expect(clippy::unwrap_used, reason = "what a test's helpers cannot do fails the test")]

mod gateway;
mod push;
mod server;
mod session;
