//! One value of an element: its type and form, and what the profile demands of it.

use super::document::Place;
use super::json::Json;
use super::path::Path;
use super::primitive::{self, Fault};
use super::walk::{Choices, Demand, Walk};
use super::{attachment, invariant, xhtml};
use crate::rules::{Element, Form, Primitive, Rare, Special, TypeUse};

impl<'a> Walk<'a> {
    /// One value of an element.
    pub(crate) fn item(&mut self, element: &'a Element, ty: &'a TypeUse, value: Json<'a>, path: &Path<'_>) {
        match ty.form {
            Form::Primitive(primitive) => {
                if !self.primitive(primitive, value, path) {
                    return;
                }
            }
            Form::Object(..) if self.place.is_none() && path.is_entry_resource() => {
                // A profile of the Bundle demands a profile of this entry.
                if let Some(entry) = path.entry_index() {
                    let place = Place { entry, contained: None };
                    let demands = ty.profiles.iter().map(|p| Demand { place, choices: Choices::One(*p) });
                    self.demands.extend(demands);
                }
            }
            Form::Object(shape, special) => {
                self.object(shape, value, path);
                if !value.is_map() {
                    return;
                }
                for profile in &ty.profiles {
                    self.object(*profile, value, path);
                }
                self.special(special, ty, value, path);
            }
            Form::Resource => self.inline(value, path),
            Form::Unknown => {}
        }
        if let Some(rare) = &element.rare {
            self.values(rare, value, path);
        }
        if let Some(binding) = element.binding {
            self.bound(binding, ty, value, path);
        }
        for &at in &element.invariants {
            invariant::check(self, at, value, path);
        }
    }

    /// Whether the value is of the primitive's type and form.
    #[inline]
    fn primitive(&mut self, primitive: Primitive, value: Json<'a>, path: &Path<'_>) -> bool {
        match primitive::check(primitive, value) {
            Err(Fault::Type(what)) => {
                self.error(path, "type", format!("must be {what}"));
                return false;
            }
            Err(Fault::Format(how)) => {
                self.error(path, "format", how);
                return false;
            }
            Ok(()) => {}
        }
        let Some(text) = value.as_str() else { return true };
        match primitive {
            Primitive::Xhtml => match narrative(value, text) {
                Err(xhtml::Fault::Form(what)) => self.error(path, "txt-1", format!("the narrative {what}")),
                Err(xhtml::Fault::Blank) => {
                    self.error(path, "txt-2", "the narrative has nothing to read: write some text");
                }
                Ok(()) => {}
            },
            // An attachment's url may lead to a Binary of the same document.
            Primitive::Url => self.links.extend(self.document.by_url(text)),
            _ => {}
        }
        true
    }

    #[inline]
    fn special(&mut self, special: Special, ty: &'a TypeUse, value: Json<'a>, path: &Path<'_>) {
        match special {
            Special::Reference => self.reference(ty, value, path),
            Special::Coding => self.coding(value, path),
            Special::Identifier | Special::Quantity => self.absolute(value, path),
            Special::Attachment => attachment::check(self, value, path),
            Special::Extension => {
                let url = value.text("url");
                if url.is_some_and(|url| !url.contains(':')) && !path.is_in_extension() {
                    let what = "must be the absolute URL of the extension's definition";
                    self.error(&path.key("url"), "extension-url", what);
                }
                if let Some(profile) = url.and_then(|url| self.rules.profile(url)) {
                    self.object(profile.shape, value, path);
                }
            }
            _ => {}
        }
    }

    fn values(&mut self, rare: &Rare, value: Json<'_>, path: &Path<'_>) {
        if let Some(fixed) = rare.fixed.as_ref().filter(|fixed| !value.equals(fixed)) {
            self.error(path, "fixed", format!("must be exactly {fixed}"));
        }
        if let Some(pattern) = rare.pattern.as_ref().filter(|pattern| !value.contains(pattern)) {
            self.error(path, "pattern", format!("must hold {pattern}"));
        }
        if let Some(most) = rare.max_length
            && value.as_str().is_some_and(|s| s.chars().count() as u64 > most)
        {
            self.error(path, "max-length", format!("must have at most {most} characters"));
        }
        let number = value.as_f64();
        if let Some(least) = rare.min_value.filter(|least| number.is_some_and(|n| n < *least)) {
            self.error(path, "min-value", format!("must be at least {least}"));
        }
        if let Some(most) = rare.max_value.filter(|most| number.is_some_and(|n| n > *most)) {
            self.error(path, "max-value", format!("must be at most {most}"));
        }
    }
}

/// Of a narrative that was written here only the beginning needs a look.
fn narrative(value: Json<'_>, text: &str) -> Result<(), xhtml::Fault> {
    if let Json::Narrative(_) = value { xhtml::check_written(text) } else { xhtml::check(text) }
}
