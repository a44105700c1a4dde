//! `kadi demo`: the main job, alone on one machine. A local ABDM and the bridge start on an embedded store in a temporary
//! folder; a hospital's system (this command, by the API only) puts patients and visits in; visits are linked by the
//! hospital, or by the patient, who finds them from their app; patients grant consent; an HIU asks, receives, decrypts. At
//! the end every record must be there, byte for byte.

mod hospital;
mod report;
pub(super) mod samples;
mod stage;

use std::process::ExitCode;

use ::sandbox::Person;
use abdm::clock::SystemClock;
use anyhow::{Context as _, ensure};
use clap::Args;

use super::signals::Signals;
use super::{Common, output, runtime};
use hospital::Hospital;
use report::{Outcome, Report};
use samples::Visit;
use stage::Stage;

/// Watch the whole exchange on this machine: visits in, linked and discovered, consent, encrypted records out
///
/// Nothing outside this machine is reached and nothing is left behind. Exit code 0 only if every record arrived intact.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi demo\n  kadi demo --keep")]
pub struct DemoArgs {
    /// Leave the bridge and the local ABDM running afterwards, and say where their pages are
    #[arg(long)]
    keep: bool,
}

/// Runs the command.
pub fn run(common: &Common, args: &DemoArgs) -> anyhow::Result<ExitCode> {
    common.start_log("warn")?;
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        let stage = Stage::set(clock.clone()).await?;
        let hospital = Hospital::new(&stage, clock.clone())?;
        let started = clock.elapsed();
        let report = play(&stage, &hospital).await?;
        output::result(&report);
        let seconds = clock.elapsed().saturating_sub(started).as_secs_f64();
        let verdict = if report.is_intact() { "arrived intact" } else { "did NOT all arrive intact" };
        output::result(format_args!("{} records {verdict} in {seconds:.1} s.", report.len()));
        if args.keep {
            stage.show();
            Signals::listen()?.next().await;
        }
        stage.strike().await;
        Ok(if report.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// The patient finds their visits from their app, chooses all and types the OTP.
async fn discover(
    stage: &Stage,
    hospital: &Hospital,
    person: &Person,
    visits: &[&Visit],
) -> anyhow::Result<()> {
    stage::step(&format!(
        "{} searches the hospital in their app; Kadi knows them by mobile number, gender, year of birth and name",
        person.name
    ));
    let found = stage.search(&person.abha_address).await?;
    let offered = found.care_contexts();
    let wanted = visits.iter().map(|visit| visit.reference.as_str()).collect();
    ensure!(
        offered == wanted,
        "{} of {} visits were found",
        offered.intersection(&wanted).count(),
        visits.len()
    );
    stage::step(&format!("{} visits found; all are chosen, and an OTP goes out by SMS", visits.len()));
    stage.link_all(&found).await?;
    for visit in visits {
        hospital.until_linked(visit).await?;
    }
    stage::step(&format!("{} visits linked by the patient", visits.len()));
    Ok(())
}

async fn play(stage: &Stage, hospital: &Hospital) -> anyhow::Result<Report> {
    stage::step("The hospital registers its facility, and its patients with their visits");
    hospital.register_facility().await?;
    let patients = stage.patients();
    // One has not told the hospital their ABHA: those visits only the patient can link.
    let (searching, known) = patients.split_last().context("the local ABDM knows nobody")?;
    for (reference, person) in known {
        hospital.put_patient(reference, person).await?;
    }
    hospital.put_patient_without_abha(&searching.0, &searching.1).await?;
    let visits = samples::visits(&patients);
    let mut kept = Vec::new();
    for visit in &visits {
        kept.push(hospital.put_visit(visit).await?);
    }
    stage::step(&format!(
        "{} patients, {} visits stored; every record checked against NRCeS",
        patients.len(),
        visits.len()
    ));

    stage::step("Kadi asks ABDM for link tokens and links the visits; ABDM confirms by callback");
    let (own, others): (Vec<_>, Vec<_>) = visits.iter().partition(|visit| visit.patient == searching.0);
    for visit in &others {
        hospital.until_linked(visit).await?;
    }
    stage::step(&format!("{} visits linked by the hospital", others.len()));
    discover(stage, hospital, &searching.1, &own).await?;

    let mut outcomes = Vec::new();
    for (reference, person) in &patients {
        stage::step(&format!("{} grants consent in their app; an HIU asks for the records", person.name));
        let transfer = stage.ask_for_records(&person.abha_address).await?;
        stage::step(&format!(
            "{} pages pushed, each under a key of its own; ABDM is told",
            transfer.pages.len()
        ));
        for (visit, kept) in visits.iter().zip(&kept).filter(|(visit, _)| visit.patient == *reference) {
            for record in kept {
                outcomes.push(Outcome::of(visit, record, &transfer, stage).await?);
            }
        }
    }
    Ok(Report::new(outcomes))
}
