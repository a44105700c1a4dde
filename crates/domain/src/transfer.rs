//! A transfer: a health information request being served, and what became of each care context in it.

use abdm::id::HiType;
use jiff::Timestamp;

use crate::care_context::VisitDate;
use crate::words;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferStatus {
    /// Accepted; pages are on their way.
    Acknowledged,
    /// Over, and something arrived.
    Transferred,
    /// Over, and nothing arrived.
    Failed,
}

words!(TransferStatus, "transfer status": Acknowledged = "ACKNOWLEDGED", Transferred = "TRANSFERRED", Failed = "FAILED");

/// What became of one care context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HiStatus {
    /// Some page of it is still on its way.
    Pending,
    /// All of it arrived.
    Delivered,
    /// Not all of it arrived.
    Errored,
}

words!(HiStatus, "hiStatus": Pending = "PENDING", Delivered = "DELIVERED", Errored = "ERRORED");

/// How far one page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageState {
    /// Not accepted yet.
    Pending,
    /// The HIU answered with success.
    Delivered,
    /// Given up.
    Errored,
}

words!(PageState, "page state": Pending = "pending", Delivered = "delivered", Errored = "errored");

/// The records of one care context in a transfer, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many are to be sent.
    pub records: u32,
    /// How many arrived.
    pub delivered: u32,
    /// How many will not.
    pub errored: u32,
    /// Why the first of them did not, or why there is nothing to send.
    pub description: Option<String>,
}

impl Tally {
    /// What to tell the gateway.
    #[must_use]
    pub fn status(&self) -> HiStatus {
        if self.records == 0 || (self.errored > 0 && self.settled()) {
            HiStatus::Errored
        } else if self.settled() {
            HiStatus::Delivered
        } else {
            HiStatus::Pending
        }
    }

    /// What to say about it.
    #[must_use]
    pub fn description(&self) -> String {
        let why = || self.description.clone().unwrap_or_else(|| "Not delivered".to_owned());
        match self.status() {
            HiStatus::Pending => "On its way".to_owned(),
            HiStatus::Delivered => "Delivered".to_owned(),
            HiStatus::Errored if self.delivered > 0 => {
                format!("{} of {} records", self.delivered, self.records)
            }
            HiStatus::Errored => why(),
        }
    }

    fn settled(&self) -> bool {
        self.delivered + self.errored >= self.records
    }
}

/// The end of a transfer whose pages are all settled: it counts as transferred if anything was delivered.
#[must_use]
pub fn outcome(tallies: &[Tally]) -> TransferStatus {
    if tallies.iter().any(|tally| tally.delivered > 0) {
        TransferStatus::Transferred
    } else {
        TransferStatus::Failed
    }
}

/// A record that a consent may cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its type.
    pub hi_type: HiType,
    /// Whether the validator found no error.
    pub valid: bool,
}

/// Why nothing of a care context is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// The facility has no such care context (any more).
    Missing,
    /// The facility withdrew it.
    Withdrawn,
    /// The visit was outside the requested range.
    OutsideRange,
    /// It has no record of a type that the consent allows.
    NoSuchType,
    /// Its records are not valid yet.
    Invalid,
}

impl Nothing {
    /// The description that the gateway and the HMIS see.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Missing => "Care context not found",
            Self::Withdrawn => "Withdrawn by the facility",
            Self::OutsideRange => "Outside the requested date range",
            Self::NoSuchType => "No record of a requested type",
            Self::Invalid => "Record not yet valid",
        }
    }
}

/// A care context as the selection sees it.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// When it was.
    pub date: &'a VisitDate,
    /// Whether the facility withdrew it.
    pub withdrawn: bool,
}

/// What a request covers: types and range.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'a> {
    /// The granted types.
    pub hi_types: &'a [HiType],
    /// The requested range.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// Which of a care context's records are sent, by their place in `records`.
///
/// # Errors
/// Why none is.
pub fn select(
    visit: Option<Visit<'_>>,
    records: &[Candidate],
    covered: &Covered<'_>,
) -> Result<Vec<usize>, Nothing> {
    let visit = visit.ok_or(Nothing::Missing)?;
    if visit.withdrawn {
        return Err(Nothing::Withdrawn);
    }
    if !visit.date.lies_in(covered.from, covered.to) {
        return Err(Nothing::OutsideRange);
    }
    let granted: Vec<_> =
        records.iter().enumerate().filter(|(_, record)| covered.hi_types.contains(&record.hi_type)).collect();
    if granted.is_empty() {
        return Err(Nothing::NoSuchType);
    }
    let valid: Vec<_> = granted.iter().filter(|(_, record)| record.valid).map(|(place, _)| *place).collect();
    if valid.is_empty() { Err(Nothing::Invalid) } else { Ok(valid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(records: u32, delivered: u32, errored: u32) -> Tally {
        Tally { records, delivered, errored, description: Some("Push refused".into()) }
    }

    #[test]
    fn a_care_context_is_delivered_only_when_all_of_it_arrived() {
        let table = [
            (tally(2, 2, 0), HiStatus::Delivered, "Delivered"),
            (tally(2, 1, 0), HiStatus::Pending, "On its way"),
            (tally(2, 0, 1), HiStatus::Pending, "On its way"),
            (tally(2, 1, 1), HiStatus::Errored, "1 of 2 records"),
            (tally(2, 0, 2), HiStatus::Errored, "Push refused"),
            (tally(0, 0, 0), HiStatus::Errored, "Push refused"),
        ];
        for (tally, status, description) in table {
            assert_eq!((tally.status(), tally.description().as_str()), (status, description), "{tally:?}");
        }
    }

    #[test]
    fn a_transfer_counts_if_anything_arrived() {
        assert_eq!(outcome(&[tally(1, 0, 1), tally(2, 1, 1)]), TransferStatus::Transferred);
        assert_eq!(outcome(&[tally(1, 0, 1)]), TransferStatus::Failed);
        assert_eq!(outcome(&[]), TransferStatus::Failed);
    }

    #[test]
    fn only_valid_records_of_granted_types_in_range_are_selected() {
        let date: VisitDate = "2026-01-15".parse().unwrap();
        let visit = |withdrawn| Some(Visit { date: &date, withdrawn });
        let record = |hi_type, valid| Candidate { hi_type, valid };
        let records = [
            record(HiType::Prescription, true),
            record(HiType::OPConsultation, true),
            record(HiType::Prescription, false),
        ];
        let range = |from: &str, to: &str| (from.parse().unwrap(), to.parse().unwrap());
        let (from, to) = range("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let types = [HiType::Prescription];
        let covered = Covered { hi_types: &types, from, to };
        assert_eq!(select(visit(false), &records, &covered), Ok(vec![0]));
        assert_eq!(select(visit(true), &records, &covered), Err(Nothing::Withdrawn));
        assert_eq!(select(None, &records, &covered), Err(Nothing::Missing));
        assert_eq!(select(visit(false), &records[1..2], &covered), Err(Nothing::NoSuchType));
        assert_eq!(select(visit(false), &records[2..], &covered), Err(Nothing::Invalid));
        let (from, to) = range("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
        let later = Covered { from, to, ..covered };
        assert_eq!(select(visit(false), &records, &later), Err(Nothing::OutsideRange));
    }
}
