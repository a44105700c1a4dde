//! Narrative: the XHTML by which a person reads a resource or a section.
//! Everything written here is escaped; tags come from this file alone.

use std::borrow::Cow;

use crate::bytes::{below, equal, first};
use crate::fhir::{Map, Node};

const OPEN: &str = r#"<div xmlns="http://www.w3.org/1999/xhtml">"#;
const CLOSE: &str = "</div>";

/// What a row of a table seldom exceeds.
const ROW_SIZE: usize = 120;

/// What there is to read of one thing: its name, and labelled facts about it.
pub(crate) struct Row<'a> {
    title: Cow<'a, str>,
    facts: Vec<(&'static str, Cow<'a, str>)>,
    /// What it consists of: the results of a report or a panel.
    pub children: Vec<Row<'a>>,
    /// The heading above their names.
    pub children_are: &'static str,
}

impl<'a> Row<'a> {
    pub fn new(title: impl Into<Cow<'a, str>>) -> Self {
        Self { title: title.into(), facts: Vec::with_capacity(6), children: Vec::new(), children_are: "Test" }
    }

    /// Adds a fact, if there is one.
    pub fn fact<T: Into<Cow<'a, str>>>(&mut self, label: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.facts.push((label, value.into()));
        }
    }

    /// The same with a fact more, if there is one.
    pub fn with<T: Into<Cow<'a, str>>>(mut self, label: &'static str, value: Option<T>) -> Self {
        self.fact(label, value);
        self
    }

    /// All of it in one line of plain text.
    pub fn line(&self) -> String {
        let facts: Vec<&str> = self.facts.iter().map(|(_, value)| value.as_ref()).collect();
        format!("{} {}", self.title, facts.join(", "))
    }

    /// The narrative of the thing itself.
    pub fn div(&self) -> String {
        let mut out = String::with_capacity(256 + ROW_SIZE * self.children.len());
        out.push_str(OPEN);
        self.block(&mut out);
        out.push_str(CLOSE);
        out
    }

    fn block(&self, out: &mut String) {
        out.push_str("<p><b>");
        escape(&self.title, out);
        out.push_str("</b></p>");
        if !self.facts.is_empty() {
            out.push_str("<ul>");
            for (label, value) in &self.facts {
                out.push_str("<li>");
                out.push_str(label);
                out.push_str(": ");
                escape(value, out);
                out.push_str("</li>");
            }
            out.push_str("</ul>");
        }
        if !self.children.is_empty() {
            table_body(self.children_are, &self.children, out);
        }
    }

    fn labels(&self, labels: &mut Vec<&'static str>) {
        for (label, _) in &self.facts {
            if !labels.contains(label) {
                labels.push(label);
            }
        }
        for child in &self.children {
            child.labels(labels);
        }
    }
}

/// A section's narrative: a table of rows, and a block for each row that
/// consists of others.
pub(crate) fn table(heading: &str, rows: &[Row<'_>]) -> String {
    let all: usize = rows.iter().map(|row| 1 + row.children.len()).sum();
    let mut out = String::with_capacity(200 + ROW_SIZE * all);
    out.push_str(OPEN);
    if rows.iter().any(|row| !row.children.is_empty()) {
        for row in rows {
            row.block(&mut out);
        }
    } else {
        table_body(heading, rows, &mut out);
    }
    out.push_str(CLOSE);
    out
}

fn table_body(heading: &str, rows: &[Row<'_>], out: &mut String) {
    let mut labels: Vec<&'static str> = Vec::with_capacity(8);
    for row in rows {
        row.labels(&mut labels);
    }
    if labels.is_empty() {
        return list(rows, out);
    }
    out.push_str("<table><thead><tr><th>");
    escape(heading, out);
    for label in &labels {
        out.push_str("</th><th>");
        out.push_str(label);
    }
    out.push_str("</th></tr></thead><tbody>");
    for row in rows {
        cells(row, &labels, out);
    }
    out.push_str("</tbody></table>");
}

fn list(rows: &[Row<'_>], out: &mut String) {
    out.push_str("<ul>");
    for row in rows {
        out.push_str("<li>");
        escape(&row.title, out);
        out.push_str("</li>");
    }
    out.push_str("</ul>");
}

fn cells(row: &Row<'_>, labels: &[&'static str], out: &mut String) {
    out.push_str("<tr><td>");
    escape(&row.title, out);
    for label in labels {
        out.push_str("</td><td>");
        for (n, (_, value)) in row.facts.iter().filter(|(l, _)| l == label).enumerate() {
            if n > 0 {
                out.push_str("; ");
            }
            escape(value, out);
        }
    }
    out.push_str("</td></tr>");
    for child in &row.children {
        cells(child, labels, out);
    }
}

/// Plain words as a narrative, line by line.
pub(crate) fn paragraphs(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 80);
    out.push_str(OPEN);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        out.push_str("<p>");
        escape(line, &mut out);
        out.push_str("</p>");
    }
    out.push_str(CLOSE);
    out
}

