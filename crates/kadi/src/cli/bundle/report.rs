//! How the outcome of a file is told.

use std::fmt::Write as _;

use nrces::Issue;
use serde::Serialize;

/// Lines for people, or an object for machines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    /// `FILE: error|warning: LOCATION: RULE: MESSAGE`, then `FILE: ok`.
    Text,
    /// `{file, valid, issues}`, one line a file.
    Json,
}

/// What was found in a file.
pub(super) struct Outcome<'a> {
    /// The file as it was named.
    pub file: &'a str,
    /// Every problem.
    pub issues: Vec<Issue>,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    valid: bool,
    issues: &'a [Issue],
}

impl Outcome<'_> {
    /// Whether nothing hinders the document; warnings do not.
    pub(super) fn is_valid(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }

    /// All lines about the file.
    pub(super) fn told(&self, style: Style) -> String {
        match style {
            Style::Json => {
                let line = Line { file: self.file, valid: self.is_valid(), issues: &self.issues };
                let mut text = serde_json::to_string(&line).unwrap_or_default();
                text.push('\n');
                text
            }
            Style::Text => self.lines(),
        }
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        for issue in &self.issues {
            let line = format!("{}: {issue}", self.file).replace(['\r', '\n'], " ");
            text.push_str(&line);
            text.push('\n');
        }
        if self.is_valid() {
            let _ = writeln!(text, "{}: ok", self.file);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_and_a_warning_does_not_hinder() {
        let issues = vec![Issue::warning("Bundle.entry[0]", "some-rule", "worth\nknowing")];
        let outcome = Outcome { file: "a.json", issues };
        assert_eq!(
            outcome.told(Style::Text),
            "a.json: warning: Bundle.entry[0]: some-rule: worth knowing\na.json: ok\n"
        );
    }

    #[test]
    fn an_error_is_no_ok() {
        let outcome = Outcome { file: "-", issues: vec![Issue::error("Bundle", "not-json", "no")] };
        assert_eq!(outcome.told(Style::Text), "-: error: Bundle: not-json: no\n");
        let json: serde_json::Value = serde_json::from_str(&outcome.told(Style::Json)).unwrap();
        assert_eq!(json["valid"], false);
        assert_eq!(json["issues"][0]["rule"], "not-json");
    }
}
