//! The table at the end.

use std::fmt;

use ::sandbox::Transfer;

use super::hospital::Kept;
use super::samples::Visit;
use super::stage::Stage;

/// What became of one record.
#[expect(clippy::struct_excessive_bools, reason = "four questions of a table, each answered by itself")]
pub struct Outcome {
    patient: String,
    visit: String,
    hi_type: String,
    bytes: usize,
    decrypted: bool,
    checksum: bool,
    valid: bool,
    identical: bool,
}

impl Outcome {
    /// Compares what the HIU has with what the bridge keeps.
    pub async fn of(
        visit: &Visit,
        record: &Kept,
        transfer: &Transfer,
        stage: &Stage,
    ) -> anyhow::Result<Self> {
        let kept = stage.kept(record.id).await?;
        let of_visit =
            transfer.entries.iter().filter(|entry| entry.care_context_reference == visit.reference);
        let mut same_type =
            of_visit.filter(|entry| entry.hi_type.as_deref() == Some(record.hi_type.as_str()));
        let arrived = same_type.next();
        let text = arrived.and_then(|entry| entry.bundle.as_deref());
        Ok(Self {
            patient: visit.patient.clone(),
            visit: visit.reference.clone(),
            hi_type: record.hi_type.clone(),
            bytes: kept.len(),
            decrypted: arrived.is_some_and(|entry| entry.decrypted),
            checksum: arrived.is_some_and(|entry| entry.checksum_ok),
            valid: arrived.is_some_and(|entry| entry.valid),
            identical: text.is_some_and(|text| text.as_bytes() == kept),
        })
    }

    fn is_intact(&self) -> bool {
        self.decrypted && self.checksum && self.valid && self.identical
    }
}

/// What became of all records.
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// A report of these outcomes.
    pub fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there are records, and all of them are intact.
    pub fn is_intact(&self) -> bool {
        !self.outcomes.is_empty() && self.outcomes.iter().all(Outcome::is_intact)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, cells: [&str; 8]| {
            let [patient, visit, hi_type, bytes, decrypted, checksum, valid, identical] = cells;
            writeln!(
                f,
                "{patient:<9} {visit:<16} {hi_type:<20} {bytes:>7}  {decrypted:<9} {checksum:<8} {valid:<5} {identical}"
            )
        };
        let yes = |yes: bool| if yes { "yes" } else { "NO" };
        writeln!(f)?;
        row(f, ["Patient", "Visit", "Record", "Bytes", "Decrypted", "Checksum", "Valid", "Same as stored"])?;
        for outcome in &self.outcomes {
            row(
                f,
                [
                    &outcome.patient,
                    &outcome.visit,
                    &outcome.hi_type,
                    &outcome.bytes.to_string(),
                    yes(outcome.decrypted),
                    yes(outcome.checksum),
                    yes(outcome.valid),
                    yes(outcome.identical),
                ],
            )?;
        }
        Ok(())
    }
}
