//! `kadi serve` and the commands beside it, as processes, against a local ABDM in this one.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use abdm::clock::SystemClock;
use reqwest::Method;
use sandbox::{Handle, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::world::{FACILITY, PATIENCE};

/// A folder with a configuration, and what lives in it.
pub struct House {
    pub folder: tempfile::TempDir,
    pub sandbox: Arc<Handle>,
}

/// A running bridge; killed with this value.
pub struct Serving {
    child: Child,
    pub private: String,
    pub public: String,
    /// Everything that it logged, once it has ended.
    log: Option<std::thread::JoinHandle<String>>,
}

impl House {
    /// With these lines of configuration after the usual ones: whole tables.
    pub async fn new(more: &str) -> Self {
        let sandbox = Sandbox::start(SandboxConfig::default(), SystemClock::shared()).await.unwrap();
        let house = Self { folder: tempfile::tempdir().unwrap(), sandbox: Arc::new(sandbox) };
        house.configure(more);
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn configure(&self, more: &str) {
        let (path, abdm) = (self.folder.path().display(), self.sandbox.base_url());
        let keys = if more.contains("[keys]") {
            String::new()
        } else {
            format!("[keys]\nurl = 'file://{path}/master.key'\n")
        };
        let text = format!(
            "server.public = '127.0.0.1:0'\nserver.private = '127.0.0.1:0'\n\
             [store]\nurl = 'sqlite://{path}/data/kadi.db'\n[objects]\nurl = 'file://{path}/objects'\n{keys}\
             [gateway]\nenvironment = 'custom'\nbase_url = '{abdm}'\nregistry_url = '{abdm}'\ncm_id = 'sbx'\n\
             client_id = 'SBX_000000'\nclient_secret = '00000000-0000-0000-0000-000000000000'\n\
             allow_insecure = true\n{more}"
        );
        std::fs::write(self.path("kadi.toml"), text).unwrap();
    }

    /// The same on another machine: nothing but the configuration.
    pub fn moved(&self) -> Self {
        let other = Self { folder: tempfile::tempdir().unwrap(), sandbox: Arc::clone(&self.sandbox) };
        other.configure("");
        other
    }

    pub fn run(&self, args: &[&str]) -> Output {
        command(self.folder.path(), args).output().unwrap()
    }

    /// What a command that succeeds prints on standard output, and on standard error.
    pub fn succeeds(&self, args: &[&str]) -> (String, String) {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    }

    /// What a command that fails says.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(output.stdout.is_empty() || args[0] == "doctor", "{args:?}");
        said
    }

    pub fn serve(&self) -> Serving {
        Serving::start(command(self.folder.path(), &["serve"]))
    }

    /// A bridge whose files can be limited: a write beyond that fails, as it does on a full disk, instead of ending the
    /// process.
    pub fn serve_limited(&self) -> Serving {
        let kadi = command(self.folder.path(), &["serve"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(kadi.get_program()).args(kadi.get_args());
        Serving::start(within(shell, self.folder.path()))
    }

    /// A key with which everything may be done.
    pub fn admin_key(&self) -> String {
        self.succeeds(&["key", "create", "--admin"]).0.trim().to_owned()
    }
}

/// The command in this folder, with none of this process's own settings.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kadi"));
    command.args(args);
    within(command, folder)
}

fn within(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KADI_") {
            command.env_remove(name);
        }
    }
    command
}

impl Serving {
    /// Starts a bridge and waits until it says where it is.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let ready = loop {
            let Some(Ok(line)) = lines.next() else { panic!("it ended: {said}") };
            said.push_str(&line);
            said.push('\n');
            if line.contains("the bridge is ready") {
                break serde_json::from_str::<Value>(&line).unwrap();
            }
        };
        // What is not read would stop it one day.
        let log = std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| {
                said.push_str(&line);
                said.push('\n');
            });
            said
        });
        let place = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { private: place("server.private"), public: place("server.public"), child, log: Some(log) }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How long a file of it may become, in bytes.
    pub fn limit_files(&self, limit: &str) {
        let (pid, limit) = (self.id().to_string(), format!("--fsize={limit}:unlimited"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    }

    /// Waits until it says that of whether it can work.
    pub async fn until_readiness(&self, status: u16) {
        let url = format!("http://{}/readyz", self.private);
        let looking = async { while reqwest::get(&url).await.unwrap().status() != status {} };
        tokio::time::timeout(PATIENCE, looking).await.expect("it says so in time");
    }

    /// Kills it; gives what it logged.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    pub async fn call(&self, key: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("http://{}{path}", self.private);
        let request = crate::api::client().request(method, url).bearer_auth(key);
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    pub async fn put_facility(&self, key: &str) {
        let body = json!({"name": "Kadi Demo Hospital", "roles": ["HIP", "HIU"]});
        let (status, answer) =
            self.call(key, Method::PUT, &format!("/v1/facilities/{FACILITY}"), &body).await;
        assert!(status < 300, "{status} {answer}");
    }

    pub async fn put_patient(&self, key: &str, reference: &str) -> u16 {
        let path = format!("/v1/facilities/{FACILITY}/patients/{reference}");
        let body = json!({"name": "Asha Devi", "gender": "F", "birthDate": "1985-07-23"});
        self.call(key, Method::PUT, &path, &body).await.0
    }

    /// A patient's name, if it is there and opens.
    pub async fn name_of(&self, key: &str, reference: &str) -> Option<String> {
        let path = format!("/v1/facilities/{FACILITY}/patients/{reference}");
        let (status, body) = self.call(key, Method::GET, &path, &Value::Null).await;
        (status == 200).then(|| body["name"].as_str().unwrap().to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
