//! Killed at any write, the exchange finishes after a restart and ABDM sees each effect once.
//!
//! The kill switch stops the store at a chosen commit, just before or just after it is durable; the bridge runs on a
//! runtime of its own, which is thrown away then with everything that it was doing. The HMIS repeats the request that it
//! got no answer to; ABDM repeats the callback that was not taken. First the whole exchange is run unharmed and its
//! commits are counted, then it is run again for each of them.

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::ManualClock;
use domain::link::LinkState;
use domain::patient::Patient;
use futures_util::StreamExt as _;
use kadi::bridge::{Bridge, Running, start_with};
use kadi::config::Config;
use kadi::flows::{Ctx, visits};
use sandbox::{ConsentStatus, ConsentWanted, Handle, RecordsWanted, Sandbox, SandboxConfig, Timing};
use store::fault::KillSwitch;
use store::testing::TestDatabase;
use store::{Key, Objects, Options, Queue, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::world::{
    OP_CONSULTATION, PRESCRIPTION, RAMESH, config, facility, id, known_patient, new_visit, prepare,
};

/// How far the clock goes on when nothing seems to happen.
const STEP: Duration = Duration::from_secs(5);
/// How long, in real time, the sandbox is asked for news before the clock goes on.
pub const LOOK: Duration = Duration::from_millis(60);
/// After so many steps the exchange is stuck.
const MOST_STEPS: usize = 300;
/// Exchanges under way at once.
pub const AT_ONCE: usize = 4;

/// A bridge that can be killed, and the ABDM that survives it.
pub struct Mortal {
    pub sandbox: Handle,
    pub clock: ManualClock,
    database: TestDatabase,
    pub config: Config,
    pub switch: Arc<KillSwitch>,
    pub bridge: Option<(Running, Runtime)>,
    _folder: TempDir,
}

impl Mortal {
    pub async fn new(database: TestDatabase, switch: KillSwitch) -> Self {
        Self::with(database, switch, "").await
    }

    /// With more lines in its configuration.
    pub async fn with(database: TestDatabase, switch: KillSwitch, more: &str) -> Self {
        let clock = ManualClock::at("2026-01-20T06:00:00Z".parse().unwrap());
        let timing = Timing { refused_repeat: STEP, refused_repeats: 200, ..Timing::default() };
        let settings = SandboxConfig { timing, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(settings, Arc::new(clock.clone())).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder, sandbox.base_url(), more);
        let bridge = None;
        let mut mortal =
            Self { sandbox, clock, database, config, switch: Arc::new(switch), bridge, _folder: folder };
        // The facility is there before anything may die.
        let store = mortal.database.open(Arc::new(mortal.clock.clone())).await;
        let mut tx = store.begin().await.unwrap();
        tx.put_facility(&facility()).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let first = Arc::clone(&mortal.switch);
        mortal.boot(Some(first)).await;
        mortal
    }

    async fn boot(&mut self, kill_switch: Option<Arc<KillSwitch>>) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock = Arc::new(self.clock.clone());
        let options = Options { kill_switch, ..Options::new(self.database.url(), Key::new([7; 32]), clock) };
        let config = self.config.clone();
        let started = runtime.spawn(async move { start_with(&config, options).await });
        let running = tokio::select! {
            started = started => started.unwrap().unwrap(),
            () = self.switch.died(), if !self.switch.is_dead() => {
                runtime.shutdown_background();
                return Box::pin(self.boot(None)).await;
            }
        };
        self.sandbox.state().set_bridge_url("SBX_000000", &format!("http://{}", running.public));
        self.bridge = Some((running, runtime));
    }

    /// If the switch has fired: throws the bridge away and starts it again.
    async fn resurrect(&mut self) {
        let Some((running, runtime)) = self.bridge.take() else { return };
        drop(running);
        runtime.shutdown_background();
        self.boot(None).await;
    }

    /// How many objects there are long after, when what no record names is gone.
    async fn objects_in_the_end(&self) -> usize {
        self.clock.advance(Duration::from_hours(2));
        let objects = Objects::open(&self.config.objects.url).unwrap();
        let usual = Options::new(self.database.url(), Key::new([7; 32]), Arc::new(self.clock.clone()));
        let store = Store::open(Options { objects: Some(objects.clone()), ..usual }).await.unwrap();
        while store.sweep_objects(100).await.unwrap() > 0 {}
        store.close().await;
        objects.list().count().await
    }

    /// Throws the bridge away for good.
    pub fn end(&mut self) {
        if let Some((running, runtime)) = self.bridge.take() {
            drop(running);
            runtime.shutdown_background();
        }
    }

    fn is_dead(&self, lives: usize) -> bool {
        lives == 0 && self.switch.is_dead()
    }

    /// Does `step` on the bridge; if it dies of it or before, once more on the next one. Every step may run twice.
    pub async fn does<T: Send + 'static, F>(
        &mut self,
        lives: &mut usize,
        step: impl Fn(Arc<Bridge>) -> F,
    ) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            if self.is_dead(*lives) {
                *lives += 1;
                self.resurrect().await;
            }
            let (running, runtime) = self.bridge.as_ref().unwrap();
            let done = runtime.spawn(step(Arc::clone(&running.bridge)));
            tokio::select! {
                done = done => return done.unwrap(),
                () = self.switch.died(), if !self.switch.is_dead() => {}
            }
        }
    }

    /// Waits until `step` finds something, moving the clock on.
    pub async fn until<T: Send + 'static, F>(
        &mut self,
        lives: &mut usize,
        what: &str,
        step: impl Fn(Arc<Bridge>) -> F,
    ) -> T
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        for _ in 0..MOST_STEPS {
            if let Some(found) = self.does(lives, &step).await {
                return found;
            }
            self.clock.advance(STEP);
        }
        panic!("{what} never came; the sandbox has seen {:#?}", self.sandbox.state().effects(None, None));
    }
}

