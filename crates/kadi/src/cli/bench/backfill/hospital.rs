//! A hospital with years of visits that were never linked, and the people whom the local ABDM knows.

use std::ops::Range;

use abdm::id::HiType;
use domain::care_context::CareContext;
use domain::facility::Facility;
use domain::link::Link;
use jiff::ToSpan as _;
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{NewRecord, Store};

use super::super::cast;

/// Patients stored in one transaction.
const BATCH: usize = 200;
/// The first day of the visits.
const SINCE: Date = Date::constant(2019, 1, 1);

/// How many visits each patient has, in sum `visits`: mostly a few, of some more than one link call takes.
pub fn visits_of_patients(visits: u32, seed: u64) -> Vec<u32> {
    let mut chance = StdRng::seed_from_u64(seed);
    let (mut patients, mut left) = (Vec::new(), visits);
    while left > 0 {
        let many =
            if chance.random_bool(0.01) { chance.random_range(21..=60) } else { chance.random_range(1..=9) };
        let own = many.min(left);
        patients.push(own);
        left -= own;
    }
    patients
}

/// The ABHA address of the patient with this number.
pub fn address(number: usize) -> String {
    format!("patient{number:07}@sbx")
}

/// Stores everybody and all their visits, none of which was ever asked to be linked.
pub async fn fill(store: &Store, facility: &Facility, visits: &[u32]) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    tx.put_facility(facility).await?;
    tx.commit().await?;
    for first in (0..visits.len()).step_by(BATCH) {
        fill_batch(store, facility, visits, first..visits.len().min(first + BATCH)).await?;
    }
    Ok(())
}

async fn fill_batch(
    store: &Store,
    facility: &Facility,
    visits: &[u32],
    numbers: Range<usize>,
) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    for number in numbers {
        let patient = cast::patient(&format!("MRN-{number:07}"), None, Some(&address(number)))?;
        tx.put_patient(&facility.id, &patient).await?;
        for visit in 0..visits.get(number).copied().unwrap_or_default() {
            let day = SINCE.saturating_add((i64::from(visit) * 37 + i64::try_from(number % 365)?).days());
            let context = CareContext {
                patient: patient.reference.clone(),
                reference: format!("{}-V{visit}", patient.reference).parse()?,
                display: "OPD visit".to_owned(),
                date: day.to_string().parse()?,
                hold: false,
                withdrawn: false,
                link: Link::new(),
            };
            tx.put_care_context(&facility.id, &context).await?;
            let records = records(&context, visit);
            tx.replace_records(&facility.id, &context.patient, &context.reference, records).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// One record, of every third visit two. Their documents are none: nobody reads them here.
fn records(context: &CareContext, visit: u32) -> Vec<NewRecord> {
    let mut types = vec![HiType::OPConsultation];
    if visit.is_multiple_of(3) {
        types.push(HiType::Prescription);
    }
    let record = |hi_type: HiType| NewRecord {
        hi_type,
        valid: true,
        issues: "[]".to_owned(),
        source_hash: format!("{} {hi_type}", context.reference),
        bundle: Some(b"{}".to_vec().into()),
    };
    types.into_iter().map(record).collect()
}
