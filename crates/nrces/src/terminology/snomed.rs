//! SNOMED CT from its release: active concepts with all their names.

use std::collections::{HashMap, HashSet};

use super::rf2::{Description, Rf2Release, Row};
use super::source::{Entry, LoadError, Watch};

const US_ENGLISH: u64 = 900_000_000_000_509_007;
const GB_ENGLISH: u64 = 900_000_000_000_508_004;

/// The names read so far, packed: a release has over a million.
#[derive(Default)]
struct Names {
    text: String,
    names: Vec<Name>,
}

struct Name {
    concept: u64,
    start: usize,
    length: u16,
    /// The smaller, the better as the concept's display.
    rank: u8,
}

/// Calls `each` with every active concept of a release that has an active name, by rising id. Returns how many.
///
/// The display is the preferred term: of a national reference set before British before American English; without
/// reference sets the first English synonym, else the fully specified name.
///
/// # Errors
///
/// If a file cannot be read or is another than its name says. Bad lines are told to `watch` and passed over.
pub fn snomed(
    release: &Rf2Release,
    watch: &mut dyn Watch,
    each: &mut dyn FnMut(&Entry<'_>),
) -> Result<usize, LoadError> {
    let mut concepts = HashSet::new();
    let mut preferred = HashMap::new();
    let mut names = Names::default();
    release.rows(watch, &mut |row| match row {
        Row::Concept(id) => {
            concepts.insert(id);
        }
        Row::Preferred { description, refset } => {
            let rank = refset_rank(refset);
            preferred
                .entry(description)
                .and_modify(|known: &mut u8| *known = rank.min(*known))
                .or_insert(rank);
        }
        Row::Description(description) => {
            if concepts.contains(&description.concept) {
                let refset = preferred.get(&description.id).copied();
                names.add(&description, refset);
            }
        }
    })?;
    drop((concepts, preferred));
    Ok(names.entries(each))
}

fn refset_rank(refset: u64) -> u8 {
    match refset {
        GB_ENGLISH => 1,
        US_ENGLISH => 2,
        _ => 0,
    }
}

/// What makes a name a better display; the fully specified name ends in its kind and is none.
const FULL: u8 = 100;

fn rank(description: &Description<'_>, refset: Option<u8>) -> u8 {
    if description.full {
        return FULL;
    }
    let foreign = if description.language == "en" { 0 } else { 50 };
    foreign + refset.unwrap_or(10)
}

impl Names {
    fn add(&mut self, description: &Description<'_>, refset: Option<u8>) {
        let Ok(length) = u16::try_from(description.term.len()) else { return };
        let start = self.text.len();
        self.text.push_str(description.term);
        self.names.push(Name {
            concept: description.concept,
            start,
            length,
            rank: rank(description, refset),
        });
    }

    fn term(&self, name: &Name) -> &str {
        self.text.get(name.start..name.start + usize::from(name.length)).unwrap_or_default()
    }

    fn entries(mut self, each: &mut dyn FnMut(&Entry<'_>)) -> usize {
        let mut names = std::mem::take(&mut self.names);
        // Stable: among equals the file's order stays.
        names.sort_by_key(|name| (name.concept, name.rank));
        let mut count = 0;
        for group in names.chunk_by(|one, next| one.concept == next.concept) {
            let Some(first) = group.first() else { continue };
            let code = first.concept.to_string();
            let full = group.iter().find(|name| name.rank == FULL).map(|name| self.term(name));
            let kind = full.and_then(semantic_tag).map_or("", |(_, tag)| tag);
            let terms = group.iter().map(|name| {
                let term = self.term(name);
                if name.rank == FULL { semantic_tag(term).map_or(term, |(term, _)| term) } else { term }
            });
            let mut names: Vec<&str> = Vec::with_capacity(group.len());
            for term in terms {
                if !names.contains(&term) {
                    names.push(term);
                }
            }
            let shortest = names.iter().map(|name| name.chars().count()).min().unwrap_or_default();
            let standing = u32::try_from(shortest).unwrap_or(u32::MAX);
            let display = if names.is_empty() { "" } else { names.remove(0) };
            each(&Entry { code: &code, display, kind, names, standing });
            count += 1;
        }
        count
    }
}

/// The name before the kind in brackets that ends a fully specified name, and the kind.
fn semantic_tag(full: &str) -> Option<(&str, &str)> {
    let (name, tag) = full.strip_suffix(')')?.rsplit_once(" (")?;
    Some((name, tag)).filter(|(name, tag)| !name.is_empty() && !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fully_specified_name_ends_in_its_kind() {
        assert_eq!(semantic_tag("Fever (finding)"), Some(("Fever", "finding")));
        assert_eq!(
            semantic_tag("Vitamin B (complex) (substance)"),
            Some(("Vitamin B (complex)", "substance"))
        );
        for none in ["Fever", "(finding)", "Fever ()", "Fever)", ""] {
            assert_eq!(semantic_tag(none), None, "{none}");
        }
    }
}
