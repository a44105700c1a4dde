//! Rules built from tables: rows merged into shapes.

use std::rc::Rc;
use std::sync::Arc;

use super::codes::Codes;
use super::merge::Bases;
use super::row::{Definition, Kind, Row, Tables};
use super::shape::{Element, Shape, ShapeId};
use super::{RulesError, read};
use crate::hash::HashMap;
use crate::validate::invariant::{Native, is_checked, native};

/// An invariant that the tables name.
#[derive(Debug)]
pub(crate) struct Invariant {
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
    pub(super) types: HashMap<Box<str>, ShapeId>,
    pub(super) profiles: HashMap<Box<str>, Profile>,
    pub(crate) codes: Codes,
    invariants: Vec<Invariant>,
    pub(super) notes: Vec<String>,
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

    pub(super) fn add_notes(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
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

    /// Whether any profile constrains a type.
    pub(crate) fn constrains(&self, kind: &str) -> bool {
        self.profiles.values().any(|profile| *profile.of == *kind)
    }

    pub(crate) fn invariants(&self) -> &[Invariant] {
        &self.invariants
    }
}

pub(super) struct Builder {
    pub(super) tables: Tables,
    pub(super) bases: Bases,
    pub(super) rules: Rules,
    pub(super) invariant_index: HashMap<String, u16>,
    /// Profile URL to the index of its definition.
    pub(super) defined: HashMap<String, usize>,
    /// Elements of base definitions, which profiles share as long as they do not
    /// change them; the rows live as long as `bases`.
    pub(super) shared: HashMap<*const Row, Arc<Element>>,
    /// Shapes of the elements of base definitions by type and path.
    pub(super) base_paths: HashMap<(String, String), ShapeId>,
}

/// Where rows are being built.
pub(super) struct Place<'a> {
    pub(super) root: &'a [Rc<Row>],
    /// Every definition, for the profiles of types.
    pub(super) all: &'a [Definition],
    /// Whether it is a type or resource of the base, not a profile.
    pub(super) base: bool,
    /// Shapes of the elements of this definition by path, some still to come.
    pub(super) paths: HashMap<String, ShapeId>,
}

impl Builder {
    fn new(mut tables: Tables) -> Result<Self, RulesError> {
        let mut rules = Rules::default();
        for set in std::mem::take(&mut tables.sets) {
            rules.codes.add_set(set);
        }
        for system in std::mem::take(&mut tables.systems) {
            rules.codes.add_system(system);
        }
        let mut bases = Bases::default();
        let mut defined = HashMap::default();
        for (index, definition) in tables.definitions.iter().enumerate() {
            match definition.kind {
                Kind::Profile => {
                    defined.insert(definition.name.clone(), index);
                }
                _ => bases.add(definition),
            }
        }
        let mut builder = Self {
            tables,
            bases,
            rules,
            invariant_index: HashMap::default(),
            defined,
            shared: HashMap::default(),
            base_paths: HashMap::default(),
        };
        builder.number_invariants();
        builder.reserve_all()?;
        Ok(builder)
    }

    fn number_invariants(&mut self) {
        for row in &self.tables.invariants {
            let invariant = Invariant { warning: row.warning, native: native(&row.key) };
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

    pub(super) fn reserve(&mut self) -> ShapeId {
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
        let mut place = Place { root: &root, all, base, paths: HashMap::default() };
        let shape = self.object(&of, &rows, "", &mut place)?;
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

    pub(super) fn put(&mut self, id: ShapeId, shape: Shape) {
        if let Some(slot) = self.rules.shapes.get_mut(id.0 as usize) {
            *slot = shape;
        }
    }

    pub(super) fn numbers(&self, keys: &[String]) -> Vec<u16> {
        keys.iter().filter_map(|k| self.invariant_index.get(k).copied()).collect()
    }
}
