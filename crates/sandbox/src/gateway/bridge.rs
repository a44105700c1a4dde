//! Bridge URL, services, and the facility registry's linking call.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Call};
use crate::judge::Node;
use crate::judge::patterns::{FACILITY, HIP_NAME, written};
use crate::refusal::Refusal;
use crate::world::registry::{Bridge, Registry, Service};

/// `PATCH bridge/url`. Plain HTTP, addresses and ports are taken: the sandbox is local.
pub(crate) fn set_url(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let invalid = || {
        Refusal::bad("ABDM-1015", "Invalid Response").breaks("bridge-url", "url must be an http(s) base URL")
    };
    let url = root.text("url").map_err(|_| invalid())?;
    let plain = reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if !plain {
        return Err(invalid());
    }
    call.note_strangers(&root.strangers(&["url"]));
    call.sandbox.change(|world| {
        if let Some(bridge) = world.registry.bridges.get_mut(&call.client) {
            bridge.url = Some(url.to_owned());
        }
    });
    Ok(Answer::accepted())
}

/// `GET bridge-services`.
pub(crate) fn services(call: &Call<'_>) -> Result<Answer, Refusal> {
    call.sandbox.read(|world| {
        let bridge = world.registry.bridges.get(&call.client);
        let Some(bridge) = bridge else { return Ok(nothing_found()) };
        let services: Vec<Value> = own(&world.registry, &call.client).map(listed).collect();
        Ok(Answer::with(StatusCode::OK, json!({"bridge": shown(bridge), "services": services})))
    })
}

fn own<'a>(registry: &'a Registry, client: &'a str) -> impl Iterator<Item = &'a Service> {
    registry.services.values().filter(move |service| service.bridge_id == client)
}

fn shown(bridge: &Bridge) -> Value {
    json!({"id": bridge.id, "name": bridge.name, "url": bridge.url, "active": bridge.active,
        "blocklisted": bridge.blocklisted, "entity": Value::Null})
}

fn listed(service: &Service) -> Value {
    let types = [("HIP", service.hip), ("HIU", service.hiu)];
    let types: Vec<_> = types.into_iter().filter(|(_, plays)| *plays).map(|(name, _)| name).collect();
    json!({"id": service.id, "name": service.name, "types": types, "endpoints": {}, "active": service.active})
}

/// `GET bridge-service/serviceId/{id}`.
pub(crate) fn service(call: &Call<'_>) -> Result<Answer, Refusal> {
    let now = written(call.now);
    call.sandbox.read(|world| {
        let place = own(&world.registry, &call.client).position(|service| service.id == call.tail);
        let Some((service, n)) = world.registry.services.get(&call.tail).zip(place) else { return Ok(nothing_found()) };
        let body = json!({"id": 1000 + n, "bridgeId": service.bridge_id, "serviceId": service.id, "name": service.name,
            "isHip": service.hip, "isHiu": service.hiu, "isHealthLocker": false, "isPhr": false, "active": service.active,
            "endpoints": {}, "registerTime": now, "dateCreated": now, "dateModified": now});
        Ok(Answer::with(StatusCode::OK, body))
    })
}

/// 204 with ABDM-1001: a body that HTTP does not let through.
fn nothing_found() -> Answer {
    Answer { status: StatusCode::NO_CONTENT, ..Answer::default() }
}

/// `POST MutipleHRPAddUpdateServices`: always 200, failures too.
#[expect(clippy::unnecessary_wraps, reason = "every operation is judged alike")]
pub(crate) fn register(call: &Call<'_>) -> Result<Answer, Refusal> {
    let answer = match read(call) {
        Err(failure) => failure,
        Ok(request) => call.sandbox.change(|world| enlist(&mut world.registry, &call.client, &request)),
    };
    Ok(Answer::with(StatusCode::OK, answer))
}

/// What the call asks for.
struct Request {
    facility: String,
    entries: Vec<(String, String, bool)>,
}

fn read(call: &Call<'_>) -> Result<Request, Value> {
    let root = call.root();
    let facility = root
        .matching("facilityId", &FACILITY)
        .map_err(|_| his("HIS-1070", "Invalid facility id", "facilityId"))?;
    let name = root
        .text("facilityName")
        .map_err(|_| his("HIS-1071", "Facility name is required", "facilityName"))?;
    let known =
        call.sandbox.read(|world| world.registry.facilities.get(facility).map(|known| known.name.clone()));
    if known.as_deref() != Some(name) {
        return Err(
            json!([{"error": {"code": "2500", "message": "Provided facility name is not matched with registered name"}}]),
        );
    }
    let nodes = root.items("HRP").map_err(|_| his("HIS-1072", "HRP is required", "HRP"))?;
    let entries = nodes.iter().map(|node| entry(call, node)).collect::<Result<Vec<_>, _>>()?;
    if entries.iter().any(|(name, ..)| call.sandbox.read(|world| is_taken(&world.registry, facility, name))) {
        return Err(his("HIS-1070", "hipName already exists", "hipName"));
    }
    Ok(Request { facility: facility.to_owned(), entries })
}

fn entry(call: &Call<'_>, node: &Node<'_>) -> Result<(String, String, bool), Value> {
    if node.text("bridgeId").ok() != Some(call.client.as_str()) {
        return Err(his("HIS-1073", "Invalid bridge id", "bridgeId"));
    }
    let name =
        node.matching("hipName", &HIP_NAME).map_err(|_| his("HIS-1070", "Invalid hipName", "hipName"))?;
    let role = node.one_of("type", &["HIP", "HIU"]).map_err(|_| his("HIS-1074", "Invalid type", "type"))?;
    let active = node.member("active").ok().and_then(|active| active.value().as_bool());
    let active = active.ok_or_else(|| his("HIS-1075", "active is required", "active"))?;
    Ok((name.to_owned(), role.to_owned(), active))
}

/// Names of services are unique: patients' apps show them.
fn is_taken(registry: &Registry, facility: &str, name: &str) -> bool {
    let mut others =
        registry.services.values().filter(|service| service.facility_id.as_deref() != Some(facility));
    others.any(|service| service.name.eq_ignore_ascii_case(name))
}

fn his(code: &str, message: &str, key: &str) -> Value {
    json!({"code": "HIS-400", "message": "Bad Request",
        "details": [{"code": code, "message": message, "attribute": {"key": key, "value": Value::Null}}]})
}

/// Links the facility. Its first bridge gets the facility's id as service id, later ones a number behind it.
fn enlist(registry: &mut Registry, client: &str, request: &Request) -> Value {
    let served = |service: &&Service| service.facility_id.as_deref() == Some(request.facility.as_str());
    let mine = registry
        .services
        .values()
        .filter(served)
        .find(|service| service.bridge_id == client)
        .map(|s| s.id.clone());
    let others = registry.services.values().filter(served).count();
    let id = mine.unwrap_or_else(|| match others {
        0 => request.facility.clone(),
        n => format!("{}_{n}", request.facility),
    });
    let answers = request.entries.iter().map(|(name, role, active)| {
        let service = registry.services.entry(id.clone()).or_insert_with(|| Service {
            id: id.clone(),
            bridge_id: client.to_owned(),
            facility_id: Some(request.facility.clone()),
            name: name.clone(),
            hip: false,
            hiu: false,
            active: *active,
        });
        service.active = *active;
        service.name.clone_from(name);
        // A service registered as HIP came back with both types.
        service.hip |= role == "HIP";
        service.hiu = true;
        json!({"servicesLinked": {"id": id}})
    });
    Value::Array(answers.collect())
}
