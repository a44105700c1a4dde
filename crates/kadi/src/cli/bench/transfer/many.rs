//! Very many small records in one request.

use std::collections::BTreeSet;

use ::sandbox::{LinkedBy, LinkedContext, RecordsWanted, Transfer, TransferState};
use abdm::id::HiType;
use anyhow::{Context as _, ensure};
use domain::care_context::CareContext;
use domain::link::Link;
use serde::Serialize;
use serde_json::Value;
use store::{NewRecord, Store};

use super::super::cast::{self, FACILITY};
use super::megabytes;
use super::stage::{ADDRESS, PATIENT, Stage};
use crate::cli::demo::samples;
use crate::cli::output;
use crate::records::{RecordInput, Surroundings};

/// The bridge's memory may grow by so much.
const GROWTH: u64 = 100_000_000;
/// Visits stored in one transaction.
const BATCH: usize = 500;
const DAY: &str = "2026-01-15";

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    contexts: u32,
    delivered: usize,
    notified: usize,
    seconds: f64,
    contexts_a_second: f64,
    resident_before_mb: f64,
    peak_growth_mb: f64,
    bound_by: String,
    rules_broken: usize,
    failures: usize,
}

impl Figures {
    pub(super) fn failures(&self) -> usize {
        self.failures
    }
}

pub(super) async fn run(store: &str, contexts: u32) -> anyhow::Result<Figures> {
    let stage = Stage::set(store).await?;
    output::problem(format_args!("· {contexts} visits with a small record each are stored"));
    let store = stage.store().await?;
    fill(&store, contexts).await?;
    store.close().await;
    stage.abdm.state().put_linked((0..contexts).map(|number| linked(&stage, number)));
    let bridge = stage.bridge().await?;
    let consent = stage.consent().await?;
    output::problem("· they are asked for in one request");
    let before = bridge.resident().context("this system does not say how much memory a process holds")?;
    bridge.forget_peak()?;
    let since = stage.usage(&bridge);
    let transfer = stage.transfer(&RecordsWanted::under(&consent)).await?;
    let used = stage.used(&bridge, since);
    let growth = bridge.peak().unwrap_or(u64::MAX).saturating_sub(before);
    let violations = stage.abdm.state().violations();
    for violation in violations.iter().take(5) {
        output::problem(format_args!("  rule broken: {} {}", violation.rule, violation.detail));
    }
    let (delivered, notified) = (delivered(&transfer), notified(&transfer));
    let all = usize::try_from(contexts)?;
    let promises = [
        transfer.state == TransferState::Transferred,
        delivered == all,
        notified == all,
        growth < GROWTH,
        violations.is_empty(),
    ];
    let seconds = used.wall.as_secs_f64();
    let figures = Figures {
        contexts,
        delivered,
        notified,
        seconds,
        contexts_a_second: (f64::from(contexts) / seconds).round(),
        resident_before_mb: megabytes(before),
        peak_growth_mb: megabytes(growth),
        bound_by: used.bound_by(),
        rules_broken: violations.len(),
        failures: promises.iter().filter(|kept| !**kept).count(),
    };
    output::problem(format_args!(
        "Delivered     {} of {} care contexts in {seconds:.1} s ({} a second), {} notified\nMemory        {:.1} MB before, at most \
         {:.1} MB more; less than {} MB required\nBound by      {}",
        figures.delivered,
        figures.contexts,
        figures.contexts_a_second,
        figures.notified,
        figures.resident_before_mb,
        figures.peak_growth_mb,
        GROWTH / 1_000_000,
        figures.bound_by,
    ));
    drop(bridge);
    stage.abdm.shutdown().await;
    Ok(figures)
}

fn delivered(transfer: &Transfer) -> usize {
    let whole = transfer.entries.iter().filter(|entry| entry.decrypted && entry.checksum_ok);
    whole.map(|entry| entry.care_context_reference.as_str()).collect::<BTreeSet<_>>().len()
}

fn notified(transfer: &Transfer) -> usize {
    let rows = transfer.notified.as_ref().and_then(|notified| notified.get("statusResponses"));
    let rows = rows.and_then(Value::as_array).into_iter().flatten();
    rows.filter(|row| row.get("hiStatus").and_then(Value::as_str) == Some("DELIVERED")).count()
}

fn reference(number: u32) -> String {
    format!("{PATIENT}-V{number:06}")
}

fn linked(stage: &Stage, number: u32) -> LinkedContext {
    LinkedContext {
        hip_id: FACILITY.to_owned(),
        abha_address: ADDRESS.to_owned(),
        patient_reference: PATIENT.to_owned(),
        display: "Asha Rao".to_owned(),
        care_context_reference: reference(number),
        care_context_display: "OPD visit".to_owned(),
        hi_types: [HiType::Prescription.as_str().to_owned()].into(),
        linked_at: stage.clock.now(),
        by: LinkedBy::Hip,
        notified_at: Vec::new(),
    }
}

/// Stores the visits as linked: how they were is not what is measured.
async fn fill(store: &Store, contexts: u32) -> anyhow::Result<()> {
    let (facility, patient) = (cast::facility()?, cast::patient(PATIENT, None, Some(ADDRESS))?);
    let source = samples::record("prescription", "minimal").context("a sample is missing")?.to_string();
    for numbers in (0..contexts).collect::<Vec<_>>().chunks(BATCH) {
        let mut tx = store.begin().await?;
        for number in numbers {
            let reference = reference(*number);
            let context = CareContext {
                patient: patient.reference.clone(),
                reference: reference.parse()?,
                display: "OPD visit".to_owned(),
                date: DAY.parse()?,
                hold: false,
                withdrawn: false,
                link: Link::new(),
            };
            tx.put_care_context(&facility.id, &context).await?;
            let input: RecordInput = serde_json::from_str(&source)?;
            let around =
                Surroundings { facility: &facility, patient: &patient, visit: &reference, date: DAY };
            let record: NewRecord = input.prepare(&around, 0, tx.source_hash(&reference)?)?;
            ensure!(record.valid, "a sample is not valid: {}", record.issues);
            let hi_type = record.hi_type;
            tx.replace_records(&facility.id, &patient.reference, &context.reference, vec![record]).await?;
            let link = context.link.confirm(&[hi_type]);
            tx.put_link(&facility.id, &patient.reference, &context.reference, &link).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
