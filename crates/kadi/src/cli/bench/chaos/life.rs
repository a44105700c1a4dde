//! What one patient goes through, again and again until the chaos is over: visits, each linked, sometimes with a record
//! that comes later; a consent, records asked for under it; and sometimes the consent is taken back meanwhile.

use std::sync::Arc;
use std::time::Duration;

use ::sandbox::{ConsentStatus, ConsentWanted, RecordsWanted, Renotify, TransferState};
use anyhow::Context as _;
use jiff::Timestamp;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::World;
use super::people::Patient;
use super::truth::{Grant, Visit};
use crate::cli::demo::samples;

/// How often the hospital looks how a visit stands.
const LOOK: Duration = Duration::from_millis(300);
/// How long the HIU waits for records before it asks again.
const HIU_PATIENCE: Duration = Duration::from_secs(20);
/// Visits that a consent covers at most: the last ones.
const COVERED: usize = 4;
/// A wait longer than this is one for the next day's token requests: longer than any run.
const TOMORROW: Duration = Duration::from_hours(1);
/// Of visits, so many get a record later.
const AMENDED: f64 = 0.4;
/// Of consents, so many end while records are asked for.
const ENDED: f64 = 0.35;

/// Lives until the chaos is over.
pub async fn live(world: Arc<World>, patient: Patient, mut chance: StdRng) -> anyhow::Result<()> {
    world.abdm.put_person(patient.person.clone());
    world.hmis.put_patient(&patient).await?;
    let mut linked = Vec::new();
    for number in 1.. {
        if world.over.is_cancelled() {
            break;
        }
        let reference = format!("{}-V{number}", patient.reference);
        let size = ["minimal", "typical", "maximal"].get(chance.random_range(0..3)).copied();
        let slugs = if chance.random_bool(AMENDED) { 1 } else { 2 };
        put(&world, &patient, &reference, (slugs, size.unwrap_or("typical"))).await?;
        if !until_linked(&world, &patient, &reference).await? {
            break;
        }
        if slugs == 1 {
            put(&world, &patient, &reference, (2, size.unwrap_or("typical"))).await?;
            until_linked(&world, &patient, &reference).await?;
        }
        linked.push(reference);
        share(&world, &patient, linked.iter().rev().take(COVERED), &mut chance).await?;
    }
    Ok(())
}

/// Puts a visit with its first `count` records.
async fn put(
    world: &World,
    patient: &Patient,
    reference: &str,
    (count, size): (usize, &str),
) -> anyhow::Result<()> {
    let slugs = ["op-consultation", "prescription"];
    let records: Vec<_> = slugs.iter().take(count).filter_map(|slug| samples::record(slug, size)).collect();
    let body = json!({"display": "OPD visit", "date": "2026-01-15", "records": records});
    let stored = world.hmis.put_visit(patient, reference, &body).await?;
    world.truth(|truth| {
        for record in stored.records.iter().filter(|record| !record.valid) {
            truth.odd.push(format!("a sample {} of {reference} is not valid", record.hi_type));
        }
        let visit = Visit { patient: patient.clone(), records: stored.records };
        truth.visits.insert(reference.to_owned(), visit);
    });
    Ok(())
}

/// Waits until ABDM has linked a visit; false if it will not be in this run, or the chaos is over.
async fn until_linked(world: &World, patient: &Patient, reference: &str) -> anyhow::Result<bool> {
    while !world.over.is_cancelled() {
        let link = world.hmis.visit(patient, reference).await?.link;
        match link.state.as_str() {
            "linked" => return Ok(true),
            "failed" => return Ok(false),
            "waiting" if waits_for_tomorrow(world.clock.now(), link.error.as_ref()) => return Ok(false),
            _ => {}
        }
        pause(world, LOOK).await;
    }
    Ok(false)
}

/// Whether the day's token requests are used up.
pub fn waits_for_tomorrow(now: Timestamp, error: Option<&Value>) -> bool {
    let until = error.and_then(|error| error.get("until")?.as_str()?.parse::<Timestamp>().ok());
    until.is_some_and(|until| until > now + TOMORROW)
}

/// Grants a consent over these visits and lets the HIU ask for records, until it has them or the consent ends.
async fn share(
    world: &World,
    patient: &Patient,
    visits: impl Iterator<Item = &String>,
    chance: &mut StdRng,
) -> anyhow::Result<()> {
    let visits: Vec<_> = visits.cloned().collect();
    let wanted = ConsentWanted {
        abha_address: patient.person.abha_address.clone(),
        care_contexts: Some(visits.clone()),
        ..ConsentWanted::default()
    };
    let granted =
        world.abdm.grant(&wanted).context("the bridge says linked, and ABDM knows nothing of it")?;
    let artefact = granted.artefacts.first().context("a grant without an artefact")?;
    let consent = artefact.consent_id.clone();
    world.truth(|truth| truth.grants.insert(consent.clone(), Grant { visits, ..Grant::default() }));
    let how = chance.random_bool(0.5);
    let when = chance.random_bool(ENDED).then(|| Duration::from_millis(chance.random_range(0..3_000)));
    let asking = async {
        while !world.over.is_cancelled() && !ask(world, &consent).await? {}
        anyhow::Ok(())
    };
    let Some(when) = when else { return asking.await };
    tokio::select! {
        asked = asking => asked?,
        () = pause(world, when) => {}
    }
    end(world, &consent, how).await
}

/// The HIU asks once; true if there is nothing left to ask for.
pub async fn ask(world: &World, consent: &str) -> anyhow::Result<bool> {
    let Ok(asked) = world.abdm.request_records(&RecordsWanted::under(consent)) else {
        // It has ended meanwhile.
        return Ok(true);
    };
    world.truth(|truth| truth.ask(consent, &asked.transaction_id));
    let closed = world.abdm.closed_transfer(&asked.transaction_id, HIU_PATIENCE).await?;
    Ok(matches!(closed.state, TransferState::Transferred | TransferState::Failed | TransferState::Refused))
}

/// The consent ends. Once the bridge has acknowledged that, the HIU asks all the same.
async fn end(world: &World, consent: &str, by_patient: bool) -> anyhow::Result<()> {
    world.truth(|truth| truth.grants.get_mut(consent).map(|grant| grant.ended = true));
    let status = if by_patient {
        world.abdm.revoke(consent, Renotify::default())?;
        ConsentStatus::Revoked
    } else {
        world.abdm.expire(consent, Renotify::default())?;
        ConsentStatus::Expired
    };
    if !world.abdm.acknowledged(consent, status, HIU_PATIENCE).await {
        return Ok(());
    }
    let wanted = RecordsWanted { unchecked: true, ..RecordsWanted::under(consent) };
    let asked = world.abdm.request_records(&wanted)?;
    world.truth(|truth| {
        truth.grants.get_mut(consent).map(|grant| grant.asked_after_end.push(asked.transaction_id))
    });
    Ok(())
}

/// Waits, but not longer than the chaos lasts.
async fn pause(world: &World, wait: Duration) {
    tokio::select! {
        () = world.clock.sleep(wait) => {}
        () = world.over.cancelled() => {}
    }
}
