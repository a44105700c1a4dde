//! The narrative's XHTML: well formed, of the tags and attributes that FHIR
//! allows, with something to read (txt-1, txt-2). One pass, no recursion, no
//! entities that could grow.

mod names;

use crate::bytes::{equal, first, same};
use names::{is_attribute, is_element};

/// What a narrative has wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not well formed, or something that FHIR does not allow (txt-1).
    Form(&'static str),
    /// Nothing to read (txt-2).
    Blank,
}

const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";
/// More than FHIR knows.
const MAX_ATTRIBUTES: usize = 70;
/// How deep elements may nest: a page's tables stay far below.
const MAX_NESTING: usize = 64;

/// Checks a narrative's `div`.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let mut scan = Scan { rest: text.trim(), open: Vec::with_capacity(8), readable: false };
    let start = scan.rest.strip_prefix("<div").filter(|r| r.starts_with([' ', '\t', '\n', '\r', '>', '/']));
    if start.is_none() {
        return Err(Fault::Form("must be one `<div>` element"));
    }
    while !scan.rest.is_empty() {
        scan.step()?;
        if scan.open.is_empty() && !scan.rest.is_empty() {
            return Err(Fault::Form("has something after the closing `</div>`"));
        }
    }
    if !scan.open.is_empty() {
        return Err(Fault::Form("ends before every element is closed"));
    }
    if scan.readable { Ok(()) } else { Err(Fault::Blank) }
}

/// The same of what [`crate::narrative`] wrote, which is well formed whatever its words are (a test there holds it to
/// that): looked at up to the first of them.
pub(crate) fn check_written(text: &str) -> Result<(), Fault> {
    debug_assert!(!matches!(check(text), Err(Fault::Form(_))), "what is written here is well formed");
    let mut scan = Scan { rest: text, open: Vec::with_capacity(8), readable: false };
    while !scan.rest.is_empty() {
        scan.step()?;
        if scan.readable {
            return Ok(());
        }
    }
    Err(Fault::Blank)
}

struct Scan<'a> {
    rest: &'a str,
    open: Vec<&'a str>,
    readable: bool,
}

impl<'a> Scan<'a> {
    fn step(&mut self) -> Result<(), Fault> {
        let Some(tag) = self.rest.strip_prefix('<') else { return self.words() };
        match tag.as_bytes().first() {
            Some(b'/') => self.close(tag.get(1..).unwrap_or_default()),
            Some(b'!' | b'?') => self.comment(tag),
            _ => self.element(tag),
        }
    }

    fn comment(&mut self, tag: &'a str) -> Result<(), Fault> {
        let Some(comment) = tag.strip_prefix("!--") else {
            return Err(Fault::Form("must not hold a document type, CDATA or processing instruction"));
        };
        let (_, rest) = comment.split_once("-->").ok_or(Fault::Form("has a comment without an end"))?;
        self.rest = rest;
        Ok(())
    }

    fn close(&mut self, tag: &'a str) -> Result<(), Fault> {
        let innermost = self.open.pop();
        let closed = |name: &str| {
            let (head, rest) = tag.split_at_checked(name.len())?;
            rest.strip_prefix('>').filter(|_| same(head.as_bytes(), name.as_bytes()))
        };
        if let Some(rest) = innermost.and_then(closed) {
            self.rest = rest;
            return Ok(());
        }
        let (name, rest) = tag.split_once('>').ok_or(Fault::Form("has a tag without `>`"))?;
        if innermost != Some(name.trim_end()) {
            return Err(Fault::Form("closes an element that is not the innermost open one"));
        }
        self.rest = rest;
        Ok(())
    }

    fn words(&mut self) -> Result<(), Fault> {
        let text = self.rest.as_bytes();
        let plain = first(text, |eight| equal(eight, b'<') | equal(eight, b'&')).unwrap_or(text.len());
        let further = first(text.get(plain..).unwrap_or_default(), |eight| equal(eight, b'<'));
        let (words, rest) = self.rest.split_at(further.map_or(text.len(), |more| plain + more));
        if words.len() > plain {
            entities(words)?;
        }
        self.readable = self.readable || has_words(words);
        self.rest = rest;
        Ok(())
    }

    fn element(&mut self, tag: &'a str) -> Result<(), Fault> {
        let root = self.open.is_empty();
        if let Some((name, after)) = bare(tag).filter(|_| !root) {
            self.rest = after;
            return self.enter(name);
        }
        let (name, mut rest) = split_name(tag);
        if !is_element(name) {
            return Err(Fault::Form(
                "uses an element that FHIR does not allow; only basic formatting in lower case, \
                 no scripts, forms, frames or objects",
            ));
        }
        let mut namespace = false;
        let mut seen: Vec<&str> = Vec::new();
        loop {
            let spaced = rest.starts_with([' ', '\t', '\n', '\r']);
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.rest = after;
                self.readable |= name == "img";
                break;
            }
            if let Some(after) = rest.strip_prefix('>') {
                self.rest = after;
                self.readable |= name == "img";
                self.enter(name)?;
                break;
            }
            let (attribute, value, after) = attribute(rest)
                .filter(|_| spaced)
                .ok_or(Fault::Form("has a tag that is not well formed; attributes are name=\"value\""))?;
            if attribute == "xmlns" {
                namespace = value == NAMESPACE;
                if !namespace {
                    return Err(Fault::Form("must be of the namespace http://www.w3.org/1999/xhtml"));
                }
            } else {
                allowed(attribute, value)?;
            }
            if seen.contains(&attribute) || seen.len() > MAX_ATTRIBUTES {
                return Err(Fault::Form("has an attribute twice on one element"));
            }
            seen.push(attribute);
            rest = after;
        }
        if root && !namespace {
            return Err(Fault::Form("must carry xmlns=\"http://www.w3.org/1999/xhtml\" on its `<div>`"));
        }
        Ok(())
    }

    fn enter(&mut self, name: &'a str) -> Result<(), Fault> {
        self.open.push(name);
        if self.open.len() > MAX_NESTING {
            return Err(Fault::Form("nests elements more than 64 deep"));
        }
        Ok(())
    }
}

