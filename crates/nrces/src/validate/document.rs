//! The bundle as a set of resources that name each other.

use std::cell::OnceCell;

use super::json::Json;
use crate::hash::{HashMap, RandomState};

/// One entry.
pub(crate) struct Entry<'a> {
    pub full_url: Option<&'a str>,
    pub resource: Option<Json<'a>>,
    /// `resourceType`, empty if it has none.
    pub kind: &'a str,
}

/// A resource of the bundle: an entry's, or one contained in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub entry: usize,
    pub contained: Option<usize>,
}

/// The entries and how they are found.
pub(crate) struct Document<'a> {
    pub entries: Vec<Entry<'a>>,
    /// Entries whose fullUrl stands on an earlier one.
    pub repeated: Vec<usize>,
    by_url: HashMap<&'a str, usize>,
    /// Made when a reference is first looked up by it: few documents have such.
    by_name: OnceCell<HashMap<(&'a str, &'a str), usize>>,
}

/// What a reference leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// As FHIR says.
    To(usize),
    /// Only by type and id, although the entries' fullUrls do not allow it.
    Loosely(usize),
    Nowhere,
}

impl<'a> Document<'a> {
    /// Indexes a bundle.
    pub(crate) fn of(bundle: Json<'a>) -> Self {
        let entries = bundle.items("entry");
        let mut document = Document {
            entries: Vec::with_capacity(entries.len()),
            repeated: Vec::new(),
            by_url: HashMap::with_capacity_and_hasher(entries.len(), RandomState::default()),
            by_name: OnceCell::new(),
        };
        for (at, entry) in entries.iter().enumerate() {
            let full_url = entry.text("fullUrl");
            let resource = entry.field("resource").filter(|r| r.is_map());
            let kind =
                resource.and_then(|r| r.field("resourceType")).and_then(Json::as_str).unwrap_or_default();
            if let Some(url) = full_url
                && *document.by_url.entry(url).or_insert(at) != at
            {
                document.repeated.push(at);
            }
            document.entries.push(Entry { full_url, resource, kind });
        }
        document
    }

    /// The entry that `reference`, standing in the entry `from`, leads to.
    pub(crate) fn resolve(&self, reference: &str, from: usize) -> Resolved {
        if let Some(at) = self.by_url.get(reference) {
            return Resolved::To(*at);
        }
        if let Some((unversioned, _)) = reference.split_once("/_history/") {
            return self.resolve(unversioned, from);
        }
        let mut parts = reference.rsplit('/');
        let (Some(id), Some(kind)) = (parts.next(), parts.next()) else {
            return self.by_bare_id(reference);
        };
        let relative = parts.next().is_none();
        if relative
            && let Some(base) = self.base(from)
            && let Some(at) = self.by_url.get(format!("{base}/{kind}/{id}").as_str())
        {
            return Resolved::To(*at);
        }
        match self.by_name().get(&(kind, id)) {
            Some(at) => Resolved::Loosely(*at),
            None => Resolved::Nowhere,
        }
    }

    /// Entries by type and id.
    fn by_name(&self) -> &HashMap<(&'a str, &'a str), usize> {
        self.by_name.get_or_init(|| {
            let mut names = HashMap::default();
            for (at, entry) in self.entries.iter().enumerate() {
                if let Some(id) = entry.resource.and_then(|r| r.text("id")) {
                    names.entry((entry.kind, id)).or_insert(at);
                }
            }
            names
        })
    }

    /// A UUID without its `urn:uuid:` is a frequent slip.
    fn by_bare_id(&self, reference: &str) -> Resolved {
        if reference.len() != 36 {
            return Resolved::Nowhere;
        }
        let url = format!("urn:uuid:{reference}");
        self.by_url.get(url.as_str()).map_or(Resolved::Nowhere, |at| Resolved::Loosely(*at))
    }

    /// The server's address that an entry's fullUrl tells, for relative references.
    fn base(&self, from: usize) -> Option<&'a str> {
        let url = self.entries.get(from)?.full_url?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return None;
        }
        let (rest, _id) = url.rsplit_once('/')?;
        rest.rsplit_once('/').map(|(base, _kind)| base)
    }

    /// The entry with this fullUrl.
    pub(crate) fn by_url(&self, url: &str) -> Option<usize> {
        self.by_url.get(url).copied()
    }
}
