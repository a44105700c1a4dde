//! What operators and auditors look at: figures, and the trail.

use domain::link::LinkState;
use sandbox::{CallFault, Fault};
use store::testing::TestDatabase;

use crate::api::Api;
use crate::steps::{GENERATE_TOKEN, MINUTE, ONE};
use crate::world::{RAMESH, World};

async fn figures(world: &World) -> String {
    let url = format!("http://{}/metrics", world.bridge.private);
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    response.text().await.unwrap()
}

/// The value of a line.
fn value(figures: &str, line: &str) -> f64 {
    let found = figures.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in\n{figures}"))
}

#[tokio::test]
async fn figures_tell_what_was_called_with_what_outcome_and_what_waits() {
    kadi::metrics::start().unwrap();
    let world = World::on(TestDatabase::sqlite()).await;
    world.call_faults(vec![Fault::always(CallFault::TooMany).on(GENERATE_TOKEN).times(1)]);
    let patient = world.patient("P1", RAMESH).await;
    world.visit(&patient, "visit-1", &ONE).await;
    world.link_after(MINUTE, &patient, "visit-1", LinkState::Linked).await;
    let text = figures(&world).await;
    let path = "/api/hiecm/v3/token/generate-token";
    let calls =
        |outcome: &str| format!("kadi_abdm_calls_total{{operation=\"{path}\",outcome=\"{outcome}\"}}");
    assert_eq!(value(&text, &calls("accepted")), 1.0);
    assert_eq!(value(&text, &calls("ABDM-1022")), 1.0);
    let seconds = format!("kadi_abdm_call_duration_seconds_count{{operation=\"{path}\"}}");
    assert_eq!(value(&text, &seconds), 2.0);
    let done = "kadi_callbacks_total{callback=\"/api/v3/link/on_carecontext\",outcome=\"done\"}";
    assert_eq!(value(&text, done), 1.0);
    for nothing in ["kadi_inbox_pending", "kadi_dead_letters", "kadi_exchanges_overdue", "kadi_links_waiting"]
    {
        assert_eq!(value(&text, nothing), 0.0, "{nothing}");
    }
    for personal in ["ramesh", "9876543210", "IN2810014366"] {
        assert!(!text.to_lowercase().contains(&personal.to_lowercase()), "{personal}");
    }
}

#[tokio::test]
async fn what_waits_is_told_before_anything_was_counted() {
    let api = Api::start().await;
    let text = figures(&api.world).await;
    assert_eq!(value(&text, "kadi_outbox_pending"), 0.0);
    assert_eq!(value(&text, "kadi_outbox_oldest_seconds"), 0.0);
}
