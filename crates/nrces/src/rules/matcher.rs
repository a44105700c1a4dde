//! Conditions under which a repetition belongs to a slice.

use std::rc::Rc;

use super::build::{Builder, Place};
use super::row::{Row, Rows, SlicingRow};
use super::shape::{Matcher, Test};

impl Builder {
    /// Conditions of a slice, `None` if they cannot be made out.
    pub(super) fn matchers(&self, slice: &Row, by: &SlicingRow, place: &Place<'_>) -> Option<Vec<Matcher>> {
        by.by.iter().map(|(kind, path)| self.matcher(slice, (kind.as_str(), path.as_str()), place)).collect()
    }

    fn matcher(&self, slice: &Row, (kind, path): (&str, &str), place: &Place<'_>) -> Option<Matcher> {
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
            let below = self.below(&row, place);
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
    fn below(&self, row: &Row, place: &Place<'_>) -> Rows {
        let profile = row.types.as_deref().and_then(|t| t.first()).and_then(|t| t.profiles.first());
        let definition = profile.and_then(|url| self.defined.get(url)).and_then(|at| place.all.get(*at));
        if let Some(d) = definition {
            let root = self.bases.rows(d.of.as_deref().unwrap_or_default());
            return self.bases.merge_all(root, d.rows.iter(), root);
        }
        self.bases.below(row, place.root)
    }
}

fn matcher(steps: &[&str], test: Test) -> Matcher {
    Matcher { path: steps.iter().map(|s| (*s).into()).collect(), test }
}
