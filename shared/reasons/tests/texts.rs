//! What is said of each reason, in each language: there, once, a sentence, and in that language.

use std::collections::BTreeMap;

use sluis_reasons::{Language, Table, markdown};

/// A sentence: enough to say something, little enough to be read in a table.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=190;

/// Small words that one of the languages has and the others do not, or hardly.
fn small_words(language: Language) -> &'static [&'static str] {
    match language {
        Language::Nl => &[
            "het", "een", "niet", "wordt", "van", "voor", "met", "dat", "geen", "bij", "aan",
            "zijn", "naar", "dan", "of", "op", "heeft", "werd", "vraag", "stuur", "gebruik", "te",
            "door", "zich", "ook", "wie", "deze", "staat", "ligt", "gaat", "uw", "en", "der",
            "zet", "tot", "uit", "meer", "maar", "waar", "onder", "al",
        ],
        Language::Fr => &[
            "le",
            "la",
            "les",
            "un",
            "une",
            "est",
            "ne",
            "pas",
            "du",
            "que",
            "avec",
            "pour",
            "dans",
            "n'est",
            "qui",
            "ce",
            "par",
            "sur",
            "demandez",
            "envoyez",
            "au",
            "aux",
            "plus",
            "des",
            "qu'après",
            "sans",
            "soit",
            "d'un",
            "d'une",
            "l'institution",
            "et",
            "ou",
            "jusqu'à",
            "attendez",
            "acceptez",
            "l'exploitant",
        ],
        Language::De => &[
            "das", "ein", "eine", "einen", "einem", "einer", "nicht", "und", "mit", "der", "die",
            "den", "dem", "ist", "kein", "keine", "sie", "oder", "für", "zum", "beim", "wird",
            "wurde", "auf", "von", "bei", "im", "zu", "ihr", "sich", "aber",
        ],
        Language::En => &[
            "the", "not", "and", "of", "with", "that", "for", "this", "to", "an", "or", "it",
            "has", "ask", "send", "no", "was", "than", "by", "which", "its", "on", "from", "who",
            "at",
        ],
    }
}

/// How many words of a text are small words of a language. Names of fields are of no language.
fn score(text: &str, language: Language) -> usize {
    let prose: Vec<&str> = text.split('`').step_by(2).collect();
    prose
        .join(" ")
        .to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| small_words(language).contains(word))
        .count()
}

/// Each text of the reasons, with where it stands.
fn texts(table: &Table) -> Vec<(Language, String, &str)> {
    let mut texts = Vec::new();
    for language in Language::ALL {
        for reason in table.reasons() {
            let said = reason.explanation(language);
            texts.push((
                language,
                format!("{} {language} meaning", reason.code()),
                said.meaning(),
            ));
            texts.push((
                language,
                format!("{} {language} action", reason.code()),
                said.action(),
            ));
        }
    }
    texts
}

#[test]
fn each_text_is_one_sentence_of_a_bearable_length() {
    let table = Table::load().unwrap();
    for (_, place, text) in texts(&table) {
        assert!(
            LENGTHS.contains(&text.chars().count()),
            "{place}: {} characters",
            text.chars().count()
        );
        assert!(
            text.ends_with('.') && !text.ends_with(".."),
            "{place}: {text}"
        );
        assert!(text.starts_with(char::is_uppercase), "{place}: {text}");
        assert!(
            !text.trim_end_matches('.').contains(". "),
            "{place}: more than one sentence"
        );
        assert!(
            !text.contains("  ") && text.trim() == text,
            "{place}: stray spaces"
        );
        assert!(
            !text.contains(['|', '<', '>', '\n']),
            "{place}: it would break the table"
        );
        assert_eq!(
            text.matches('`').count() % 2,
            0,
            "{place}: an open code span"
        );
    }
}

