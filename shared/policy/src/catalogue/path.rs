//! Where in the file something is wrong: the field's path, and its line.

use std::fmt;

use serde_path_to_error::Segment as SerdeSegment;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(Box<str>),
    Index(usize),
}

/// The path of a field, `mandateTypes[0].grant.minimumLevel`; empty for the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// The field `key` below this one.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// The element `index` of this one.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(crate) fn from_serde(path: &serde_path_to_error::Path) -> Self {
        let segments = path.iter().filter_map(|segment| match segment {
            SerdeSegment::Seq { index } => Some(Segment::Index(*index)),
            SerdeSegment::Map { key } => Some(Segment::Key(key.as_str().into())),
            SerdeSegment::Enum { variant } => Some(Segment::Key(variant.as_str().into())),
            SerdeSegment::Unknown => None,
        });
        Self(segments.collect())
    }

    /// The line of the deepest part of the path that the file has.
    pub(crate) fn line_in(&self, file: &str) -> Option<usize> {
        let document = DeTable::parse(file).ok()?;
        let (first, rest) = self.0.split_first()?;
        let Segment::Key(key) = first else {
            return None;
        };
        let (name, mut value) = document.get_ref().get_key_value(key.as_ref())?;
        let mut offset = name.span().start;
        for segment in rest {
            let Some((start, below)) = step(value, segment) else {
                break;
            };
            // A table made by dotted keys or headers alone has no place of its own.
            offset = start.max(offset);
            value = below;
        }
        Some(line_of(file, offset))
    }
}

fn step<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    segment: &Segment,
) -> Option<(usize, &'a Spanned<DeValue<'i>>)> {
    match segment {
        Segment::Index(index) => {
            let element = value.get_ref().as_array()?.get(*index)?;
            Some((element.span().start, element))
        }
        Segment::Key(key) => {
            let (name, below) = value.get_ref().as_table()?.get_key_value(key.as_ref())?;
            Some((name.span().start, below))
        }
    }
}

/// The line, from 1, on which the byte `offset` stands.
pub(crate) fn line_of(file: &str, offset: usize) -> usize {
    1 + file
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
