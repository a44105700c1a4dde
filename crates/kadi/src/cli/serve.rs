//! `kadi serve`: the bridge.

use std::process::ExitCode;

use abdm::clock::SystemClock;
use anyhow::Context as _;
use clap::Args;

use super::Common;
use super::signals::Signals;
use crate::{bridge, logging, metrics};

/// Run the bridge between the hospital and ABDM
///
/// It takes up where it was stopped or killed. On SIGTERM or Ctrl-C it finishes what it is doing, for at most `server.drain`,
/// and ends; on a second one it ends at once. Nothing is lost either way.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi serve --config /etc/kadi/kadi.toml")]
pub struct ServeArgs;

/// Runs the command.
pub fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    common.start_log(logging::DEFAULT_FILTER)?;
    super::runtime()?.block_on(async {
        metrics::start().context("what happens can't be counted")?;
        let mut signals = Signals::listen().context("signals can't be listened to")?;
        let running = tokio::select! {
            running = bridge::start(&config, SystemClock::shared()) => running?,
            () = signals.next() => return Ok(ExitCode::SUCCESS),
        };
        signals.next().await;
        tracing::info!("stopping: finishing what is under way");
        tokio::select! {
            () = running.stop(config.server.drain) => tracing::info!("stopped"),
            () = signals.next() => tracing::warn!("stopped at once; unfinished work waits for the next start"),
        }
        Ok(ExitCode::SUCCESS)
    })
}
