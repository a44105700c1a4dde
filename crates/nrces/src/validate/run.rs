//! One validation: the Bundle, then every entry against what it claims and
//! what is demanded of it, each pair once.

use std::collections::{HashMap, HashSet, VecDeque};

use super::Options;
use super::bundle;
use super::document::{Document, Place};
use super::found::{Found, MAX_ISSUES};
use super::json::Json;
use super::path::Path;
use super::walk::{Choices, Demand, Walk};
use super::{record, showing};
use crate::issue::Issue;
use crate::rules::{Rules, ShapeId};

const DOCUMENT_BUNDLE: &str = "https://nrces.in/ndhm/fhir/r4/StructureDefinition/DocumentBundle";
const NRCES: &str = "https://nrces.in/ndhm/fhir/r4/StructureDefinition/";

/// Every problem of a bundle, in the order of its entries.
pub(super) fn run(rules: &Rules, bundle: Json<'_>, options: Options) -> Vec<Issue> {
    if bundle.text("resourceType") != Some("Bundle") {
        let what = "must be a JSON object with resourceType `Bundle`: a FHIR document";
        return vec![Issue::error("Bundle", "not-a-bundle", what)];
    }
    let document = Document::of(bundle);
    let mut run = Run::new(rules, &document, options);
    run.bundle(bundle);
    run.entries();
    run.finish()
}

struct Run<'a> {
    rules: &'a Rules,
    document: &'a Document<'a>,
    options: Options,
    /// Whether it has to be a document, and not a collection of claims.
    document_rules: bool,
    /// Problems with the entry that they are of; 0 is the Bundle.
    found: Vec<(usize, Issue)>,
    cut: bool,
    /// By entry, the profiles that it was held to; few each.
    done: Vec<Vec<ShapeId>>,
    /// The same of contained resources.
    done_within: HashSet<(Place, ShapeId)>,
    walked: Vec<bool>,
    links: Vec<Vec<usize>>,
    queue: VecDeque<Demand>,
    /// Outcomes of trials among several profiles.
    trials: HashMap<(Place, ShapeId), Trial>,
}

/// What a walk brought, held back until it is chosen.
struct Trial {
    found: Found,
    demands: Vec<Demand>,
    links: Vec<usize>,
}

impl<'a> Run<'a> {
    fn new(rules: &'a Rules, document: &'a Document<'a>, options: Options) -> Self {
        let number = document.entries.len();
        Self {
            rules,
            document,
            options,
            document_rules: true,
            found: Vec::new(),
            cut: false,
            done: vec![Vec::new(); number],
            done_within: HashSet::new(),
            walked: vec![false; number],
            links: vec![Vec::new(); number],
            queue: VecDeque::new(),
            trials: HashMap::new(),
        }
    }

