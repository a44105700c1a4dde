//! Code systems in the published formats with made-up content, for tests and measurements: nothing licensed is in them.
//! Words are built from syllables and used as often as words are, ids carry right check digits. The same count and seed
//! give the same files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::check::{luhn, verhoeff_digit};

/// How many different words there are for so many concepts.
fn vocabulary(concepts: u64) -> u64 {
    (concepts / 4).clamp(200, 90_000)
}

/// A generator of numbers that look random (SplitMix64).
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// The word of this number.
pub fn word(number: u64) -> String {
    const STARTS: [&str; 20] = [
        "b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "br", "cr", "st", "tr",
        "pl",
    ];
    const MIDDLES: [&str; 7] = ["a", "e", "i", "o", "u", "ia", "eo"];
    const ENDS: [&str; 6] = ["", "n", "r", "s", "l", "x"];
    let mut numbers = Numbers(number);
    let pick = |list: &[&'static str], numbers: &mut Numbers| {
        let place = usize::try_from(numbers.below(list.len() as u64)).unwrap_or_default();
        list.get(place).copied().unwrap_or_default()
    };
    let mut word = String::new();
    for _ in 0..2 + numbers.below(3) {
        for list in [&STARTS[..], &MIDDLES[..], &ENDS[..]] {
            word.push_str(pick(list, &mut numbers));
        }
    }
    word
}

/// A name of two to six words. Few words are in many names, most in few.
fn name(numbers: &mut Numbers, words: u64) -> String {
    let mut name = String::new();
    for _ in 0..2 + numbers.below(5) {
        if !name.is_empty() {
            name.push(' ');
        }
        let bound = numbers.below(words) + 1;
        let bound = numbers.below(bound) + 1;
        name.push_str(&word(numbers.below(bound)));
    }
    name
}

/// The SNOMED CT id of a number: `partition` is `00` for concepts, `01` for descriptions.
pub fn sctid(number: u64, partition: &str) -> String {
    let mut id = format!("{}{partition}", 100_000 + number);
    let check = verhoeff_digit(id.as_bytes());
    id.push(char::from(b'0' + check));
    id
}

/// The LOINC code of a number.
pub fn loinc_code(number: u64) -> String {
    let number = (number + 1).to_string();
    format!("{number}-{}", luhn(number.as_bytes()))
}

/// Writes an RF2 snapshot of so many active concepts, each with a fully specified name, a preferred term and up to two
/// other names, in the folders that a release has.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write_rf2(folder: &Path, concepts: u64, seed: u64) -> io::Result<()> {
    let terminology = folder.join("Snapshot/Terminology");
    let language = folder.join("Snapshot/Refset/Language");
    fs::create_dir_all(&terminology)?;
    fs::create_dir_all(&language)?;
    let create = |path: &Path, columns: &str| -> io::Result<BufWriter<File>> {
        let mut file = BufWriter::new(File::create(path)?);
        write!(file, "{}\r\n", columns.replace(' ', "\t"))?;
        Ok(file)
    };
    let mut concept_file = create(
        &terminology.join("sct2_Concept_Snapshot_INT_20260101.txt"),
        "id effectiveTime active moduleId definitionStatusId",
    )?;
    let mut description_file = create(
        &terminology.join("sct2_Description_Snapshot-en_INT_20260101.txt"),
        "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
    )?;
    let mut language_file = create(
        &language.join("der2_cRefset_LanguageSnapshot-en_INT_20260101.txt"),
        "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId",
    )?;
    let mut numbers = Numbers(seed);
    let mut next = 0;
    for number in 0..concepts {
        let concept = sctid(number, "00");
        write!(concept_file, "{concept}\t20260101\t1\t900000000000207008\t900000000000074008\r\n")?;
        let kind = ["finding", "disorder", "procedure", "substance"];
        let kind = kind.get(usize::try_from(number % 4).unwrap_or_default()).unwrap_or(&"finding");
        let preferred = name(&mut numbers, vocabulary(concepts));
        let mut terms = vec![(format!("{preferred} ({kind})"), "900000000000003001"), (preferred, SYNONYM)];
        terms.extend((0..numbers.below(3)).map(|_| (name(&mut numbers, vocabulary(concepts)), SYNONYM)));
        for (place, (term, type_id)) in terms.iter().enumerate() {
            let id = sctid(next, "01");
            next += 1;
            let module = "900000000000207008";
            write!(
                description_file,
                "{id}\t20260101\t1\t{module}\t{concept}\ten\t{type_id}\t{term}\t900000000000448009\r\n"
            )?;
            let accepted = if place < 2 { "900000000000548007" } else { "900000000000549004" };
            for refset in ["900000000000509007", "900000000000508004"] {
                let row = uuid::Uuid::from_u64_pair(next, u64::from(refset.ends_with('7')));
                write!(language_file, "{row}\t20260101\t1\t{module}\t{refset}\t{id}\t{accepted}\r\n")?;
            }
        }
    }
    concept_file.flush()?;
    description_file.flush()?;
    language_file.flush()
}

const SYNONYM: &str = "900000000000013009";

/// Writes a LOINC table of so many codes.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write_loinc(path: &Path, codes: u64, seed: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut numbers = Numbers(seed);
    let words = vocabulary(codes);
    writeln!(
        file,
        "\"LOINC_NUM\",\"COMPONENT\",\"CLASS\",\"STATUS\",\"SHORTNAME\",\"RELATEDNAMES2\",\"LONG_COMMON_NAME\",\"COMMON_TEST_RANK\""
    )?;
    for number in 0..codes {
        let component = name(&mut numbers, words);
        let related: Vec<String> = (0..8).map(|_| name(&mut numbers, words)).collect();
        let rank = if number % 5 == 0 { number / 5 + 1 } else { 0 };
        writeln!(
            file,
            "\"{}\",\"{component}\",\"CHEM\",\"ACTIVE\",\"{}\",\"{}\",\"{component} [Mass/volume] in Blood\",\"{rank}\"",
            loinc_code(number),
            name(&mut numbers, words),
            related.join("; ")
        )?;
    }
    file.flush()
}
