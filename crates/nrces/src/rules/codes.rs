//! Value sets and code systems as they are asked.

use super::row::{ANY_SYSTEM, Members, SetRow, SystemRow};
use crate::hash::HashMap;

/// Whether a code belongs to a value set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    Yes,
    No,
    /// Only the code system's content could tell.
    Unknown,
}

/// A value set.
#[derive(Debug)]
pub(crate) struct CodeSet {
    pub url: Box<str>,
    systems: Vec<(Box<str>, InSystem)>,
}

#[derive(Debug)]
enum InSystem {
    All,
    Some,
    Codes(Vec<Box<str>>),
}

/// The codes that are known of a system.
#[derive(Debug)]
pub(crate) struct CodeSystem {
    complete: bool,
    displays: HashMap<Box<str>, Box<str>>,
}

/// All value sets and code systems.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    sets: Vec<CodeSet>,
    by_url: HashMap<Box<str>, u32>,
    systems: HashMap<Box<str>, CodeSystem>,
}

impl CodeSet {
    fn new(row: SetRow) -> Self {
        let systems = row.members.into_iter().map(|(system, members)| {
            let members = match members {
                Members::All => InSystem::All,
                Members::Some => InSystem::Some,
                Members::Codes(codes) => {
                    let mut codes: Vec<Box<str>> = codes.into_iter().map(String::into_boxed_str).collect();
                    codes.sort_unstable();
                    InSystem::Codes(codes)
                }
            };
            (system.into_boxed_str(), members)
        });
        Self { url: row.url.into_boxed_str(), systems: systems.collect() }
    }

    /// Up to `n` codes of the set, for messages; fewer if it has more than `n`.
    pub(crate) fn some_codes(&self, n: usize) -> Vec<&str> {
        let listed = self.systems.iter().flat_map(|(_, members)| match members {
            InSystem::Codes(codes) => codes.as_slice(),
            _ => &[],
        });
        let all: Vec<&str> = listed.take(n + 1).map(AsRef::as_ref).collect();
        if all.len() > n { Vec::new() } else { all }
    }

    /// The systems that the set takes codes of.
    pub(crate) fn systems(&self) -> impl Iterator<Item = &str> {
        self.systems.iter().map(|(system, _)| &**system)
    }
}

impl Codes {
    pub(crate) fn add_set(&mut self, row: SetRow) {
        let index = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        // A package's own set of the same URL replaces that of the base.
        self.by_url.insert(row.url.clone().into_boxed_str(), index);
        self.sets.push(CodeSet::new(row));
    }

    pub(crate) fn add_system(&mut self, row: SystemRow) {
        let url = row.url.into_boxed_str();
        let held = self
            .systems
            .entry(url)
            .or_insert_with(|| CodeSystem { complete: false, displays: HashMap::default() });
        if row.complete && !held.complete {
            held.complete = true;
            held.displays.clear();
        }
        for (code, display) in row.codes {
            held.displays.entry(code.into_boxed_str()).or_insert_with(|| display.into_boxed_str());
        }
    }

    /// The index of a value set.
    pub(crate) fn index(&self, url: &str) -> Option<u32> {
        self.by_url.get(url).copied()
    }

    pub(crate) fn set(&self, index: u32) -> Option<&CodeSet> {
        self.sets.get(index as usize)
    }

    /// Whether `code` of `system` is in a value set; without a system, whether
    /// any of the set's systems has it.
    pub(crate) fn member(&self, set: u32, system: Option<&str>, code: &str) -> Member {
        let Some(set) = self.set(set) else { return Member::Unknown };
        let mut answer = Member::No;
        for (of, members) in &set.systems {
            if system.is_some_and(|s| s != &**of) && &**of != ANY_SYSTEM {
                continue;
            }
            let found = match members {
                InSystem::Some => Member::Unknown,
                InSystem::All => self.in_system(of, code),
                InSystem::Codes(codes) => {
                    let held = codes.binary_search_by(|c| (**c).cmp(code)).is_ok();
                    if held { Member::Yes } else { Member::No }
                }
            };
            match found {
                Member::Yes => return Member::Yes,
                Member::Unknown => answer = Member::Unknown,
                Member::No => {}
            }
        }
        answer
    }

    /// Whether a system has a code.
    pub(crate) fn in_system(&self, system: &str, code: &str) -> Member {
        match self.systems.get(system) {
            Some(known) if known.displays.contains_key(code) => Member::Yes,
            Some(known) if known.complete => Member::No,
            _ => Member::Unknown,
        }
    }

    /// The display of a code, where the tables have one.
    pub(crate) fn display(&self, system: &str, code: &str) -> Option<&str> {
        self.systems.get(system)?.displays.get(code).map(AsRef::as_ref).filter(|d: &&str| !d.is_empty())
    }

    /// The display of a code of a system that is wholly known.
    pub(crate) fn complete_display(&self, system: &str, code: &str) -> Option<&str> {
        let system = self.systems.get(system).filter(|s| s.complete)?;
        system.displays.get(code).map(AsRef::as_ref).filter(|d: &&str| !d.is_empty())
    }

    /// Every known system and code with its display.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.systems.iter().flat_map(|(system, known)| {
            known.displays.iter().map(move |(code, display)| (&**system, &**code, &**display))
        })
    }
}
