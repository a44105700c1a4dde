//! The certificate in use: looks whether its files have changed, and tells when something is wrong with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use abdm::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use super::pair::{Files, Pair, PairError, Standing, content};

/// How often the files are looked at. They are small; looking at their content sees what a changed link or a mount does too.
const LOOK: Duration = Duration::from_secs(10);
/// How often is repeated in the log that a certificate is about to end.
const REMIND: Duration = Duration::from_hours(24);
/// The same of what is wrong already.
const ALARM: Duration = Duration::from_hours(1);

/// What is to be known of the certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Where it stands.
    pub standing: Standing,
    /// When it ends.
    pub until: Timestamp,
    /// How long until then, in seconds; less than nothing once it has ended.
    pub seconds_left: i64,
    /// Why the files, as they are now, are not in use.
    pub trouble: Option<String>,
}

impl State {
    /// What an operator must hear, if anything.
    pub fn words(&self) -> Option<String> {
        let days = self.seconds_left / (24 * 3600);
        let certificate = match self.standing {
            Standing::Good => None,
            Standing::Ending => Some(format!("The TLS certificate ends in {days} days, at {}.", self.until)),
            Standing::NotYet => {
                Some("The TLS certificate is not valid yet: is this machine's clock right?".to_owned())
            }
            Standing::Expired => {
                Some(format!("The TLS certificate has expired at {}: ABDM reaches nothing here.", self.until))
            }
        };
        let files = self.trouble.as_ref().map(|trouble| {
            format!("The TLS files were changed and can't be used, so the old certificate stays: {trouble}.")
        });
        match (certificate, files) {
            (Some(certificate), Some(files)) => Some(format!("{files} {certificate}")),
            (one, other) => one.or(other),
        }
    }
}

/// Holds the pair that TLS shows, and changes it when the files do.
pub struct Keeper {
    files: Files,
    clock: SharedClock,
    held: Mutex<Held>,
}

struct Held {
    pair: Pair,
    /// What the files held when they were last looked at.
    seen: Seen,
    trouble: Option<String>,
    /// What was last said in the log, and when.
    said: Option<(String, Timestamp)>,
}

type Seen = Option<(Vec<u8>, zeroize::Zeroizing<Vec<u8>>)>;
/// What changed files hold, and the pair that they make.
type Changed = (Seen, Result<Pair, PairError>);

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held().pair.certified))
    }
}

impl Keeper {
    /// Reads the pair. At the start there is no old one to go on with, so a broken one is an error.
    pub fn open(files: Files, clock: SharedClock) -> Result<Self, PairError> {
        let (cert, key) = (content(&files.cert)?, zeroize::Zeroizing::new(content(&files.key)?));
        let pair = Pair::parse(&files, &cert, &key)?;
        let held = Held { pair, seen: Some((cert, key)), trouble: None, said: None };
        let keeper = Self { files, clock, held: Mutex::new(held) };
        keeper.say();
        Ok(keeper)
    }

    /// What is to be known now.
    pub fn state(&self) -> State {
        let (held, now) = (self.held(), self.clock.now());
        State {
            standing: held.pair.standing(now),
            until: held.pair.until,
            seconds_left: held.pair.until.duration_since(now).as_secs(),
            trouble: held.trouble.clone(),
        }
    }

    /// Looks at the files now and then until `stop` is cancelled.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let watching = async {
            loop {
                self.clock.sleep(LOOK).await;
                let keeper = Arc::clone(&self);
                // Reading a file may wait for a network's disk.
                let _ = tokio::task::spawn_blocking(move || keeper.look()).await;
            }
        };
        stop.run_until_cancelled(watching).await;
    }

    /// Looks at the files once: takes a changed pair into use if it can be used.
    pub fn look(&self) {
        match self.read() {
            Ok(None) => {}
            Ok(Some((seen, read))) => self.take(seen, read),
            // A file that is gone for a moment, while it is replaced, is looked for again.
            Err(error) => self.held().trouble = Some(error.to_string()),
        }
        self.say();
    }

    /// What the files hold, if it is something else than before.
    fn read(&self) -> Result<Option<Changed>, PairError> {
        let (cert, key) = (content(&self.files.cert)?, zeroize::Zeroizing::new(content(&self.files.key)?));
        let mut held = self.held();
        if held.seen.as_ref().is_some_and(|(old_cert, old_key)| *old_cert == cert && *old_key == key) {
            // It was out of reach, and is as it was.
            if held.trouble.is_some() && Pair::parse(&self.files, &cert, &key).is_ok() {
                held.trouble = None;
            }
            return Ok(None);
        }
        drop(held);
        let pair = Pair::parse(&self.files, &cert, &key);
        Ok(Some((Some((cert, key)), pair)))
    }

    fn take(&self, seen: Seen, read: Result<Pair, PairError>) {
        let now = self.clock.now();
        let mut held = self.held();
        held.seen = seen;
        let usable = |pair: &Pair| matches!(pair.standing(now), Standing::Good | Standing::Ending);
        match read {
            Ok(pair) if usable(&pair) || !usable(&held.pair) => {
                tracing::info!(tls.until = %pair.until, "the TLS certificate was changed; the new one is in use");
                held.pair = pair;
                held.trouble = None;
            }
            Ok(pair) => {
                held.trouble =
                    Some(format!("the new certificate is valid from {} to {}", pair.from, pair.until));
            }
            Err(error) => held.trouble = Some(error.to_string()),
        }
    }

    /// Tells the log what is wrong: at once, and again from time to time.
    fn say(&self) {
        let (state, now) = (self.state(), self.clock.now());
        let key = format!("{:?} {:?}", state.standing, state.trouble);
        let quiet = state.standing == Standing::Ending && state.trouble.is_none();
        let again = SignedDuration::try_from(if quiet { REMIND } else { ALARM }).unwrap_or_default();
        let mut held = self.held();
        let Some(words) = state.words() else {
            held.said = None;
            return;
        };
        if held.said.as_ref().is_some_and(|(said, at)| *said == key && now.duration_since(*at) < again) {
            return;
        }
        held.said = Some((key, now));
        drop(held);
        if quiet {
            tracing::warn!(tls.until = %state.until, "{words}");
        } else {
            tracing::error!(tls.until = %state.until, "{words} Replace server.tls_cert_file and server.tls_key_file; no restart is needed.");
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing that holds the lock can leave it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
