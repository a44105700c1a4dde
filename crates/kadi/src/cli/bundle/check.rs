//! `kadi bundle validate`: many documents on all cores, told in the order in which they were named.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use nrces::Issue;
use nrces::rules::{Package, Rules, compile};
use nrces::validate::{Options, validate_with};
use serde_json::Value;

use super::ValidateArgs;
use super::report::{Outcome, Style};
use super::turns::Turns;

/// How many outcomes may wait for that of a file before them, for each core.
const AHEAD: usize = 64;

/// From how many files on progress is worth showing.
const MANY: usize = 20;

/// Checks every file. Exit 1 if any has an error.
pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let own: Option<Rules> = args.package.as_deref().map(compile_package).transpose()?;
    let check = Check {
        rules: own.as_ref().unwrap_or_else(|| Rules::builtin()),
        options: Options { strict: args.strict, collections: true, ..Options::default() },
        style: if args.json { Style::Json } else { Style::Text },
    };
    let all_valid = check.files(&args.files)?;
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compile_package(path: &Path) -> anyhow::Result<Rules> {
    let package =
        Package::open(path).with_context(|| format!("the package {} could not be read", path.display()))?;
    compile(&package).with_context(|| format!("the package {} could not be used", path.display()))
}

/// One checked file: its place in the list, what is told of it, whether it is valid.
type Checked = (usize, String, bool);

struct Check<'a> {
    rules: &'a Rules,
    options: Options,
    style: Style,
}

impl Check<'_> {
    /// Checks files on all cores. No more of them are in memory than there are cores, and no more outcomes than may wait
    /// for that of a file before them.
    fn files(&self, files: &[PathBuf]) -> std::io::Result<bool> {
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
        let turns = Turns::new(files.len(), workers * AHEAD);
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            for _ in 0..workers {
                let (sender, turns) = (sender.clone(), &turns);
                scope.spawn(move || self.work(files, turns, &sender));
            }
            drop(sender);
            // The workers stop too once nothing can be told.
            let told = tell(&receiver, &turns);
            turns.stop();
            told
        })
    }

    fn work(&self, files: &[PathBuf], turns: &Turns, sender: &Sender<Checked>) {
        while let Some((place, file)) = turns.take().and_then(|place| Some((place, files.get(place)?))) {
            let outcome = Outcome { file: &file.to_string_lossy(), issues: self.file(file) };
            // Nobody listens once the output has gone away.
            if sender.send((place, outcome.told(self.style), outcome.is_valid())).is_err() {
                return;
            }
        }
    }

    fn file(&self, file: &Path) -> Vec<Issue> {
        match read(file) {
            Ok(bundle) => validate_with(self.rules, &bundle, self.options),
            Err(issue) => vec![issue],
        }
    }
}

/// A file's JSON. What cannot be read or parsed is a problem of that file.
fn read(file: &Path) -> Result<Value, Issue> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Issue::error("Bundle", "unreadable", format!("the file could not be read: {error}"))
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Issue::error("Bundle", "not-json", format!("the file is not JSON: {error}")))
}

/// Writes what comes, each file in its turn.
fn tell(receiver: &Receiver<Checked>, turns: &Turns) -> std::io::Result<bool> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let progress = progress(turns.files());
    let mut early = BTreeMap::new();
    let (mut turn, mut all_valid) = (0, true);
    for (place, text, valid) in receiver {
        all_valid &= valid;
        early.insert(place, text);
        while let Some(text) = early.remove(&turn) {
            progress.suspend(|| out.write_all(text.as_bytes()))?;
            turn += 1;
        }
        turns.told(turn);
        progress.inc(1);
    }
    progress.finish_and_clear();
    out.flush()?;
    Ok(all_valid)
}

/// A bar on a terminal; nothing elsewhere, nor for few files.
fn progress(files: usize) -> ProgressBar {
    if files < MANY {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {per_sec}, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