#[test]
fn no_text_stands_twice() {
    let table = Table::load().unwrap();
    let mut first = BTreeMap::new();
    for (_, place, text) in texts(&table) {
        if let Some(other) = first.insert(text, place.clone()) {
            panic!("{place} and {other} say the same: {text}");
        }
    }
}

#[test]
fn each_text_is_in_its_language() {
    let table = Table::load().unwrap();
    let mut foreign = Vec::new();
    for (language, place, text) in texts(&table) {
        let own = score(text, language);
        for other in Language::ALL {
            if other != language && own <= score(text, other) {
                foreign.push(format!("{place} reads like {other}: {text}"));
            }
        }
    }
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
}

/// The names of fields and claims are the same whatever the language.
#[test]
fn each_language_names_the_same_fields() {
    let table = Table::load().unwrap();
    let spans = |text: &str| {
        let mut spans: Vec<String> = text
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        spans.sort();
        spans
    };
    for reason in table.reasons() {
        let of = |language| {
            let said = reason.explanation(language);
            (spans(said.meaning()), spans(said.action()))
        };
        for language in Language::ALL {
            assert_eq!(
                of(language),
                of(Language::En),
                "{} {language}",
                reason.code()
            );
        }
    }
}

#[test]
fn a_reason_rests_on_something_and_answers_as_belgif_says() {
    for reason in Table::load().unwrap().reasons() {
        let code = reason.code();
        assert!(!reason.basis().is_empty(), "{code}");
        for basis in reason.basis() {
            let known = ["profile §", "RFC ", "M-", "S-"]
                .iter()
                .any(|start| basis.starts_with(start));
            assert!(known && basis.len() > 3, "{code}: {basis}");
        }
        let statuses: &[u16] = match reason.problem() {
            "badRequest" => &[400, 405],
            "noAccessToken" | "invalidAccessToken" | "expiredAccessToken" => &[401],
            "missingScope" | "missingPermission" => &[403],
            "resourceNotFound" => &[404],
            "payloadTooLarge" => &[413],
            "internalServerError" => &[500],
            "badGateway" => &[502],
            "serviceUnavailable" => &[503],
            other => panic!("{code}: {other}"),
        };
        assert!(statuses.contains(&reason.status()), "{code}");
        // Of a fault, the operator is told first and the caller next.
        if reason.status() >= 500 {
            assert!(
                reason.explanation(Language::En).action().contains("caller"),
                "{code}"
            );
        }
    }
}

#[test]
fn each_stage_has_reasons_and_a_title_in_each_language() {
    for stage in Table::load().unwrap().stages() {
        assert!(!stage.reasons().is_empty(), "{}", stage.id());
        for language in Language::ALL {
            assert!(stage.title(language).len() > 5, "{} {language}", stage.id());
        }
    }
}

/// `REASONS.md` is what `sluis reason --markdown` prints.
#[test]
fn the_document_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../REASONS.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rendered = markdown(&Table::load().unwrap());
    let differs = document
        .lines()
        .zip(rendered.lines())
        .position(|(a, b)| a != b);
    assert!(
        document == rendered,
        "REASONS.md is stale from line {}: sluis reason --markdown > REASONS.md",
        differs.unwrap_or(document.lines().count().min(rendered.lines().count())) + 1
    );
}

/// Each link of the document leads to one anchor of it.
#[test]
fn links_lead_somewhere() {
    let rendered = markdown(&Table::load().unwrap());
    let parts = |start: &str, end: char| {
        let mut parts = Vec::new();
        for rest in rendered.split(start).skip(1) {
            parts.push(rest.split(end).next().unwrap().to_owned());
        }
        parts
    };
    let mut anchors = parts("<a id=\"", '"');
    let links = parts("](#", ')');
    let count = anchors.len();
    anchors.sort();
    anchors.dedup();
    assert_eq!(anchors.len(), count);
    assert!(links.len() > count);
    for link in links {
        assert!(anchors.contains(&link), "{link}");
    }
}