pub async fn put(bridge: Arc<Bridge>, patient: Patient) {
    let ctx = Ctx { rules: &bridge.rules, chance: 0.5 };
    let mut tx = bridge.store.begin().await.unwrap();
    tx.put_patient(&id(), &patient).await.unwrap();
    visits::patient_changed(&ctx, &mut tx, &facility(), &patient.reference).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bridge.store.begin().await.unwrap();
    let known = tx.care_context(&id(), &patient.reference, &"visit-1".parse().unwrap()).await.unwrap();
    let context = known.unwrap_or_else(|| new_visit(&patient, "visit-1"));
    let records = [("OPConsultation", OP_CONSULTATION), ("Prescription", PRESCRIPTION)];
    let records = prepare(&tx, &patient, &context, &records);
    visits::put(&ctx, &mut tx, &facility(), (&patient, &context), Some(records)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn is_linked(bridge: Arc<Bridge>, sandbox: Sandbox, patient: Patient) -> Option<()> {
    if !sandbox.linked(RAMESH, "visit-1", LOOK).await {
        return None;
    }
    if is_stored_as_linked(&bridge, &patient).await {
        return Some(());
    }
    // ABDM has it; the bridge raises an event when it has, too.
    let _ = tokio::time::timeout(LOOK, bridge.store.woken(Queue::Events)).await;
    is_stored_as_linked(&bridge, &patient).await.then_some(())
}

pub async fn is_stored_as_linked(bridge: &Bridge, patient: &Patient) -> bool {
    let mut tx = bridge.store.read().await.unwrap();
    let context = tx.care_context(&id(), &patient.reference, &"visit-1".parse().unwrap()).await.unwrap();
    context.is_some_and(|context| context.link.state == LinkState::Linked)
}

async fn exchange(database: TestDatabase, switch: KillSwitch) -> (u64, bool) {
    exchange_with(database, switch, put, 0).await
}

/// Runs the exchange with this switch to its end; says how many commits its first life made, and whether it died. Its visit
/// of two records is stored by `put`, and so many objects are left long after.
pub async fn exchange_with<F: Future<Output = ()> + Send + 'static>(
    database: TestDatabase,
    switch: KillSwitch,
    put: impl Fn(Arc<Bridge>, Patient) -> F,
    objects: usize,
) -> (u64, bool) {
    let mut world = Mortal::new(database, switch).await;
    let mut lives = 0;
    let patient = known_patient(&world.sandbox, "P1", RAMESH);
    let whose = patient.clone();
    world.does(&mut lives, move |bridge| put(bridge, whose.clone())).await;
    let (whose, state) = (patient.clone(), world.sandbox.state().clone());
    world.until(&mut lives, "the link", move |bridge| is_linked(bridge, state.clone(), whose.clone())).await;
    let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() };
    let granted = world.sandbox.state().grant(&wanted).unwrap();
    let mut wanted = RecordsWanted::under(&granted.artefacts[0].consent_id);
    // A bridge that was dead for longer than a minute would otherwise not be asked at all.
    wanted.unchecked = true;
    let consent = granted.artefacts[0].consent_id.clone();
    let state = world.sandbox.state().clone();
    world
        .until(&mut lives, "the acknowledgement", move |_| {
            let (state, consent) = (state.clone(), consent.clone());
            async move { state.acknowledged(&consent, ConsentStatus::Granted, LOOK).await.then_some(()) }
        })
        .await;
    let asked = world.sandbox.state().request_records(&wanted).unwrap();
    let state = world.sandbox.state().clone();
    let transfer = world
        .until(&mut lives, "the end of the transfer", move |_| {
            let (state, transaction) = (state.clone(), asked.transaction_id.clone());
            async move {
                let transfer = state.closed_transfer(&transaction, LOOK).await.unwrap();
                Some(transfer).filter(|transfer| transfer.notified.is_some())
            }
        })
        .await;
    assert_eq!(
        transfer.entries.iter().filter(|entry| entry.decrypted && entry.checksum_ok).count(),
        2,
        "{transfer:#?}"
    );
    assert_eq!(transfer.notified.unwrap()["sessionStatus"], "TRANSFERRED");
    let effects = world.sandbox.state().effects(None, None);
    for effect in &effects {
        assert!(effect.accepted <= 1, "happened twice: {effect:?}");
    }
    let violations = world.sandbox.state().violations();
    assert!(violations.is_empty(), "{violations:#?}");
    let first_life = (world.switch.commits(), world.switch.is_dead());
    world.end();
    assert_eq!(world.objects_in_the_end().await, objects);
    first_life
}

/// Runs `exchange` unharmed, and then with a death at each of its commits.
pub async fn die_everywhere(
    new_database: impl AsyncFn() -> TestDatabase,
    exchange: impl AsyncFn(TestDatabase, KillSwitch) -> (u64, bool),
    least: u64,
) {
    let (commits, _) = exchange(new_database().await, KillSwitch::default()).await;
    assert!(commits > least, "{commits} commits");
    let deaths = (1..=commits)
        .flat_map(|number| [KillSwitch::before_commit(number), KillSwitch::after_commit(number)]);
    let runs = deaths.map(async |switch| exchange(new_database().await, switch).await);
    let lives: Vec<_> = futures_util::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    // Which commits there are differs a little from run to run, so the last ones may not be reached.
    let deaths = u64::try_from(lives.iter().filter(|(_, died)| *died).count()).unwrap();
    assert!(deaths > commits * 3 / 2, "{deaths} deaths in {} runs", lives.len());
    println!("{commits} commits, {deaths} deaths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_the_exchange_finishes_on_sqlite() {
    die_everywhere(async || TestDatabase::sqlite(), exchange, 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_the_exchange_finishes_on_postgres() {
    die_everywhere(async || TestDatabase::postgres().await, exchange, 15).await;
}
