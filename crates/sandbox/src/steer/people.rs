//! People, bridges, services, facilities.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Given, Items, SteerError};
use crate::core::Sandbox;
use crate::phr::StatusWanted;
use crate::world::links::LinkedContext;
use crate::world::registry::{Bridge, Facility, Person, Service};
use crate::world::statuses::AbhaNotice;

pub(crate) fn routes() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new()
        .routes(routes!(list_people, add_people))
        .routes(routes!(get_person, put_person))
        .routes(routes!(list_notices, set_status))
        .routes(routes!(list_bridges))
        .routes(routes!(put_bridge))
        .routes(routes!(list_services))
        .routes(routes!(put_service))
        .routes(routes!(list_facilities))
        .routes(routes!(put_facility))
}

/// Changes to a bridge; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BridgeChange {
    /// Client secret.
    #[serde(default)]
    pub secret: Option<String>,
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// Callback URL.
    #[serde(default)]
    pub url: Option<String>,
    /// Whether it gets sessions.
    #[serde(default)]
    pub active: Option<bool>,
    /// Shown in the list of services.
    #[serde(default)]
    pub blocklisted: Option<bool>,
}

impl Sandbox {
    /// Everybody with an ABHA address.
    #[must_use]
    pub fn people(&self) -> Vec<Person> {
        self.read(|world| world.registry.people.values().cloned().collect())
    }

    /// One person.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub fn person(&self, abha_address: &str) -> Result<Person, SteerError> {
        let found = self.read(|world| world.registry.person(abha_address).cloned());
        found.ok_or_else(|| SteerError::not_found("no such person"))
    }

    /// Adds a person or replaces one.
    pub fn put_person(&self, person: Person) -> Person {
        self.change(|world| world.registry.people.insert(person.abha_address.to_lowercase(), person.clone()));
        person
    }

    /// Adds many people or replaces them; gives how many.
    pub fn put_people(&self, people: impl IntoIterator<Item = Person>) -> usize {
        self.change(|world| {
            let people = people.into_iter().map(|person| (person.abha_address.to_lowercase(), person));
            people.map(|(address, person)| world.registry.people.insert(address, person)).count()
        })
    }

    /// Takes care contexts as linked already, without anybody having asked for it: history to begin with. Those whose
    /// bridge does not know of them can be consented to like others.
    pub fn put_linked(&self, contexts: impl IntoIterator<Item = LinkedContext>) {
        self.change(|world| contexts.into_iter().for_each(|context| world.links.put(context)));
    }

    /// All bridges.
    #[must_use]
    pub fn bridges(&self) -> Vec<Bridge> {
        self.read(|world| world.registry.bridges.values().cloned().collect())
    }

    /// Adds a bridge or changes one.
    pub fn put_bridge(&self, client_id: &str, change: BridgeChange) -> Bridge {
        self.change(|world| {
            let bridge = world.registry.bridges.entry(client_id.to_owned()).or_insert_with(|| Bridge {
                id: client_id.to_owned(),
                secret: uuid::Uuid::new_v4().to_string(),
                name: client_id.to_owned(),
                url: None,
                active: true,
                blocklisted: false,
            });
            let BridgeChange { secret, name, url, active, blocklisted } = change;
            bridge.secret = secret.unwrap_or_else(|| bridge.secret.clone());
            bridge.name = name.unwrap_or_else(|| bridge.name.clone());
            bridge.url = url.or_else(|| bridge.url.clone());
            bridge.active = active.unwrap_or(bridge.active);
            bridge.blocklisted = blocklisted.unwrap_or(bridge.blocklisted);
            bridge.clone()
        })
    }

    /// Points the callbacks of a bridge somewhere.
    pub fn set_bridge_url(&self, client_id: &str, url: &str) -> Bridge {
        self.put_bridge(client_id, BridgeChange { url: Some(url.to_owned()), ..BridgeChange::default() })
    }

    /// All services.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        self.read(|world| world.registry.services.values().cloned().collect())
    }

    /// Adds a service or replaces one.
    pub fn put_service(&self, service: Service) -> Service {
        self.change(|world| world.registry.services.insert(service.id.clone(), service.clone()));
        service
    }

    /// What the facility registry knows.
    #[must_use]
    pub fn facilities(&self) -> Vec<Facility> {
        self.read(|world| world.registry.facilities.values().cloned().collect())
    }

    /// Adds a facility to the registry or renames one.
    pub fn put_facility(&self, facility: Facility) -> Facility {
        self.change(|world| world.registry.facilities.insert(facility.facility_id.clone(), facility.clone()));
        facility
    }

    /// Ends all sessions: the next call of every bridge is answered 401 with 900901.
    pub fn end_sessions(&self) {
        let now = self.now();
        self.change(|world| world.registry.sessions.values_mut().for_each(|session| session.until = now));
    }
}

