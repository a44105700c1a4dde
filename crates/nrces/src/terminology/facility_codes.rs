//! A facility's own list: its codes, and the standard ones that they stand for.

use std::io::BufRead;
use std::path::Path;

use super::check::check_code;
use super::csv::{Record, Table};
use super::source::{Fault, LoadError, Watch};
use super::{StandardCode, system_uri};

const WANTED: &str = "local_code, system, code, display";
/// The longest code or URI that is taken.
const MAX_CODE: usize = 255;
const MAX_DISPLAY: usize = 1000;

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacilityCode {
    /// Its number, from 1.
    pub line: u64,
    /// The system that the facility names beside its code, if it names one.
    pub local_system: Option<String>,
    /// The facility's code.
    pub local_code: String,
    /// What it stands for. The display is empty if the list has none.
    pub standard: StandardCode,
}

/// Where the columns are.
struct Columns {
    local_system: Option<usize>,
    local_code: usize,
    system: usize,
    code: usize,
    display: Option<usize>,
}

/// Calls `each` with every line of a CSV file whose first line names the columns `local_code`, `system`, `code` and
/// `display`, in any order; `local_system` may be there too. Systems may be named shortly: `snomed`, `loinc`, `icd-10`.
/// Returns how many.
///
/// # Errors
///
/// If the file cannot be read or has no such first line. Bad lines are told to `watch` and passed over.
pub fn facility_codes(
    path: &Path,
    watch: &mut dyn Watch,
    each: &mut dyn FnMut(FacilityCode),
) -> Result<usize, LoadError> {
    read(Table::open(path, WANTED)?, watch, each)
}

/// The same of a list that is no file; people know it by `name`.
///
/// # Errors
///
/// As [`facility_codes`].
pub fn facility_codes_from(
    input: impl BufRead,
    name: &str,
    watch: &mut dyn Watch,
    each: &mut dyn FnMut(FacilityCode),
) -> Result<usize, LoadError> {
    read(Table::new(input, Path::new(name), WANTED)?, watch, each)
}

fn read<R: BufRead>(
    mut table: Table<R>,
    watch: &mut dyn Watch,
    each: &mut dyn FnMut(FacilityCode),
) -> Result<usize, LoadError> {
    let columns = Columns {
        local_system: table.column(&["local_system"]),
        local_code: table.needed("local_code", WANTED)?,
        system: table.needed("system", WANTED)?,
        code: table.needed("code", WANTED)?,
        display: table.column(&["display"]),
    };
    let mut count = 0;
    table.read(watch, |line, record| {
        each(columns.line(line, record)?);
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

impl Columns {
    fn line(&self, line: u64, record: &Record<'_>) -> Result<FacilityCode, Fault> {
        let system = system_uri(text(record.get(self.system), "system", MAX_CODE)?);
        if !system.contains(':') {
            return Err(Fault::Other("system is neither snomed, loinc nor icd-10, nor a URI"));
        }
        let code = text(record.get(self.code), "code", MAX_CODE)?;
        check_code(system, code)?;
        let display = self.display.map_or("", |column| record.get(column));
        if display.chars().count() > MAX_DISPLAY {
            return Err(Fault::Long("display", MAX_DISPLAY));
        }
        let local_system = self.local_system.map_or("", |column| record.get(column));
        Ok(FacilityCode {
            line,
            local_system: Some(local_system).filter(|system| !system.is_empty()).map(str::to_owned),
            local_code: text(record.get(self.local_code), "local_code", MAX_CODE)?.to_owned(),
            standard: StandardCode {
                system: system.to_owned(),
                code: code.to_owned(),
                display: display.to_owned(),
            },
        })
    }
}

fn text<'a>(text: &'a str, column: &'static str, longest: usize) -> Result<&'a str, Fault> {
    match text.chars().count() {
        0 => Err(Fault::Empty(column)),
        count if count > longest => Err(Fault::Long(column, longest)),
        _ if text.chars().any(char::is_control) => Err(Fault::Other("holds a control character")),
        _ => Ok(text),
    }
}
