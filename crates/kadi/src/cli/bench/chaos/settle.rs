//! After the chaos: what is under way finishes, and the HIU asks once more for what it has not got.

use std::sync::Arc;
use std::time::Duration;

use ::sandbox::TransferState;
use domain::link::LinkState;
use tokio::task::JoinSet;

use super::World;
use super::life::{ask, waits_for_tomorrow};

/// What settling may take.
const PATIENCE: Duration = Duration::from_mins(4);
/// How long between two looks.
const LOOK: Duration = Duration::from_millis(300);
/// Requests of the HIU at a time.
const AT_ONCE: usize = 8;
/// Exchanges that somebody still works on. Silence after a token request or a context notify is final.
const UNFINISHED: [&str; 4] =
    ["state=sent", "state=waiting", "state=overdue&direction=in", "state=overdue&path=link/carecontext"];

/// Waits until all is done; gives what did not end.
pub async fn settle(world: &Arc<World>, lives: JoinSet<anyhow::Result<()>>) -> anyhow::Result<Vec<String>> {
    let mut failures = Vec::new();
    let mut step = "the hospital's and the patients' last steps";
    let steps = async {
        failures.extend(ended(lives).await);
        step = "linking";
        all_linked(world).await?;
        step = "the records that the HIU has not got yet";
        deliver(world).await?;
        step = "exchanges";
        quiet(world).await
    };
    tokio::select! {
        done = steps => done?,
        () = world.clock.sleep(PATIENCE) => {}
    }
    Ok(failures)
}

/// How the lives ended that ended badly.
async fn ended(mut lives: JoinSet<anyhow::Result<()>>) -> Vec<String> {
    let mut failures = Vec::new();
    while let Some(life) = lives.join_next().await {
        match life {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push(format!("{error:#}")),
            Err(error) => failures.push(format!("a patient's life broke off: {error}")),
        }
    }
    failures
}

/// Waits until every visit is linked, or will not be today.
async fn all_linked(world: &World) -> anyhow::Result<()> {
    let visits = world.truth(|truth| truth.visits.clone());
    for (reference, visit) in visits {
        loop {
            let link = world.hmis.visit(&visit.patient, &reference).await?.link;
            let linked = link.state == LinkState::Linked.as_str();
            if linked || waits_for_tomorrow(world.clock.now(), link.error.as_ref()) {
                break;
            }
            world.clock.sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Lets the HIU ask under every consent that holds and has not brought everything.
async fn deliver(world: &Arc<World>) -> anyhow::Result<()> {
    let mut missing = world.truth(|truth| {
        let live = truth.grants.iter().filter(|(_, grant)| !grant.ended);
        let lacking = live
            .filter(|(_, grant)| !grant.asked.iter().any(|asked| is_transferred(world, &asked.transaction)));
        lacking.map(|(consent, _)| consent.clone()).collect::<Vec<_>>()
    });
    let mut asking = JoinSet::new();
    loop {
        while asking.len() < AT_ONCE {
            let Some(consent) = missing.pop() else { break };
            let world = Arc::clone(world);
            asking.spawn(async move {
                while !ask(&world, &consent).await? {}
                anyhow::Ok(())
            });
        }
        match asking.join_next().await {
            Some(asked) => asked??,
            None => return Ok(()),
        }
    }
}

fn is_transferred(world: &World, transaction: &str) -> bool {
    let transfer = world.abdm.transfer(transaction, false);
    transfer.is_ok_and(|transfer| transfer.state == TransferState::Transferred)
}

/// Waits until nothing is under way, twice in a row.
async fn quiet(world: &World) -> anyhow::Result<()> {
    let mut calm = 0;
    while calm < 2 {
        let mut busy = !world.abdm.is_idle(Duration::ZERO).await;
        for query in UNFINISHED {
            busy = busy || world.hmis.has_exchange(query).await?;
        }
        calm = if busy { 0 } else { calm + 1 };
        world.clock.sleep(LOOK).await;
    }
    Ok(())
}
