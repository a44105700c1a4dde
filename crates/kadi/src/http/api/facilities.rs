//! Facilities. Only an administrator's key makes or changes one; a facility's key reads its own.

use abdm::id::{FacilityId, ServiceId};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::facility::{Counter, Facility, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::{Caller, InFacility, Scope};
use super::super::body::{Body, Patch};
use super::super::paging::{List, PageParams, Params};
use super::super::problem::{Code, Problem};
use super::check::{self, Check};
use super::path::IdPath;

/// A counter whose QR code patients scan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Counter)]
pub struct CounterView {
    /// What the QR code carries: 1 to 20 letters and digits.
    #[schema(example = "OPD1")]
    pub id: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a facility does at ABDM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Role)]
pub enum RoleView {
    /// Shares records.
    #[serde(rename = "HIP")]
    Hip,
    /// Asks for records.
    #[serde(rename = "HIU")]
    Hiu,
}

/// A facility to be stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FacilityBody {
    /// Its name as registered. Required.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Sunrise Clinic")]
    name: Patch<String>,
    /// What it does. Required.
    #[serde(default)]
    #[schema(value_type = Option<Vec<RoleView>>)]
    roles: Patch<Vec<RoleView>>,
    /// Its HIP service id at the gateway, as its service list shows it; the facility id if not set.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "IN2810014366")]
    hip_id: Patch<String>,
    /// Its HIU service id; the facility id if not set.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    hiu_id: Patch<String>,
    /// Its counters.
    #[serde(default)]
    #[schema(value_type = Option<Vec<CounterView>>)]
    counters: Patch<Vec<CounterView>>,
}

/// A facility.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Facility)]
pub struct FacilityView {
    /// Its id in the Health Facility Registry.
    #[schema(example = "IN2810014366")]
    pub facility_id: String,
    /// Its name as registered.
    pub name: String,
    /// What it does.
    pub roles: Vec<RoleView>,
    /// Its HIP service id.
    pub hip_id: String,
    /// Its HIU service id.
    pub hiu_id: String,
    /// Its counters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterView>,
}

impl From<Facility> for FacilityView {
    fn from(facility: Facility) -> Self {
        Self {
            facility_id: facility.id.to_string(),
            name: facility.name,
            roles: facility.roles.into_iter().map(RoleView::from).collect(),
            hip_id: facility.hip_id.to_string(),
            hiu_id: facility.hiu_id.to_string(),
            counters: facility
                .counters
                .into_iter()
                .map(|one| CounterView { id: one.id, name: one.name })
                .collect(),
        }
    }
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        match role {
            Role::Hip => Self::Hip,
            Role::Hiu => Self::Hiu,
        }
    }
}

impl From<RoleView> for Role {
    fn from(role: RoleView) -> Self {
        match role {
            RoleView::Hip => Self::Hip,
            RoleView::Hiu => Self::Hiu,
        }
    }
}

impl FacilityBody {
    fn read(self, id: FacilityId, before: Option<Facility>) -> Result<Facility, Problem> {
        let mut check = Check::default();
        let name = check.patch("/name", self.name, check::text).or(before.as_ref().map(|it| it.name.clone()));
        let name = check.required("/name", name);
        let roles =
            self.roles.or(before.as_ref().map(|it| it.roles.iter().copied().map(RoleView::from).collect()));
        let roles = check.required("/roles", roles).map(|roles| read_roles(&mut check, &roles));
        let default = id.as_str().parse::<ServiceId>();
        let hip_id = check
            .patch("/hipId", self.hip_id, |text| text.parse())
            .or(before.as_ref().map(|it| it.hip_id.clone()));
        let hip_id = hip_id.or_else(|| check.take("/hipId", default.clone()));
        let hiu_id = check
            .patch("/hiuId", self.hiu_id, |text| text.parse())
            .or(before.as_ref().map(|it| it.hiu_id.clone()));
        let hiu_id = hiu_id.or_else(|| check.take("/hiuId", default));
        let counters = match self.counters {
            Patch::Keep => before.map(|it| it.counters).unwrap_or_default(),
            Patch::Remove => Vec::new(),
            Patch::Set(counters) => read_counters(&mut check, counters),
        };
        let facility = match (name, roles, hip_id, hiu_id) {
            (Some(name), Some(roles), Some(hip_id), Some(hiu_id)) => {
                Some(Facility { id, name, roles, hip_id, hiu_id, counters })
            }
            _ => None,
        };
        check.end(facility)
    }
}

