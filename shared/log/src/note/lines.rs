//! The text of a note that is no checkpoint: a first line that says which, then lines
//! `<label> <value>`, each once, in one order. One text has one spelling.

use thiserror::Error;

use super::SignedNote;
use crate::event::MAX_TEXT_BYTES;
use crate::hash::hex;
use crate::time::UnixMillis;
use crate::trace::is_number_of_somebody;

/// Why the lines of a note are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinesError {
    /// Another first line: another kind of note.
    #[error("the note does not begin with {0}")]
    OtherNote(&'static str),
    /// Not the lines of such a note, each once and in order.
    #[error("the line {0} is missing or not in its place")]
    Line(&'static str),
    /// A line that is not what it must be.
    #[error("{line}: expected {expected}")]
    Form {
        /// Which.
        line: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A person's or holder's number where none may stand (M-21.5, M-22.1).
    #[error("{0} is a person's or an enterprise's number, which no note may hold")]
    Number(&'static str),
}

/// The values of the labels, in their order, and nothing behind them.
pub(crate) fn read<'a, const N: usize>(
    note: &'a SignedNote,
    first: &'static str,
    labels: [&'static str; N],
) -> Result<[&'a str; N], LinesError> {
    let (values, mut rest) = read_front(note, first, labels)?;
    match (rest.next(), labels.last()) {
        (Some(_), Some(last)) => Err(LinesError::Line(last)),
        (None, _) | (_, None) => Ok(values),
    }
}

/// The same, and the lines behind them.
pub(crate) fn read_front<'a, const N: usize>(
    note: &'a SignedNote,
    first: &'static str,
    labels: [&'static str; N],
) -> Result<([&'a str; N], impl Iterator<Item = &'a str>), LinesError> {
    let mut lines = note.text().split_terminator('\n');
    if lines.next() != Some(first) {
        return Err(LinesError::OtherNote(first));
    }
    let mut values = [""; N];
    for (label, value) in labels.iter().zip(&mut values) {
        let line = lines.next().and_then(|line| line.strip_prefix(label));
        let line = line.and_then(|rest| rest.strip_prefix(' '));
        *value = line.ok_or(LinesError::Line(label))?;
    }
    Ok((values, lines))
}

/// The text of a note.
pub(crate) fn write<const N: usize>(first: &str, lines: [(&str, &str); N]) -> String {
    let mut text = format!("{first}\n");
    for (label, value) in lines {
        text.push_str(label);
        text.push(' ');
        text.push_str(value);
        text.push('\n');
    }
    text
}

/// A text that a record can hold as well, and that is nobody's number.
pub(crate) fn text(line: &'static str, value: &str) -> Result<String, LinesError> {
    let expected = "a text of 1 to 256 bytes without control characters or white space at its ends";
    let holds = !value.is_empty()
        && value.len() <= MAX_TEXT_BYTES
        && value.trim() == value
        && !value.chars().any(char::is_control);
    if !holds {
        return Err(LinesError::Form { line, expected });
    }
    if is_number_of_somebody(value) {
        return Err(LinesError::Number(line));
    }
    Ok(value.to_owned())
}

/// An instant, as we write it.
pub(crate) fn instant(line: &'static str, value: &str) -> Result<UnixMillis, LinesError> {
    let expected = "an RFC 3339 instant in UTC with milliseconds";
    UnixMillis::parse(value)
        .ok()
        .filter(|at| at.to_string() == value)
        .ok_or(LinesError::Form { line, expected })
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn bytes<const N: usize>(
    line: &'static str,
    value: &str,
) -> Result<[u8; N], LinesError> {
    let expected = "lower-case hexadecimal of the right length";
    let wrong = LinesError::Form { line, expected };
    let mut bytes = [0; N];
    let (pairs, rest) = value.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != N {
        return Err(wrong);
    }
    for (pair, byte) in pairs.iter().zip(&mut bytes) {
        let digits = std::str::from_utf8(pair).ok();
        let digits = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        *byte = digits.ok_or(wrong)?;
    }
    if hex(&bytes) == value {
        Ok(bytes)
    } else {
        Err(wrong)
    }
}
