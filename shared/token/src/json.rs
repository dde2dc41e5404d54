//! Strict JSON (token profile §5–6): `serde_json` reads the characters, this module
//! builds the tree and refuses what `serde_json` would let pass.
//!
//! `serde_json::Value` keeps the last of two equal members, a derived struct sees
//! only the duplicates of members it knows, and takes an array for an object. Here
//! a duplicate at any depth is an error, compared after unescaping (RFC 7515 §4,
//! RFC 7519 §4: names must be unique), and an object is an object.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

/// Deepest nesting of objects and arrays. A mandate token needs five levels.
pub const MAX_JSON_DEPTH: usize = 8;

/// Most members of one object. Bounds the search for duplicates.
pub const MAX_JSON_MEMBERS: usize = 64;

/// How much one text may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) depth: usize,
    pub(crate) members: usize,
}

const TOKEN_LIMITS: Limits = Limits {
    depth: MAX_JSON_DEPTH,
    members: MAX_JSON_MEMBERS,
};

/// Why a text is not JSON that the profile reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("not UTF-8 after byte {valid_up_to}")]
    NotUtf8 {
        /// Bytes that were good.
        valid_up_to: usize,
    },
    /// Begins with a byte order mark (RFC 8259 §8.1).
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// Not JSON (RFC 8259), or something after the value.
    #[error("not JSON at line {line}, column {column}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Two members of one object have the same name.
    #[error("an object has two members of one name")]
    DuplicateMember,
    /// Deeper than allowed.
    #[error("deeper than {limit} levels")]
    TooDeep {
        /// The most that is accepted.
        limit: usize,
    },
    /// More members than allowed.
    #[error("an object has more than {limit} members")]
    TooManyMembers {
        /// The most that is accepted.
        limit: usize,
    },
    /// The text is a value of another kind than an object.
    #[error("not an object")]
    NotAnObject,
}

impl JsonError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "jsonNotUtf8",
            Self::ByteOrderMark => "jsonByteOrderMark",
            Self::Syntax { .. } => "jsonSyntax",
            Self::DuplicateMember => "jsonDuplicateMember",
            Self::TooDeep { .. } => "jsonTooDeep",
            Self::TooManyMembers { .. } => "jsonTooManyMembers",
            Self::NotAnObject => "jsonNotAnObject",
        }
    }
}

/// A JSON value; texts are borrowed from the source unless they were escaped.
#[derive(Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool,
    /// An integer in 0..2^64.
    Unsigned(u64),
    /// Any other number: negative, fractional, with an exponent, or too large.
    Number,
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The members of an object, each name once.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// Reads `bytes` as one object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        Self::parse_within(bytes, TOKEN_LIMITS)
    }

    /// The same, with other limits than a token's.
    pub(crate) fn parse_within(bytes: &'a [u8], limits: Limits) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 {
            valid_up_to: error.valid_up_to(),
        })?;
        if text.starts_with('\u{feff}') {
            return Err(JsonError::ByteOrderMark);
        }
        let reason = Cell::new(None);
        let seed = Level {
            depth: 0,
            limits,
            reason: &reason,
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = seed
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value))
            .map_err(|error| {
                reason.get().unwrap_or(JsonError::Syntax {
                    line: error.line(),
                    column: error.column(),
                })
            })?;
        match value {
            Json::Object(object) => Ok(object),
            Json::Null
            | Json::Bool
            | Json::Unsigned(_)
            | Json::Number
            | Json::Text(_)
            | Json::Array(_) => Err(JsonError::NotAnObject),
        }
    }

    /// The member called exactly `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// Every member, in the order of the source.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

/// Builds the value at one depth of the tree.
#[derive(Clone, Copy)]
struct Level<'c> {
    depth: usize,
    limits: Limits,
    /// Our reason for refusing, which a `serde_json::Error` cannot carry.
    reason: &'c Cell<Option<JsonError>>,
}

