//! `kadi bridge`: what ABDM knows of this bridge, compared with what it should.

mod proof;
mod register;
mod status;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use abdm::client::Gateway;
use abdm::clock::{SharedClock, SystemClock};
use abdm::id::{AbhaAddress, FacilityId};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use store::Store;

use super::{Common, runtime};
use crate::config::Config;
use crate::flows::bridge::Watch;
use crate::{bridge, start};

/// Register this bridge with ABDM, and see what ABDM knows of it
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi bridge register --url https://abdm.hospital.example\n  kadi bridge status"
)]
pub struct BridgeArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Register(register::RegisterArgs),
    Status(status::StatusArgs),
}

/// Proving that a callback arrives.
#[derive(Debug, Args)]
struct ProofArgs {
    /// Prove that a callback arrives, with the help of this ABHA address: your own, or one of your tests
    ///
    /// ABDM offers no ping. A notice of new records is sent for a visit that this ABHA address does not have: ABDM takes it
    /// and says by callback that it knows no such visit. Nothing is linked and nobody is told. Needs a running `kadi serve`.
    #[arg(long, value_name = "ABHA_ADDRESS", value_parser = abha_address)]
    prove: Option<AbhaAddress>,
}

fn abha_address(text: &str) -> Result<AbhaAddress, String> {
    text.parse().map_err(|error: abdm::id::IdError| error.to_string())
}

fn facility_id(text: &str) -> Result<FacilityId, String> {
    text.parse().map_err(|error: abdm::id::IdError| error.to_string())
}

/// What both actions work with.
struct Tools {
    config: Config,
    store: Store,
    gateway: Arc<Gateway>,
    clock: SharedClock,
    watch: Watch,
}

impl Tools {
    async fn ready(config: Config) -> anyhow::Result<Self> {
        let clock = SystemClock::shared();
        let gateway = Arc::new(bridge::gateway(&config, &clock)?);
        let store = start::open_store(&config, Arc::clone(&clock)).await?;
        let watch = bridge::watch(&config, &gateway);
        Ok(Self { config, store, gateway, clock, watch })
    }
}

/// Runs the command.
pub fn run(common: &Common, args: BridgeArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    common.start_log("error")?;
    runtime()?.block_on(async {
        let tools = Tools::ready(config).await?;
        let result = match args.action {
            Action::Register(args) => register::run(&tools, &args).await,
            Action::Status(args) => status::run(&tools, &args).await,
        };
        tools.store.close().await;
        result
    })
}

/// Whether a change may be made: said beforehand with `--yes`, or asked for on a terminal.
fn confirmed(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut errors = std::io::stderr().lock();
    write!(errors, "{question} [y/N] ")?;
    errors.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("no answer could be read")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
