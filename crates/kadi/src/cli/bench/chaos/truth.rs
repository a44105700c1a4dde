//! What was done, by those who did it: against this everything is judged.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::hmis::Kept;
use super::people::Patient;

/// All that was done.
#[derive(Debug, Default)]
pub struct Truth {
    /// Visits that the API has taken, by the visit's reference: it is unique in the run.
    pub visits: BTreeMap<String, Visit>,
    /// Consents that were granted, by artefact.
    pub grants: BTreeMap<String, Grant>,
    /// What should not have been answered.
    pub odd: Vec<String>,
}

/// A visit.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Whose.
    pub patient: Patient,
    /// Its records, as the API has stored them.
    pub records: Vec<Kept>,
}

/// A consent.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// The visits that it covers.
    pub visits: Vec<String>,
    /// The patient took it back, or its time ran out.
    pub ended: bool,
    /// What the HIU asked for while it held.
    pub asked: Vec<Asked>,
    /// Transactions that the HIU asked for after the bridge had acknowledged the end.
    pub asked_after_end: Vec<String>,
}

/// A request of the HIU.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its transaction.
    pub transaction: String,
    /// Records that it must bring, if it brings all: those stored when it was made, each with its visit.
    pub records: Vec<(String, Uuid)>,
}

impl Truth {
    /// The records that a request under this consent must bring now.
    pub fn records_of(&self, grant: &Grant) -> Vec<(String, Uuid)> {
        let visits =
            grant.visits.iter().filter_map(|reference| Some((reference, self.visits.get(reference)?)));
        let records = visits.flat_map(|(reference, visit)| {
            visit.records.iter().map(move |record| (reference.clone(), record.id))
        });
        records.collect()
    }

    /// Notes a request under a consent.
    pub fn ask(&mut self, consent: &str, transaction: &str) {
        let Some(grant) = self.grants.get(consent) else { return };
        let asked = Asked { transaction: transaction.to_owned(), records: self.records_of(grant) };
        if let Some(grant) = self.grants.get_mut(consent) {
            grant.asked.push(asked);
        }
    }
}
