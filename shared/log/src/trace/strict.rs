//! JSON objects of other parties, read so that nothing in them can be overlooked.
//!
//! A member that stands twice is an error, an object is an object and never a
//! list, and of values there are those that a record has.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// Most members of one object. Bounds the search for duplicates.
pub(crate) const MAX_MEMBERS: usize = 32;

/// The members of an object, in their order.
pub(crate) type Members = Vec<(String, Value)>;

/// A value that a record can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Members(Members),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number or an object")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.iter().any(|(other, _)| *other == name) {
                return Err(de::Error::custom(format_args!("{name:?} stands twice")));
            }
            if members.len() == MAX_MEMBERS {
                let error = format_args!("an object of more than {MAX_MEMBERS} members");
                return Err(de::Error::custom(error));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Value::Members(members))
    }
}
