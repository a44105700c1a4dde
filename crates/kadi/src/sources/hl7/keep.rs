//! Storing what a message asks for: the patient if need be, the visits, and their records.
//!
//! Records are built outside the transaction, on what was read before it. Inside, patient and visits are read again
//! under the patient's lock; if anything changed meanwhile it all begins anew. So a message either is stored as a
//! whole or leaves nothing.
//!
//! What a record came from stands in its source hash (see [`Origin`]). By that a later report finds the one that it
//! replaces, among records that the HMIS put into the same visit itself; those are left as they are.

use std::sync::Arc;

use abdm::id::FacilityId;
use domain::care_context::CareContext;
use domain::facility::Facility;
use domain::link::Link;
use domain::patient::Patient;
use domain::reference::PatientRef;
use jiff::Timestamp;
use nrces::terminology::CodeMap;
use serde_json::value::RawValue;
use store::terminology::NewUnmapped;
use store::{NewRecord, Record, StoreError, Tx};

use super::fault::{Condition, Fault, Notice};
use super::patient::Person;
use super::plan::{Change, Content, Plan, VisitPlan};
use crate::bridge::Bridge;
use crate::flows::visits::{self, Stored};
use crate::flows::{Ctx, FlowError, adoption};
use crate::records::{self, RecordInput, Surroundings};
use crate::terminology;

/// How often it all begins anew because somebody else changed the same patient.
const TRIES: u32 = 10;
/// How many patients are looked through for an identifier of type MR, newest first. Their identifiers are sealed, so
/// each is opened.
const MOST_LOOKED_AT: u32 = 20_000;
/// How many earlier messages a record remembers.
const MOST_REMEMBERED: usize = 8;
/// So much of a message's hash is remembered.
const SHORT: usize = 16;

/// What was stored.
#[derive(Debug)]
pub struct Kept {
    /// Whose it is.
    pub patient: PatientRef,
    /// Whether the patient was not stored before.
    pub new_patient: bool,
    /// The visits as they are now, with all of their records.
    pub visits: Vec<Stored>,
    /// What the sender should know.
    pub notices: Vec<Notice>,
}

/// Stores what the plan asks for.
///
/// # Errors
/// The store failed. The inner error says why the message can't be taken as it is.
pub async fn keep(
    bridge: &Arc<Bridge>,
    facility: &Facility,
    actor: &str,
    plan: Plan,
) -> Result<Result<Kept, Fault>, FlowError> {
    let plan = Arc::new(plan);
    for _ in 0..TRIES {
        match attempt(bridge, facility, actor, &plan).await {
            Ok(Some(kept)) => return Ok(Ok(kept)),
            Ok(None) | Err(Stop::Flow(FlowError::Store(StoreError::Contended))) => {}
            Err(Stop::Fault(fault)) => return Ok(Err(fault)),
            Err(Stop::Flow(error)) => return Err(error),
        }
    }
    Err(StoreError::Contended.into())
}

/// Why an attempt ended.
enum Stop {
    Fault(Fault),
    Flow(FlowError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Flow(error.into())
    }
}

