//! What the run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use ::sandbox::TransferState;
use serde::Serialize;

use super::fleet::Fleet;
use super::judge::Judgement;
use super::{ChaosArgs, World};
use crate::cli::output;

/// Failures shown; the rest are counted.
const SHOWN: usize = 50;

/// The figures of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    bench: &'static str,
    store: &'static str,
    instances: u32,
    seed: u64,
    seconds: u64,
    patients: u32,
    /// Bridge processes that got SIGKILL.
    kills: u64,
    restarts: u64,
    /// How often a bridge's line to its database was cut.
    cuts: u64,
    /// Calls of the hospital to the API, and how many were repeated for want of an answer.
    api_calls: u64,
    api_repeats: u64,
    /// Calls that ABDM got, and callbacks that it sent.
    calls: u64,
    callbacks: u64,
    /// Exchanges by state.
    exchanges: BTreeMap<&'static str, u64>,
    visits: usize,
    visits_linked: u64,
    /// Visits whose patient's link token requests of the day are used up.
    visits_waiting_for_tomorrow: u64,
    consents: usize,
    consents_ended: usize,
    /// Transfers by state.
    transfers: BTreeMap<String, u64>,
    /// Pages that the HIU took, and those that it got again.
    pages: usize,
    pages_repeated: u32,
    /// Records that arrived.
    records_delivered: usize,
    /// From the end of the faults until all was done.
    settle_seconds: f64,
    logged_errors: u64,
    failures: usize,
}

impl Figures {
    /// Counts.
    pub fn new(
        args: &ChaosArgs,
        world: &World,
        fleet: &Fleet,
        judgement: &Judgement,
        settle_time: Duration,
    ) -> Self {
        let counted = world.abdm.figures();
        let count = |way: &str| {
            let paths = counted.exchanges.iter().filter(|(path, _)| path.starts_with(way));
            paths.flat_map(|(_, answers)| answers.values()).sum()
        };
        let transfers = world.abdm.transfers();
        let mut states = BTreeMap::new();
        for transfer in &transfers {
            // The HIU never asked, or ABDM lost the request.
            let state = match transfer.state {
                TransferState::Requested | TransferState::Overdue if transfer.delivered_at.is_none() => {
                    "lostByAbdm".to_owned()
                }
                state => serde_json::to_value(state)
                    .ok()
                    .and_then(|name| name.as_str().map(str::to_owned))
                    .unwrap_or_default(),
            };
            *states.entry(state).or_default() += 1;
        }
        let (api_calls, api_repeats) = world.hmis.counts();
        let pages = || transfers.iter().flat_map(|transfer| &transfer.pages);
        Self {
            bench: "chaos",
            store: if args.store == "sqlite" { "sqlite" } else { "postgres" },
            instances: args.instances,
            seed: args.seed,
            seconds: args.seconds,
            patients: args.size,
            kills: fleet.kills(),
            restarts: fleet.restarts(),
            cuts: fleet.cuts(),
            api_calls,
            api_repeats,
            calls: count("in "),
            callbacks: count("out "),
            exchanges: judgement.exchanges.clone(),
            visits: world.truth(|truth| truth.visits.len()),
            visits_linked: judgement.linked,
            visits_waiting_for_tomorrow: judgement.used_up,
            consents: world.truth(|truth| truth.grants.len()),
            consents_ended: world.truth(|truth| truth.grants.values().filter(|grant| grant.ended).count()),
            transfers: states,
            pages: pages().count(),
            pages_repeated: pages().map(|page| page.repeated).sum(),
            records_delivered: transfers.iter().map(|transfer| transfer.entries.len()).sum(),
            settle_seconds: settle_time.as_secs_f64(),
            logged_errors: judgement.logged_errors,
            failures: judgement.failures.len(),
        }
    }
}

/// Says what happens now.
pub fn step(what: &str) {
    output::problem(format_args!("· {what}"));
}

/// Shows the run to a person.
pub fn show(figures: &Figures, failures: &[String]) {
    let say = |text: std::fmt::Arguments<'_>| output::problem(text);
    let by_state = |states: &mut dyn Iterator<Item = (String, u64)>| {
        states.map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
    };
    let exchanges =
        by_state(&mut figures.exchanges.iter().map(|(state, count)| ((*state).to_owned(), *count)));
    let transfers = by_state(&mut figures.transfers.iter().map(|(state, count)| (state.clone(), *count)));
    say(format_args!("Kills             {} (restarts {})", figures.kills, figures.restarts));
    say(format_args!("Database cut off  {} times", figures.cuts));
    say(format_args!(
        "API calls         {} ({} repeated for want of an answer)",
        figures.api_calls, figures.api_repeats
    ));
    say(format_args!("Calls to ABDM     {}", figures.calls));
    say(format_args!("Callbacks         {}", figures.callbacks));
    say(format_args!("Exchanges         {exchanges}"));
    say(format_args!(
        "Visits            {}, of them linked {}, waiting for tomorrow's link tokens {}",
        figures.visits, figures.visits_linked, figures.visits_waiting_for_tomorrow
    ));
    say(format_args!("Consents          {}, of them ended {}", figures.consents, figures.consents_ended));
    say(format_args!("Transfers         {transfers}"));
    say(format_args!(
        "Records           {} delivered on {} pages; {} pages came again and were dropped",
        figures.records_delivered, figures.pages, figures.pages_repeated
    ));
    say(format_args!("Settled in        {:.1} s", figures.settle_seconds));
    say(format_args!("Errors logged     {}", figures.logged_errors));
    if failures.is_empty() {
        say(format_args!("Nothing lost, nothing twice, no rule broken, nothing without consent."));
        return;
    }
    say(format_args!("\n{} promises were not kept:", failures.len()));
    for failure in failures.iter().take(SHOWN) {
        say(format_args!("  - {failure}"));
    }
    if failures.len() > SHOWN {
        say(format_args!("  ... and {} more", failures.len() - SHOWN));
    }
}
