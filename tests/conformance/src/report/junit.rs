//! JUnit XML, as continuous-integration servers read it.

use super::{Counts, Report, problems};
use crate::run::{CaseResult, Verdict};

pub(super) fn write(report: &Report<'_>) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = report.counts();
    xml.push_str(&open("testsuites", &report.target, all, ""));
    for (theme, counts) in report.themes() {
        xml.push_str(&open("testsuite", theme, counts, "  "));
        for result in report.results.iter().filter(|result| result.theme == theme) {
            case(&mut xml, result);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn open(element: &str, name: &str, counts: Counts, indent: &str) -> String {
    format!(
        "{indent}<{element} name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
        escaped(name),
        counts.all(),
        counts.failed,
        counts.errors,
        counts.not_applicable
    )
}

fn case(xml: &mut String, result: &CaseResult) {
    let element = match &result.verdict {
        Verdict::Passed => None,
        Verdict::Failed(_) => Some("failure"),
        Verdict::Error(_) => Some("error"),
        Verdict::NotApplicable(_) => Some("skipped"),
    };
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{} {} ({})\"",
        escaped(result.theme),
        escaped(&result.id),
        escaped(&result.name),
        escaped(&result.section)
    );
    xml.push_str(&head);
    match element {
        None => xml.push_str("/>\n"),
        Some(element) => {
            let message = escaped(&problems(&result.verdict).join("; "));
            for part in [
                ">\n      <",
                element,
                " message=\"",
                &message,
                "\"/>\n    </testcase>\n",
            ] {
                xml.push_str(part);
            }
        }
    }
}

/// Text for an attribute. XML 1.0 has no way to write most control characters.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            character if character.is_control() => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
        escaped
    })
}
