//! The binary from outside, and the bridge from inside, against the local ABDM.

#![expect(clippy::pedantic, reason = "tables and stories read better than their lints allow")]

#[cfg(test)]
mod api;
#[cfg(test)]
mod backfill;
#[cfg(test)]
mod backfill_kill;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bench_backfill;
#[cfg(test)]
mod bench_transfer;
#[cfg(test)]
mod bridge_setup;
#[cfg(test)]
mod bridge_watch;
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod callback_shapes;
#[cfg(test)]
mod callbacks;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod console;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crash_large;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod fidelius;
#[cfg(test)]
mod hl7;
#[cfg(test)]
mod hospital_linking_cases;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod link_delivery;
#[cfg(test)]
mod link_faults;
#[cfg(test)]
mod link_tokens;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod merge;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod patient_status;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod share;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod sms;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod terminology;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod transfer_pages;
#[cfg(test)]
mod user_link;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod world;
