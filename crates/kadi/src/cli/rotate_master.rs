//! `kadi key rotate-master`: a new master key while instances serve.

use std::process::ExitCode;

use abdm::clock::SystemClock;
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use store::Store;

use super::output;
use crate::config::Config;
use crate::keys::{self, Address, FileRotation, Vault};
use crate::start;

pub(super) const EXAMPLES: &str = "A key in a file is replaced by a new one; a key in Vault gets a new version. To move to \
    another place, run it with --to, change [keys] url, and run it with --finish: in between both open.\n\n\
    Example:\n  kadi key rotate-master\n  \
    kadi key rotate-master --to vault+https://vault.example:8200/transit/kadi\n  kadi key rotate-master --finish";

/// What is to be done.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// Where the next master key is, as [keys] url would name it; a file is made if it is missing
    #[arg(long, value_name = "URL", conflicts_with_all = ["keep_old", "finish", "abandon"])]
    to: Option<String>,
    /// Of a file: let the old key go on opening until --finish, while copies on other machines are replaced
    #[arg(long, conflicts_with_all = ["finish", "abandon"])]
    keep_old: bool,
    /// The new key is where [keys] url says: from now on the old one opens nothing
    #[arg(long, conflicts_with = "abandon")]
    finish: bool,
    /// Forget a new key that was begun with
    #[arg(long)]
    abandon: bool,
}

/// Runs the command.
pub(super) async fn run(config: &Config, args: &RotateArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        keys::is_there(&config.keys.url),
        "there is no master key at {} that could be changed",
        config.keys.url
    );
    let store = start::open_store(config, SystemClock::shared()).await?;
    let done = rotate(config, args, &store).await;
    store.close().await;
    output::problem(done?);
    Ok(ExitCode::SUCCESS)
}

/// Says what was done, and what is left to do.
async fn rotate(config: &Config, args: &RotateArgs, store: &Store) -> anyhow::Result<String> {
    let url = &config.keys.url;
    let present = keys::master(url, &config.keys)?;
    if args.abandon {
        store
            .abandon_master(&present)
            .await
            .context("the present master key is the new one already; use --finish")?;
        return Ok("the new master key is forgotten; the present one goes on".to_owned());
    }
    if args.finish {
        return finish(config, store).await;
    }
    let pending = store.next_master().await?;
    if let Some(next) = &args.to {
        ensure!(next != url, "that is where the master key is now; leave --to out");
        if let Some(other) = pending.filter(|pending| pending != next) {
            bail!("a change to {other} is under way: end it with --finish or --abandon first");
        }
        store.add_master(&present, &keys::master(next, &config.keys)?, next).await?;
        return Ok(format!(
            "the data keys open by both master keys now. Set [keys] url = \"{next}\" on every instance (no restart is \
             needed), then run `kadi key rotate-master --finish`"
        ));
    }
    if let Some(address) = Address::parse(url) {
        ensure!(
            pending.is_none(),
            "a change of the master key is under way: end it with --finish or --abandon first"
        );
        Vault::new(address?, &config.keys)?.new_version().await?;
        store.rewrap(&present).await?;
        return Ok("Vault's key has a new version, and every data key is wrapped by it. The older versions open nothing \
                   here any more: raise the key's min_decryption_version when other users allow it"
            .to_owned());
    }
    let Some(file) = store::key_file(url) else {
        bail!(
            "a key in the environment can't be replaced from here: put a new one in another variable and use --to env:NAME"
        )
    };
    let rotation = FileRotation::of(file);
    if let Some(other) = pending.filter(|pending| *pending != rotation.place_name()) {
        bail!("a change to {other} is under way: end it with --finish or --abandon first");
    }
    rotation.run(store, args.keep_old).await?;
    Ok(if args.keep_old {
        format!(
            "{} is the new master key. The old one, in {}, opens too until `kadi key rotate-master --finish`: replace its \
             copies on other machines first",
            file.display(),
            rotation.old().display()
        )
    } else {
        format!(
            "{} is the new master key; the old one opens nothing any more. Back the new one up",
            file.display()
        )
    })
}

async fn finish(config: &Config, store: &Store) -> anyhow::Result<String> {
    let url = &config.keys.url;
    let Some(next) = store.next_master().await? else { bail!("no change of the master key is under way") };
    let finished = store.finish_master(&keys::master(url, &config.keys)?).await;
    finished.with_context(|| {
        format!("the new master key is at {next}, and [keys] url is {url}: set that first")
    })?;
    if let Some(file) = store::key_file(url) {
        FileRotation::of(file).clean()?;
    }
    Ok(format!("the master key is at {url}; the old one opens nothing any more. Back the new one up"))
}
