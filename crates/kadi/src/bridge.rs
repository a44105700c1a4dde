//! The bridge: everything that `kadi serve` runs, as one value that tests and the demo start too.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use abdm::callback::{KeySource, Verifier, VerifierConfig};
use abdm::client::{Gateway, GatewayConfig, KeysV05};
use abdm::clock::SharedClock;
use abdm::consent_signature::SignatureKey;
use abdm::push::{Pusher, PusherConfig};
use anyhow::Context as _;
use domain::backoff::Backoff;
use domain::pace::Limits;
use domain::token_desk;
use reqwest::Url;
use store::terminology::Index;
use store::{Intake, Objects, Options, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::flows::Rules;
use crate::flows::bridge::Watch;
use crate::flows::sms::SmsRules;
use crate::http::limits::{Limit, Tongue, limited};
use crate::http::listener::{self, Door, Open, Settings};
use crate::http::operations::Writing;
use crate::room::Room;
use crate::sms::{self, SmsSender};
use crate::sources::hl7::Terms;
use crate::sources::mllp;
use crate::workers::Ear;
use crate::{http, keys, terminology, tls, workers};

const DAY: Duration = Duration::from_hours(24);

/// What every part of a running bridge holds on to.
pub struct Bridge {
    /// What is remembered.
    pub store: Store,
    /// ABDM.
    pub gateway: Arc<Gateway>,
    /// Pushes pages to HIUs.
    pub pusher: Pusher,
    /// Tells webhooks.
    pub webhooks: reqwest::Client,
    /// Tells ABDM's callbacks from others'.
    pub verifier: Verifier,
    /// The same for callbacks of v0.5, which has keys of its own.
    pub verifier_v05: Verifier,
    /// Tells consents of ABDM's from others', if the configuration says by what.
    pub signatures: Signatures,
    /// Sends one-time passwords, if the configuration says by what.
    pub sms: Option<Box<dyn SmsSender>>,
    /// Whether the answer to a discovery carries `X-HIU-ID`.
    pub on_discover_hiu_id: bool,
    /// Makes callbacks durable.
    pub intake: Intake,
    /// What the flows decide by.
    pub rules: Rules,
    /// How fast a facility calls ABDM.
    pub pace: Limits,
    /// What ABDM lets be known of how fast it may be called.
    pub ear: Ear,
    /// Which address ABDM should send callbacks to, and how often to look whether it does.
    pub watch: Watch,
    /// How long ended exchanges and events are kept; zero: for ever.
    pub keep: Duration,
    /// Tells the time.
    pub clock: SharedClock,
    /// Pages under way at once in a transfer.
    pub pages_at_once: u32,
    /// Memory for the pages of all transfers.
    pub page_room: Room,
    /// Memory for large bodies of calls to the API.
    pub api_room: Room,
    /// The longest body of a callback, in bytes.
    pub callback_limit: usize,
    /// The longest body of a call to the API, in bytes.
    pub api_limit: usize,
    /// Which HL7 v2 messages are taken.
    pub hl7: Terms,
    /// Code systems, searchable.
    pub terminology: Index,
    /// The page of ABDM's that a counter's QR code leads to.
    pub qr_page: String,
    /// The certificate of the public listener, if that speaks TLS.
    pub tls: Option<Arc<tls::Keeper>>,
    /// How many listeners of HTTP are served.
    pub open: Open,
    /// Whether the store takes what is written.
    pub writing: Writing,
}

/// How consents' signatures are checked.
#[derive(Debug, Default)]
pub struct Signatures {
    /// The key that they are checked by.
    pub key: Option<SignatureKey>,
    /// Whether a consent without a right one is refused.
    pub required: bool,
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Bridge {
    /// A draw of chance in 0..1, to spread retries.
    pub fn chance(&self) -> f64 {
        let mut bytes = [0; 4];
        // Without randomness retries are merely not spread.
        let _ = store::fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
    }
}

/// A bridge that runs.
#[derive(Debug)]
pub struct Running {
    /// Where ABDM reaches it.
    pub public: SocketAddr,
    /// Where the hospital reaches it.
    pub private: SocketAddr,
    /// Where HL7 v2 messages reach it by MLLP, if they do.
    pub mllp: Option<SocketAddr>,
    /// The bridge itself.
    pub bridge: Arc<Bridge>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Opens the store and starts listeners and workers.
///
/// # Errors
/// What stands in the way, with how to mend it.
pub async fn start(config: &Config, clock: SharedClock) -> anyhow::Result<Running> {
    let store = keys::open_store_in_time(config, clock.clone()).await?;
    start_on(config, store, (clock, Pusher::new(pusher_config(config))?)).await
}

/// Like [`start`], on a store opened with these options.
pub async fn start_with(config: &Config, options: Options) -> anyhow::Result<Running> {
    let pusher = Pusher::new(pusher_config(config))?;
    start_pushing(config, options, pusher).await
}

/// How pages are pushed.
fn pusher_config(config: &Config) -> PusherConfig {
    PusherConfig { timeout: config.transfer.push_timeout, allow_insecure: config.gateway.allow_insecure }
}

/// Like [`start_with`], with another way of pushing, whose rule for push addresses is the flows' too.
pub async fn start_pushing(config: &Config, options: Options, pusher: Pusher) -> anyhow::Result<Running> {
    let clock = options.clock.clone();
    let objects = match options.objects {
        Some(objects) => objects,
        None => Objects::open(&config.objects.url).context("[objects] url")?,
    };
    let options = Options { objects: Some(objects), ..options };
    let store = Store::open(options).await.context("the store cannot be opened")?;
    start_on(config, store, (clock, pusher)).await
}

async fn start_on(
    config: &Config,
    store: Store,
    (clock, pusher): (SharedClock, Pusher),
) -> anyhow::Result<Running> {
    let public = listen(config.server.public, "server.public").await?;
    let private = listen(config.server.private, "server.private").await?;
    let (public_addr, private_addr) = (public.local_addr()?, private.local_addr()?);
    let (intake, writer) = Intake::new(store.clone());
    let gateway = Arc::new(gateway(config, &clock)?);
    let keys: Arc<dyn KeySource> = Arc::<Gateway>::clone(&gateway);
    let keys_v05 = Arc::new(KeysV05(Arc::clone(&gateway)));
    let bridge = Arc::new(Bridge {
        webhooks: workers::webhook_client()?,
        verifier: Verifier::new(verifier_config(config), keys, clock.clone()),
        verifier_v05: Verifier::new(verifier_config(config), keys_v05, clock.clone()),
        sms: sms::sender(config, &clock)?,
        on_discover_hiu_id: config.linking.on_discover_hiu_id,
        rules: Rules { allow_insecure: pusher.config().allow_insecure, ..rules(config) },
        pusher,
        signatures: signatures(config)?,
        keep: DAY.saturating_mul(config.retention.days),
        pace: Limits {
            rate: config.gateway.rate,
            backoff: Backoff { first: config.retry.first, max: config.retry.max },
        },
        ear: Ear::default(),
        watch: watch(config, &gateway),
        pages_at_once: config.transfer.parallel,
        page_room: Room::new(config.transfer.memory),
        api_room: Room::new(config.server.api_memory),
        callback_limit: config.server.callback_limit,
        api_limit: config.server.api_limit,
        hl7: Terms {
            charset: config.hl7.charset,
            processing: config.hl7.processing.clone(),
            limit: config.hl7.limit,
        },
        terminology: terminology::index(config),
        qr_page: config.share.qr_url.clone(),
        tls: keeper(config, &clock)?,
        open: Open::default(),
        writing: Writing::default(),
        store,
        gateway,
        intake,
        clock,
    });
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(writer.run());
    workers::start(&bridge, &tasks, &stop);
    open_doors(config, &bridge, (public, private), (&stop, &tasks))?;
    let mllp = start_mllp(config, &bridge, &stop, &tasks).await?;
    tracing::info!(server.public = %public_addr, server.private = %private_addr, "the bridge is ready");
    Ok(Running { public: public_addr, private: private_addr, mllp, bridge, stop, tasks })
}

/// The certificate that the configuration names, if TLS is on.
fn keeper(config: &Config, clock: &SharedClock) -> anyhow::Result<Option<Arc<tls::Keeper>>> {
    let Some(files) = tls::Files::configured(&config.server) else { return Ok(None) };
    let keeper = tls::Keeper::open(files, clock.clone());
    Ok(Some(Arc::new(keeper.context("server.tls_cert_file and server.tls_key_file can't be used")?)))
}

/// Serves both listeners of HTTP.
fn open_doors(
    config: &Config,
    bridge: &Arc<Bridge>,
    (public, private): (TcpListener, TcpListener),
    (stop, tasks): (&CancellationToken, &TaskTracker),
) -> anyhow::Result<()> {
    let server = &config.server;
    let settings = Settings { connections: usize::try_from(server.connections)?, patience: server.patience };
    let door = |listener, tls| Door {
        listener,
        tls,
        settings,
        served: bridge.open.enter(),
        clock: bridge.clock.clone(),
    };
    let limit =
        |tongue| Limit::new(server.rate, server.trusted_proxies.clone(), tongue, bridge.clock.clone());
    let tls = bridge.tls.as_ref().map(tls::server_config).transpose().context("TLS cannot be set up")?;
    if let Some(keeper) = &bridge.tls {
        tasks.spawn(Arc::clone(keeper).watch(stop.clone()));
    }
    let callbacks = limited(http::callbacks::router(bridge), &limit(Tongue::Abdm));
    tasks.spawn(listener::serve(door(public, tls.map(Arc::new)), callbacks, stop.clone()));
    let others = limited(http::private_router(bridge), &limit(Tongue::Problem));
    tasks.spawn(listener::serve(door(private, None), others, stop.clone()));
    Ok(())
}

/// Opens the MLLP listener, if one is configured.
async fn start_mllp(
    config: &Config,
    bridge: &Arc<Bridge>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<Option<SocketAddr>> {
    let (Some(address), Some(facility)) = (config.hl7.listen, &config.hl7.facility) else { return Ok(None) };
    let listener = listen(address, "hl7.listen").await?;
    let address = listener.local_addr()?;
    let settings = mllp::Settings {
        facility: facility.clone(),
        idle: config.hl7.idle,
        connections: usize::try_from(config.hl7.connections)?,
    };
    tasks.spawn(mllp::serve(Arc::clone(bridge), settings, listener, (stop.clone(), tasks.clone())));
    tracing::info!(hl7.listen = %address, "HL7 v2 messages are taken by MLLP");
    Ok(Some(address))
}

impl Running {
    /// Takes no more work, finishes what is under way for at most `drain`, and ends. What is not finished by then
    /// is taken up after the next start.
    pub async fn stop(self, drain: Duration) {
        self.stop.cancel();
        self.tasks.close();
        let store = self.bridge.store.clone();
        let clock = self.bridge.clock.clone();
        drop(self.bridge);
        tokio::select! {
            () = self.tasks.wait() => {}
            () = clock.sleep(drain) => tracing::warn!("the drain time is over; unfinished work waits for the next start"),
        }
        store.close().await;
    }
}

async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("{key} = {address} cannot be listened on; is another kadi running?"))
}

/// The client of the gateway that the configuration names.
pub fn gateway(config: &Config, clock: &SharedClock) -> anyhow::Result<Gateway> {
    let (client_id, client_secret) = config.gateway.credentials()?;
    let registry_url = config.gateway.registry_url.as_deref().map(Url::parse).transpose();
    let gateway = GatewayConfig {
        base_url: Url::parse(&config.gateway.base_url).context("gateway.base_url is not a URL")?,
        registry_url: registry_url.context("gateway.registry_url is not a URL")?,
        cm_id: config.gateway.cm_id.clone(),
        client_id,
        client_secret,
        timeout: config.gateway.timeout,
        allow_insecure: config.gateway.allow_insecure,
    };
    Ok(Gateway::new(gateway, clock.clone())?)
}

/// Which address is watched.
pub fn watch(config: &Config, gateway: &Gateway) -> Watch {
    Watch {
        client_id: gateway.config().client_id.clone(),
        public_url: config.server.public_url.clone(),
        every: config.gateway.bridge_watch,
    }
}

fn signatures(config: &Config) -> anyhow::Result<Signatures> {
    let Some(path) = &config.consent.signature_key_file else { return Ok(Signatures::default()) };
    let wrong =
        || format!("consent.signature_key_file = {} with consent.signature_algorithm", path.display());
    let pem = std::fs::read(path).with_context(wrong)?;
    let key = SignatureKey::from_pem(&pem, &config.consent.signature_algorithm).with_context(wrong)?;
    Ok(Signatures { key: Some(key), required: config.consent.require_signature })
}

fn verifier_config(config: &Config) -> VerifierConfig {
    VerifierConfig {
        claims: config.gateway.callback_claims.clone(),
        late: config.gateway.callback_late,
        ..VerifierConfig::default()
    }
}

pub(crate) fn rules(config: &Config) -> Rules {
    let per_page = usize::try_from(config.transfer.entries_per_page).ok().and_then(NonZeroUsize::new);
    Rules {
        tokens: token_desk::Limits {
            per_day: config.gateway.token_requests_per_day,
            window: config.gateway.token_window,
        },
        backoff: Backoff { first: config.retry.first, max: config.retry.max },
        callback_overdue: config.gateway.callback_overdue,
        per_page: per_page.unwrap_or(NonZeroUsize::MIN),
        deadline: config.transfer.deadline,
        allow_insecure: config.gateway.allow_insecure,
        discovery: domain::discovery::Settings { year_band: config.linking.year_band },
        otp: domain::otp::Limits {
            ttl: config.linking.otp_ttl,
            attempts: config.linking.otp_attempts,
            lock: config.linking.otp_lock,
            sends: config.linking.otp_sends,
        },
        otp_give_up: config.sms.as_ref().map(|sms| sms.give_up),
        token_life: config.share.token_ttl,
        sms: SmsRules {
            visit_days: config.linking.sms_visit_days,
            again_after: DAY.saturating_mul(config.linking.sms_again_days),
        },
    }
}
