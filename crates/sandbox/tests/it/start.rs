//! Sandboxes to test, and how long a test waits.

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{ManualClock, SystemClock};
use jiff::Timestamp;
use sandbox::{Handle, Sandbox, SandboxConfig};

/// How long a test waits for what must happen. Only a failing test waits so long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const HIP: &str = "IN2810014366";
pub(crate) const RAMESH: &str = "ramesh.k_85@sbx";

/// A sandbox on the machine's clock.
pub(crate) async fn sandbox() -> Handle {
    sandbox_with(SandboxConfig::default()).await
}

/// A sandbox on the machine's clock, configured.
pub(crate) async fn sandbox_with(config: SandboxConfig) -> Handle {
    Sandbox::start(config, SystemClock::shared()).await.unwrap()
}

/// A sandbox on a clock that the test moves.
pub(crate) async fn timed(config: SandboxConfig) -> (Handle, ManualClock) {
    let clock = ManualClock::at("2026-09-16T10:12:48.483Z".parse::<Timestamp>().unwrap());
    let handle = Sandbox::start(config, Arc::new(clock.clone())).await.unwrap();
    (handle, clock)
}
