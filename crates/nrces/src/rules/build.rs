//! Rules built from tables: rows merged into shapes.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::codes::Codes;
use super::merge::Bases;
use super::row::{CORE, Definition, Kind, Row, Rows, SlicingRow, Tables, TypeRow};
use super::shape::{
    Binding, Element, Form, Key, MANY, Matcher, Primitive, Rare, Shape, ShapeId, Slice, Slicing, Special,
    Target, Test, TypeUse,
};
use super::{RulesError, read};
use crate::validate::invariant::{Native, is_checked, native};

/// An invariant that the tables name.
#[derive(Debug)]
pub(crate) struct Invariant {
    pub key: Box<str>,
    pub warning: bool,
    /// Its check, if it is written out here in this meaning.
    pub native: Option<Native>,
}

/// A known profile.
#[derive(Debug)]
pub(crate) struct Profile {
    pub shape: ShapeId,
    /// The type that it constrains.
    pub of: Box<str>,
}

/// Everything that a document is held to.
#[derive(Debug, Default)]
pub struct Rules {
    shapes: Vec<Shape>,
    types: HashMap<Box<str>, ShapeId>,
    profiles: HashMap<Box<str>, Profile>,
    pub(crate) codes: Codes,
    invariants: Vec<Invariant>,
    notes: Vec<String>,
}

impl Rules {
    /// Reads tables; later ones may use and replace what earlier ones define.
    pub fn from_tables(texts: &[&str]) -> Result<Self, RulesError> {
        let mut tables = Tables::default();
        for text in texts {
            read::read(text, &mut tables)?;
        }
        Builder::new(tables)?.finish()
    }

    /// What of the tables is not checked, each as a sentence.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The display of a code that the profiles name, if any.
    pub fn display(&self, system: &str, code: &str) -> Option<&str> {
        self.codes.display(system, code)
    }

    /// Every code that the tables know, as `(system, code, display)`.
    pub fn codes(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.codes.all()
    }

    pub(crate) fn shape(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get(id.0 as usize)
    }

    /// The shape of a data type or resource.
    pub(crate) fn type_named(&self, name: &str) -> Option<ShapeId> {
        self.types.get(name).copied()
    }

    /// A profile by its URL, with or without a version.
    pub(crate) fn profile(&self, url: &str) -> Option<&Profile> {
        self.profiles.get(url.split('|').next().unwrap_or(url))
    }

    pub(crate) fn invariants(&self) -> &[Invariant] {
        &self.invariants
    }

    #[cfg(test)]
    pub(crate) fn profiles(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.profiles.iter().map(|(url, p)| (&**url, p))
    }
}

struct Builder {
    tables: Tables,
    bases: Bases,
    rules: Rules,
    invariant_index: HashMap<String, u16>,
    /// Profile URL to the index of its definition.
    defined: HashMap<String, usize>,
    /// Elements of base definitions, which profiles share as long as they do not
    /// change them; the rows live as long as `bases`.
    shared: HashMap<*const Row, Arc<Element>>,
    /// Shapes of the elements of base definitions by type and path.
    base_paths: HashMap<(String, String), ShapeId>,
}

/// Where rows are being built.
struct Place<'a> {
    root: &'a [Rc<Row>],
    /// Whether it is a type or resource of the base, not a profile.
    base: bool,
    /// Shapes of the elements of this definition by path, some still to come.
    paths: HashMap<String, ShapeId>,
}

impl Builder {
    fn new(mut tables: Tables) -> Result<Self, RulesError> {
        let mut rules = Rules::default();
        std::mem::take(&mut tables.sets).into_iter().for_each(|set| rules.codes.add_set(set));
        std::mem::take(&mut tables.systems).into_iter().for_each(|system| rules.codes.add_system(system));
        let mut bases = Bases::default();
        let mut defined = HashMap::new();
        for (index, definition) in tables.definitions.iter().enumerate() {
            match definition.kind {
                Kind::Profile => {
                    defined.insert(definition.name.clone(), index);
                }
                _ => bases.add(definition),
            }
        }
        let mut builder = Self { tables, bases, rules, invariant_index: HashMap::new(), defined, shared: HashMap::new(), base_paths: HashMap::new() };
        builder.number_invariants();
        builder.reserve_all()?;
        Ok(builder)
    }

