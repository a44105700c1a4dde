//! A set of records with large attachments: put by the API, linked, consented, transferred.

use std::collections::BTreeSet;
use std::time::Duration;

use ::sandbox::{KeyForm, RecordsWanted, TransferState};
use anyhow::{Context as _, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::{Client, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::super::cast::FACILITY;
use super::super::serving::{self, Serving};
use super::hiu::{FileHash, Hiu, hash};
use super::stage::{LOOK, PATIENT, Stage};
use super::{TransferArgs, bare, megabytes};
use crate::cli::output;

/// The bridge's memory may grow by so much, however large the set.
const GROWTH: u64 = 512_000_000;
const MEGABYTE: usize = 1_000_000;
/// How a file begins.
const PDF: &[u8] = b"%PDF-";
/// How long the visits may take to be linked.
const LINKED_WITHIN: Duration = Duration::from_mins(5);

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    megabytes: u32,
    attachment_megabytes: u32,
    records: usize,
    delivered: usize,
    put_seconds: f64,
    put_peak_growth_mb: f64,
    seconds: f64,
    document_mb: f64,
    mb_a_second: f64,
    bare_seconds: f64,
    bare_mb_a_second: f64,
    percent_of_bare: f64,
    peak_growth_mb: f64,
    bound_by: String,
    failures: usize,
}

impl Figures {
    pub(super) fn failures(&self) -> usize {
        self.failures
    }
}

pub(super) async fn run(args: &TransferArgs, size: u32) -> anyhow::Result<Figures> {
    let count = usize::try_from(size.div_ceil(args.attachment))?;
    let stage = Stage::set(&args.store).await?;
    stage.store().await?.close().await;
    let key = serving::admin_key(&stage.config)?;
    let bridge = stage.bridge().await?;
    let before = bridge.resident().context("this system does not say how much memory a process holds")?;
    bridge.forget_peak()?;
    output::problem(format_args!(
        "· {count} visits with an attachment of {} MB each are put",
        args.attachment
    ));
    let began = stage.clock.elapsed();
    let files = put_all(args, &bridge, &key, count).await?;
    let put = stage.clock.elapsed().saturating_sub(began);
    let put_growth = bridge.peak().unwrap_or(u64::MAX).saturating_sub(before);
    until_linked(&stage, count).await?;
    let consent = stage.consent().await?;

    output::problem("· they are transferred");
    let hiu = Hiu::start().await?;
    let wanted = RecordsWanted {
        data_push_url: Some(hiu.url.clone()),
        public_key: Some(hiu.public_key()),
        nonce: Some(hiu.nonce()),
        key_form: KeyForm::X509,
        ..RecordsWanted::under(&consent)
    };
    bridge.forget_peak()?;
    let since = stage.usage(&bridge);
    let transfer = stage.transfer(&wanted).await?;
    let used = stage.used(&bridge, since);
    let growth = bridge.peak().unwrap_or(u64::MAX).saturating_sub(before);
    let seen = hiu.seen();
    for fault in seen.faults.iter().take(5) {
        output::problem(format_args!("  page refused: {fault}"));
    }

    output::problem("· the same bytes go through a bare loop");
    ensure!(!seen.document.is_empty(), "nothing arrived");
    let bare = bare::run(&hiu, seen.document, count, &stage.clock).await?;
    let bare_bytes = hiu.seen().bytes;

    let speed = |bytes: u64, time: Duration| megabytes(bytes) / time.as_secs_f64();
    let (own_speed, bare_speed) = (speed(seen.bytes, used.wall), speed(bare_bytes, bare));
    let percent = own_speed / bare_speed * 100.0;
    let delivered = files.intersection(&seen.files).count();
    let promises = [
        transfer.state == TransferState::Transferred,
        delivered == count && seen.numbers.len() == count,
        seen.faults.is_empty(),
        growth < GROWTH,
        percent >= f64::from(args.floor),
    ];
    let figures = Figures {
        megabytes: size,
        attachment_megabytes: args.attachment,
        records: count,
        delivered,
        put_seconds: put.as_secs_f64(),
        put_peak_growth_mb: megabytes(put_growth),
        seconds: used.wall.as_secs_f64(),
        document_mb: megabytes(seen.bytes),
        mb_a_second: own_speed.round(),
        bare_seconds: bare.as_secs_f64(),
        bare_mb_a_second: bare_speed.round(),
        percent_of_bare: percent.round(),
        peak_growth_mb: megabytes(growth),
        bound_by: used.bound_by(),
        failures: promises.iter().filter(|kept| !**kept).count(),
    };
    report(&figures, args.floor);
    drop(bridge);
    stage.abdm.shutdown().await;
    Ok(figures)
}

fn report(figures: &Figures, floor: u32) {
    output::problem(format_args!(
        "Put           {} records in {:.1} s, at most {:.0} MB more memory\nDelivered     {} of {}, {:.0} MB of documents in {:.1} s: \
         {:.0} MB/s\nBare loop     {:.0} MB/s; the transfer has {:.0} % of it, {floor} % required\nMemory        at most {:.0} MB more; \
         less than {} MB required\nBound by      {}",
        figures.records,
        figures.put_seconds,
        figures.put_peak_growth_mb,
        figures.delivered,
        figures.records,
        figures.document_mb,
        figures.seconds,
        figures.mb_a_second,
        figures.bare_mb_a_second,
        figures.percent_of_bare,
        figures.peak_growth_mb,
        GROWTH / 1_000_000,
        figures.bound_by,
    ));
}

/// Puts the visits one after the other, as a hospital's system does; gives the hashes of their files.
async fn put_all(
    args: &TransferArgs,
    bridge: &Serving,
    key: &str,
    count: usize,
) -> anyhow::Result<BTreeSet<FileHash>> {
    let client = Client::builder().no_proxy().build()?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let mut files = BTreeSet::new();
    let mut bytes = vec![0; usize::try_from(args.attachment)? * MEGABYTE];
    for number in 0..count {
        random.fill_bytes(&mut bytes);
        if let Some(head) = bytes.get_mut(..PDF.len()) {
            head.copy_from_slice(PDF);
        }
        let file = base64_simd::STANDARD.encode_to_string(&bytes);
        files.insert(hash(file.as_bytes()));
        let body = json!({
            "display": "Scanned file", "date": "2026-01-15",
            "records": [{"file": {"contentType": "application/pdf", "title": "Discharge file", "data": file}}],
        });
        let url = format!(
            "http://{}/v1/facilities/{FACILITY}/patients/{PATIENT}/care-contexts/{PATIENT}-V{number}",
            bridge.private
        );
        let request = client.put(url).bearer_auth(key).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(
            status == StatusCode::ACCEPTED && text.contains("\"valid\":true"),
            "a visit was refused: {text}"
        );
    }
    Ok(files)
}

async fn until_linked(stage: &Stage, count: usize) -> anyhow::Result<()> {
    let began = stage.clock.elapsed();
    while stage.abdm.state().figures().linked < count {
        let waited = stage.clock.elapsed().saturating_sub(began);
        ensure!(waited < LINKED_WITHIN, "the visits were not linked in time");
        stage.clock.sleep(LOOK).await;
    }
    Ok(())
}
