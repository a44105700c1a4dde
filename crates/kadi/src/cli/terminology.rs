//! `kadi terminology`: code systems loaded from their releases and searched, a facility's code list.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use abdm::clock::SystemClock;
use abdm::id::FacilityId;
use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use nrces::terminology::{BadLine, Entry, LOINC, LoincTable, Rf2Release, SNOMED, Watch, system_uri};
use store::terminology::{Builder, Index, NewEntry, Search};

use super::{Common, output};
use crate::config::Config;
use crate::{start, terminology};

/// How many bad lines are told one by one.
const MAX_TOLD: u64 = 20;

/// Load code systems and a facility's own codes, and search them
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  kadi terminology load --loinc Loinc_2.81/LoincTable/Loinc.csv\n  kadi terminology search haemoglobin"
)]
pub struct TerminologyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Load(LoadArgs),
    Search(SearchArgs),
    /// List what is loaded, one a line, tab-separated: name, version, codes, names, when
    #[command(after_help = "Example:\n  kadi terminology list")]
    List,
}

/// Load a code system, or what a facility's codes stand for
///
/// A code system takes the place of the one loaded before, all at once; a running `kadi serve` takes it up by itself. A list of
/// a facility's codes is stored together; codes that it does not name are kept. Lines that make no sense are told with file and
/// line and passed over; if one in ten does not, it is the wrong file and nothing is changed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi terminology load --snomed SnomedCT_International --snomed SnomedCT_India\n  kadi terminology load --loinc Loinc.csv\n  kadi terminology load --map IN2810014366 codes.csv\n\nThe list's first line names its columns: local_code,system,code,display"
)]
struct LoadArgs {
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The folder of an unzipped SNOMED CT release (RF2); several are loaded as one, such as the international and India's
    #[arg(long, value_name = "FOLDER")]
    snomed: Vec<PathBuf>,
    /// LOINC's table, or the folder of its unzipped release
    #[arg(long, value_name = "FILE")]
    loinc: Option<PathBuf>,
    /// A facility's id, and a CSV file that says what its codes stand for
    #[arg(long, num_args = 2, value_names = ["FACILITY", "FILE"])]
    map: Option<Vec<String>>,
}

