//! Who asks. Under `/v1` a request without a valid API key is answered 401 before its path is looked at; what
//! belongs to another facility is answered 404, as if it were not there.

use abdm::id::FacilityId;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::facility::Facility;
use store::ApiKey;

use super::App;
use super::problem::{Code, Problem};

/// What a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every facility.
    Admin,
    /// One facility.
    Facility(FacilityId),
}

impl Scope {
    /// Whether it opens this facility.
    pub fn opens(&self, facility: &FacilityId) -> bool {
        match self {
            Self::Admin => true,
            Self::Facility(own) => own == facility,
        }
    }

    /// The only facility that it opens; none for an administrator.
    pub fn facility(&self) -> Option<&FacilityId> {
        match self {
            Self::Admin => None,
            Self::Facility(own) => Some(own),
        }
    }
}

/// Who asks: a key that is valid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's id; no secret.
    pub key: String,
    /// What it opens.
    pub scope: Scope,
}

impl Caller {
    /// How the caller stands in the audit trail.
    pub fn actor(&self) -> String {
        format!("key:{}", self.key)
    }
}

impl From<ApiKey> for Caller {
    fn from(key: ApiKey) -> Self {
        Self { key: key.id, scope: key.facility.map_or(Scope::Admin, Scope::Facility) }
    }
}

/// Lets requests to `/v1` through only with a valid key, and tells the handlers whose it is. Other paths pass.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/v1" || path.starts_with("/v1/") {
        match identify(&app, request.headers()).await {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(problem) => return problem.into_response(),
        };
    }
    next.run(request).await
}

/// The caller by the `Authorization` header. The key is looked up each time, so a revoked one is refused at once.
async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let token = bearer(headers).ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    let key = app.store.read().await?.key_by_token(token).await?;
    let key = key.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    note_use(app, &key).await;
    Ok(key.into())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Notes the key's use, about once a minute. That it could not be noted is no reason to refuse.
pub(super) async fn note_use(app: &App, key: &ApiKey) {
    if !key.use_is_worth_noting(app.clock.now()) {
        return;
    }
    let noted = async {
        let mut tx = app.store.begin().await?;
        tx.note_key_use(&key.id).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(error = %error, key.id, "could not note that a key was used");
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}

/// The facility that the path names, if the caller's key opens it and it exists; else 404.
#[derive(Debug, Clone)]
pub struct InFacility(pub Facility);

impl FromRequestParts<App> for InFacility {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let id = named_facility(parts, app).await.ok_or_else(Problem::not_found)?;
        if !caller.scope.opens(&id) {
            return Err(Problem::not_found());
        }
        let facility = app.store.read().await?.facility(&id).await?;
        facility.map(Self).ok_or_else(Problem::not_found)
    }
}

async fn named_facility(parts: &mut Parts, app: &App) -> Option<FacilityId> {
    let params = axum::extract::RawPathParams::from_request_parts(parts, app).await.ok()?;
    let (_, id) = params.iter().find(|(name, _)| *name == "facilityId")?;
    id.parse().ok()
}
