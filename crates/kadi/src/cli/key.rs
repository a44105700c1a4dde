//! `kadi key`: the API keys of the HMIS side and of the console. It works on the store directly, so it works before the
//! first `kadi serve` and beside a running one.

use std::process::ExitCode;

use abdm::clock::SystemClock;
use abdm::id::FacilityId;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use store::{ApiKey, Store};

use super::{Common, output, rotate_master};
use crate::start;

/// Make, list and revoke the API keys with which the hospital's systems and people come in
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:\n  kadi key create --admin --config /etc/kadi/kadi.toml\n  kadi key list")]
pub struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and print it: it is shown this once and kept only as a hash
    #[command(after_help = "Example:\n  kadi key create --facility IN2810014366 > hmis.key")]
    Create(CreateArgs),
    /// List the keys, one a line, tab-separated: id, facility or "admin", when made, when last used or "-"
    #[command(after_help = "Example:\n  kadi key list")]
    List,
    /// Change the master key, which wraps all others, while instances serve
    #[command(after_help = rotate_master::EXAMPLES)]
    RotateMaster(rotate_master::RotateArgs),
    /// Revoke a key: it is refused from now on, and consoles signed in with it are signed out
    #[command(after_help = "Example:\n  kadi key revoke 019a9b2c7d3e7f00a1b2c3d4e5f60718")]
    Revoke {
        /// The key's id, as `kadi key list` shows it
        #[arg(value_name = "KEY_ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct CreateArgs {
    /// A key that opens this facility only
    #[arg(long, value_name = "ID", value_parser = facility_id)]
    facility: Option<FacilityId>,
    /// A key that opens every facility, and makes them
    #[arg(long)]
    admin: bool,
}

pub(super) fn facility_id(text: &str) -> Result<FacilityId, String> {
    text.parse().map_err(|error: abdm::id::IdError| error.to_string())
}

/// Runs the command.
pub fn run(common: &Common, args: KeyArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    super::runtime()?.block_on(async {
        if let Action::RotateMaster(args) = args.action {
            return rotate_master::run(&config, &args).await;
        }
        let store = start::open_store(&config, SystemClock::shared()).await?;
        let code = act(&store, args.action).await.context("the store could not do it");
        store.close().await;
        code
    })
}

async fn act(store: &Store, action: Action) -> store::Result<ExitCode> {
    let mut tx = store.begin().await?;
    match action {
        Action::Create(args) => {
            let (_, token) = tx.create_key(args.facility.as_ref()).await?;
            tx.commit().await?;
            output::result(token);
        }
        // It does not fit into one transaction, and has been done.
        Action::RotateMaster(_) => {}
        Action::List => tx.keys().await?.iter().for_each(|key| output::result(line(key))),
        Action::Revoke { id } => {
            if !tx.revoke_key(&id).await? {
                output::problem("error: there is no such key; `kadi key list` shows them");
                return Ok(ExitCode::FAILURE);
            }
            tx.commit().await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(key: &ApiKey) -> String {
    let scope = key.facility.as_ref().map_or("admin", FacilityId::as_str);
    let last_used = key.last_used_at.as_ref().map_or_else(|| "-".to_owned(), Timestamp::to_string);
    format!("{}\t{scope}\t{}\t{last_used}", key.id, key.created_at)
}
