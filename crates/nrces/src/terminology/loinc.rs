//! LOINC's table, `Loinc.csv` of its release.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::check::is_loinc;
use super::csv::{Record, Table};
use super::source::{Entry, Fault, LoadError, Watch};
use super::{WrongCode, csv};

const WANTED: &str = "LOINC_NUM, LONG_COMMON_NAME, COMPONENT, STATUS";
/// Below all tests that LOINC has ranked: its list of common tests has about twenty thousand.
const UNRANKED: u32 = 30_000;
/// Below all others: LOINC advises against them.
const DISCOURAGED: u32 = 100_000;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoincTable {
    path: PathBuf,
}

/// Where the columns are.
struct Columns {
    code: usize,
    name: usize,
    component: usize,
    status: usize,
    kind: Option<usize>,
    rank: Option<usize>,
    /// Other names, whole.
    names: Vec<usize>,
    /// Other names, several with `;` between them.
    related: Option<usize>,
}

impl LoincTable {
    /// The file itself, or the folder of an unzipped release.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn find(path: &Path) -> Result<Self, LoadError> {
        if !path.is_dir() {
            return Ok(Self { path: path.to_path_buf() });
        }
        let found = ["Loinc.csv", "LoincTable/Loinc.csv", "loinc.csv", "LoincTable/loinc.csv"]
            .into_iter()
            .map(|name| path.join(name))
            .find(|file| file.is_file());
        let missing = || LoadError::Missing { path: path.to_path_buf(), wanted: "Loinc.csv" };
        found.map(|path| Self { path }).ok_or_else(missing)
    }

    /// How many bytes will be read.
    pub fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }
}

/// Calls `each` with every code that is not deprecated. Returns how many.
///
/// # Errors
///
/// If the file cannot be read or is another. Bad lines are told to `watch` and passed over.
pub fn loinc(
    table: &LoincTable,
    watch: &mut dyn Watch,
    each: &mut dyn FnMut(&Entry<'_>),
) -> Result<usize, LoadError> {
    let mut file = csv::Table::open(&table.path, WANTED)?;
    let columns = Columns::find(&file)?;
    let mut count = 0;
    file.read(watch, |_, record| {
        if let Some(entry) = columns.entry(record)? {
            each(&entry);
            count += 1;
        }
        Ok(())
    })?;
    Ok(count)
}

impl Columns {
    fn find<R: BufRead>(table: &Table<R>) -> Result<Self, LoadError> {
        let whole = ["COMPONENT", "SHORTNAME", "CONSUMER_NAME", "DisplayName"];
        Ok(Self {
            code: table.needed("LOINC_NUM", WANTED)?,
            name: table.needed("LONG_COMMON_NAME", WANTED)?,
            component: table.needed("COMPONENT", WANTED)?,
            status: table.needed("STATUS", WANTED)?,
            kind: table.column(&["CLASS"]),
            rank: table.column(&["COMMON_TEST_RANK"]),
            names: whole.iter().filter_map(|name| table.column(&[name])).collect(),
            related: table.column(&["RELATEDNAMES2"]),
        })
    }

    fn entry<'a>(&self, record: &Record<'a>) -> Result<Option<Entry<'a>>, Fault> {
        let code = record.get(self.code);
        if record.len() <= self.status.max(self.name) {
            return Err(Fault::Columns { found: record.len(), wanted: self.status.max(self.name) + 1 });
        }
        if !is_loinc(code) {
            return Err(Fault::Code(WrongCode::Loinc));
        }
        let status = record.get(self.status);
        if status.eq_ignore_ascii_case("DEPRECATED") {
            return Ok(None);
        }
        let (name, component) = (record.get(self.name), record.get(self.component));
        let display = if name.is_empty() { component } else { name };
        if display.is_empty() {
            return Err(Fault::Empty("LONG_COMMON_NAME"));
        }
        let whole = self.names.iter().map(|column| record.get(*column));
        let related = self.related.map_or("", |column| record.get(column)).split(';').map(str::trim);
        let mut names: Vec<&str> = Vec::new();
        for other in whole.chain(related).filter(|other| !other.is_empty() && *other != display) {
            if !names.contains(&other) {
                names.push(other);
            }
        }
        let kind = self.kind.map_or("", |column| record.get(column));
        let rank =
            self.rank.and_then(|column| record.get(column).parse::<u32>().ok()).filter(|rank| *rank > 0);
        let length = u32::try_from(display.chars().count()).unwrap_or(u32::MAX);
        let standing = rank.unwrap_or(UNRANKED.saturating_add(length));
        let discouraged = if status.eq_ignore_ascii_case("DISCOURAGED") { DISCOURAGED } else { 0 };
        Ok(Some(Entry { code, display, kind, names, standing: standing.saturating_add(discouraged) }))
    }
}
