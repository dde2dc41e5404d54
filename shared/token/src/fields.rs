//! Typed reading of the members of an object.
//!
//! A member of a wrong type is an error, never "absent" (jsonwebtoken's
//! CVE-2026-25537 was that confusion), and `null` is a wrong type.

use thiserror::Error;

use crate::json::{Json, Object};
use crate::ssin::Ssin;
use crate::time::UnixTime;

/// What is wrong with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// It is required and not there.
    #[error("is missing")]
    Missing,
    /// It has another JSON type, or is a number that is no `NumericDate`.
    #[error("has a wrong type")]
    WrongType,
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is longer than the profile allows.
    #[error("is longer than {limit}")]
    TooLong {
        /// The most bytes of a text, or elements of an array.
        limit: usize,
    },
    /// It has the right type but not the form that the profile gives it.
    #[error("is malformed")]
    Malformed,
    /// It is none of the values that the profile knows.
    #[error("has an unknown value")]
    UnknownValue,
    /// An array holds a value twice.
    #[error("holds a value twice")]
    Repeated,
    /// An object has a member that the profile does not know.
    #[error("has an unknown member")]
    UnknownMember,
}

/// A fault, and the member that has it. Holds nothing of the member's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{member} {fault}")]
pub struct FieldError {
    /// The member's name, with the names of the objects around it: `grant.level`.
    pub member: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

impl FieldError {
    pub(crate) const fn new(member: &'static str, fault: Fault) -> Self {
        Self { member, fault }
    }

    /// The stable reason code; the member is apart.
    pub const fn code(&self) -> &'static str {
        match self.fault {
            Fault::Missing => "memberMissing",
            Fault::WrongType => "memberWrongType",
            Fault::Empty => "memberEmpty",
            Fault::TooLong { .. } => "memberTooLong",
            Fault::Malformed => "memberMalformed",
            Fault::UnknownValue => "memberUnknownValue",
            Fault::Repeated => "memberRepeatedValue",
            Fault::UnknownMember => "memberUnknown",
        }
    }
}

/// Reads members by path; the member's own name is the path's last part.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'o, 'a>(pub(crate) &'o Object<'a>);

impl<'o, 'a> Fields<'o, 'a> {
    fn find(self, path: &'static str) -> Option<&'o Json<'a>> {
        let name = path.rsplit_once('.').map_or(path, |(_, name)| name);
        self.0.get(name)
    }

    /// A member of any type.
    pub(crate) fn any(self, path: &'static str) -> Option<&'o Json<'a>> {
        self.find(path)
    }

    /// Refuses members other than `names`.
    pub(crate) fn closed(self, path: &'static str, names: &[&str]) -> Result<(), FieldError> {
        if self.0.iter().all(|(name, _)| names.contains(&name)) {
            Ok(())
        } else {
            Err(FieldError::new(path, Fault::UnknownMember))
        }
    }

    /// A text of 1 to `limit` bytes.
    pub(crate) fn text(self, path: &'static str, limit: usize) -> Result<&'o str, FieldError> {
        self.optional_text(path, limit)?
            .ok_or(FieldError::new(path, Fault::Missing))
    }

    pub(crate) fn optional_text(
        self,
        path: &'static str,
        limit: usize,
    ) -> Result<Option<&'o str>, FieldError> {
        self.find(path)
            .map(|value| as_text(value, path, limit))
            .transpose()
    }

