//! What came of a run: for a terminal, as JSON, and as JUnit XML.

mod junit;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::run::{CaseResult, Verdict};

/// A run of the corpus against one target.
#[derive(Debug)]
pub struct Report<'a> {
    /// What the target is called.
    pub target: String,
    /// Every case.
    pub results: &'a [CaseResult],
}

/// How many cases came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub failed: usize,
    /// No verdict: no answer, or the case could not be built.
    pub errors: usize,
    /// The target cannot take them.
    pub not_applicable: usize,
}

impl Counts {
    /// Counts one case.
    fn add(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Passed => &mut self.passed,
            Verdict::Failed(_) => &mut self.failed,
            Verdict::Error(_) => &mut self.errors,
            Verdict::NotApplicable(_) => &mut self.not_applicable,
        } += 1;
    }

    /// How many there are.
    pub const fn all(&self) -> usize {
        self.passed + self.failed + self.errors + self.not_applicable
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    target: &'a str,
    counts: Counts,
    themes: BTreeMap<&'static str, Counts>,
    cases: Vec<JsonCase<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonCase<'a> {
    id: &'a str,
    name: &'a str,
    theme: &'a str,
    profile_section: &'a str,
    source: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<&'a str>,
    /// The last answer's; a case of several steps has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

impl Report<'_> {
    /// All cases together.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for result in self.results {
            counts.add(&result.verdict);
        }
        counts
    }

    /// Theme by theme.
    pub fn themes(&self) -> BTreeMap<&'static str, Counts> {
        let mut themes = BTreeMap::<_, Counts>::new();
        for result in self.results {
            themes.entry(result.theme).or_default().add(&result.verdict);
        }
        themes
    }

    /// Why cases were not applicable, and how many for each reason.
    pub fn not_applicable(&self) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::new();
        for result in self.results {
            if let Verdict::NotApplicable(reason) = &result.verdict {
                *reasons.entry(reason.as_str()).or_default() += 1;
            }
        }
        reasons
    }

    /// The report as JSON. It names no token and no key.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let cases = self.results.iter().map(|result| {
            let last = result.exchanges.last();
            JsonCase {
                id: &result.id,
                name: &result.name,
                theme: result.theme,
                profile_section: &result.section,
                source: &result.source,
                outcome: outcome(&result.verdict),
                problems: problems(&result.verdict),
                expected_status: last.map(|exchange| exchange.expected.status),
                status: last.map(|exchange| exchange.answer.status),
                expected_reason: last.and_then(|exchange| exchange.expected.code.as_deref()),
                trace_id: last.and_then(|exchange| exchange.answer.header("belgov-trace-id")),
            }
        });
        let mut text = serde_json::to_string_pretty(&JsonReport {
            target: &self.target,
            counts: self.counts(),
            themes: self.themes(),
            cases: cases.collect(),
        })?;
        text.push('\n');
        Ok(text)
    }

    /// The report as JUnit XML: a suite a theme.
    pub fn to_junit(&self) -> String {
        junit::write(self)
    }
}

fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Error(_) => "error",
        Verdict::NotApplicable(_) => "notApplicable",
    }
}

fn problems(verdict: &Verdict) -> Vec<&str> {
    match verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed(problems) => problems.iter().map(String::as_str).collect(),
        Verdict::Error(problem) | Verdict::NotApplicable(problem) => vec![problem],
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<18}{:>9}{:>9}{:>9}{:>9}",
            "", "passed", "failed", "errors", "n/a"
        )?;
        let mut line = |name: &str, counts: Counts| {
            writeln!(
                formatter,
                "{name:<18}{:>9}{:>9}{:>9}{:>9}",
                counts.passed, counts.failed, counts.errors, counts.not_applicable
            )
        };
        for (theme, counts) in self.themes() {
            line(theme, counts)?;
        }
        line("all", self.counts())?;
        for (reason, count) in self.not_applicable() {
            writeln!(formatter, "not applicable ({count}): {reason}")?;
        }
        for result in self.results {
            if matches!(result.verdict, Verdict::Failed(_) | Verdict::Error(_)) {
                let what = outcome(&result.verdict);
                writeln!(
                    formatter,
                    "{what}  {}  {} ({}): {}",
                    result.id,
                    result.name,
                    result.section,
                    problems(&result.verdict).join("; ")
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: &str, verdict: Verdict) -> CaseResult {
        CaseResult {
            id: id.to_owned(),
            name: "a \"name\" <of> & it".to_owned(),
            theme: "theme",
            section: "§1".to_owned(),
            source: "somewhere".to_owned(),
            verdict,
            exchanges: Vec::new(),
        }
    }

    #[test]
    fn nothing_is_left_out() {
        let results = [
            result("A", Verdict::Passed),
            result(
                "B",
                Verdict::Failed(vec!["status 200, expected 401".to_owned()]),
            ),
            result("C", Verdict::NotApplicable("no clock".to_owned())),
            result("D", Verdict::Error("no answer\u{1}".to_owned())),
        ];
        let report = Report {
            target: "t".to_owned(),
            results: &results,
        };
        assert_eq!(report.counts().all(), 4);
        let text = report.to_string();
        for part in ["not applicable (1): no clock", "failed  B", "error  D"] {
            assert!(text.contains(part), "{text}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(json["counts"]["notApplicable"], 1);
        assert_eq!(json["cases"][1]["problems"][0], "status 200, expected 401");
        let xml = report.to_junit();
        assert!(
            xml.contains(r#"tests="4" failures="1" errors="1" skipped="1""#),
            "{xml}"
        );
        assert!(
            xml.contains("a &quot;name&quot; &lt;of&gt; &amp; it"),
            "{xml}"
        );
        assert!(!xml.contains('\u{1}'), "{xml}");
    }
}
