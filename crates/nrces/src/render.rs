//! A document as a page that a clinician reads. Nothing of the document reaches
//! the page but as escaped text, or as a picture whose bytes are its own.

use std::fmt::Write as _;

use serde_json::Value;

use crate::narrative::escape;
use crate::summary::{File, Item, Section, Summary, summary};

/// One page of HTML, complete with its style, of a document bundle.
pub fn render_html(bundle: &Value) -> String {
    page(&summary(bundle))
}

const STYLE: &str = include_str!("render.css");

fn page(summary: &Summary) -> String {
    let mut out = String::with_capacity(8192);
    out.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    escape(&summary.title, &mut out);
    out.push_str("</title><style>");
    out.push_str(STYLE);
    out.push_str("</style></head><body><main>");
    header(summary, &mut out);
    for section in &summary.sections {
        write_section(section, &mut out);
    }
    if summary.sections.is_empty() {
        out.push_str("<p class=\"empty\">This document has no content to show.</p>");
    }
    footer(summary, &mut out);
    out.push_str("</main></body></html>\n");
    out
}

fn header(summary: &Summary, out: &mut String) {
    out.push_str("<header><div class=\"top\"><div>");
    if let Some(facility) = &summary.facility {
        tagged("p", "facility", &facility.title, out);
        tagged("p", "place", &values(facility).join(" · "), out);
    }
    tagged("h1", "", &summary.title, out);
    out.push_str("</div><div class=\"when\">");
    if let Some(date) = &summary.date {
        tagged("p", "", date, out);
    }
    if let Some(status) = &summary.status {
        tagged("p", "status", status, out);
    }
    out.push_str("</div></div>");
    if let Some(patient) = &summary.patient {
        card(patient, "patient", out);
    }
    if let Some(encounter) = &summary.encounter {
        card(encounter, "encounter", out);
    }
    out.push_str("</header>");
}

fn card(item: &Item, class: &str, out: &mut String) {
    let _ = write!(out, "<div class=\"card {class}\">");
    tagged("strong", "", &item.title, out);
    out.push_str("<dl>");
    for fact in &item.facts {
        out.push_str("<div><dt>");
        out.push_str(fact.label);
        out.push_str("</dt><dd>");
        escape(&fact.value, out);
        out.push_str("</dd></div>");
    }
    out.push_str("</dl></div>");
}

fn footer(summary: &Summary, out: &mut String) {
    out.push_str("<footer>");
    for author in &summary.authors {
        out.push_str("<div class=\"author\">");
        tagged("strong", "", &author.title, out);
        tagged("p", "", &values(author).join(" · "), out);
        out.push_str("</div>");
    }
    out.push_str("</footer>");
}

fn values(item: &Item) -> Vec<&str> {
    item.facts.iter().map(|fact| fact.value.as_str()).collect()
}

/// An element around a text; none around nothing.
fn tagged(tag: &str, class: &str, text: &str, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = write!(out, "<{tag}{class}>");
    escape(text, out);
    let _ = write!(out, "</{tag}>");
}

fn write_section(section: &Section, out: &mut String) {
    out.push_str("<section>");
    tagged("h2", "", &section.title, out);
    for line in section.text.iter().flat_map(|text| text.lines()) {
        tagged("p", "", line, out);
    }
    // What consists of parts stands alone; the rest shares a table or a list.
    let (whole, plain): (Vec<&Item>, Vec<&Item>) =
        section.items.iter().partition(|item| !item.parts.is_empty());
    together(&plain, out);
    for item in whole {
        block(item, out);
    }
    out.push_str("</section>");
}

fn together(items: &[&Item], out: &mut String) {
    if items.is_empty() {
        return;
    }
    let labels = labels(items);
    if labels.is_empty() {
        out.push_str("<ul>");
        for item in items {
            tagged("li", "", &item.title, out);
        }
        out.push_str("</ul>");
    } else if items.len() == 1 || labels.len() > 7 {
        for item in items {
            block(item, out);
        }
    } else {
        table(items, &labels, out);
    }
}

fn labels(items: &[&Item]) -> Vec<&'static str> {
    let mut labels = Vec::new();
    for item in items {
        for fact in &item.facts {
            if !labels.contains(&fact.label) {
                labels.push(fact.label);
            }
        }
        for label in self::labels(&item.parts.iter().collect::<Vec<_>>()) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    labels
}

fn table(items: &[&Item], labels: &[&'static str], out: &mut String) {
    out.push_str("<div class=\"wide\"><table><thead><tr><th></th>");
    for label in labels {
        let _ = write!(out, "<th>{label}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for item in items {
        table_row(item, labels, out);
    }
    out.push_str("</tbody></table></div>");
}

fn table_row(item: &Item, labels: &[&'static str], out: &mut String) {
    out.push_str(if item.abnormal { "<tr class=\"abnormal\">" } else { "<tr>" });
    tagged("th", if item.parts.is_empty() { "" } else { "panel" }, &item.title, out);
    for label in labels {
        out.push_str("<td>");
        for (n, fact) in item.facts.iter().filter(|fact| fact.label == *label).enumerate() {
            if n > 0 {
                out.push_str("<br>");
            }
            escape(&fact.value, out);
        }
        out.push_str("</td>");
    }
    out.push_str("</tr>");
    for part in &item.parts {
        table_row(part, labels, out);
    }
}

fn block(item: &Item, out: &mut String) {
    out.push_str("<article>");
    tagged("h3", if item.abnormal { "abnormal" } else { "" }, &item.title, out);
    let parts: Vec<&Item> = item.parts.iter().collect();
    if !item.facts.is_empty() {
        out.push_str("<dl>");
        for fact in &item.facts {
            out.push_str("<div><dt>");
            out.push_str(fact.label);
            out.push_str("</dt><dd>");
            escape(&fact.value, out);
            out.push_str("</dd></div>");
        }
        out.push_str("</dl>");
    }
    if !parts.is_empty() {
        table(&parts, &labels(&parts), out);
    }
    for file in &item.files {
        write_file(file, out);
    }
    out.push_str("</article>");
}

/// Pictures are shown; other files are offered to be saved.
fn write_file(file: &File, out: &mut String) {
    if base64_simd::STANDARD.check(file.data.as_bytes()).is_err() {
        return;
    }
    let kind = file.content_type.as_str();
    if matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp") {
        let _ = write!(out, "<figure><img src=\"data:{kind};base64,{}\" alt=\"\">", file.data);
        tagged("figcaption", "", &file.title, out);
        out.push_str("</figure>");
        return;
    }
    let size = format!(" ({}, {})", name_of(kind), size(file.data.len() / 4 * 3));
    out.push_str("<p class=\"file\">");
    if kind == "application/pdf" {
        let _ =
            write!(out, "<a download=\"document.pdf\" href=\"data:application/pdf;base64,{}\">", file.data);
        escape(&file.title, out);
        out.push_str("</a>");
    } else {
        escape(&file.title, out);
    }
    escape(&size, out);
    out.push_str("</p>");
}

fn name_of(kind: &str) -> &str {
    if kind == "application/pdf" { "PDF" } else { kind }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} kB", bytes / 1024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}