    fn walk(&self, place: Option<Place>, root: Json<'a>) -> Walk<'a> {
        Walk {
            rules: self.rules,
            document: self.document,
            strict: self.options.strict,
            place,
            root,
            found: Found::default(),
            demands: Vec::new(),
            links: Vec::new(),
            nested: false,
        }
    }

    fn bundle(&mut self, bundle: Json<'a>) {
        let collection = self.collection(bundle);
        self.document_rules = collection.is_none();
        let document = self.rules.profile(DOCUMENT_BUNDLE).map(|p| p.shape);
        let shape = collection.or(document).or_else(|| self.rules.type_named("Bundle"));
        let mut walk = self.walk(None, bundle);
        if let Some(shape) = shape {
            walk.object(shape, bundle, &Path::root("Bundle"));
        }
        claimed_profiles(&mut walk, bundle, "Bundle", &Path::root("Bundle"), &mut Vec::new());
        bundle::check_entries(&mut walk, bundle);
        if self.document_rules {
            bundle::check_document(&mut walk, bundle);
        }
        self.queue.extend(walk.demands);
        self.take(0, walk.found);
    }

    /// The profile of a collection, if those are asked for and it claims one.
    fn collection(&self, bundle: Json<'_>) -> Option<ShapeId> {
        if !self.options.collections || bundle.text("type") == Some("document") {
            return None;
        }
        let claims = bundle.field("meta").map(|m| m.items("profile")).unwrap_or_default();
        let known = claims.iter().filter_map(Json::as_str).filter(|url| *url != DOCUMENT_BUNDLE);
        let mut of_bundles = known.filter_map(|url| self.rules.profile(url)).filter(|p| &*p.of == "Bundle");
        of_bundles.next().map(|p| p.shape)
    }

    fn take(&mut self, order: usize, found: Found) {
        self.cut |= found.cut;
        self.found.extend(found.issues.into_iter().map(|issue| (order, issue)));
    }

    /// Claims first, beginning with the Composition, then demands as they
    /// arise, last the bare type of whatever met neither.
    fn entries(&mut self) {
        for at in 0..self.document.entries.len() {
            self.claims(at);
            self.demanded();
        }
        for at in 0..self.document.entries.len() {
            if self.walked.get(at) == Some(&false) {
                self.plain(at);
                self.demanded();
            }
        }
        if self.document_rules {
            self.orphans();
        }
    }

    fn orphans(&mut self) {
        let path = Path::root("Bundle");
        let list = path.key("entry");
        for at in bundle::unreached(self.document, &self.links) {
            let mut found = Found::default();
            let what = "is reached from the Composition by no reference: refer to it from a section \
                        or a resource, or leave it out";
            found.add(&list.index(at), |path| Issue::error(path, "document-orphan", what));
            self.take(at + 1, found);
        }
    }

    /// Holds an entry to the profiles that it names, the Composition to the
    /// record profile of its type.
    fn claims(&mut self, at: usize) {
        let Some(entry) = self.document.entries.get(at) else { return };
        let Some(resource) = entry.resource else { return };
        let root = Path::entry(at);
        let mut walk = self.walk(Some(Place { entry: at, contained: None }), resource);
        let mut shapes = Vec::new();
        if self.options.strict {
            showing::check(&mut walk, resource, &root);
        }
        if entry.kind == "Composition" {
            match record::of_composition(resource) {
                Some(kind) => {
                    let url = format!("{NRCES}{}", kind.profile());
                    match self.rules.profile(&url) {
                        Some(profile) => shapes.push(profile.shape),
                        None => {
                            let what =
                                "is of a record type whose profile the package lacks; it was not checked";
                            walk.warning(&root.key("type"), "profile-unknown", what);
                        }
                    }
                }
                None => {
                    let what = "must name exactly one of the eight record types, by its SNOMED CT code \
                                or, for wellness and invoice, by `text`";
                    walk.error(&root.key("type"), "record-type", what);
                }
            }
        }
        claimed_profiles(&mut walk, resource, entry.kind, &root, &mut shapes);
        self.take(at + 1, walk.found);
        for shape in shapes {
            self.hold(Place { entry: at, contained: None }, shape);
        }
    }

    fn plain(&mut self, at: usize) {
        let Some(resource) = self.document.entries.get(at).and_then(|e| e.resource) else { return };
        let root = Path::entry(at);
        let place = Place { entry: at, contained: None };
        let mut walk = self.walk(Some(place), resource);
        let shape = walk.resource_shape(resource, &root);
        self.take(at + 1, walk.found);
        if let Some(shape) = shape {
            self.hold(place, shape);
        }
    }

    fn demanded(&mut self) {
        while let Some(demand) = self.queue.pop_front() {
            match demand.choices {
                Choices::One(shape) => self.hold(demand.place, shape),
                Choices::Several(shapes) => self.hold_to_one_of(demand.place, &shapes),
            }
        }
    }

    fn is_done(&self, place: Place, shape: ShapeId) -> bool {
        match place.contained {
            None => self.done.get(place.entry).is_some_and(|done| done.contains(&shape)),
            Some(_) => self.done_within.contains(&(place, shape)),
        }
    }

    /// Holds a resource to a profile, once.
    fn hold(&mut self, place: Place, shape: ShapeId) {
        if self.is_done(place, shape) {
            return;
        }
        match self.done.get_mut(place.entry).filter(|_| place.contained.is_none()) {
            Some(done) => done.push(shape),
            None => {
                self.done_within.insert((place, shape));
            }
        }
        let tried = if self.trials.is_empty() { None } else { self.trials.remove(&(place, shape)) };
        let trial = tried.unwrap_or_else(|| self.attempt(place, shape));
        if let Some(walked) = self.walked.get_mut(place.entry).filter(|_| place.contained.is_none()) {
            *walked = true;
        }
        if let Some(links) = self.links.get_mut(place.entry) {
            if links.is_empty() {
                *links = trial.links;
            } else {
                links.extend(trial.links);
            }
            links.sort_unstable();
            links.dedup();
        }
        self.queue.extend(trial.demands);
        self.take(place.entry + 1, trial.found);
    }

    /// Holds a resource to the profile of several that it meets, else to that
    /// which it misses least.
    fn hold_to_one_of(&mut self, place: Place, shapes: &[ShapeId]) {
        if shapes.iter().any(|shape| self.is_done(place, *shape)) {
            return;
        }
        let mut best: Option<(usize, ShapeId)> = None;
        for shape in shapes {
            if !self.trials.contains_key(&(place, *shape)) {
                let trial = self.attempt(place, *shape);
                self.trials.insert((place, *shape), trial);
            }
            let errors = self.trials.get(&(place, *shape)).map_or(0, |trial| trial.found.errors());
            if best.is_none_or(|(least, _)| errors < least) {
                best = Some((errors, *shape));
            }
        }
        if let Some((_, shape)) = best {
            self.hold(place, shape);
        }
    }

    fn attempt(&self, place: Place, shape: ShapeId) -> Trial {
        let Some(root) = self.document.entries.get(place.entry).and_then(|e| e.resource) else {
            return Trial { found: Found::default(), demands: Vec::new(), links: Vec::new() };
        };
        let mut walk = self.walk(Some(place), root);
        let at = Path::entry(place.entry);
        match place.contained {
            None => walk.object(shape, root, &at),
            Some(n) => {
                if let Some(contained) = root.field("contained").and_then(|c| c.as_list()?.get(n)) {
                    walk.object(shape, contained, &at.key("contained").index(n));
                }
            }
        }
        Trial { found: walk.found, demands: walk.demands, links: walk.links }
    }

    fn finish(mut self) -> Vec<Issue> {
        self.found.sort_by_key(|(order, _)| *order);
        let mut told = HashSet::new();
        let mut issues: Vec<Issue> = Vec::new();
        for (_, issue) in self.found {
            if issues.len() >= MAX_ISSUES {
                self.cut = true;
                break;
            }
            if told.insert((issue.path.clone(), issue.rule.clone())) {
                issues.push(issue);
            }
        }
        if self.cut {
            let what = "has more problems than are listed; mend these first";
            issues.push(Issue::error("Bundle", "more", what));
        }
        issues
    }
}

/// The known profiles that a resource claims; what is wrong with its claims is
/// told.
fn claimed_profiles(
    walk: &mut Walk<'_>,
    resource: Json<'_>,
    kind: &str,
    path: &Path<'_>,
    shapes: &mut Vec<ShapeId>,
) {
    let (meta, mut told) = (path.key("meta"), Vec::new());
    let claimed = resource.field("meta").map(|m| m.items("profile")).unwrap_or_default();
    for (n, url) in claimed.iter().filter_map(Json::as_str).enumerate() {
        match walk.rules.profile(url) {
            Some(profile) if *profile.of == *kind => shapes.push(profile.shape),
            Some(_) => told.push((n, true)),
            None if url.starts_with(NRCES) => told.push((n, false)),
            None => {}
        }
    }
    for (n, of_another) in told {
        let (list, what) =
            (meta.key("profile"), "is no profile of this version of the NRCeS guide; it was not checked");
        if of_another {
            walk.error(&list.index(n), "profile-type", "is a profile of another resource type");
        } else {
            walk.warning(&list.index(n), "profile-unknown", what);
        }
    }
}