    fn number_invariants(&mut self) {
        for row in &self.tables.invariants {
            let invariant =
                Invariant { key: row.key.as_str().into(), warning: row.warning, native: native(&row.key) };
            if !is_checked(&row.key) {
                self.rules.notes.push(format!("the invariant {} is not checked", row.key));
            }
            match self.invariant_index.get(&row.key) {
                // A later table gives the key another meaning than the one checked.
                Some(&at) => {
                    self.rules
                        .notes
                        .push(format!("the invariant {} has changed; it is checked as before", row.key));
                    if let Some(slot) = self.rules.invariants.get_mut(usize::from(at)) {
                        *slot = invariant;
                    }
                }
                None => {
                    let at = u16::try_from(self.rules.invariants.len()).unwrap_or(u16::MAX);
                    self.invariant_index.insert(row.key.clone(), at);
                    self.rules.invariants.push(invariant);
                }
            }
        }
    }

    /// Gives every definition its shape's number, so that they can name each other.
    fn reserve_all(&mut self) -> Result<(), RulesError> {
        for at in 0..self.tables.definitions.len() {
            let id = self.reserve();
            let Some(d) = self.tables.definitions.get(at) else { continue };
            if d.kind == Kind::Profile {
                let of = d.of.clone().unwrap_or_default();
                if !self.bases.has(&of) {
                    let what = format!("constrains {of}, which no table defines");
                    return Err(RulesError::Definition { name: d.name.clone(), what });
                }
                let profile = Profile { shape: id, of: of.into_boxed_str() };
                self.rules.profiles.insert(d.name.as_str().into(), profile);
            } else {
                self.rules.types.insert(d.name.as_str().into(), id);
            }
        }
        Ok(())
    }

    fn reserve(&mut self) -> ShapeId {
        let id = ShapeId(u32::try_from(self.rules.shapes.len()).unwrap_or(u32::MAX));
        self.rules.shapes.push(Shape::default());
        id
    }

    fn finish(mut self) -> Result<Rules, RulesError> {
        let definitions = std::mem::take(&mut self.tables.definitions);
        for (at, definition) in definitions.iter().enumerate() {
            let Ok(id) = u32::try_from(at).map(ShapeId) else { continue };
            let superseded = self.defined.get(&definition.name).is_some_and(|last| *last != at);
            if !superseded {
                self.definition(id, definition, &definitions)?;
            }
        }
        Ok(self.rules)
    }

    fn definition(&mut self, id: ShapeId, d: &Definition, all: &[Definition]) -> Result<(), RulesError> {
        let of = if d.kind == Kind::Profile { d.of.clone().unwrap_or_default() } else { d.name.clone() };
        let root = self.bases.rows(&of).to_vec();
        let base = d.kind != Kind::Profile;
        let rows = if base { root.clone() } else { self.bases.merge_all(&root, d.rows.iter(), &root) };
        let mut invariants = self.bases.invariants(&of).to_vec();
        invariants.extend(d.invariants.iter().filter(|_| d.kind == Kind::Profile).cloned());
        let mut place = Place { root: &root, base, paths: HashMap::new() };
        let shape = self.object(&of, &rows, "", &mut place, all)?;
        let shape = Shape { invariants: self.numbers(&invariants), resource: self.is_resource(&of), ..shape };
        self.put(id, shape);
        self.settle(&of, d, place.paths)
    }

    /// Gives the shapes that are named but not built here those of the base:
    /// the element that they repeat was shared.
    fn settle(
        &mut self,
        of: &str,
        d: &Definition,
        paths: HashMap<String, ShapeId>,
    ) -> Result<(), RulesError> {
        for (path, id) in paths {
            if self.rules.shape(id).is_none_or(|s| s.elements.is_empty()) {
                let key = (of.to_owned(), path);
                let base = self.base_paths.get(&key).and_then(|base| self.rules.shape(*base)).cloned();
                let Some(shape) = base else {
                    let what = format!("an element has the content of `{}`, which is not there", key.1);
                    return Err(RulesError::Definition { name: d.name.clone(), what });
                };
                self.put(id, shape);
            } else if d.kind != Kind::Profile {
                self.base_paths.insert((of.to_owned(), path), id);
            }
        }
        Ok(())
    }

