//! The watch over the bridge's address: who has taken it, who is told, and when it is over.

use abdm::clock::Clock as _;
use domain::bridge::Holder;
use domain::event::EventType;
use kadi::bridge::start_with;
use sandbox::SandboxConfig;
use store::{BridgeWatch, Key, Options, on_both_databases};

use crate::steps::{MINUTE, SECOND};
use crate::world::World;

const LIST: &str = "/gateway/v3/bridge-services";
const CLIENT: &str = "SBX_000000";

impl World {
    async fn watched(&self) -> BridgeWatch {
        self.read().await.bridge_watch(CLIENT).await.unwrap()
    }

    /// Says that the bridge's address was registered from here.
    async fn registered_here(&self) {
        let url = format!("http://{}", self.bridge.public);
        let mut tx = self.tx().await;
        kadi::flows::bridge::registered(&mut tx, &self.core().watch, &url).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn until_holder(&self, holder: Holder) -> BridgeWatch {
        self.as_time_goes_on(async || Some(self.watched().await).filter(|watch| watch.holder == Some(holder)))
            .await
    }

    /// Lets minutes pass until `look` finds something: when the clock was put forward, whoever watches may only just
    /// have begun to wait.
    async fn as_time_goes_on<T>(&self, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let mut looks = 0_u32;
        self.until(async || {
            looks += 1;
            if looks.is_multiple_of(32) {
                self.clock.advance(MINUTE);
            }
            look().await
        })
        .await
    }
}

on_both_databases! {
    async fn another_system_that_takes_the_address_raises_the_alarm_once_until_it_is_right_again(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "bridge_watch = \"5m\"").await;
        world.registered_here().await;
        world.clock.advance(MINUTE * 5);
        let watch = world.until_holder(Holder::Ours).await;
        assert_eq!(world.raised(EventType::BridgeTakenOver).await, 0);

        world.sandbox.state().set_bridge_url(CLIENT, "https://other.example/callbacks");
        world.clock.advance(MINUTE * 5);
        let taken = world.until_holder(Holder::Other).await;
        assert_eq!(taken.found_url.as_deref(), Some("https://other.example/callbacks"));
        assert!(taken.since > watch.since);
        let event = world.events().await.into_iter().find(|event| event.event == EventType::BridgeTakenOver).unwrap();
        assert_eq!(event.data["registeredUrl"], "https://other.example/callbacks");
        assert_eq!(event.data["facilityId"], crate::world::FACILITY);

        // It stays so: nobody is told again.
        let looks = world.calls(LIST).len();
        world.clock.advance(MINUTE * 5);
        world.as_time_goes_on(async || Some(()).filter(|()| world.calls(LIST).len() > looks)).await;
        world.as_time_goes_on(async || Some(world.watched().await).filter(|watch| watch.checked_at > taken.checked_at)).await;
        assert_eq!(world.raised(EventType::BridgeTakenOver).await, 1);
        assert_eq!(world.watched().await.since, taken.since);

        // A third one takes it: that is news.
        world.sandbox.state().set_bridge_url(CLIENT, "https://third.example");
        world.clock.advance(MINUTE * 5);
        world.as_time_goes_on(async || Some(world.raised(EventType::BridgeTakenOver).await).filter(|n| *n == 2)).await;

        world.register();
        world.clock.advance(MINUTE * 5);
        world.until_holder(Holder::Ours).await;
        assert_eq!(world.raised(EventType::BridgeTakenOver).await, 2);
    }

    async fn without_an_address_of_ours_nothing_is_asked(database: TestDatabase) {
        let world = World::on(database).await;
        world.clock.advance(MINUTE * 60);
        let patient = world.linked().await;
        assert_eq!(world.calls(LIST).len(), 0, "{patient:?}");
    }

    async fn a_gateway_that_does_not_answer_changes_nothing(database: TestDatabase) {
        let world = World::on(database).await;
        world.registered_here().await;
        world.clock.advance(MINUTE * 5);
        world.until_holder(Holder::Ours).await;
        let before = world.calls(LIST).len();
        world.call_faults(vec![sandbox::Fault::always(sandbox::CallFault::Unavailable).on(LIST).times(1)]);
        world.sandbox.state().set_bridge_url(CLIENT, "https://other.example");
        world.clock.advance(MINUTE * 5);
        world.as_time_goes_on(async || Some(()).filter(|()| world.calls(LIST).len() > before)).await;
        assert_eq!(world.watched().await.holder, Some(Holder::Ours), "what is not known raises no alarm");
        world.clock.advance(MINUTE * 5);
        world.until_holder(Holder::Other).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_instances_ask_once_between_them() {
    let database = store::testing::TestDatabase::postgres().await;
    let url = database.url().to_owned();
    let world = World::with(database, SandboxConfig::default(), "").await;
    world.registered_here().await;
    let folder = tempfile::tempdir().unwrap();
    let config = crate::world::config(&folder, world.sandbox.base_url(), "");
    let clock = std::sync::Arc::new(world.clock.clone());
    let other = start_with(&config, Options::new(url, Key::new([7; 32]), clock)).await.unwrap();
    let begun = world.clock.now();
    for _ in 0..4 {
        let before = world.watched().await.checked_at;
        world.clock.advance(MINUTE * 5);
        world
            .as_time_goes_on(async || Some(world.watched().await).filter(|watch| watch.checked_at > before))
            .await;
    }
    let turns = world.clock.now().duration_since(begun).as_mins() / 5;
    let (looks, turns) = (world.calls(LIST).len(), usize::try_from(turns).unwrap());
    assert!((4..=turns + 1).contains(&looks), "{looks} looks of two instances in {turns} turns");
    other.stop(SECOND).await;
}

#[tokio::test]
async fn the_console_begins_with_the_alarm_until_it_is_over() {
    let api = crate::api::Api::start().await;
    let world = &api.world;
    let key = api.key(Some(crate::world::FACILITY)).await;
    let url = |path: &str| format!("http://{}{path}", world.bridge.private);
    let signed_in = crate::api::client()
        .post(url("/console/sign-in"))
        .form(&[("key", key.as_str())])
        .send()
        .await
        .unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = async || {
        let page = crate::api::client().get(url("/console/exchanges")).header("cookie", &cookie);
        page.send().await.unwrap().text().await.unwrap()
    };
    let see = async |url: &str| {
        let mut tx = world.tx().await;
        kadi::flows::bridge::record(&mut tx, &world.core().watch, Some(url.to_owned())).await.unwrap();
        tx.commit().await.unwrap();
    };
    world.registered_here().await;
    let ours = format!("http://{}", world.bridge.public);
    see(&ours).await;
    assert!(!page().await.contains("role=\"alert\""));
    see("https://other.example/<b>").await;
    let alarmed = page().await;
    assert!(
        alarmed.contains("ABDM sends callbacks elsewhere") && alarmed.contains("https://other.example/"),
        "{alarmed}"
    );
    assert!(!alarmed.contains("/<b>"), "what another system has registered is text");
    see(&ours).await;
    assert!(!page().await.contains("role=\"alert\""));
}
