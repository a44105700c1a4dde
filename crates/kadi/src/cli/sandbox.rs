//! `kadi sandbox`: a local ABDM.

use std::net::SocketAddr;
use std::process::ExitCode;

use ::sandbox::{SandboxConfig, Timing};
use abdm::clock::SystemClock;
use anyhow::Context as _;
use clap::Args;

use super::signals::Signals;
use super::{Common, output, runtime};

/// Run a local ABDM: gateway, consent manager, patient's app and HIU on one port
///
/// It refuses what ABDM refuses and keeps silent where ABDM keeps silent, so any hospital system can be tested against it, with
/// or without Kadi's bridge. People, consents, faults and what arrived are steered under /sandbox/ (pages, JSON, OpenAPI). It
/// keeps everything in memory: run it on a private address, with play data only.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi sandbox --listen 127.0.0.1:8490 --bridge-url http://127.0.0.1:8480 --time-scale 60"
)]
pub struct SandboxArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8490")]
    listen: SocketAddr,
    /// Where callbacks of the ready-made bridge go; a bridge can also register itself, as at ABDM
    #[arg(long, value_name = "URL")]
    bridge_url: Option<String>,
    /// Make ABDM's windows and waits this many times shorter
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    time_scale: f64,
    /// Start without the sample people
    #[arg(long)]
    no_people: bool,
    /// Seed of what is random, faults among it
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| (1.0..=1_000_000.0).contains(factor));
    factor.ok_or_else(|| "a number from 1 to 1000000".to_owned())
}

/// Runs the command.
pub fn run(common: &Common, args: SandboxArgs) -> anyhow::Result<ExitCode> {
    common.start_log("info")?;
    let settings = SandboxConfig {
        bridge_url: args.bridge_url,
        seed_people: !args.no_people,
        timing: Timing::default().scaled(args.time_scale),
        seed: args.seed,
        ..SandboxConfig::default()
    };
    let (id, secret) = (settings.client_id.clone(), settings.client_secret.clone());
    runtime()?.block_on(async {
        let started = ::sandbox::Sandbox::start_on(args.listen, settings, SystemClock::shared()).await;
        let handle = started.with_context(|| format!("--listen {}", args.listen))?;
        output::problem(format_args!(
            "A local ABDM is at {}; pages and steering at {0}/sandbox/. Client id {id}, secret {secret}.",
            handle.base_url()
        ));
        Signals::listen()?.next().await;
        handle.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}