/// FHIR's `Narrative` around a div.
pub(crate) fn text<'a>(div: String) -> Map<'a> {
    Map::with_capacity(2).with("status", "generated").with("div", Node::Narrative(div))
}

/// Appends text as XHTML; characters that XML does not know are left out.
pub(crate) fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((plain, tail)) = first_special(rest).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            Some('\'') => out.push_str("&#39;"),
            Some('\n') => out.push_str("<br/>"),
            Some(other) if !is_special(other) => out.push(other),
            _ => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

/// Where a character stands that may have to be replaced. What begins with this byte is rare: private use characters,
/// forms of Arabic, and the two that XML does not know.
fn first_special(text: &str) -> Option<usize> {
    const RARE: u8 = 0xEF;
    let quick = |eight| {
        let marks = equal(eight, b'&') | equal(eight, b'<') | equal(eight, b'>');
        below(eight, b' ') | marks | equal(eight, b'"') | equal(eight, b'\'') | equal(eight, RARE)
    };
    let start = first(text.as_bytes(), quick)?;
    let special = |b: u8| (b < b' ' && b != b'\t') || matches!(b, b'&' | b'<' | b'>' | b'"' | b'\'' | RARE);
    text.bytes().skip(start).position(special).map(|at| start + at)
}

fn is_special(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{FFFE}' | '\u{FFFF}') || (c < ' ' && c != '\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::xhtml;

    #[test]
    fn markup_in_a_text_is_shown_and_not_obeyed() {
        let div = Row::new("<script>alert(1)</script>").with("Note", Some("a & \"b\"")).div();
        assert!(!div.contains("<script"), "{div}");
        assert!(div.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(div.contains("a &amp; &quot;b&quot;"));
    }

    proptest::proptest! {
        /// The validator relies on it where a document was built here.
        #[test]
        fn a_narrative_is_well_formed_whatever_its_words_are(
            title: String, fact: String, markup in "(<[a-z/!? ]{0,4}>?|&[a-z#0-9]{0,4};?|\"|'|\\]\\]>|--|\u{FFFE}|\u{0}| |\n){0,12}"
        ) {
            let row = || Row::new(title.clone()).with("Result", Some(fact.clone())).with("Note", Some(markup.clone()));
            let mut panel = row();
            panel.children = vec![row(), Row::new(markup.clone())];
            for div in [
                row().div(), panel.div(), table(&fact, &[row(), row()]), table("Name", &[Row::new(markup.as_str())]),
                table(&markup, &[panel]), paragraphs(&title), paragraphs(&markup),
            ] {
                let checked = xhtml::check(&div);
                proptest::prop_assert!(!matches!(checked, Err(xhtml::Fault::Form(_))), "{}", div);
                proptest::prop_assert_eq!(xhtml::check_written(&div), checked);
            }
        }
    }

    #[test]
    fn any_script_survives_and_control_characters_do_not() {
        let mut out = String::new();
        escape("बुखार\u{0}\u{8} और\nखाँसी", &mut out);
        assert_eq!(out, "बुखार और<br/>खाँसी");
    }

    #[test]
    fn a_table_has_a_column_for_each_fact_and_a_list_has_none() {
        let rows = [
            Row::new("A").with("Dose", Some("1")),
            Row::new("B").with("Route", Some("Oral")).with("Dose", Some("2")),
        ];
        let div = table("Medicine", &rows);
        assert!(div.contains("<th>Medicine</th><th>Dose</th><th>Route</th>"), "{div}");
        assert!(div.contains("<tr><td>B</td><td>2</td><td>Oral</td></tr>"), "{div}");
        assert!(table("Allergy", &[Row::new("Nuts")]).contains("<ul><li>Nuts</li></ul>"));
    }
}