impl From<FlowError> for Stop {
    fn from(error: FlowError) -> Self {
        Self::Flow(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A visit as it was found, with what is to become of it.
struct Prepared {
    context: CareContext,
    before: Option<CareContext>,
    found: Vec<Record>,
    records: Vec<NewRecord>,
    /// Codes of the facility's own that stand for nothing yet.
    unmapped: Vec<NewUnmapped>,
}

/// One try; `None` if what it was based on changed meanwhile.
async fn attempt(
    bridge: &Arc<Bridge>,
    facility: &Facility,
    actor: &str,
    plan: &Arc<Plan>,
) -> Result<Option<Kept>, Stop> {
    let mut tx = bridge.store.read().await?;
    let known = identify(&mut tx, &facility.id, &plan.person).await?;
    let patient = match &known {
        Some(patient) => patient.clone(),
        None => plan.person.new_patient()?,
    };
    let mut notices = plan.notices.clone();
    let mut prepared = Vec::with_capacity(plan.visits.len());
    for visit in &plan.visits {
        let around = (&**bridge, facility, &patient);
        prepared.push(prepare(&mut tx, around, plan, visit, &mut notices).await?);
    }
    drop(tx);
    for visit in &mut prepared {
        bridge.store.keep(&mut visit.records, &visit.found).await?;
    }

    let mut tx = bridge.store.begin().await?;
    let locked = tx.lock_patient(&facility.id, &patient.reference).await?;
    if locked != known {
        tx.give_up().await;
        return Ok(None);
    }
    if known.is_none() {
        let provisional = adoption::provisional(&mut tx, &facility.id, &patient).await?;
        adoption::adopt(&mut tx, &facility.id, &provisional, &patient, actor).await?;
        tx.put_patient(&facility.id, &patient).await.map_err(retry_if_taken)?;
        tx.audit(&facility.id, actor, "patient stored from an HL7 message", patient.reference.as_str())
            .await?;
    }
    let ctx = Ctx { rules: &bridge.rules, chance: bridge.chance() };
    let mut visits = Vec::with_capacity(prepared.len());
    let mut all_unmapped = Vec::new();
    for Prepared { context, before, found, records, unmapped } in prepared {
        all_unmapped.extend(unmapped);
        let (owner, reference) = (&context.patient, &context.reference);
        let now = tx.care_context(&facility.id, owner, reference).await?;
        if now != before || tx.records(&facility.id, owner, reference).await? != found {
            tx.give_up().await;
            return Ok(None);
        }
        if now.is_none() && records.is_empty() {
            continue;
        }
        let stored = visits::put(&ctx, &mut tx, facility, (&patient, &context), Some(records)).await?;
        if stored.created || stored.records != found {
            let action = "visit stored from an HL7 message";
            tx.audit(&facility.id, actor, action, context.reference.as_str()).await?;
        }
        visits.push(stored);
    }
    tx.note_unmapped(&facility.id, all_unmapped).await?;
    tx.commit().await?;
    Ok(Some(Kept { patient: patient.reference, new_patient: known.is_none(), visits, notices }))
}

/// Two writers at once: whoever comes second finds the patient of the first.
fn retry_if_taken(error: StoreError) -> StoreError {
    if error.is_duplicate() { StoreError::Contended } else { error }
}

async fn prepare(
    tx: &mut Tx,
    (bridge, facility, patient): (&Bridge, &Facility, &Patient),
    plan: &Plan,
    visit: &VisitPlan,
    notices: &mut Vec<Notice>,
) -> Result<Prepared, Stop> {
    let before = tx.care_context(&facility.id, &patient.reference, &visit.reference).await?;
    if before.as_ref().is_some_and(|before| before.withdrawn) {
        let (segment, sequence) = visit.changes.first().map_or(("MSH", 1), |change| change.place);
        let message = "the facility withdrew this visit; put it by the API again to share it again";
        return Err(Fault::error(Condition::Locked, message).at(segment, sequence, 0).into());
    }
    let found = tx.records(&facility.id, &patient.reference, &visit.reference).await?;
    let context = before.clone().unwrap_or_else(|| CareContext {
        patient: patient.reference.clone(),
        reference: visit.reference.clone(),
        display: visit.display.clone(),
        date: visit.date.clone(),
        hold: false,
        withdrawn: false,
        link: Link::new(),
    });
    let message = short(&tx.source_hash(&format!("hl7 message\0{}", plan.digest))?);
    let mut slots: Vec<Option<NewRecord>> = found.iter().map(kept_as_it_is).map(Some).collect();
    let mut unmapped = Vec::new();
    for change in &visit.changes {
        let subject = tx.source_hash(&format!("hl7 subject\0{}", change.subject))?;
        let place = slots.iter().position(|slot| {
            let origin = slot.as_ref().and_then(|slot| Origin::read(&slot.source_hash));
            origin.is_some_and(|origin| origin.subject == subject)
        });
        let old = place.and_then(|place| slots.get(place)).and_then(Option::as_ref);
        let old = old.and_then(|old| Some((old, Origin::read(&old.source_hash)?)));
        let origin = Origin::after(old.as_ref().map(|(_, origin)| origin), subject, &message, plan.sent_at);
        let at = place.unwrap_or(slots.len());
        let around = Around { bridge, facility, patient, context: &context, place: at };
        let new = match decide(tx, &around, change, (old.as_ref(), origin)).await? {
            Decision::Leave => continue,
            Decision::TooOld => {
                let message = "a newer report of this is stored already; this one changes nothing";
                let notice = Notice::new(Condition::SegmentSequence, message);
                notices.push(notice.at(change.place.0, change.place.1, 0));
                continue;
            }
            Decision::Remove => None,
            Decision::Store(record, codes) => {
                unmapped.extend(codes);
                Some(record)
            }
        };
        if let Some(new) = new.as_ref().filter(|new| !new.valid) {
            notices.push(not_shared(new).at(change.place.0, change.place.1, 0));
        }
        match place.and_then(|place| slots.get_mut(place)) {
            Some(slot) => *slot = new,
            None => slots.push(new),
        }
    }
    Ok(Prepared { context, before, found, records: slots.into_iter().flatten().collect(), unmapped })
}

/// A stored record by which the store knows it again; its document is not written again.
fn kept_as_it_is(record: &Record) -> NewRecord {
    NewRecord {
        hi_type: record.hi_type,
        valid: record.valid,
        issues: record.issues.clone(),
        source_hash: record.source_hash.clone(),
        bundle: None,
    }
}

fn not_shared(record: &NewRecord) -> Notice {
    let issues: Vec<nrces::Issue> = serde_json::from_str(&record.issues).unwrap_or_default();
    let first = issues.iter().find(|issue| issue.is_error());
    let why = first.map(|issue| format!(": {}", issue.message)).unwrap_or_default();
    Notice::new(Condition::RequiredField, format!("stored, and not shared before it is mended{why}"))
}

enum Decision {
    /// It is known, or there is nothing to take back.
    Leave,
    /// Something newer is known.
    TooOld,
    Remove,
    /// A record, and the codes of the facility's own in it that stand for nothing yet.
    Store(NewRecord, Vec<NewUnmapped>),
}

/// Where a record is to stand.
#[derive(Clone, Copy)]
struct Around<'a> {
    bridge: &'a Bridge,
    facility: &'a Facility,
    patient: &'a Patient,
    context: &'a CareContext,
    place: usize,
}

/// What becomes of a change beside the record that it may replace. What was not valid is tried again whenever it comes
/// again: its codes may be known by now.
async fn decide(
    tx: &mut Tx,
    around: &Around<'_>,
    change: &Change,
    (old, origin): (Option<&(&NewRecord, Origin)>, Origin),
) -> Result<Decision, Stop> {
    if let Some((record, old)) = old {
        let message = origin.messages.first();
        let repeated = message.is_some_and(|message| old.messages.contains(message));
        let mends = !record.valid && old.messages.first() == message;
        if repeated && !mends {
            return Ok(Decision::Leave);
        }
        if old.sent_at > origin.sent_at {
            return Ok(Decision::TooOld);
        }
    }
    let Some(content) = &change.content else {
        return Ok(if old.is_some() { Decision::Remove } else { Decision::Leave });
    };
    let input = input(content);
    let Around { bridge, facility, .. } = *around;
    let codes = terminology::codes(tx, &bridge.terminology, &facility.id, [&input].into_iter()).await?;
    let codes = Arc::new(codes);
    // It is another record once its codes stand for something else.
    let hash = tx.source_hash(&format!("hl7 content\0{}\0{}", content.sameness(), codes.mapping()))?;
    let same = old.filter(|(_, old)| old.content == hash);
    if same.is_some_and(|(record, _)| record.valid) {
        return Ok(Decision::Leave);
    }
    let origin = Origin { content: hash, ..origin };
    let built = build(around, input, origin, Arc::clone(&codes)).await?;
    if same.is_some_and(|(record, _)| record.issues == built.record.issues) {
        return Ok(Decision::Leave);
    }
    Ok(Decision::Store(built.record, terminology::unmapped(built.local_codes, &codes)))
}

fn input(content: &Content) -> RecordInput {
    let data = RawValue::from_string(content.data.to_string()).ok();
    RecordInput { hi_type: Some(content.hi_type), data, bundle: None, file: None }
}

/// Builds and checks the document, away from the threads that serve requests.
async fn build(
    around: &Around<'_>,
    input: RecordInput,
    origin: Origin,
    codes: Arc<CodeMap>,
) -> Result<records::Prepared, Stop> {
    let (facility, patient) = (around.facility.clone(), around.patient.clone());
    let (visit, date) = (around.context.reference.to_string(), around.context.date.to_string());
    let place = u32::try_from(around.place).unwrap_or(u32::MAX);
    let work = move || {
        let around = Surroundings { facility: &facility, patient: &patient, visit: &visit, date: &date };
        input.prepare_with(&around, place, origin.written(), Some(&codes)).ok()
    };
    let built = tokio::task::spawn_blocking(work).await.ok().flatten();
    built.ok_or_else(|| {
        let message = "a record could not be built; the log of the bridge says why";
        Stop::Fault(Fault::error(Condition::Internal, message))
    })
}

/// Where a record came from, as its source hash has it. All that names anything is hashed with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    /// What was reported on.
    subject: String,
    /// Equal for equal content.
    content: String,
    /// When the message was sent, in milliseconds since 1970.
    sent_at: i64,
    /// The message, and those before it.
    messages: Vec<String>,
}

impl Origin {
    const MARK: &str = "hl7";

