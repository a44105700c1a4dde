//! What happened: journal, effects, violations, and whether anything is still under way.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Awaited, Items, SteerError, Wait};
use crate::core::Sandbox;
use crate::world::World;
use crate::world::journal::{Direction, Entry, Filter, Verdict};
use crate::world::ledger::{Effect, EffectKind, Violation};

/// Entries of one answer, if the reader does not say.
const PAGE: usize = 1000;

pub(crate) fn routes() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new()
        .routes(routes!(journal))
        .routes(routes!(effects))
        .routes(routes!(violations))
        .routes(routes!(idle))
        .routes(routes!(figures))
        .routes(routes!(reset))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct JournalQuery {
    /// Only entries after this one.
    #[serde(default)]
    after: u64,
    /// `in` or `out`.
    direction: Option<String>,
    /// End of the path.
    path: Option<String>,
    /// `REQUEST-ID`, or any id in the body.
    request_id: Option<String>,
    /// `accepted`, `refused`, `silent`, `faulted` or `unreachable`.
    verdict: Option<String>,
    /// Most entries of the answer.
    limit: Option<usize>,
    /// How long to wait for an entry.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

impl JournalQuery {
    fn filter(&self) -> Result<Filter, SteerError> {
        let direction = match self.direction.as_deref() {
            None => None,
            Some("in") => Some(Direction::In),
            Some("out") => Some(Direction::Out),
            Some(_) => return Err(SteerError::bad("direction is in or out")),
        };
        let verdict = match self.verdict.as_deref() {
            None => None,
            Some("accepted") => Some(Verdict::Accepted),
            Some("refused") => Some(Verdict::Refused),
            Some("silent") => Some(Verdict::Silent),
            Some("faulted") => Some(Verdict::Faulted),
            Some("unreachable") => Some(Verdict::Unreachable),
            Some(_) => {
                return Err(SteerError::bad("verdict is accepted, refused, silent, faulted or unreachable"));
            }
        };
        Ok(Filter {
            after: self.after,
            direction,
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            verdict,
            limit: self.limit.unwrap_or(PAGE),
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct JournalPage {
    items: Vec<Entry>,
    /// Number of the newest entry of all.
    last: u64,
}

impl Sandbox {
    /// All entries of the journal on calls and callbacks whose path ends so, oldest first.
    #[must_use]
    pub fn journal(&self, path: &str) -> Vec<Entry> {
        let filter = Filter { path: Some(path.to_owned()), limit: usize::MAX, ..Filter::default() };
        self.read(|world| world.journal.entries(&filter))
    }

    /// Waits until so many entries of the journal end so, for at most `wait` of real time; gives them.
    pub async fn journal_of(&self, path: &str, at_least: usize, wait: Duration) -> Vec<Entry> {
        let filter = Filter { path: Some(path.to_owned()), limit: usize::MAX, ..Filter::default() };
        let enough =
            |world: &World| Some(world.journal.entries(&filter)).filter(|entries| entries.len() >= at_least);
        match self.await_change(wait, enough).await {
            Some(entries) => entries,
            None => self.journal(path),
        }
    }

    /// What took effect, of one kind or all, whose key is `key` or begins with `key|`.
    #[must_use]
    pub fn effects(&self, kind: Option<EffectKind>, key: Option<&str>) -> Vec<Effect> {
        self.read(|world| world.ledger.effects(kind, key))
    }

    /// Waits until effects of a kind add up to `count`, for at most `wait` of real time; gives the sum.
    pub async fn effects_of(&self, kind: EffectKind, key: Option<&str>, count: u32, wait: Duration) -> u32 {
        let sum = |world: &World| world.ledger.accepted(kind, key);
        self.await_change(wait, |world| (sum(world) >= count).then_some(())).await;
        self.read(sum)
    }

    /// Rules that clients broke.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.read(|world| world.ledger.violations().to_vec())
    }

    /// Waits until no callback is due or under way, for at most `wait` of real time.
    pub async fn is_idle(&self, wait: Duration) -> bool {
        let idle = |_: &World| (self.queue().0 == 0).then_some(());
        self.await_change(wait, idle).await.is_some()
    }

    /// Forgets what happened; people, bridges, services and facilities go back to the start but for bridges'
    /// addresses and sessions.
    pub fn reset(&self) {
        let config = self.config().clone();
        self.change(|world| world.forget(&config));
    }

    /// Counts of all exchanges.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (pending, repeating) = self.queue();
        self.read(|world| {
            let mut exchanges: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
            for ((path, status), count) in world.journal.counts() {
                exchanges.entry(path.clone()).or_default().insert(status.clone(), *count);
            }
            Figures {
                exchanges,
                pending,
                repeating,
                linked: world.links.count(),
                violations: world.ledger.violation_count(),
                journal: world.journal.last(),
            }
        })
    }
}

/// Every call received and every callback sent.
#[utoipa::path(get, path = "/journal", params(JournalQuery), responses((status = 200, body = JournalPage), (status = 400)))]
async fn journal(
    State(sandbox): State<Sandbox>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<JournalPage>, SteerError> {
    let filter = query.filter()?;
    let found = |world: &World| Some(world.journal.entries(&filter)).filter(|entries| !entries.is_empty());
    let items = sandbox.await_change(query.wait.unwrap_or_default().0, found).await.unwrap_or_default();
    Ok(Json(JournalPage { items, last: sandbox.read(|world| world.journal.last()) }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct EffectQuery {
    /// Only of this kind.
    kind: Option<String>,
    /// Only with this key, or keys that begin with it and `|`.
    key: Option<String>,
    /// Wait until so many were accepted in sum.
    at_least: Option<u32>,
    /// How long to wait.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// What took effect, counted by its body ids.
#[utoipa::path(get, path = "/effects", params(EffectQuery), responses((status = 200, body = Awaited<Effect>), (status = 400)))]
async fn effects(
    State(sandbox): State<Sandbox>,
    Query(query): Query<EffectQuery>,
) -> Result<Json<Awaited<Effect>>, SteerError> {
    let kind = query.kind.as_deref().map(str::parse::<EffectKind>).transpose();
    let kind = kind.map_err(|error| SteerError::bad(error.to_string()))?;
    let enough = |world: &World| {
        let accepted = || match kind {
            Some(kind) => world.ledger.accepted(kind, query.key.as_deref()),
            None => {
                world.ledger.effects(None, query.key.as_deref()).iter().map(|effect| effect.accepted).sum()
            }
        };
        query.at_least.is_none_or(|count| accepted() >= count).then_some(())
    };
    let satisfied = sandbox.await_change(query.wait.unwrap_or_default().0, enough).await.is_some();
    Ok(Json(Awaited { items: sandbox.effects(kind, query.key.as_deref()), satisfied }))
}

/// Rules that clients broke.
#[utoipa::path(get, path = "/violations", responses((status = 200, body = Items<Violation>)))]
async fn violations(State(sandbox): State<Sandbox>) -> Json<Items<Violation>> {
    Items::json(sandbox.violations())
}

/// Whether callbacks are due or under way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Idle {
    /// None is.
    pub idle: bool,
    /// How many are.
    pub pending: usize,
    /// How many wait for a far repeat.
    pub repeating: usize,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct IdleQuery {
    /// How long to wait.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// Whether callbacks are due or under way.
#[utoipa::path(get, path = "/idle", params(IdleQuery), responses((status = 200, body = Idle)))]
async fn idle(State(sandbox): State<Sandbox>, Query(query): Query<IdleQuery>) -> Json<Idle> {
    let idle = sandbox.is_idle(query.wait.unwrap_or_default().0).await;
    let (pending, repeating) = sandbox.queue();
    Json(Idle { idle, pending, repeating })
}

/// Counts of all exchanges.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Figures {
    /// By direction and path, then by status.
    #[schema(value_type = Object)]
    pub exchanges: BTreeMap<String, BTreeMap<String, u64>>,
    /// Callbacks due or under way.
    pub pending: usize,
    /// Callbacks that wait for a far repeat.
    pub repeating: usize,
    /// Care contexts linked.
    pub linked: usize,
    /// Rules broken.
    pub violations: u64,
    /// Entries of the journal so far.
    pub journal: u64,
}

/// Counts of all exchanges.
#[utoipa::path(get, path = "/figures", responses((status = 200, body = Figures)))]
async fn figures(State(sandbox): State<Sandbox>) -> Json<Figures> {
    Json(sandbox.figures())
}

/// Forgets what happened.
#[utoipa::path(post, path = "/reset", responses((status = 204)))]
async fn reset(State(sandbox): State<Sandbox>) -> axum::http::StatusCode {
    sandbox.reset();
    axum::http::StatusCode::NO_CONTENT
}