fn read_roles(check: &mut Check, roles: &[RoleView]) -> Vec<Role> {
    if roles.is_empty() {
        check.wrong("/roles", "must name HIP, HIU or both");
    }
    let mut read: Vec<Role> = roles.iter().copied().map(Role::from).collect();
    read.sort_unstable();
    read.dedup();
    read
}

fn read_counters(check: &mut Check, counters: Vec<CounterView>) -> Vec<Counter> {
    let mut read: Vec<Counter> = Vec::with_capacity(counters.len());
    for (place, counter) in counters.into_iter().enumerate() {
        let id = counter.id;
        if !(1..=20).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            check.wrong(format!("/counters/{place}/id"), "must have 1 to 20 letters and digits");
        } else if read.iter().any(|known| known.id == id) {
            check.wrong(format!("/counters/{place}/id"), "is already another counter's");
        }
        read.push(Counter { id, name: counter.name });
    }
    read
}

/// Store a facility
///
/// Needs an administrator's key (`kadi key create --admin`).
#[utoipa::path(put, path = "/v1/facilities/{facilityId}", tag = "Facilities",
    operation_id = "putFacility",
    params(("facilityId" = String, Path, description = "Its id in the Health Facility Registry", example = "IN2810014366")),
    request_body = FacilityBody,
    responses(
        (status = 200, description = "It was known and is as given now", body = FacilityView),
        (status = 201, description = "It is new", body = FacilityView),
        (status = 403, description = "`forbidden`: needs an administrator's key", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: another facility has that service id", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<App>,
    Storing { caller, id }: Storing,
    Body(body): Body<FacilityBody>,
) -> Result<(StatusCode, Json<FacilityView>), Problem> {
    let mut tx = app.store.begin().await?;
    let before = tx.facility(&id).await?;
    let facility = body.read(id, before)?;
    let made = tx.put_facility(&facility).await.map_err(|error| {
        if error.is_duplicate() {
            return Problem::conflict("another facility has this hipId or hiuId");
        }
        error.into()
    })?;
    tx.audit(&facility.id, &caller.actor(), "facility stored", facility.id.as_str()).await?;
    tx.commit().await?;
    Ok((super::created_or_ok(made), Json(facility.into())))
}

/// An administrator, and the facility that is to be stored.
pub struct Storing {
    caller: Caller,
    id: FacilityId,
}

impl<S: Send + Sync> FromRequestParts<S> for Storing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let named = IdPath::<FacilityId>::from_request_parts(parts, state).await;
        match (named, &caller.scope) {
            (Ok(IdPath(id)), Scope::Admin) => Ok(Self { caller, id }),
            (Ok(IdPath(id)), Scope::Facility(own)) if id == *own => {
                Err(Problem::new(Code::Forbidden).detail("an administrator's key stores facilities"))
            }
            (Err(_), Scope::Admin) => {
                let message = abdm::id::IdError::FacilityId.to_string();
                Err(Problem::new(Code::Invalid).field("/facilityId", message))
            }
            _ => Err(Problem::not_found()),
        }
    }
}

/// Read a facility
#[utoipa::path(get, path = "/v1/facilities/{facilityId}", tag = "Facilities",
    operation_id = "getFacility",
    params(("facilityId" = String, Path, description = "Its id in the Health Facility Registry")),
    responses(
        (status = 200, description = "The facility", body = FacilityView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(InFacility(facility): InFacility) -> Json<FacilityView> {
    Json(facility.into())
}

/// List the facilities that the key opens
#[utoipa::path(get, path = "/v1/facilities", tag = "Facilities", operation_id = "listFacilities", params(PageParams),
    responses((status = 200, description = "A page of facilities", body = List<FacilityView>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(page): Params<PageParams>,
) -> Result<Json<List<FacilityView>>, Problem> {
    let page = page.read()?;
    let mut tx = app.store.read().await?;
    let facilities = match caller.scope.facility() {
        None => tx.facilities(page.after()?.as_ref(), page.read_limit()).await?,
        Some(own) => tx.facility(own).await?.into_iter().collect(),
    };
    Ok(Json(page.list(facilities, |facility| facility.id.to_string(), FacilityView::from)))
}