    fn is_resource(&self, name: &str) -> bool {
        self.bases
            .rows(name)
            .first()
            .is_some_and(|row| row.types.as_deref().and_then(|t| t.first()).is_some_and(|t| t.code == "id"))
    }

    fn put(&mut self, id: ShapeId, shape: Shape) {
        if let Some(slot) = self.rules.shapes.get_mut(id.0 as usize) {
            *slot = shape;
        }
    }

    fn numbers(&mut self, keys: &[String]) -> Vec<u16> {
        keys.iter().filter_map(|k| self.invariant_index.get(k).copied()).collect()
    }

    /// The shape of an object with these rows.
    fn object(
        &mut self,
        name: &str,
        rows: &[Rc<Row>],
        path: &str,
        place: &mut Place<'_>,
        all: &[Definition],
    ) -> Result<Shape, RulesError> {
        if rows.len() > 128 {
            let what = "has more than 128 elements at one level".to_owned();
            return Err(RulesError::Definition { name: name.to_owned(), what });
        }
        let mut shape = Shape { name: name.into(), ..Shape::default() };
        for row in rows.iter().filter(|r| !r.slice) {
            let element = self.element_of(row, path, place, all)?;
            let at = shape.elements.len();
            if element.min > 0 {
                shape.required |= 1 << at;
            }
            for (ty, t) in element.types.iter().enumerate() {
                let index = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
                shape.keys.push(Key { name: Arc::clone(&t.json), element: index(at), ty: index(ty) });
            }
            shape.elements.push(element);
        }
        shape.keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shape)
    }

    /// The element of a row, that of the base if nothing changes it.
    fn element_of(
        &mut self,
        row: &Rc<Row>,
        path: &str,
        place: &mut Place<'_>,
        all: &[Definition],
    ) -> Result<Arc<Element>, RulesError> {
        if let Some(element) = self.shared.get(&Rc::as_ptr(row)) {
            return Ok(Arc::clone(element));
        }
        let element = Arc::new(self.element(row, path, place, all)?);
        if place.base && !repeats(row) {
            self.shared.insert(Rc::as_ptr(row), Arc::clone(&element));
        }
        Ok(element)
    }

    fn element(
        &mut self,
        row: &Row,
        path: &str,
        place: &mut Place<'_>,
        all: &[Definition],
    ) -> Result<Element, RulesError> {
        let at = if path.is_empty() { row.name.clone() } else { format!("{path}.{}", row.name) };
        let mut element = self.plain_element(row, &at, place, all)?;
        if row.slices().next().is_some() {
            let general = row.unsliced();
            let by = row.slicing.clone().unwrap_or_else(by_url);
            let mut slices = Vec::new();
            for over in row.slices() {
                let merged = self.bases.merge(&general, over, place.root);
                let matchers = self.matchers(&merged, &by, place, all);
                let Some(matchers) = matchers else {
                    self.rules
                        .notes
                        .push(format!("the slice {} of {at} cannot be told and is not checked", over.name));
                    continue;
                };
                let inner = self.element(&merged, &format!("{path}:{}", over.name), place, all)?;
                slices.push(Slice { name: over.name.as_str().into(), matchers, element: inner });
            }
            let slicing = Slicing {
                closed: by.rules == "closed",
                at_end: by.rules == "openAtEnd",
                ordered: by.ordered,
                slices,
            };
            element.rare.get_or_insert_default().slicing = Some(slicing);
        }
        Ok(element)
    }

    fn plain_element(
        &mut self,
        row: &Row,
        at: &str,
        place: &mut Place<'_>,
        all: &[Definition],
    ) -> Result<Element, RulesError> {
        let name = row.name.strip_suffix("[x]").unwrap_or(&row.name);
        let choice = name.len() != row.name.len();
        let mut types = Vec::new();
        if let Some(path) = &row.same_as {
            let shape = self.shape_at(path, place);
            types.push(type_use(name, Form::Object(shape, Special::None)));
        }
        for t in row.types.iter().flatten() {
            types.push(self.type_use(row, t, at, place, all)?);
        }
        let card = row.card.unwrap_or(super::row::Card { min: 0, max: None });
        Ok(Element {
            name: name.into(),
            choice,
            array: row.array,
            min: card.min,
            max: card.max.unwrap_or(MANY),
            types,
            invariants: self.numbers(&row.invariants),
            binding: self.binding(row),
            rare: rare(row),
        })
    }

    fn binding(&mut self, row: &Row) -> Option<Binding> {
        let bind = row.bind.as_ref()?;
        let set = self.rules.codes.index(&bind.set);
        if set.is_none() && bind.required {
            self.rules.notes.push(format!("the value set {} is not known and is not checked", bind.set));
        }
        Some(Binding { required: bind.required, set: set? })
    }

    fn shape_at(&mut self, path: &str, place: &mut Place<'_>) -> ShapeId {
        if let Some(id) = place.paths.get(path) {
            return *id;
        }
        let id = self.reserve();
        place.paths.insert(path.to_owned(), id);
        id
    }

    fn type_use(
        &mut self,
        row: &Row,
        t: &TypeRow,
        at: &str,
        place: &mut Place<'_>,
        all: &[Definition],
    ) -> Result<TypeUse, RulesError> {
        let name = row.name.strip_suffix("[x]");
        let json = name.map_or_else(|| row.name.clone(), |name| format!("{name}{}", capitalised(&t.code)));
        let form = if let Some(primitive) = Primitive::named(&t.code) {
            Form::Primitive(primitive)
        } else if row.elements().next().is_some() && row.types.as_ref().is_some_and(|t| t.len() == 1) {
            let id = self.shape_at(at, place);
            let rows: Rows = row.elements().cloned().collect();
            let mut shape = self.object(&t.code, &rows, at, place, all)?;
            shape.invariants = self.numbers(&self.bases.invariants(&t.code).to_vec());
            self.put(id, shape);
            Form::Object(id, special(&t.code))
        } else if t.code == "Resource" {
            Form::Resource
        } else {
            self.rules
                .types
                .get(t.code.as_str())
                .map_or(Form::Unknown, |id| Form::Object(*id, special(&t.code)))
        };
        let profiles = t.profiles.iter().filter_map(|url| self.profile_shape(url)).collect();
        let targets = t.targets.iter().map(|url| self.target(url)).collect();
        Ok(TypeUse { json: json.into(), form, profiles, targets })
    }

    /// The shape behind a type profile: `SimpleQuantity` is a base type here.
    fn profile_shape(&self, url: &str) -> Option<ShapeId> {
        let named = url.strip_prefix(CORE).and_then(|name| self.rules.types.get(name)).copied();
        named.or_else(|| self.rules.profiles.get(url).map(|p| p.shape))
    }

    fn target(&mut self, url: &str) -> Target {
        if let Some(profile) = self.rules.profiles.get(url) {
            return Target { name: profile.of.clone(), profile: Some(profile.shape) };
        }
        if !url.starts_with(CORE) {
            self.rules.notes.push(format!("the profile {url} is not known; its targets are not checked"));
        }
        let name = if url.starts_with(CORE) { url.trim_start_matches(CORE) } else { "Resource" };
        Target { name: name.into(), profile: None }
    }

    /// Conditions of a slice, `None` if they cannot be made out.
    fn matchers(
        &self,
        slice: &Row,
        by: &SlicingRow,
        place: &Place<'_>,
        all: &[Definition],
    ) -> Option<Vec<Matcher>> {
        by.by
            .iter()
            .map(|(kind, path)| self.matcher(slice, (kind.as_str(), path.as_str()), place, all))
            .collect()
    }

    fn matcher(
        &self,
        slice: &Row,
        (kind, path): (&str, &str),
        place: &Place<'_>,
        all: &[Definition],
    ) -> Option<Matcher> {
        let steps: Vec<&str> = path.split('.').filter(|s| !s.is_empty() && *s != "$this").collect();
        if steps.iter().any(|s| s.contains('(')) {
            return None;
        }
        let mut row = Rc::new(slice.clone());
        for (n, step) in steps.iter().enumerate() {
            if let Some(value) = row.pattern.as_ref().or(row.fixed.as_ref()) {
                let rest = steps.get(n..).unwrap_or_default();
                let pointed = rest.iter().try_fold(value, |v, s| v.get(*s).or_else(|| v.get(0)?.get(*s)))?;
                return Some(matcher(&steps, Test::Contains(pointed.clone())));
            }
            let below = self.below(&row, place, all);
            row = below.into_iter().find(|r| r.name.trim_end_matches("[x]") == *step)?;
        }
        let test = match kind {
            "exists" => Test::Exists(row.card.is_some_and(|c| c.min > 0)),
            "type" => Test::Type(row.types.iter().flatten().map(|t| t.code.as_str().into()).collect()),
            _ => {
                let fixed = row.fixed.clone().map(Test::Equals);
                let value = fixed.or_else(|| row.pattern.clone().map(Test::Contains));
                let set =
                    || row.bind.as_ref().filter(|b| b.required).and_then(|b| self.rules.codes.index(&b.set));
                value.or_else(|| set().map(Test::InSet))?
            }
        };
        Some(matcher(&steps, test))
    }

    /// Rows below a row, those of its type's profile first (extensions).
    fn below(&self, row: &Row, place: &Place<'_>, all: &[Definition]) -> Rows {
        let profile = row.types.as_deref().and_then(|t| t.first()).and_then(|t| t.profiles.first());
        let definition = profile.and_then(|url| self.defined.get(url)).and_then(|at| all.get(*at));
        if let Some(d) = definition {
            let root = self.bases.rows(d.of.as_deref().unwrap_or_default());
            return self.bases.merge_all(root, d.rows.iter(), root);
        }
        self.bases.below(row, place.root)
    }
}

