//! The tokens of a JSON text (RFC 8259), as they stand in it.

use std::borrow::Cow;

use crate::error::MinimiseError;

/// A place in a text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is no white space; it stays.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let rest = self.rest();
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let token = rest.iter().position(|byte| !space(byte));
        self.at += token.unwrap_or(rest.len());
        token.and_then(|place| rest.get(place).copied())
    }

    /// Takes that byte, if it is the next one that is no white space.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.next() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// The same where nothing else may stand.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), MinimiseError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// Whatever stands here may not.
    pub(crate) fn unexpected(&self) -> MinimiseError {
        MinimiseError::Syntax { at: self.at }
    }

    /// A text, number or literal, as it is written.
    pub(crate) fn scalar(&mut self) -> Result<&'a str, MinimiseError> {
        let first = self.next();
        let start = self.at;
        match first {
            Some(b'"') => self.string(|_| {})?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            Some(_) | None => self.number()?,
        }
        Ok(self.since(start))
    }

    /// A member's name: as it is written, and as it reads.
    pub(crate) fn name(&mut self) -> Result<(&'a str, Cow<'a, str>), MinimiseError> {
        self.next();
        let start = self.at;
        let mut escaped = false;
        self.string(|_| escaped = true)?;
        let written = self.since(start);
        let inner = written.get(1..written.len().saturating_sub(1));
        let inner = inner.unwrap_or_default();
        if !escaped {
            return Ok((written, Cow::Borrowed(inner)));
        }
        // Once more, now that it is known to be well formed.
        let mut reads = String::with_capacity(inner.len());
        let mut again = Scanner::new(written);
        let mut copied = 1;
        again.string(|(from, until, character)| {
            reads.push_str(written.get(copied..from).unwrap_or_default());
            reads.push(character);
            copied = until;
        })?;
        let last = written.len().saturating_sub(1);
        reads.push_str(written.get(copied..last).unwrap_or_default());
        Ok((written, Cow::Owned(reads)))
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        // INVARIANT: both places are before an ASCII character or at the end.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Takes the byte that stands right here.
    fn byte_is(&mut self, wanted: impl FnOnce(u8) -> bool) -> bool {
        let found = self.byte().is_some_and(wanted);
        if found {
            self.at += 1;
        }
        found
    }

    fn literal(&mut self, literal: &str) -> Result<(), MinimiseError> {
        if !self.rest().starts_with(literal.as_bytes()) {
            return Err(self.unexpected());
        }
        self.at += literal.len();
        Ok(())
    }

    /// RFC 8259 §6: no leading zero, no plus sign, digits on both sides of the dot.
    fn number(&mut self) -> Result<(), MinimiseError> {
        self.byte_is(|byte| byte == b'-');
        if !self.byte_is(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.byte_is(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.byte_is(|byte| matches!(byte, b'e' | b'E')) {
            self.byte_is(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), MinimiseError> {
        let rest = self.rest();
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit());
        let digits = digits.unwrap_or(rest.len());
        if digits == 0 {
            return Err(self.unexpected());
        }
        self.at += digits;
        Ok(())
    }

    /// RFC 8259 §7. Tells each escape: where it begins and ends, and what it is.
    fn string(
        &mut self,
        mut escape: impl FnMut((usize, usize, char)),
    ) -> Result<(), MinimiseError> {
        if !self.byte_is(|byte| byte == b'"') {
            return Err(self.unexpected());
        }
        loop {
            let rest = self.rest();
            let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let special = rest.iter().position(|byte| !plain(byte));
            self.at += special.unwrap_or(rest.len());
            if self.byte_is(|byte| byte == b'"') {
                return Ok(());
            }
            let from = self.at;
            if !self.byte_is(|byte| byte == b'\\') {
                return Err(self.unexpected());
            }
            let character = self.escaped()?;
            escape((from, self.at, character));
        }
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Result<char, MinimiseError> {
        let unexpected = self.unexpected();
        let character = match self.byte().ok_or(unexpected)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(unexpected),
        };
        self.at += 1;
        Ok(character)
    }

    /// `uXXXX`, or two of them that are a surrogate pair: half of one is no text
    /// (RFC 8259 §8.2), and readers differ on it.
    fn code_point(&mut self) -> Result<char, MinimiseError> {
        let first = self.code_unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        if !self.byte_is(|byte| byte == b'\\') {
            return Err(self.unexpected());
        }
        let second = self.code_unit()?;
        match (first, second) {
            (0xd800..=0xdbff, 0xdc00..=0xdfff) => {
                char::from_u32(0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff))
                    .ok_or(self.unexpected())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn code_unit(&mut self) -> Result<u32, MinimiseError> {
        if !self.byte_is(|byte| byte == b'u') {
            return Err(self.unexpected());
        }
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or(self.unexpected())?;
            self.at += 1;
        }
        Ok(unit)
    }
}
