//! `kadi replay`: runs a stored callback or call again.

use std::process::ExitCode;

use abdm::clock::SystemClock;
use anyhow::Context as _;
use clap::Args;
use uuid::Uuid;

use super::{Common, output};
use crate::bridge;
use crate::flows::{Ctx, replay};
use crate::start;

/// Run a stored callback or call again, once what stood in its way is mended
///
/// A callback changes nothing that it has changed already; a call goes out again as it was. A running `kadi serve` on the
/// same store does the work within seconds; without one it is done at the next start.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi replay 019bd9fd-1300-708b-a8c3-27fc84322523 --reason \"HIP id corrected\""
)]
pub struct ReplayArgs {
    /// The exchange's id, as the API and the console show it
    #[arg(value_name = "EXCHANGE_ID")]
    id: Uuid,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs the command.
pub fn run(common: &Common, args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    super::runtime()?.block_on(async {
        let store = start::open_store(&config, SystemClock::shared()).await?;
        let rules = bridge::rules(&config);
        let ctx = Ctx { rules: &rules, chance: 0.5 };
        let mut tx = store.begin().await?;
        let exchange = tx.exchange(args.id).await?;
        let exchange = exchange.with_context(|| format!("there is no exchange {}", args.id))?;
        let by = ("kadi replay", args.reason.as_deref());
        let done = replay::replay(&ctx, &mut tx, &exchange, by).await?;
        if let Err(refusal) = done {
            output::problem(format_args!("error: {refusal}"));
            return Ok(ExitCode::FAILURE);
        }
        tx.commit().await?;
        store.close().await;
        output::problem(format_args!("{}: to be run again", exchange.id));
        Ok(ExitCode::SUCCESS)
    })
}
