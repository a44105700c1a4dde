//! A `kadi serve` in a process of its own, from this very binary.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::{Context as _, bail};
use reqwest::{Client, StatusCode};

/// A bridge that was started. It is killed with this value.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Where ABDM reaches it.
    pub public: SocketAddr,
    /// Where the hospital reaches it.
    pub private: SocketAddr,
}

impl Serving {
    /// Starts the bridge on two free ports; `log` takes what it writes to standard error.
    pub fn spawn(config: &Path, log: File) -> anyhow::Result<Self> {
        Self::spawn_on(config, log, None)
    }

    /// The same with the database at this URL instead of the configuration's.
    pub fn spawn_on(config: &Path, log: File, store: Option<&str>) -> anyhow::Result<Self> {
        let (public, private) = free_ports()?;
        let child = kadi(config)?
            .envs(store.map(|url| ("KADI_STORE__URL", url)))
            .arg("serve")
            .env("KADI_SERVER__PUBLIC", public.to_string())
            .env("KADI_SERVER__PRIVATE", private.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("kadi serve can't be started")?;
        Ok(Self { child, public, private })
    }

    /// Waits until it says that it is ready; gives false if it ended before.
    pub async fn until_ready(&mut self, clock: &SharedClock, look: Duration) -> anyhow::Result<bool> {
        let client = Client::builder().no_proxy().build()?;
        let url = format!("http://{}/readyz", self.private);
        loop {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return Ok(true);
            }
            if self.has_ended()? {
                return Ok(false);
            }
            clock.sleep(look).await;
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Memory that it holds, in bytes; none where the system does not say.
    pub fn resident(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most memory that it has held since the last [`Serving::forget_peak`], in bytes.
    pub fn peak(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// From here on the most memory is counted anew.
    pub fn forget_peak(&self) -> std::io::Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
    }

    /// Time that it has had of the processors.
    pub fn processor_time(&self) -> Option<Duration> {
        processor_time(&self.child.id().to_string())
    }

    fn status(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Time that a process (`self`: this one) has had of the processors, in user and kernel mode; counted in hundredths of a
/// second (proc_pid_stat(5)).
pub fn processor_time(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets, which may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |place: usize| fields.split_whitespace().nth(place)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// What a bridge of a bench is configured with.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Of the database.
    pub store: &'a str,
    /// `[store] lease`.
    pub lease: &'a str,
    /// Where ABDM is.
    pub abdm: &'a str,
    /// More keys of `[gateway]`, then whole tables.
    pub more: &'a str,
}

/// Writes the configuration of a bridge that lives in `folder`; gives its path.
pub fn configure(folder: &Path, settings: Settings<'_>) -> anyhow::Result<PathBuf> {
    let Settings { store, lease, abdm, more } = settings;
    let place = folder.display();
    let text = format!(
        r#"[store]
url = "{store}"
lease = "{lease}"
[objects]
url = "file://{place}/objects"
[keys]
url = "file://{place}/master.key"
[gateway]
environment = "custom"
base_url = "{abdm}"
registry_url = "{abdm}"
cm_id = "sbx"
client_id = "SBX_000000"
client_secret = "00000000-0000-0000-0000-000000000000"
allow_insecure = true
{more}"#
    );
    let path = folder.join("kadi.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Makes an administrator's key.
pub fn admin_key(config: &Path) -> anyhow::Result<String> {
    let made = kadi(config)?.args(["key", "create", "--admin"]).output()?;
    if !made.status.success() {
        bail!("no API key could be made: {}", String::from_utf8_lossy(&made.stderr).trim());
    }
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

/// This binary, with this configuration and none from the environment.
fn kadi(config: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own path is unknown")?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KADI_") {
            command.env_remove(name);
        }
    }
    command.env("KADI_CONFIG", config);
    Ok(command)
}

/// Two ports that are free now. Another program may be faster; then the bridge does not start.
fn free_ports() -> std::io::Result<(SocketAddr, SocketAddr)> {
    let (one, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?, other.local_addr()?))
}
