//! The text of the procedure's notes: a first line that says which, then lines
//! `<label> <value>`, each once, in one order. One text has one spelling.

use super::ReidentificationError;
use crate::event::MAX_TEXT_BYTES;
use crate::hash::hex;
use crate::note::SignedNote;
use crate::time::UnixMillis;
use crate::trace::is_number_of_somebody;

/// The values of the labels, in their order.
pub(super) fn read<'a, const N: usize>(
    note: &'a SignedNote,
    first: &'static str,
    labels: [&'static str; N],
) -> Result<[&'a str; N], ReidentificationError> {
    let mut lines = note.text().split_terminator('\n');
    if lines.next() != Some(first) {
        return Err(ReidentificationError::OtherNote(first));
    }
    let mut values = [""; N];
    for (label, value) in labels.iter().zip(&mut values) {
        let line = lines.next().and_then(|line| line.strip_prefix(label));
        let line = line.and_then(|rest| rest.strip_prefix(' '));
        *value = line.ok_or(ReidentificationError::Line(label))?;
    }
    match (lines.next(), labels.last()) {
        (Some(_), Some(last)) => Err(ReidentificationError::Line(last)),
        (None, _) | (_, None) => Ok(values),
    }
}

/// The text of a note.
pub(super) fn write<const N: usize>(first: &str, lines: [(&str, &str); N]) -> String {
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
pub(super) fn text(line: &'static str, value: &str) -> Result<String, ReidentificationError> {
    let expected = "a text of 1 to 256 bytes without control characters or white space at its ends";
    let holds = !value.is_empty()
        && value.len() <= MAX_TEXT_BYTES
        && value.trim() == value
        && !value.chars().any(char::is_control);
    if !holds {
        return Err(ReidentificationError::Form { line, expected });
    }
    if is_number_of_somebody(value) {
        return Err(ReidentificationError::Number(line));
    }
    Ok(value.to_owned())
}

/// An instant, as we write it.
pub(super) fn instant(
    line: &'static str,
    value: &str,
) -> Result<UnixMillis, ReidentificationError> {
    let expected = "an RFC 3339 instant in UTC with milliseconds";
    UnixMillis::parse(value)
        .ok()
        .filter(|at| at.to_string() == value)
        .ok_or(ReidentificationError::Form { line, expected })
}

/// Bytes in lower-case hexadecimal.
pub(super) fn bytes<const N: usize>(
    line: &'static str,
    value: &str,
) -> Result<[u8; N], ReidentificationError> {
    let expected = "lower-case hexadecimal of the right length";
    let wrong = ReidentificationError::Form { line, expected };
    let mut bytes = [0; N];
    let (pairs, rest) = value.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != N {
        return Err(wrong);
    }
    for (pair, byte) in pairs.iter().zip(&mut bytes) {
        let digits = std::str::from_utf8(pair).ok();
        let digits = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        *byte = digits.ok_or_else(|| wrong.clone())?;
    }
    if hex(&bytes) == value {
        Ok(bytes)
    } else {
        Err(wrong)
    }
}
