//! A document while it is being built: its entries, its ids and its problems.

use std::borrow::Cow;
use std::sync::Arc;

use sha1::{Digest as _, Sha1};
use uuid::Uuid;

use crate::canonical;
use crate::context::{Context, Seed};
use crate::fhir::{Map, Node};
use crate::hi_type::HiType;
use crate::input::{Head, Record};
use crate::issue::Issue;
use crate::narrative::{self, Row};
use crate::pointer::Place;
use crate::systems;
use crate::time::Moment;

/// The namespace of all ids made here.
const NAMESPACE: Uuid = Uuid::from_u128(0x6e72_6365_732d_4005_b28c_6468_6b61_6469);

/// A resource of the document that others may point at.
#[derive(Clone)]
pub(crate) struct Ref {
    urn: Arc<str>,
    kind: &'static str,
    display: Option<Arc<str>>,
}

impl Ref {
    pub fn to<'a>(&self) -> Map<'a> {
        Map::with_capacity(1).with("reference", Arc::clone(&self.urn))
    }

    /// With the name of the one pointed at, for readers that do not follow.
    pub fn named<'a>(&self) -> Map<'a> {
        self.to().with_some("display", self.display.clone())
    }

    /// With the type that closed slicings look at.
    pub fn typed<'a>(&self) -> Map<'a> {
        self.to().with("type", self.kind)
    }

    /// A number of its own: the URN by which the document knows it.
    pub fn own_number(&self) -> String {
        self.urn.as_ref().to_owned()
    }

    pub fn displayed(mut self, display: Option<&str>) -> Self {
        self.display = display.map(Arc::from);
        self
    }
}

/// A resource with the place of the input that it came from.
pub(crate) struct Entry<'a> {
    pub urn: Arc<str>,
    pub kind: &'static str,
    pub node: Map<'a>,
    pub origin: String,
}

/// A code that NRCeS's profiles do not take, kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCode {
    /// The code system that was named, if any.
    pub system: Option<String>,
    /// The code.
    pub code: String,
    /// The words that stood beside it, if any did.
    pub label: Option<String>,
    /// JSON pointer to it in the input.
    pub path: String,
}

/// Everything that resource builders share.
pub(crate) struct Doc<'a> {
    pub hi_type: HiType,
    pub context: &'a Context,
    pub head: Head<'a>,
    pub date: Moment,
    pub patient: Ref,
    pub practitioners: Vec<Ref>,
    pub organisation: Option<Ref>,
    pub encounter: Option<Ref>,
    pub entries: Vec<Entry<'a>>,
    pub issues: Vec<Issue>,
    pub local_codes: Vec<LocalCode>,
    pub signature: Option<Map<'a>>,
    /// URLs of the profiles used so far.
    profiles: Vec<(&'static str, Arc<str>)>,
    ids: Uuid,
    made: u32,
}

impl<'a> Doc<'a> {
    /// Begins the document of a record that was read from `size` bytes.
    pub fn new<T: Record + serde::Serialize>(
        hi_type: HiType,
        record: &'a T,
        context: &'a Context,
        size: usize,
    ) -> Self {
        let head = record.head();
        // Marks and lengths make the content longer than its JSON.
        let mut content = Vec::with_capacity(2048 + 2 * size);
        let ids = namespace((hi_type, context), record, &head, &mut content);
        let composition = urn(new_v5(ids, &[b"Composition"]));
        let nobody = Ref { urn: composition, kind: "Patient", display: None };
        Self {
            hi_type,
            context,
            head,
            date: Moment::unknown(),
            patient: nobody,
            practitioners: Vec::new(),
            organisation: None,
            encounter: None,
            entries: Vec::with_capacity(16),
            issues: Vec::new(),
            local_codes: Vec::new(),
            signature: None,
            profiles: Vec::with_capacity(16),
            ids,
            made: 0,
        }
    }

    /// Who stands for the record: the first practitioner, else the facility.
    pub fn author(&self) -> Option<&Ref> {
        self.practitioners.first().or(self.organisation.as_ref())
    }

    /// The UUID of something of this document that has one name.
    pub fn id(&self, name: &str) -> String {
        text(new_v5(self.ids, &[name.as_bytes()]))
    }