/// The name of a tag that has nothing else, and what follows it; of an image no such is asked.
fn bare(tag: &str) -> Option<(&str, &str)> {
    // No name of an element is longer.
    let head = tag.as_bytes();
    let end = first(head.get(..16).unwrap_or(head), |eight| equal(eight, b'>'))?;
    let (name, after) = tag.split_at_checked(end)?;
    (is_element(name) && name != "img").then_some((name, after.get(1..)?))
}

fn split_name(text: &str) -> (&str, &str) {
    let of_name = |b: u8| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'-' | b'_' | b'.');
    let end = text.bytes().position(|b| !of_name(b));
    text.split_at(end.unwrap_or(text.len()))
}

/// `name="value"` at the start of `text`, and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = split_name(text);
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.bytes().next().filter(|b| matches!(b, b'"' | b'\''))?;
    let rest = rest.get(1..)?;
    let end = rest.bytes().position(|b| b == quote)?;
    let (value, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    (!name.is_empty() && !value.bytes().any(|b| b == b'<')).then_some((name, value, after))
}

fn allowed(name: &str, value: &str) -> Result<(), Fault> {
    // Publishers' marks and prefixes do nothing.
    if !is_attribute(name) && !name.starts_with("data-") && !name.starts_with("xmlns:") {
        return Err(Fault::Form("has an attribute that FHIR does not allow, such as an event handler"));
    }
    entities(value)?;
    let scheme: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(11).collect();
    let scheme = scheme.to_ascii_lowercase();
    if matches!(name, "href" | "src")
        && (scheme.starts_with("javascript:") || scheme.starts_with("vbscript:"))
    {
        return Err(Fault::Form("links to a script"));
    }
    Ok(())
}

/// Every `&` begins an entity of XML or a character number.
fn entities(text: &str) -> Result<(), Fault> {
    if !text.bytes().any(|b| b == b'&') {
        return Ok(());
    }
    for after in text.split('&').skip(1) {
        let name = after.split_once(';').map_or("", |(name, _)| name);
        let known = matches!(name, "amp" | "lt" | "gt" | "quot" | "apos");
        if !known && character(name).is_none() {
            return Err(Fault::Form(
                "has an `&` that is no entity of XML: write `&amp;`, and characters instead of HTML's names for them",
            ));
        }
    }
    Ok(())
}

/// The character of `#160` or `#xa0`.
fn character(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix('x') {
        Some(hex) if hex.len() <= 6 => u32::from_str_radix(hex, 16).ok()?,
        Some(_) => return None,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| *c != '\0')
}

/// Whether text holds anything but white space, written out or as entity.
fn has_words(text: &str) -> bool {
    let mut parts = text.split('&');
    let blank = |s: &str| s.chars().all(char::is_whitespace);
    let first = parts.next().is_some_and(|s| !blank(s));
    first
        || parts.any(|part| {
            let Some((name, rest)) = part.split_once(';') else { return true };
            !blank(rest) || character(name).is_none_or(|c| !c.is_whitespace())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn div(inner: &str) -> Result<(), Fault> {
        check(&format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>"))
    }

    #[test]
    fn readable_pages_pass() {
        for inner in [
            "x",
            "<p>नमस्ते &amp; &#160;x</p>",
            "<table border='1'><tr><td colspan=\"2\">a<br/>b</td></tr></table>",
            "<!-- c --><img src=\"#a\" alt=\"\"/>",
            "<a href='#x'>y</a>",
            "<span data-fhir=\"generated\" xmlns:x=\"y\">x</span>",
        ] {
            assert_eq!(div(inner), Ok(()), "{inner}");
        }
    }

    #[test]
    fn what_could_harm_or_not_parse_is_refused() {
        for inner in [
            "<script>x</script>",
            "<p onclick=\"x\">x</p>",
            "<a href=\" java\nscript:x\">y</a>",
            "<iframe src='x'/>",
            "<P>x</P>",
            "<p>x",
            "x</p>",
            "<p a>x</p>",
            "<p title=x>x</p>",
            "<p title=\"a\" title=\"b\">x</p>",
            "a & b",
            "&nbsp;x",
            "&#0;x",
            "<![CDATA[x]]>",
            "<!DOCTYPE x>",
            "<p title=\"<\">x</p>",
            "<!-- x",
            "<form>x</form>",
            &"<b>".repeat(500),
        ] {
            assert!(matches!(div(inner), Err(Fault::Form(_))), "{inner}");
        }
        for text in [
            "",
            "x",
            "<p>x</p>",
            "<div>x</div>",
            "<div xmlns=\"x\">x</div>",
            "<divx/>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div><p/>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">x",
        ] {
            assert!(matches!(check(text), Err(Fault::Form(_))), "{text}");
        }
    }

    #[test]
    fn white_space_alone_is_blank() {
        for inner in ["", " \n", "<p> </p>", "&#160;", "<br/>", "<!-- x -->"] {
            assert_eq!(div(inner), Err(Fault::Blank), "{inner}");
        }
    }
}