    /// A text that identifies something, and is not an SSIN: a JWS never holds one
    /// (token profile §17), whatever the member is for.
    pub(crate) fn identifier(
        self,
        path: &'static str,
        limit: usize,
    ) -> Result<&'o str, FieldError> {
        self.optional_identifier(path, limit)?
            .ok_or(FieldError::new(path, Fault::Missing))
    }

    pub(crate) fn optional_identifier(
        self,
        path: &'static str,
        limit: usize,
    ) -> Result<Option<&'o str>, FieldError> {
        let text = self.optional_text(path, limit)?;
        if text.is_some_and(holds_ssin) {
            return Err(FieldError::new(path, Fault::Malformed));
        }
        Ok(text)
    }

    /// A `NumericDate` of the profile.
    pub(crate) fn time(self, path: &'static str) -> Result<UnixTime, FieldError> {
        self.optional_time(path)?
            .ok_or(FieldError::new(path, Fault::Missing))
    }

    pub(crate) fn optional_time(self, path: &'static str) -> Result<Option<UnixTime>, FieldError> {
        self.find(path)
            .map(|value| {
                as_unsigned(value)
                    .and_then(UnixTime::from_seconds)
                    .ok_or(FieldError::new(path, Fault::WrongType))
            })
            .transpose()
    }

    pub(crate) fn unsigned(self, path: &'static str) -> Result<u64, FieldError> {
        let value = self
            .find(path)
            .ok_or(FieldError::new(path, Fault::Missing))?;
        as_unsigned(value).ok_or(FieldError::new(path, Fault::WrongType))
    }

    pub(crate) fn object(self, path: &'static str) -> Result<Fields<'o, 'a>, FieldError> {
        self.optional_object(path)?
            .ok_or(FieldError::new(path, Fault::Missing))
    }

    pub(crate) fn optional_object(
        self,
        path: &'static str,
    ) -> Result<Option<Fields<'o, 'a>>, FieldError> {
        self.find(path)
            .map(|value| match value {
                Json::Object(object) => Ok(Fields(object)),
                Json::Null
                | Json::Bool
                | Json::Unsigned(_)
                | Json::Number
                | Json::Text(_)
                | Json::Array(_) => Err(FieldError::new(path, Fault::WrongType)),
            })
            .transpose()
    }

    /// An array of 1 to `limit` elements.
    pub(crate) fn array(
        self,
        path: &'static str,
        limit: usize,
    ) -> Result<&'o [Json<'a>], FieldError> {
        let value = self
            .find(path)
            .ok_or(FieldError::new(path, Fault::Missing))?;
        match value {
            Json::Array(elements) if elements.is_empty() => {
                Err(FieldError::new(path, Fault::Empty))
            }
            Json::Array(elements) if elements.len() > limit => {
                Err(FieldError::new(path, Fault::TooLong { limit }))
            }
            Json::Array(elements) => Ok(elements),
            Json::Null
            | Json::Bool
            | Json::Unsigned(_)
            | Json::Number
            | Json::Text(_)
            | Json::Object(_) => Err(FieldError::new(path, Fault::WrongType)),
        }
    }

    /// An array of 1 to `limit` different texts, each read by `read`.
    pub(crate) fn set<T: PartialEq>(
        self,
        path: &'static str,
        limit: usize,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Vec<T>, FieldError> {
        let elements = self.array(path, limit)?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let text = as_text(element, path, MAX_ELEMENT_BYTES)?;
            let value = read(text).map_err(|fault| FieldError::new(path, fault))?;
            if values.contains(&value) {
                return Err(FieldError::new(path, Fault::Repeated));
            }
            values.push(value);
        }
        Ok(values)
    }

    /// A text that is one of a few values.
    pub(crate) fn one_of<T: Copy>(
        self,
        path: &'static str,
        values: &[(&str, T)],
    ) -> Result<T, FieldError> {
        let text = self.text(path, MAX_ELEMENT_BYTES)?;
        values
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or(FieldError::new(path, Fault::UnknownValue))
    }
}

/// Whether a text is an SSIN, with or without the usual separators.
fn holds_ssin(text: &str) -> bool {
    /// `53.48.02-007.24`
    const MAX_WRITTEN_BYTES: usize = 15;
    if text.len() > MAX_WRITTEN_BYTES {
        return false;
    }
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, '.' | '-' | ' ' | '/'))
        .collect();
    Ssin::parse(&digits).is_ok()
}

/// Longest text in an array, and longest value of an enumeration.
const MAX_ELEMENT_BYTES: usize = 64;

pub(crate) fn as_text<'o>(
    value: &'o Json<'_>,
    path: &'static str,
    limit: usize,
) -> Result<&'o str, FieldError> {
    match value {
        Json::Text(text) if text.is_empty() => Err(FieldError::new(path, Fault::Empty)),
        Json::Text(text) if text.len() > limit => {
            Err(FieldError::new(path, Fault::TooLong { limit }))
        }
        Json::Text(text) => Ok(text),
        Json::Null
        | Json::Bool
        | Json::Unsigned(_)
        | Json::Number
        | Json::Array(_)
        | Json::Object(_) => Err(FieldError::new(path, Fault::WrongType)),
    }
}

fn as_unsigned(value: &Json<'_>) -> Option<u64> {
    match value {
        Json::Unsigned(number) => Some(*number),
        Json::Null
        | Json::Bool
        | Json::Number
        | Json::Text(_)
        | Json::Array(_)
        | Json::Object(_) => None,
    }
}