    /// Opens a resource of a profile: the members that every one begins with.
    pub fn open(&mut self, kind: &'static str, profile: &'static str) -> Draft<'a> {
        self.made += 1;
        let id = new_v5(self.ids, &[kind.as_bytes(), b"/", self.made.to_string().as_bytes()]);
        Draft::new(kind, self.profile(profile), id)
    }

    fn profile(&mut self, name: &'static str) -> Arc<str> {
        if let Some((_, url)) = self.profiles.iter().find(|(known, _)| *known == name) {
            return Arc::clone(url);
        }
        let url: Arc<str> = Arc::from(format!("{}{name}", systems::PROFILE));
        self.profiles.push((name, Arc::clone(&url)));
        url
    }

    /// Adds a resource with its narrative; it may be pointed at from now on.
    pub fn add(&mut self, mut draft: Draft<'a>, row: &Row<'a>, place: &Place<'_>) -> Ref {
        draft.members.insert(draft.head, "text", narrative::text(row.div()));
        self.add_bare(draft, place)
    }

    /// Adds a resource that knows no narrative.
    pub fn add_bare(&mut self, draft: Draft<'a>, place: &Place<'_>) -> Ref {
        let Draft { kind, urn, members, .. } = draft;
        let reference = Ref { urn: Arc::clone(&urn), kind, display: None };
        self.entries.push(Entry { urn, kind, node: members, origin: place.pointer() });
        reference
    }

    pub fn error(&mut self, place: &Place<'_>, rule: &'static str, message: impl Into<String>) {
        self.issues.push(Issue::error(place.pointer(), rule, message));
    }

    pub fn warn(&mut self, place: &Place<'_>, rule: &'static str, message: impl Into<String>) {
        self.issues.push(Issue::warning(place.pointer(), rule, message));
    }

    /// The document as a Bundle; its Composition is the first entry.
    pub fn finish(self) -> (Map<'a>, Vec<Origin>) {
        let stamp = self.date.instant();
        let identifier = self.id("Bundle.identifier");
        let security = Map::with_capacity(3)
            .with("system", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality")
            .with("code", "V")
            .with("display", "very restricted");
        let meta = Map::with_capacity(4)
            .with("versionId", "1")
            .with("lastUpdated", stamp.clone())
            .with("profile", vec!["https://nrces.in/ndhm/fhir/r4/StructureDefinition/DocumentBundle"])
            .with("security", vec![security]);
        let mut origins = Vec::with_capacity(self.entries.len());
        let mut entries: Vec<Node<'a>> = Vec::with_capacity(self.entries.len());
        for Entry { urn, kind, node, origin } in self.entries {
            origins.push(Origin { kind, origin });
            entries.push(Map::with_capacity(2).with("fullUrl", urn).with("resource", node).into());
        }
        let bundle_id = text(new_v5(self.ids, &[b"Bundle"]));
        let bundle = Map::with_capacity(8)
            .with("resourceType", "Bundle")
            .with("id", bundle_id)
            .with("meta", meta)
            .with(
                "identifier",
                Map::with_capacity(2).with("system", systems::BUNDLE_ID).with("value", identifier),
            )
            .with("type", "document")
            .with("timestamp", stamp)
            .with("entry", entries)
            .with_some("signature", self.signature);
        (bundle, origins)
    }
}

/// What is remembered of an entry to tell where a problem of it came from.
pub(crate) struct Origin {
    pub kind: &'static str,
    pub origin: String,
}

/// A resource that is not in the document yet.
pub(crate) struct Draft<'a> {
    kind: &'static str,
    urn: Arc<str>,
    members: Map<'a>,
    /// How many of them stand before the narrative in FHIR's order.
    head: usize,
}

impl<'a> Draft<'a> {
    fn new(kind: &'static str, profile: Arc<str>, id: Uuid) -> Self {
        let mut members = Map::with_capacity(16);
        members.put("resourceType", kind);
        members.put("id", text(id));
        members.put("meta", Map::with_capacity(1).with("profile", vec![Node::from(profile)]));
        Self { kind, urn: urn(id), head: members.len(), members }
    }

    /// The reference by which others will find it.
    pub fn reference(&self) -> Ref {
        Ref { urn: Arc::clone(&self.urn), kind: self.kind, display: None }
    }

    pub fn put(&mut self, key: &'static str, value: impl Into<Node<'a>>) {
        self.members.put(key, value);
    }

    pub fn put_some<T: Into<Node<'a>>>(&mut self, key: &'static str, value: Option<T>) {
        self.members.put_some(key, value);
    }

    pub fn put_one<T: Into<Node<'a>>>(&mut self, key: &'static str, value: Option<T>) {
        self.members.put_one(key, value);
    }

    /// Members that stand before the narrative in FHIR's order.
    pub fn put_head(&mut self, key: &'static str, value: impl Into<Node<'a>>) {
        let before = self.members.len();
        self.members.insert(self.head, key, value);
        self.head += self.members.len() - before;
    }

    /// A note of the author.
    pub fn note(&mut self, texts: &[Option<Cow<'a, str>>]) {
        let notes: Vec<Map<'a>> =
            texts.iter().flatten().map(|text| Map::with_capacity(1).with("text", text.clone())).collect();
        self.members.put("note", notes);
    }
}

fn urn(id: Uuid) -> Arc<str> {
    let mut text = Uuid::encode_buffer();
    Arc::from(&*id.urn().encode_lower(&mut text))
}

fn text(id: Uuid) -> String {
    let mut text = Uuid::encode_buffer();
    id.hyphenated().encode_lower(&mut text).to_owned()
}

/// A UUID of version 5 (RFC 9562). The `uuid` crate's own is as right, but hashes without the processor's help, which
/// for a record's content takes longer than reading it. The name comes in parts.
fn new_v5(namespace: Uuid, name: &[&[u8]]) -> Uuid {
    let mut hash = Sha1::new().chain_update(namespace.as_bytes());
    for part in name {
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_sha1_bytes(bytes).into_uuid()
}

/// What all ids of a document are derived from: facility, patient, visit, place
/// or given id, and the content.
fn namespace<T: serde::Serialize>(
    (hi_type, context): (HiType, &Context),
    record: &T,
    head: &Head<'_>,
    content: &mut Vec<u8>,
) -> Uuid {
    canonical::write(&hi_type, content);
    match head.id.get().filter(|_| context.visit.is_none()) {
        Some(id) => canonical::write(&Seed::Given(id.to_owned()), content),
        None => canonical::write(&context.seed, content),
    }
    canonical::write(&context.facility, content);
    canonical::write(&context.patient, content);
    canonical::write(&context.visit, content);
    let known = context.terminology.as_ref().map(|t| t.version());
    if let Some(version) = known.filter(|version| !version.is_empty()) {
        canonical::write(&version, content);
    }
    canonical::write(record, content);
    new_v5(NAMESPACE, &[content])
}