    fn after(old: Option<&Self>, subject: String, message: &str, sent_at: Timestamp) -> Self {
        let before = old.into_iter().flat_map(|old| &old.messages).filter(|before| *before != message);
        let mut messages = vec![message.to_owned()];
        messages.extend(before.take(MOST_REMEMBERED - 1).cloned());
        Self { subject, content: String::new(), sent_at: sent_at.as_millisecond(), messages }
    }

    fn written(&self) -> String {
        let Self { subject, content, sent_at, messages } = self;
        format!("{} {subject} {content} {sent_at} {}", Self::MARK, messages.join(","))
    }

    fn read(source_hash: &str) -> Option<Self> {
        let mut parts = source_hash.split(' ');
        if parts.next()? != Self::MARK {
            return None;
        }
        let (subject, content) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let sent_at = parts.next()?.parse().ok()?;
        let messages = parts.next()?.split(',').map(str::to_owned).collect();
        Some(Self { subject, content, sent_at, messages })
    }
}

fn short(hash: &str) -> String {
    hash.get(..SHORT).unwrap_or(hash).to_owned()
}

/// The patient that PID means: by the MR number as reference, by ABHA, by an identifier of type MR.
async fn identify(tx: &mut Tx, facility: &FacilityId, person: &Person) -> Result<Option<Patient>, Stop> {
    let by_mr = match person.reference() {
        Some(reference) => by_reference(tx, facility, reference).await?,
        None => None,
    };
    let by_abha = match by_abha(tx, facility, person).await? {
        // Made by a profile share, and to be adopted by the patient whom the hospital knows by this number.
        Some(one) if person.reference().is_some() && adoption::is_free(tx, facility, &one).await? => None,
        found => found,
    };
    let found = match (by_mr, by_abha) {
        (Some(mr), Some(abha)) if mr.reference != abha.reference => return Err(two_patients().into()),
        (Some(patient), _) | (None, Some(patient)) => Some(patient),
        (None, None) => by_identifier(tx, facility, person).await?,
    };
    if found.as_ref().is_some_and(|patient| person.is_somebody_else(patient)) {
        let message = "PID describes another person than the patient who is stored under this number";
        return Err(Fault::error(Condition::UnknownKey, message).at("PID", 1, 3).into());
    }
    Ok(found)
}

fn two_patients() -> Fault {
    let message = "PID-3 names two patients: its MR number is one's and its ABHA another's";
    Fault::error(Condition::UnknownKey, message).at("PID", 1, 3)
}

/// The patient of the reference, or the one that took over from them.
async fn by_reference(
    tx: &mut Tx,
    facility: &FacilityId,
    reference: PatientRef,
) -> Result<Option<Patient>, StoreError> {
    if let Some(patient) = tx.patient(facility, &reference).await? {
        return Ok(Some(patient));
    }
    match tx.merged_into(facility, &reference).await? {
        Some(survivor) => tx.patient(facility, &survivor).await,
        None => Ok(None),
    }
}

async fn by_abha(tx: &mut Tx, facility: &FacilityId, person: &Person) -> Result<Option<Patient>, Stop> {
    let by_number = match person.abha_number {
        Some(number) => tx.patient_by_number(facility, number).await?,
        None => None,
    };
    let by_address = match &person.abha_address {
        Some(address) => tx.patient_by_address(facility, address).await?,
        None => None,
    };
    match (by_number, by_address) {
        (Some(one), Some(other)) if one.reference != other.reference => Err(two_patients().into()),
        (one, other) => Ok(one.or(other)),
    }
}

async fn by_identifier(
    tx: &mut Tx,
    facility: &FacilityId,
    person: &Person,
) -> Result<Option<Patient>, StoreError> {
    const STEP: u32 = 500;
    let Some(mr) = &person.mr else { return Ok(None) };
    let has_it = |patient: &Patient| {
        patient.identifiers.iter().any(|one| one.kind.eq_ignore_ascii_case("MR") && one.value == *mr)
    };
    if let Some(mobile) = person.mobile {
        let patients = tx.patients_by_mobile(facility, mobile).await?;
        if let Some(patient) = patients.into_iter().find(has_it) {
            return Ok(Some(patient));
        }
    }
    let mut after = None;
    for _ in 0..MOST_LOOKED_AT / STEP {
        let patients = tx.patients(facility, &store::PatientFilter::default(), after.as_ref(), STEP).await?;
        let Some((last, _)) = patients.last() else { return Ok(None) };
        after = Some(last.clone());
        if let Some((_, patient)) = patients.into_iter().find(|(_, patient)| has_it(patient)) {
            return Ok(Some(patient));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_remembers_where_it_came_from() {
        let time = Timestamp::UNIX_EPOCH;
        let first = Origin::after(None, "s".to_owned(), "m1", time);
        let first = Origin { content: "c".to_owned(), ..first };
        assert_eq!(Origin::read(&first.written()), Some(first.clone()));
        let mut last = first;
        for number in 2..20 {
            last = Origin::after(Some(&last), "s".to_owned(), &format!("m{number}"), time);
        }
        assert_eq!(last.messages.len(), MOST_REMEMBERED);
        assert_eq!(last.messages[0], "m19");
        assert_eq!(Origin::read("0123456789abcdef"), None, "what the API stored is not ours");
    }
}
