//! The bridge processes, and who kills them.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::{Context as _, bail};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::sync::Mutex;

use super::super::serving::Serving;
use super::balancer::Balancer;
use super::wire::Wire;

/// How long a bridge lives until it is killed, in milliseconds.
const LIFE: std::ops::Range<u64> = 300..4_000;
/// How long it stays dead, in milliseconds.
const DEATH: std::ops::Range<u64> = 0..1_000;
/// Of its starts, so many are cut short.
const STILLBORN: f64 = 0.2;
/// Where there is a line to the database, so many blows hit that and not the process.
const CUT: f64 = 0.3;
/// How long the line stays cut, in milliseconds.
const SILENCE: std::ops::Range<u64> = 200..6_000;
/// How often readiness is asked for.
const LOOK: Duration = Duration::from_millis(20);
/// Starts that may fail in a row, by a port that somebody else was faster to take.
const STARTS: usize = 5;
/// What a start may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// All bridge processes, behind two addresses.
pub struct Fleet {
    /// What ABDM calls.
    pub public: Balancer,
    /// What the hospital calls.
    pub private: Balancer,
    config: PathBuf,
    clock: SharedClock,
    slots: Vec<Mutex<Option<Serving>>>,
    wires: Vec<Wire>,
    kills: AtomicU64,
    cuts: AtomicU64,
    starts: AtomicU64,
}

impl Fleet {
    /// So many places, each with a line of its own to the PostgreSQL database, if it is one; nothing runs yet.
    pub async fn new(
        config: &Path,
        instances: u32,
        database: Option<&str>,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let mut wires = Vec::new();
        if let Some(database) = database {
            for _ in 0..instances {
                wires.push(Wire::lay(database, clock.clone()).await?);
            }
        }
        Ok(Self {
            wires,
            cuts: AtomicU64::default(),
            public: Balancer::start().await?,
            private: Balancer::start().await?,
            config: config.to_owned(),
            clock,
            slots: (0..instances).map(|_| Mutex::default()).collect(),
            kills: AtomicU64::default(),
            starts: AtomicU64::default(),
        })
    }

    /// Starts every bridge that does not run, and waits until all are ready.
    pub async fn start_all(&self) -> anyhow::Result<()> {
        for place in 0..self.slots.len() {
            self.start(place).await?;
        }
        Ok(())
    }

    /// Kills and starts bridges at random until the time is over.
    pub async fn rampage(&self, mut chance: StdRng, time: Duration) -> anyhow::Result<()> {
        let end = self.clock.elapsed() + time;
        let sleep = |chance: &mut StdRng, range: std::ops::Range<u64>| {
            let wait = Duration::from_millis(chance.random_range(range));
            self.clock.sleep(wait.min(end.saturating_sub(self.clock.elapsed())))
        };
        while self.clock.elapsed() < end {
            sleep(&mut chance, LIFE).await;
            let place = chance.random_range(0..self.slots.len());
            if let Some(wire) = self.wires.get(place).filter(|_| chance.random_bool(CUT)) {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                wire.cut(Duration::from_millis(chance.random_range(SILENCE))).await;
                continue;
            }
            self.kill(place).await;
            sleep(&mut chance, DEATH).await;
            if chance.random_bool(STILLBORN) {
                // Killed while it starts.
                self.spawn(place).await?;
                sleep(&mut chance, 0..300).await;
                self.kill(place).await;
            }
            self.start(place).await?;
        }
        Ok(())
    }

    /// Kills all for good.
    pub async fn end(&self) {
        for place in 0..self.slots.len() {
            self.bury(place).await;
        }
    }

    /// How many got SIGKILL while there was work.
    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::Relaxed)
    }

    /// How often the line to the database was cut.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// How many were started after the first of each place.
    pub fn restarts(&self) -> u64 {
        let first = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        self.starts.load(Ordering::Relaxed).saturating_sub(first)
    }

    /// What the bridges have logged.
    pub fn logs(&self, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        (0..self.slots.len()).map(|place| Ok(log_path(folder, place))).collect()
    }

    async fn start(&self, place: usize) -> anyhow::Result<()> {
        for _ in 0..STARTS {
            if self.is_running(place).await || self.begin(place).await? {
                return Ok(());
            }
        }
        bail!("a bridge did not start {STARTS} times in a row; see {}", self.log(place).display())
    }

    async fn is_running(&self, place: usize) -> bool {
        let Some(slot) = self.slots.get(place) else { return false };
        slot.lock().await.as_mut().is_some_and(|serving| !serving.has_ended().unwrap_or(true))
    }

    /// Starts one and waits for it; false if it ended at once.
    async fn begin(&self, place: usize) -> anyhow::Result<bool> {
        self.spawn(place).await?;
        let Some(slot) = self.slots.get(place) else { return Ok(false) };
        let mut slot = slot.lock().await;
        let Some(serving) = slot.as_mut() else { return Ok(false) };
        let ready = tokio::select! {
            ready = serving.until_ready(&self.clock, LOOK) => ready?,
            () = self.clock.sleep(PATIENCE) => bail!("a bridge was not ready after {PATIENCE:?}; see {}", self.log(place).display()),
        };
        if ready {
            self.public.add(serving.public);
            self.private.add(serving.private);
        }
        Ok(ready)
    }

    async fn spawn(&self, place: usize) -> anyhow::Result<()> {
        let Some(slot) = self.slots.get(place) else { return Ok(()) };
        let store = self.wires.get(place).map(|wire| wire.url.as_str());
        let serving = Serving::spawn_on(&self.config, self.open_log(place)?, store)?;
        self.starts.fetch_add(1, Ordering::Relaxed);
        *slot.lock().await = Some(serving);
        Ok(())
    }

    async fn kill(&self, place: usize) {
        self.bury(place).await;
        self.kills.fetch_add(1, Ordering::Relaxed);
    }

    async fn bury(&self, place: usize) {
        let Some(slot) = self.slots.get(place) else { return };
        let Some(mut serving) = slot.lock().await.take() else { return };
        serving.kill();
        self.public.remove(serving.public);
        self.private.remove(serving.private);
    }

    fn log(&self, place: usize) -> PathBuf {
        log_path(self.config.parent().unwrap_or_else(|| Path::new(".")), place)
    }

    fn open_log(&self, place: usize) -> anyhow::Result<File> {
        let path = self.log(place);
        OpenOptions::new().create(true).append(true).open(&path).with_context(|| path.display().to_string())
    }
}

fn log_path(folder: &Path, place: usize) -> PathBuf {
    folder.join(format!("bridge-{place}.log"))
}