/// Whether a row or one below has the content of another element: then it
/// depends on the definition that it stands in.
fn repeats(row: &Row) -> bool {
    row.same_as.is_some() || row.children.iter().any(|child| repeats(child))
}

fn matcher(steps: &[&str], test: Test) -> Matcher {
    Matcher { path: steps.iter().map(|s| (*s).into()).collect(), test }
}

/// Extensions are told apart by their URL.
fn by_url() -> SlicingRow {
    SlicingRow { by: vec![("value".to_owned(), "url".to_owned())], rules: "open".to_owned(), ordered: false }
}

fn type_use(json: &str, form: Form) -> TypeUse {
    TypeUse { json: json.into(), form, profiles: Vec::new(), targets: Vec::new() }
}

fn special(code: &str) -> Special {
    match code {
        "Coding" => Special::Coding,
        "CodeableConcept" => Special::CodeableConcept,
        "Quantity" | "Age" | "Count" | "Distance" | "Duration" | "MoneyQuantity" | "SimpleQuantity" => {
            Special::Quantity
        }
        "Reference" => Special::Reference,
        "Extension" => Special::Extension,
        "Narrative" => Special::Narrative,
        _ => Special::None,
    }
}

fn rare(row: &Row) -> Option<Box<Rare>> {
    let number = |v: &Option<serde_json::Value>| v.as_ref().and_then(serde_json::Value::as_f64);
    let rare = Rare {
        fixed: row.fixed.clone(),
        pattern: row.pattern.clone(),
        slicing: None,
        min_value: number(&row.limits.min),
        max_value: number(&row.limits.max),
        max_length: row.limits.length,
    };
    let said = rare.fixed.is_some()
        || rare.pattern.is_some()
        || rare.min_value.is_some()
        || rare.max_value.is_some()
        || rare.max_length.is_some();
    said.then(|| Box::new(rare))
}

/// `dateTime` as it ends a choice's name.
fn capitalised(code: &str) -> String {
    let mut chars = code.chars();
    chars.next().map(|c| c.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}
