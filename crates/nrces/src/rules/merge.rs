//! A profile's rows laid over those of the type that it constrains, and the
//! other way round: what a full listing changes of its base.

use std::rc::Rc;

use super::row::{Definition, LimitsRow, Row, Rows, TypeRow};
use crate::hash::HashMap;

/// Rows of data types and resources by name, inherited ones included.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    rows: HashMap<String, Rows>,
    invariants: HashMap<String, Vec<String>>,
}

impl Bases {
    /// Adds a data type or resource; its parent must have been added before.
    pub(crate) fn add(&mut self, definition: &Definition) {
        let mut rows = definition.of.as_ref().and_then(|p| self.rows.get(p)).cloned().unwrap_or_default();
        rows.extend(definition.rows.iter().map(|row| self.with_inherited(row)));
        let mut invariants =
            definition.of.as_ref().and_then(|p| self.invariants.get(p)).cloned().unwrap_or_default();
        invariants.extend(definition.invariants.iter().cloned());
        self.invariants.insert(definition.name.clone(), invariants);
        self.rows.insert(definition.name.clone(), rows);
    }

    /// Backbones do not list the rows that all backbones have.
    fn with_inherited(&self, row: &Row) -> Rc<Row> {
        let mut row = row.clone();
        row.array = row.card.is_some_and(|card| card.max != Some(1));
        if row.children.is_empty() {
            return Rc::new(row);
        }
        let code = row.types.as_deref().and_then(|t| t.first()).map_or("", |t| t.code.as_str());
        let mut children = self.rows.get(code).cloned().unwrap_or_default();
        children.extend(row.children.iter().map(|c| self.with_inherited(c)));
        row.children = children;
        Rc::new(row)
    }

    /// Rows of a type, none if it is unknown or primitive.
    pub(crate) fn rows(&self, name: &str) -> &[Rc<Row>] {
        self.rows.get(name).map_or(&[], Vec::as_slice)
    }

    /// Invariants that hold for every value of a type.
    pub(crate) fn invariants(&self, name: &str) -> &[String] {
        self.invariants.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.rows.contains_key(name)
    }

    /// The element rows below a row: its own, those of the element that it
    /// repeats, or those of its one type.
    pub(crate) fn below(&self, row: &Row, root: &[Rc<Row>]) -> Rows {
        if row.elements().next().is_some() {
            return row.elements().cloned().collect();
        }
        if let Some(path) = &row.same_as {
            return find(root, path).map(|r| r.elements().cloned().collect()).unwrap_or_default();
        }
        match row.types.as_deref() {
            Some([TypeRow { code, .. }]) => self.rows(code).to_vec(),
            _ => Vec::new(),
        }
    }

    /// `row` as a profile's row `over` changes it.
    pub(crate) fn merge(&self, row: &Row, over: &Row, root: &[Rc<Row>]) -> Row {
        let mut merged = Row {
            name: row.name.clone(),
            slice: row.slice,
            array: row.array,
            card: over.card.or(row.card),
            types: over.types.clone().or_else(|| row.types.clone()),
            same_as: row.same_as.clone(),
            bind: over.bind.clone().or_else(|| row.bind.clone()),
            invariants: row.invariants.clone(),
            slicing: over.slicing.clone().or_else(|| row.slicing.clone()),
            fixed: over.fixed.clone().or_else(|| row.fixed.clone()),
            pattern: over.pattern.clone().or_else(|| row.pattern.clone()),
            limits: row.limits.clone(),
            children: row.children.clone(),
        };
        for key in &over.invariants {
            if !merged.invariants.contains(key) {
                merged.invariants.push(key.clone());
            }
        }
        if over.limits != LimitsRow::default() {
            merged.limits = over.limits.clone();
        }
        if over.elements().next().is_some() {
            let slices: Rows = merged.slices().cloned().collect();
            let below = self.below(&merged, root);
            merged.children = self.merge_all(&below, over.elements(), root);
            merged.children.extend(slices);
        }
        merged.children.extend(over.slices().cloned());
        merged
    }

    /// Every row of `rows`, changed where `over` names it.
    pub(crate) fn merge_all<'a>(
        &self,
        rows: &[Rc<Row>],
        over: impl Iterator<Item = &'a Rc<Row>>,
        root: &[Rc<Row>],
    ) -> Rows {
        let mut merged = rows.to_vec();
        for change in over {
            if let Some(row) = merged.iter_mut().find(|r| r.name == change.name) {
                *row = Rc::new(self.merge(row, change, root));
            }
        }
        merged
    }

    /// What `full` says beyond `base`; `None` if nothing. The unknown names
    /// that were met are added to `unknown`.
    pub(crate) fn difference(&self, base: &Row, full: &Row, at: &mut Difference<'_>) -> Option<Rc<Row>> {
        let mut over = Row { name: full.name.clone(), slice: full.slice, ..Row::default() };
        if full.card != base.card || full.slice {
            over.card = full.card;
        }
        if full.types != base.types && full.types.is_some() {
            over.types.clone_from(&full.types);
        }
        if full.bind != base.bind && full.bind.is_some() {
            over.bind.clone_from(&full.bind);
        }
        over.invariants = full.invariants.iter().filter(|k| !base.invariants.contains(k)).cloned().collect();
        if full.fixed != base.fixed {
            over.fixed.clone_from(&full.fixed);
        }
        if full.pattern != base.pattern {
            over.pattern.clone_from(&full.pattern);
        }
        if full.limits != base.limits {
            over.limits = full.limits.clone();
        }
        let typed = Row { types: full.types.clone().or_else(|| base.types.clone()), ..base.clone() };
        over.children = self.differences(&self.below(&typed, at.root), full.elements(), at);
        if full.slices().next().is_some() {
            over.slicing.clone_from(&full.slicing);
            let plain = full.unsliced();
            for slice in full.slices() {
                over.children.extend(self.difference(&plain, slice, at));
            }
        }
        let changed = over != Row { name: full.name.clone(), ..Row::default() };
        changed.then(|| Rc::new(over))
    }

    /// The differences of all rows of a level.
    pub(crate) fn differences<'a>(
        &self,
        base: &[Rc<Row>],
        full: impl Iterator<Item = &'a Rc<Row>>,
        at: &mut Difference<'_>,
    ) -> Rows {
        let mut over = Vec::new();
        for row in full {
            match base.iter().find(|b| b.name == row.name) {
                Some(b) => over.extend(self.difference(b, row, at)),
                None => at.unknown.push(row.name.clone()),
            }
        }
        over
    }
}

/// Where a difference is being taken.
pub(crate) struct Difference<'a> {
    /// The rows of the type that is constrained.
    pub root: &'a [Rc<Row>],
    /// Names that the base does not have.
    pub unknown: Vec<String>,
}

/// The row at a dotted path below `rows`.
fn find<'a>(rows: &'a [Rc<Row>], path: &str) -> Option<&'a Row> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(f, r)| (f, Some(r)));
    let row = rows.iter().find(|r| !r.slice && r.name == first)?;
    match rest {
        Some(rest) => find(&row.children, rest),
        None => Some(row),
    }
}
