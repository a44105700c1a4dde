//! Elements and shapes built from merged rows.

use std::rc::Rc;
use std::sync::Arc;

use super::RulesError;
use super::build::{Builder, Place};
use super::row::{CORE, Card, Row, Rows, SlicingRow, TypeRow};
use super::shape::{
    Binding, Element, Form, Key, Keys, MANY, Primitive, Rare, Shape, ShapeId, Slice, Slicing, Special,
    Target, TypeUse,
};

impl Builder {
    /// The shape of an object with these rows.
    pub(super) fn object(
        &mut self,
        name: &str,
        rows: &[Rc<Row>],
        path: &str,
        place: &mut Place<'_>,
    ) -> Result<Shape, RulesError> {
        if rows.len() > 128 {
            let what = "has more than 128 elements at one level".to_owned();
            return Err(RulesError::Definition { name: name.to_owned(), what });
        }
        let mut shape = Shape { name: name.into(), ..Shape::default() };
        let mut keys = Vec::new();
        for row in rows.iter().filter(|r| !r.slice) {
            let element = self.element_of(row, path, place)?;
            let at = shape.elements.len();
            if element.min > 0 {
                shape.required |= 1 << at;
            }
            for (ty, t) in element.types.iter().enumerate() {
                let index = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
                keys.push(Key::new(Arc::clone(&t.json), index(at), index(ty)));
            }
            shape.elements.push(element);
        }
        shape.keys = Keys::new(keys);
        Ok(shape)
    }

    /// The element of a row, that of the base if nothing changes it.
    fn element_of(
        &mut self,
        row: &Rc<Row>,
        path: &str,
        place: &mut Place<'_>,
    ) -> Result<Arc<Element>, RulesError> {
        if let Some(element) = self.shared.get(&Rc::as_ptr(row)) {
            return Ok(Arc::clone(element));
        }
        let element = Arc::new(self.element(row, path, place)?);
        if place.base && !repeats(row) {
            self.shared.insert(Rc::as_ptr(row), Arc::clone(&element));
        }
        Ok(element)
    }

    fn element(&mut self, row: &Row, path: &str, place: &mut Place<'_>) -> Result<Element, RulesError> {
        let at = if path.is_empty() { row.name.clone() } else { format!("{path}.{}", row.name) };
        let mut element = self.plain_element(row, &at, place)?;
        if row.slices().next().is_some() {
            let general = row.unsliced();
            let by = row.slicing.clone().unwrap_or_else(by_url);
            let mut slices = Vec::new();
            for over in row.slices() {
                let merged = self.bases.merge(&general, over, place.root);
                let matchers = self.matchers(&merged, &by, place);
                let Some(matchers) = matchers else {
                    self.rules
                        .notes
                        .push(format!("the slice {} of {at} cannot be told and is not checked", over.name));
                    continue;
                };
                let inner = self.element(&merged, &format!("{path}:{}", over.name), place)?;
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

    fn plain_element(&mut self, row: &Row, at: &str, place: &mut Place<'_>) -> Result<Element, RulesError> {
        let name = row.name.strip_suffix("[x]").unwrap_or(&row.name);
        let choice = name.len() != row.name.len();
        let mut types = Vec::new();
        if let Some(path) = &row.same_as {
            let shape = self.shape_at(path, place);
            types.push(type_use(name, Form::Object(shape, Special::None)));
        }
        for t in row.types.iter().flatten() {
            types.push(self.type_use(row, t, at, place)?);
        }
        let card = row.card.unwrap_or(Card { min: 0, max: None });
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
    ) -> Result<TypeUse, RulesError> {
        let name = row.name.strip_suffix("[x]");
        let json = name.map_or_else(|| row.name.clone(), |name| format!("{name}{}", capitalised(&t.code)));
        let form = if let Some(primitive) = Primitive::named(&t.code) {
            Form::Primitive(primitive)
        } else if row.elements().next().is_some() && row.types.as_ref().is_some_and(|t| t.len() == 1) {
            let id = self.shape_at(at, place);
            let rows: Rows = row.elements().cloned().collect();
            let mut shape = self.object(&t.code, &rows, at, place)?;
            shape.invariants = self.numbers(self.bases.invariants(&t.code));
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
}

/// Whether a row or one below has the content of another element: then it
/// depends on the definition that it stands in.
fn repeats(row: &Row) -> bool {
    row.same_as.is_some() || row.children.iter().any(|child| repeats(child))
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
        "Identifier" => Special::Identifier,
        "Attachment" => Special::Attachment,
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