impl Level<'_> {
    fn refuse<E: serde::de::Error>(self, reason: JsonError) -> E {
        self.reason.set(Some(reason));
        E::custom(reason)
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= self.limits.depth {
            return Err(self.refuse(JsonError::TooDeep {
                limit: self.limits.depth,
            }));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Unsigned(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json<'de>, A::Error> {
        let level = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(level)? {
            array.push(element);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let level = self.deeper()?;
        let mut object: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(8);
        let mut names = Names::default();
        while let Some(name) = members.next_key_seed(Name)? {
            if names.is_second(&object, &name) {
                return Err(self.refuse(JsonError::DuplicateMember));
            }
            if object.len() >= self.limits.members {
                return Err(self.refuse(JsonError::TooManyMembers {
                    limit: self.limits.members,
                }));
            }
            let value = members.next_value_seed(level)?;
            object.push((name, value));
        }
        Ok(Json::Object(Object(object)))
    }
}

/// Finds the second of two equal names.
#[derive(Default)]
struct Names {
    /// Places of the members in the order of their names, once there are many.
    sorted: Vec<usize>,
}

impl Names {
    /// Up to this many members each name is compared with every one before.
    const FEW: usize = 16;

    /// Whether `name`, which comes next, is that of a member already.
    ///
    /// Among many, with so many comparisons as a binary search takes: with one against
    /// every other, long names that begin alike make a body of some 64 KiB cost as
    /// much as a thousand others.
    fn is_second(&mut self, object: &[(Cow<'_, str>, Json<'_>)], name: &str) -> bool {
        if object.len() < Self::FEW {
            return object.iter().any(|(member, _)| member == name);
        }
        let name_at = |at: &usize| object.get(*at).map(|(member, _)| member.as_ref());
        if self.sorted.is_empty() {
            self.sorted = (0..object.len()).collect();
            self.sorted.sort_unstable_by_key(name_at);
        }
        match self
            .sorted
            .binary_search_by(|at| name_at(at).cmp(&Some(name)))
        {
            Ok(_) => true,
            Err(place) => {
                self.sorted.insert(place, object.len());
                false
            }
        }
    }
}

/// The name of a member, unescaped, borrowed where possible.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> JsonError {
        match Object::parse(text.as_bytes()) {
            Ok(_) => panic!("accepted {text}"),
            Err(error) => error,
        }
    }

    #[test]
    fn kinds_of_values() {
        let source = br#" {"a":null,"b":true,"c":7,"d":-1,"e":1.0,"f":1e3,"g":"t","h":[1],"i":{},"j":99999999999999999999,"k":-0} "#;
        let object = Object::parse(source).unwrap();
        let is = |name: &str, expected: &Json<'_>| object.get(name).unwrap() == expected;
        assert!(is("a", &Json::Null));
        assert!(is("b", &Json::Bool));
        assert!(is("c", &Json::Unsigned(7)));
        for name in ["d", "e", "f", "j", "k"] {
            assert!(is(name, &Json::Number), "{name}");
        }
        assert!(is("g", &Json::Text(Cow::Borrowed("t"))));
        assert!(is("h", &Json::Array(vec![Json::Unsigned(1)])));
        assert!(is("i", &Json::Object(Object::default())));
        assert!(object.get("A").is_none());
        assert_eq!(object.iter().count(), 11);
    }

    #[test]
    fn duplicates_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"\u0061lg":1,"a\u006cg":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[{"y":[{"a":1,"\u0061":1}]}]}"#,
            r#"{"":1,"":2}"#,
            r#"{"\n":1,"\u000a":2}"#,
            r#"{"\ud83d\ude00":1,"😀":2}"#,
        ] {
            assert_eq!(refusal(text), JsonError::DuplicateMember, "{text}");
        }
        // Code points, no normalisation: é composed and decomposed are two names.
        assert!(Object::parse("{\"\u{e9}\":1,\"e\u{301}\":2,\"E\":3,\"e\":4}".as_bytes()).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(Object::parse(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            refusal(&nested(MAX_JSON_DEPTH + 1)),
            JsonError::TooDeep { limit: 8 }
        );
        let arrays = format!(r#"{{"a":{}{}}}"#, "[".repeat(4000), "]".repeat(4000));
        assert_eq!(refusal(&arrays), JsonError::TooDeep { limit: 8 });
    }

    #[test]
    fn members_are_bounded() {
        let object = |members: usize| {
            let members: Vec<_> = (0..members).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(Object::parse(object(MAX_JSON_MEMBERS).as_bytes()).is_ok());
        assert_eq!(
            refusal(&object(MAX_JSON_MEMBERS + 1)),
            JsonError::TooManyMembers { limit: 64 }
        );
    }

    #[test]
    fn only_objects() {
        for text in [
            "null",
            "true",
            "1",
            "-1.5",
            "\"x\"",
            "[]",
            r#"["x",1]"#,
            r#"[{"a":1}]"#,
        ] {
            assert_eq!(refusal(text), JsonError::NotAnObject, "{text}");
        }
    }

    #[test]
    fn encodings() {
        assert_eq!(refusal("\u{feff}{}"), JsonError::ByteOrderMark);
        assert_eq!(
            Object::parse(b"{\"a\":\"\xff\"}").err(),
            Some(JsonError::NotUtf8 { valid_up_to: 6 })
        );
        // UTF-16, both byte orders; an overlong slash; a surrogate in UTF-8.
        for bytes in [
            b"{\0\"\0a\0\"\0:\x001\0}\0".as_slice(),
            b"\0{\0}",
            b"\xfe\xff\0{\0}",
            b"{\"a\":\"\xc0\xaf\"}",
            b"{\"a\":\"\xed\xa0\x80\"}",
        ] {
            assert!(Object::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn syntax_is_that_of_rfc_8259() {
        for text in [
            "",
            " ",
            "{",
            "{}{}",
            "{} x",
            "{}\0",
            r#"{"a":1,}"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":NaN}"#,
            r#"{"a":.5}"#,
            r#"{"a":1.}"#,
            r#"{"a":0x1}"#,
            "{'a':1}",
            "{a:1}",
            r#"{"a":1 /* c */}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"\ud800":1}"#,
            r#"{"a":"\x41"}"#,
            r#"{"a" 1}"#,
            r#"{"a":tru}"#,
            "{1:2}",
            "{\u{a0}}",
        ] {
            assert!(
                matches!(refusal(text), JsonError::Syntax { .. }),
                "{text:?}: {:?}",
                refusal(text)
            );
        }
    }

    #[test]
    fn a_duplicate_is_found_among_many() {
        for count in 1..=MAX_JSON_MEMBERS {
            // Neither in order nor in reverse order.
            let name = |number: usize| format!("\"n{:03}\":0", number * 37 % 101);
            let mut members: Vec<String> = (0..count).map(name).collect();
            let text = format!("{{{}}}", members.join(","));
            assert_eq!(
                Object::parse(text.as_bytes()).unwrap().iter().count(),
                count
            );
            for second in 0..count {
                members.push(name(second));
                let text = format!("{{{}}}", members.join(","));
                assert_eq!(refusal(&text), JsonError::DuplicateMember, "{text}");
                members.pop();
            }
        }
    }

    #[test]
    fn texts_are_unescaped() {
        let object = Object::parse(r#"{"a\u002fb":"\u0041\n"}"#.as_bytes()).unwrap();
        assert!(object.get("a/b").unwrap() == &Json::Text(Cow::Borrowed("A\n")));
    }
}