/// Search codes: what was loaded, and what the NRCeS profiles name
///
/// One code a line, best first, tab-separated: system, code, display, kind, and the name that was met if it is another.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi terminology search --system loinc serum creatinin")]
struct SearchArgs {
    /// Words or their beginnings; typing errors and synonyms are understood
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// Only codes of this system: snomed, loinc or a URI
    #[arg(long)]
    system: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// Runs the command.
pub fn run(common: &Common, args: TerminologyArgs) -> anyhow::Result<ExitCode> {
    common.start_log("warn")?;
    let config = common.read_config()?;
    super::runtime()?.block_on(async {
        match args.action {
            Action::Load(args) => load(&config, args.source).await,
            Action::Search(args) => search(&terminology::index(&config), &args).await,
            Action::List => list(&terminology::index(&config)).await,
        }
    })
}

async fn load(config: &Config, source: Source) -> anyhow::Result<ExitCode> {
    let index = terminology::index(config);
    match source {
        Source { map: Some(map), .. } => load_map(config, &index, &map).await?,
        Source { loinc: Some(path), .. } => {
            load_system(&index, "loinc", move |progress| read_loinc(&path, progress)).await?;
        }
        Source { snomed, .. } => {
            load_system(&index, "snomed", move |progress| read_snomed(&snomed, progress)).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a code system away from the threads of the runtime, and puts it in place.
pub(super) async fn load_system(
    index: &Index,
    name: &str,
    read: impl FnOnce(&mut Progress) -> anyhow::Result<Builder> + Send + 'static,
) -> anyhow::Result<u64> {
    let read = tokio::task::spawn_blocking(move || {
        let mut progress = Progress::default();
        let builder = read(&mut progress)?;
        progress.good = builder.len() as u64;
        progress.finish()?;
        ensure!(!builder.is_empty(), "it holds no code; nothing was changed");
        Ok(builder)
    });
    let builder = read.await??;
    let codes = builder.len() as u64;
    let mut progress = Progress::begin("indexed", codes);
    let now = abdm::clock::Clock::now(&*SystemClock::shared());
    index.replace(name, builder, now, &mut |done| progress.set(done)).await?;
    progress.end();
    output::problem(format_args!("{name}: {codes} codes loaded"));
    Ok(codes)
}

/// Reads a SNOMED CT release.
pub(super) fn read_snomed(folders: &[PathBuf], progress: &mut Progress) -> anyhow::Result<Builder> {
    if let Some(zip) = folders.iter().find(|folder| folder.extension().is_some_and(|ending| ending == "zip"))
    {
        bail!("{}: unzip the release first and give its folder", zip.display());
    }
    let release = Rf2Release::find(folders)?;
    let mut builder = Builder::new(release.version());
    *progress = Progress::begin("read", release.bytes());
    nrces::terminology::snomed(&release, progress, &mut |entry| add(&mut builder, SNOMED, entry))?;
    Ok(builder)
}

/// Reads LOINC's table.
pub(super) fn read_loinc(path: &Path, progress: &mut Progress) -> anyhow::Result<Builder> {
    let table = LoincTable::find(path)?;
    let mut builder = Builder::new("");
    *progress = Progress::begin("read", table.bytes());
    nrces::terminology::loinc(&table, progress, &mut |entry| add(&mut builder, LOINC, entry))?;
    Ok(builder)
}

fn add(builder: &mut Builder, system: &str, entry: &Entry<'_>) {
    let Entry { code, display, kind, standing, .. } = *entry;
    builder.add(&NewEntry { system, code, display, kind, names: &entry.names, standing });
}

async fn load_map(config: &Config, index: &Index, map: &[String]) -> anyhow::Result<()> {
    let [facility, path] = map else { bail!("--map takes a facility's id and a file") };
    let facility: FacilityId = facility.parse()?;
    let path = PathBuf::from(path);
    let store = start::open_store(config, SystemClock::shared()).await?;
    let known = store.read().await?.facility(&facility).await?;
    ensure!(known.is_some(), "there is no facility {facility}; put it by the API first");

    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let mut progress = Progress::begin("read", bytes);
    let mut codes = Vec::new();
    nrces::terminology::facility_codes(&path, &mut progress, &mut |code| codes.push(code))?;
    progress.good = codes.len() as u64;
    let (mappings, nameless) = terminology::mappings(index, codes).await?;
    for line in nameless {
        progress.good = progress.good.saturating_sub(1);
        progress.bad(BadLine { file: path.clone(), line, what: terminology::NAMELESS.to_owned() });
    }
    progress.finish()?;
    ensure!(!mappings.is_empty(), "it names no code; nothing was changed");
    let mut tx = store.begin().await?;
    for mapping in &mappings {
        tx.put_local_mapping(&facility, mapping).await?;
    }
    let count = mappings.len().to_string();
    tx.audit(&facility, "kadi terminology load", "local codes mapped from a list", &count).await?;
    tx.commit().await?;
    store.close().await;
    output::problem(format_args!("{facility}: {count} codes mapped"));
    Ok(())
}

async fn search(index: &Index, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let text = args.text.join(" ");
    let system = args.system.as_deref().map(system_uri);
    let found = index.search(Search { text: &text, system, limit: args.limit }).await?;
    for found in found {
        let (kind, matched) = (found.kind.unwrap_or_default(), found.matched.unwrap_or_default());
        let line = [found.system, found.code, found.display, kind, matched].join("\t");
        output::result(line.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(index: &Index) -> anyhow::Result<ExitCode> {
    for about in index.loaded().await.context("what is loaded cannot be read")? {
        let version = if about.version.is_empty() { "-" } else { &about.version };
        output::result(format_args!(
            "{}\t{version}\t{}\t{}\t{}",
            about.name, about.entries, about.names, about.loaded_at
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// How far something is: a bar on a terminal, a line for each tenth elsewhere.
#[derive(Debug, Default)]
pub(super) struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    told: u64,
    bad: u64,
    /// Codes that were taken: what bad lines are compared with.
    good: u64,
}

impl Progress {
    fn begin(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let template = if what == "read" { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
            let bar = ProgressBar::new(total);
            let style = ProgressStyle::with_template(&format!("{what} {{wide_bar}} {template} {{eta}}"));
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { what, bar, total, ..Self::default() }
    }

    fn set(&mut self, done: u64) {
        self.done = done;
        let tenth = done.saturating_mul(10) / self.total.max(1);
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if tenth > self.told => {
                self.told = tenth;
                output::problem(format_args!("{} {}%", self.what, tenth * 10));
            }
            None => {}
        }
    }

    fn say(&self, text: std::fmt::Arguments<'_>) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::problem(text)),
            None => output::problem(text),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Says how many lines were passed over; fails if they were too many.
    fn finish(&self) -> anyhow::Result<()> {
        self.end();
        if self.bad > 0 {
            output::problem(format_args!("{} lines made no sense and were passed over", self.bad));
        }
        ensure!(
            self.bad <= 10 || self.bad <= (self.good + self.bad) / 10,
            "too many lines make no sense; is it the right file? Nothing was changed"
        );
        Ok(())
    }
}

impl Watch for Progress {
    fn read(&mut self, bytes: u64) {
        self.set(self.done + bytes);
    }

    fn bad(&mut self, line: BadLine) {
        self.bad += 1;
        if self.bad <= MAX_TOLD {
            self.say(format_args!("{line}"));
        }
    }
}
