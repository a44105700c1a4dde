//! `kadi audit`: proves that the audit trail is whole, and hands it out.

use std::process::ExitCode;
use std::str::FromStr;

use abdm::clock::SystemClock;
use abdm::id::FacilityId;
use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use store::{AuditLine, Store};

use super::{Common, output};
use crate::start;

/// How many lines are read at a time.
const STEP: u32 = 1000;

/// Prove that the audit trail is whole, and export it
///
/// Each facility has a trail: who did what to what, numbered, each line with a hash over itself and the line before.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi audit verify\n  kadi audit export --facility IN2810014366 > trail.ndjson"
)]
pub struct AuditArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Follow every line; print each facility's id, last number and hash, tab-separated; exit 1 if anything was touched
    ///
    /// Keep what is printed where nobody of the hospital can write, and give it to a later run with --expect: then not
    /// even whoever can write the whole database can have made the trail anew.
    #[command(
        after_help = "Example:\n  kadi audit verify\n  kadi audit verify --expect IN2810014366:1042:9f86d081..."
    )]
    Verify {
        /// Only this facility
        #[arg(long, value_name = "ID", value_parser = facility_id)]
        facility: Option<FacilityId>,
        /// An end that was printed before: that line must still be there, with that hash
        #[arg(long, value_name = "ID:NUMBER:HASH")]
        expect: Vec<Expected>,
    },
    /// Print a facility's trail, one JSON object a line, oldest first
    #[command(
        after_help = "Example:\n  kadi audit export --facility IN2810014366 --since 2026-01-01T00:00:00Z"
    )]
    Export {
        /// Whose
        #[arg(long, value_name = "ID", value_parser = facility_id)]
        facility: FacilityId,
        /// Only lines from this time on (RFC 3339)
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        /// Only lines before this time
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
    },
}

fn facility_id(text: &str) -> Result<FacilityId, String> {
    text.parse().map_err(|error: abdm::id::IdError| error.to_string())
}

#[derive(Debug, Clone)]
struct Expected {
    facility: FacilityId,
    seq: u64,
    hash: String,
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split([':', '\t']).collect();
        let [facility, seq, hash] = parts.as_slice() else {
            return Err(
                "must be a facility's id, a line's number and its hash, with colons between".to_owned()
            );
        };
        let seq = seq.parse().map_err(|_| "the number of the line is no number".to_owned())?;
        Ok(Self { facility: facility_id(facility)?, seq, hash: (*hash).to_owned() })
    }
}

/// Runs the command.
pub fn run(common: &Common, args: AuditArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    super::runtime()?.block_on(async {
        let store = start::open_store(&config, SystemClock::shared()).await?;
        let done = match args.action {
            Action::Verify { facility, expect } => verify(&store, facility, &expect).await,
            Action::Export { facility, since, until } => export(&store, &facility, since, until).await,
        };
        store.close().await;
        done
    })
}

async fn verify(store: &Store, only: Option<FacilityId>, expect: &[Expected]) -> anyhow::Result<ExitCode> {
    let facilities = match only {
        Some(facility) => vec![known(store, facility).await?],
        None => store.facility_ids().await?,
    };
    let mut whole = true;
    for facility in facilities {
        match store.read().await?.verify_audit(&facility).await? {
            Ok(head) => output::result(format_args!("{facility}\t{}\t{}", head.seq, head.hash)),
            Err(fault) => {
                whole = false;
                output::problem(format_args!("{facility}: {fault}"));
            }
        }
    }
    for expected in expect {
        let before = expected.seq.saturating_sub(1);
        let line = store.read().await?.audit_lines(&expected.facility, before, 1).await?.pop();
        if line.is_none_or(|line| line.seq != expected.seq || line.hash != expected.hash) {
            whole = false;
            let Expected { facility, seq, .. } = expected;
            output::problem(format_args!("{facility}: line {seq} has not the hash that was expected"));
        }
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn known(store: &Store, facility: FacilityId) -> anyhow::Result<FacilityId> {
    let found = store.read().await?.facility(&facility).await?;
    ensure!(found.is_some(), "there is no facility {facility}");
    Ok(facility)
}

/// A line as it is exported.
#[derive(Serialize)]
struct Shown<'a> {
    seq: u64,
    at: Timestamp,
    actor: &'a str,
    action: &'a str,
    subject: &'a str,
    hash: &'a str,
}

async fn export(
    store: &Store,
    facility: &FacilityId,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> anyhow::Result<ExitCode> {
    let facility = known(store, facility.clone()).await?;
    let mut after = 0;
    loop {
        let lines = store.read().await?.audit_lines(&facility, after, STEP).await?;
        let Some(last) = lines.last() else { return Ok(ExitCode::SUCCESS) };
        after = last.seq;
        let wanted = |line: &&AuditLine| {
            since.is_none_or(|since| line.at >= since) && until.is_none_or(|until| line.at < until)
        };
        for AuditLine { seq, at, actor, action, subject, hash } in lines.iter().filter(wanted) {
            let shown = Shown { seq: *seq, at: *at, actor, action, subject, hash };
            output::result(serde_json::to_string(&shown).context("a line could not be written")?);
        }
    }
}