/// Everybody with an ABHA address.
#[utoipa::path(get, path = "/people", responses((status = 200, body = Items<Person>)))]
async fn list_people(State(sandbox): State<Sandbox>) -> Json<Items<Person>> {
    Items::json(sandbox.people())
}

/// Adds many people or replaces them.
#[utoipa::path(post, path = "/people", request_body = Vec<Person>, responses((status = 200, body = Object)))]
async fn add_people(State(sandbox): State<Sandbox>, Given(people): Given<Vec<Person>>) -> Json<Value> {
    Json(json!({"stored": sandbox.put_people(people)}))
}

/// One person.
#[utoipa::path(get, path = "/people/{abhaAddress}", params(("abhaAddress" = String, Path)), responses((status = 200, body = Person), (status = 404)))]
async fn get_person(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
) -> Result<Json<Person>, SteerError> {
    sandbox.person(&address).map(Json)
}

/// Adds a person or replaces one.
#[utoipa::path(put, path = "/people/{abhaAddress}", params(("abhaAddress" = String, Path)), request_body = Person, responses((status = 200, body = Person)))]
async fn put_person(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Given(person): Given<Person>,
) -> Json<Person> {
    Json(sandbox.put_person(Person { abha_address: address, ..person }))
}

/// What HIPs were told of a person's ABHA.
#[utoipa::path(get, path = "/people/{abhaAddress}/status", params(("abhaAddress" = String, Path)), responses((status = 200, body = Items<AbhaNotice>)))]
async fn list_notices(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
) -> Json<Items<AbhaNotice>> {
    Items::json(sandbox.abha_notices(&address))
}

/// The person deactivates or deletes their ABHA, opts out, or comes back; HIPs concerned are told.
#[utoipa::path(post, path = "/people/{abhaAddress}/status", params(("abhaAddress" = String, Path)), request_body = StatusWanted, responses((status = 200, body = Items<AbhaNotice>), (status = 404)))]
async fn set_status(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Given(wanted): Given<StatusWanted>,
) -> Result<Json<Items<AbhaNotice>>, SteerError> {
    Ok(Items::json(sandbox.set_abha_status(&address, &wanted)?))
}

/// All bridges.
#[utoipa::path(get, path = "/bridges", responses((status = 200, body = Items<Bridge>)))]
async fn list_bridges(State(sandbox): State<Sandbox>) -> Json<Items<Bridge>> {
    Items::json(sandbox.bridges())
}

/// Adds a bridge or changes one.
#[utoipa::path(put, path = "/bridges/{clientId}", params(("clientId" = String, Path)), request_body = BridgeChange, responses((status = 200, body = Bridge)))]
async fn put_bridge(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Given(change): Given<BridgeChange>,
) -> Json<Bridge> {
    Json(sandbox.put_bridge(&id, change))
}

/// All services.
#[utoipa::path(get, path = "/services", responses((status = 200, body = Items<Service>)))]
async fn list_services(State(sandbox): State<Sandbox>) -> Json<Items<Service>> {
    Items::json(sandbox.services())
}

/// Adds a service or replaces one.
#[utoipa::path(put, path = "/services/{serviceId}", params(("serviceId" = String, Path)), request_body = Service, responses((status = 200, body = Service)))]
async fn put_service(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Given(service): Given<Service>,
) -> Json<Service> {
    Json(sandbox.put_service(Service { id, ..service }))
}

/// What the facility registry knows.
#[utoipa::path(get, path = "/facilities", responses((status = 200, body = Items<Facility>)))]
async fn list_facilities(State(sandbox): State<Sandbox>) -> Json<Items<Facility>> {
    Items::json(sandbox.facilities())
}

/// Adds a facility to the registry or renames one.
#[utoipa::path(put, path = "/facilities/{facilityId}", params(("facilityId" = String, Path)), request_body = Facility, responses((status = 200, body = Facility)))]
async fn put_facility(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Given(facility): Given<Facility>,
) -> Json<Facility> {
    Json(sandbox.put_facility(Facility { facility_id: id, ..facility }))
}
