//! Kadi is a hospital's end of ABDM in one binary: its HIP, its HIU and its ABHA desk. This library is all of the
//! binary but its `main`, so that tests can run it in-process.
//!
//! [`config`] is what an operator sets, [`cli`] the commands, [`http`] what other systems reach.

pub mod backfill;
pub mod backup;
pub mod bridge;
pub mod cli;
pub mod config;
pub mod flows;
pub mod http;
pub mod keys;
pub mod logging;
pub mod metrics;
pub mod qr;
pub mod records;
pub mod room;
pub mod sms;
pub mod sources;
pub mod start;
pub mod terminology;
pub mod tls;
pub mod workers;
