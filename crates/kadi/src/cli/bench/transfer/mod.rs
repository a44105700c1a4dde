//! `kadi bench transfer`: very many small records, and very large ones, through a bridge of its own.

mod bare;
mod hiu;
mod large;
mod many;
mod stage;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::{output, runtime};

/// Of the speed of the bare loop, a transfer must have so many hundredths.
const FLOOR: u32 = 60;

/// Transfer ten thousand small records in one request, and a set of records with attachments of 50 MB
///
/// The bridge is a process of its own. The small records go to the local ABDM's requester, which decrypts and checks each.
/// The attachments are put by the API and go to a requester that decrypts and compares them; their speed is compared with
/// a bare loop that encrypts and posts the same bytes to the same requester. Exit code 1 if a record is not delivered and
/// notified, if the bridge's memory grew by 100 MB or more (small records) or 512 MB or more (attachments), or if the
/// attachments were slower than 60 % of the bare loop.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi bench transfer --contexts 10000\n  kadi bench transfer --megabytes 1024"
)]
pub struct TransferArgs {
    /// How many small care contexts; 10000 if neither this nor `--megabytes` is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    contexts: Option<u32>,
    /// How many megabytes in attachments; 1024 if neither this nor `--contexts` is given
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    megabytes: Option<u32>,
    /// Megabytes of one attachment, before base64
    #[arg(long, value_name = "MB", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=90))]
    attachment: u32,
    /// Of the speed of the bare loop, the percentage that is required
    #[arg(long, value_name = "PERCENT", default_value_t = FLOOR)]
    floor: u32,
    /// Seed of the attachments
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// `sqlite`, in a temporary folder, or the URL of an empty PostgreSQL database (with one of the two runs only)
    #[arg(long, value_name = "URL", default_value = "sqlite")]
    store: String,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    store: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    many: Option<many::Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    large: Option<large::Figures>,
    failures: usize,
}

/// Runs the bench.
pub fn run(args: &TransferArgs) -> anyhow::Result<ExitCode> {
    let both = args.contexts.is_none() && args.megabytes.is_none();
    let contexts = args.contexts.or(both.then_some(10_000));
    let megabytes = args.megabytes.or(both.then_some(1024));
    runtime()?.block_on(async {
        let many = match contexts {
            Some(contexts) => Some(many::run(&args.store, contexts).await?),
            None => None,
        };
        let large = match megabytes {
            Some(megabytes) => Some(large::run(args, megabytes).await?),
            None => None,
        };
        let failures = many.as_ref().map_or(0, many::Figures::failures)
            + large.as_ref().map_or(0, large::Figures::failures);
        let store = if args.store == "sqlite" { "sqlite" } else { "postgres" };
        let figures = Figures { bench: "transfer", store, many, large, failures };
        output::result(serde_json::to_string(&figures)?);
        Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Bytes as megabytes with a decimal.
#[expect(clippy::cast_precision_loss, reason = "megabytes with a decimal")]
fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}
