//! One line of another party's log: `CloudEvents` 1.0 with Belgif's `service`.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::instant::InstantError;
use super::member::{Kind, Member, Party, RecordKind};
use super::strict::{Members, Value};
use crate::event::{MAX_TEXT_BYTES, TraceId};
use crate::reidentify::Reason;
use crate::source::{is_absolute_uri, is_service};
use crate::time::UnixMillis;

/// Longest line: every field at its longest, with every byte escaped.
pub const MAX_PARTY_LINE_BYTES: usize = 32 * 1024;
const SSIN_DIGITS: usize = 11;
const ENTERPRISE_DIGITS: usize = 10;

/// A record of a party's log, read strictly; there is no other kind.
#[derive(Clone, PartialEq, Eq)]
pub struct PartyRecord {
    pub(crate) party: Party,
    pub(crate) kind: RecordKind,
    pub(crate) at: UnixMillis,
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) members: BTreeMap<Member, String>,
}

/// Without the fields: they are about persons.
impl fmt::Debug for PartyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartyRecord")
            .field("party", &self.party)
            .field("kind", &self.kind)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Why a line is no record. Never says what a field holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartyRecordError {
    /// Longer than [`MAX_PARTY_LINE_BYTES`].
    #[error("{0} bytes; a record takes at most {MAX_PARTY_LINE_BYTES}")]
    TooLong(usize),
    /// The validator's log is not given in this form.
    #[error("the validator's log is read by --url or --file, not as a party's")]
    Validator,
    /// No JSON object of a record's shape.
    #[error("not a record: {0}")]
    Json(String),
    /// A member that a `CloudEvent` of this format does not have.
    #[error("{0:?} is not a member of a record")]
    UnknownMember(String),
    /// A member is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member is not what it must be.
    #[error("{field}: expected {expected}")]
    Form {
        /// The member.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The time cannot be read.
    #[error("time: {0}")]
    Time(#[from] InstantError),
    /// The type is not one that this party writes.
    #[error("type: a {party} writes no record of this type; it is <service>.{}", types(*.party))]
    Type {
        /// Whose log it is.
        party: Party,
    },
    /// A field that this party may not send.
    #[error("data.{field:?} is not a field that a {party} may send with {kind}")]
    UnknownField {
        /// Whose log it is.
        party: Party,
        /// The kind of record.
        kind: RecordKind,
        /// The field.
        field: String,
    },
    /// A field is missing.
    #[error("data.{0} is missing")]
    MissingField(Member),
    /// A field is not what it must be.
    #[error("data.{field}: expected {expected}")]
    FieldForm {
        /// The field.
        field: Member,
        /// What it must be.
        expected: &'static str,
    },
    /// None, or more than one, of fields that exclude each other.
    #[error("expected one of data.holderEnterpriseNumber and data.holderPseudonym")]
    OneOf,
    /// The record names another party than the one whose log it is in.
    #[error("data.party is not {0}")]
    OtherParty(Party),
    /// A national number (M-21.5).
    #[error("data.{0} is a national number, which no record may hold")]
    NationalNumber(Member),
    /// A holder's number where a pseudonym or a reference belongs (M-15.4, M-22.1).
    #[error("data.{0} is an enterprise number, which stands in data.holderEnterpriseNumber alone")]
    EnterpriseNumber(Member),
}

/// The types that a party writes, for a message.
fn types(party: Party) -> String {
    let kinds = super::member::KINDS.iter().filter(|k| k.party == party);
    let kinds: Vec<&str> = kinds.map(|k| k.kind.as_str()).collect();
    kinds.join(" or <service>.")
}

impl PartyRecord {
    /// Reads a line of that party's log.
    pub fn parse(party: Party, line: &[u8]) -> Result<Self, PartyRecordError> {
        if party == Party::Validator {
            return Err(PartyRecordError::Validator);
        }
        if line.len() > MAX_PARTY_LINE_BYTES {
            return Err(PartyRecordError::TooLong(line.len()));
        }
        let value = serde_json::from_slice(line);
        let value = value.map_err(|error| PartyRecordError::Json(error.to_string()))?;
        let Value::Members(members) = value else {
            return Err(PartyRecordError::Json("expected an object".to_owned()));
        };
        let envelope = Envelope::read(members)?;
        let data_error = PartyRecordError::Form {
            field: "data",
            expected: "an object",
        };
        let Value::Members(data) = envelope.data else {
            return Err(data_error);
        };
        let kind = envelope
            .kind
            .strip_prefix(&envelope.service)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(RecordKind::parse)
            .and_then(|kind| Kind::of(party, kind))
            .ok_or(PartyRecordError::Type { party })?;
        Ok(Self {
            party,
            kind: kind.kind,
            at: UnixMillis::parse(&envelope.time)?,
            id: envelope.id,
            source: envelope.source,
            members: fields(kind, data)?,
        })
    }

    /// Whose log it is from.
    pub const fn party(&self) -> Party {
        self.party
    }

    /// What it says happened.
    pub const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// When it says so.
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// A field of its data.
    pub fn get(&self, member: Member) -> Option<&str> {
        self.members.get(&member).map(String::as_str)
    }
}

/// The members of the `CloudEvent`.
struct Envelope {
    id: String,
    source: String,
    service: String,
    kind: String,
    time: String,
    data: Value,
}

impl Envelope {
    fn read(members: Members) -> Result<Self, PartyRecordError> {
        const TEXTS: [&str; 7] = [
            "specversion",
            "id",
            "source",
            "service",
            "type",
            "time",
            "datacontenttype",
        ];
        let mut texts: [Option<String>; TEXTS.len()] = Default::default();
        let mut data = None;
        for (name, value) in members {
            let place = TEXTS
                .iter()
                .zip(&mut texts)
                .find(|(text, _)| **text == name);
            match (place, value) {
                (Some((_, place)), Value::Text(text)) if is_text(&text) => *place = Some(text),
                (Some((field, _)), _) => {
                    let expected = TEXT;
                    return Err(PartyRecordError::Form { field, expected });
                }
                (None, value) if name == "data" => data = Some(value),
                (None, _) => return Err(PartyRecordError::UnknownMember(shown(&name))),
            }
        }
        let [specversion, id, source, service, kind, time, content] = texts;
        let there = |name, text: Option<String>| text.ok_or(PartyRecordError::Missing(name));
        let must = |holds: bool, field, expected| {
            let wrong = PartyRecordError::Form { field, expected };
            if holds { Ok(()) } else { Err(wrong) }
        };
        must(
            there("specversion", specversion)? == "1.0",
            "specversion",
            "1.0",
        )?;
        let content = content.is_none_or(|content| content == "application/json");
        must(content, "datacontenttype", "application/json")?;
        let (source, service) = (there("source", source)?, there("service", service)?);
        must(is_absolute_uri(&source), "source", "an absolute URI")?;
        let form = "<reverse DNS name>.<name>.v<major version>";
        must(is_service(&service), "service", form)?;
        Ok(Self {
            id: there("id", id)?,
            source,
            service,
            kind: there("type", kind)?,
            time: there("time", time)?,
            data: data.ok_or(PartyRecordError::Missing("data"))?,
        })
    }
}

fn fields(kind: &Kind, data: Members) -> Result<BTreeMap<Member, String>, PartyRecordError> {
    let mut members = BTreeMap::new();
    let mut party = None;
    for (name, value) in data {
        if name == "party" {
            party = Some(value);
            continue;
        }
        let member = Member::parse(&name).filter(|member| kind.takes(*member));
        let member = member.ok_or_else(|| PartyRecordError::UnknownField {
            party: kind.party,
            kind: kind.kind,
            field: shown(&name),
        })?;
        members.insert(member, field(member, value)?);
    }
    if party != Some(Value::Text(kind.party.as_str().to_owned())) {
        return Err(PartyRecordError::OtherParty(kind.party));
    }
    for member in kind.required {
        if !members.contains_key(member) {
            return Err(PartyRecordError::MissingField(*member));
        }
    }
    let given = kind
        .one_of
        .iter()
        .filter(|m| members.contains_key(*m))
        .count();
    if !kind.one_of.is_empty() && given != 1 {
        return Err(PartyRecordError::OneOf);
    }
    Ok(members)
}

const TEXT: &str = "a text of 1 to 256 bytes without control characters";

/// Checks the form of a value and gives it as text.
fn field(member: Member, value: Value) -> Result<String, PartyRecordError> {
    let wrong = |expected| PartyRecordError::FieldForm {
        field: member,
        expected,
    };
    match member {
        Member::HttpStatus => match value {
            Value::Number(status @ 100..=599) => Ok(status.to_string()),
            Value::Number(_) | Value::Text(_) | Value::Members(_) => {
                Err(wrong("a number from 100 to 599"))
            }
        },
        Member::GrantLevel => match value {
            Value::Number(level @ 0..=999) => Ok(level.to_string()),
            Value::Number(_) | Value::Text(_) | Value::Members(_) => {
                Err(wrong("a number from 0 to 999"))
            }
        },
        Member::TraceId
        | Member::RelatedTraceId
        | Member::TokenId
        | Member::TokenHash
        | Member::VerificationSystem
        | Member::Issuer
        | Member::MandateId
        | Member::MandateType
        | Member::HolderEnterpriseNumber
        | Member::HolderPseudonym
        | Member::SubjectPseudonym
        | Member::UserRef
        | Member::Operation
        | Member::Purpose
        | Member::Channel
        | Member::RequestHash
        | Member::Reason
        | Member::Reference => match value {
            Value::Text(text) if is_text(&text) => text_field(member, text),
            Value::Text(_) | Value::Number(_) | Value::Members(_) => Err(wrong(TEXT)),
        },
    }
}

fn text_field(member: Member, text: String) -> Result<String, PartyRecordError> {
    let digits = digits(&text);
    if digits.as_deref().is_some_and(is_ssin) {
        return Err(PartyRecordError::NationalNumber(member));
    }
    let number = digits.as_deref().is_some_and(is_enterprise_number);
    if number && member != Member::HolderEnterpriseNumber {
        return Err(PartyRecordError::EnterpriseNumber(member));
    }
    let expected = match member {
        Member::HolderEnterpriseNumber => {
            let holds = number && text.len() == ENTERPRISE_DIGITS;
            (!holds).then_some("an enterprise number of ten digits")
        }
        Member::TraceId | Member::RelatedTraceId => TraceId::parse(&text)
            .is_none()
            .then_some("1 to 36 of A-Z a-z 0-9 . _ -"),
        Member::TokenHash | Member::RequestHash => {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            let holds = text.len() == 64 && text.bytes().all(hex);
            (!holds).then_some("SHA-256 in lower-case hexadecimal")
        }
        Member::Channel => {
            let holds = matches!(text.as_str(), "api" | "webApp");
            (!holds).then_some("api or webApp")
        }
        Member::Reason => Reason::parse(&text)
            .is_none()
            .then_some("complaint, supervision, securityIncident or judicialOrder"),
        Member::TokenId
        | Member::VerificationSystem
        | Member::Issuer
        | Member::MandateId
        | Member::MandateType
        | Member::HolderPseudonym
        | Member::SubjectPseudonym
        | Member::UserRef
        | Member::Operation
        | Member::Purpose
        | Member::Reference
        | Member::GrantLevel
        | Member::HttpStatus => None,
    };
    match expected {
        Some(expected) => Err(PartyRecordError::FieldForm {
            field: member,
            expected,
        }),
        None => Ok(text),
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control)
}

/// A name for a message: short, and on one line.
fn shown(name: &str) -> String {
    let name = name.chars().filter(|c| !c.is_control());
    name.take(40).collect()
}

/// Whether a text is a person's or an enterprise's number, however it is set off.
pub(crate) fn is_number_of_somebody(text: &str) -> bool {
    digits(text).is_some_and(|digits| is_ssin(&digits) || is_enterprise_number(&digits))
}

/// The digits of a text that is a number and how people set it off: `53.48.02-007.24`, `BE 0202.239.951`.
fn digits(text: &str) -> Option<String> {
    let text = text.strip_prefix("BE").unwrap_or(text);
    let set_off = |c: &char| matches!(c, '.' | '-' | ' ' | '/');
    let digits: String = text.chars().filter(|c| !set_off(c)).collect();
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    number.then_some(digits)
}

/// Whether a national number stands in a text, set off or not.
pub(crate) fn holds_ssin(text: &str) -> bool {
    let of_a_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | ' ' | '/');
    let runs = text.split(|c| !of_a_number(c));
    runs.map(|run| run.trim_matches(|c: char| !c.is_ascii_digit()))
        .any(|run| {
            let parts = run.split('/').chain([run]);
            parts.filter_map(digits).any(|digits| is_ssin(&digits))
        })
}

/// Eleven digits whose last two are 97 less the remainder of the others, for a birth before or after 2000.
fn is_ssin(digits: &str) -> bool {
    checksum(digits, SSIN_DIGITS).is_some_and(|(number, check)| {
        let holds = |number: u64| 97 - number % 97 == check;
        holds(number) || holds(2_000_000_000 + number)
    })
}

/// Ten digits, the first 0 or 1, with the same check.
pub(crate) fn is_enterprise_number(digits: &str) -> bool {
    digits.starts_with(['0', '1'])
        && checksum(digits, ENTERPRISE_DIGITS)
            .is_some_and(|(number, check)| 97 - number % 97 == check)
}

fn checksum(digits: &str, length: usize) -> Option<(u64, u64)> {
    if digits.len() != length {
        return None;
    }
    let (number, check) = digits.split_at_checked(length - 2)?;
    Some((number.parse().ok()?, check.parse().ok()?))
}
