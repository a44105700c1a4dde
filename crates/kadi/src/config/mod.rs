//! What an operator sets: one TOML file, every key documented in [`DEFAULT`], each overridable by the environment.
//!
//! Three layers, the later winning: the embedded default, the file, variables such as `KADI_GATEWAY__BASE_URL`. The
//! default is also the schema: a key that is not in it is an error, and a value has the type that it has there, so
//! `KADI_GATEWAY__CLIENT_SECRET=123456` stays text. Every problem is told at once, with file and line or the variable.

mod layers;
mod problem;
mod rules;
mod sections;
mod units;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use problem::{ConfigError, Origin, Problem};
pub use sections::{
    Config, Consent, Environment, Gateway, Hl7, Keys, Linking, Objects, Retry, Server, Sms, SmsDlt, SmsKind,
    Store, Terminology, Transfer,
};

use layers::Layers;

/// The embedded default: every key with its meaning, unit and reason. `kadi config default` prints it.
pub const DEFAULT: &str = include_str!("default.toml");

/// The file that is read when none is named and it exists.
const USUAL_FILE: &str = "kadi.toml";

impl Config {
    /// Reads the configuration: `file`, or `./kadi.toml` if it is there, or the defaults alone; then this process's
    /// environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let usual = Path::new(USUAL_FILE);
        let file = file.or_else(|| usual.exists().then_some(usual));
        Self::load_with(file, std::env::vars_os())
    }

    /// As [`Config::load`], with the environment given as `variables`; no file is looked for but `file`.
    pub fn load_with(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::defaults();
        let mut folder = PathBuf::new();
        if let Some(path) = file {
            let text =
                std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
            layers.add_file(path, &text);
            folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        }
        layers.add_environment(variables);
        rules::build(layers, &folder)
    }
}
