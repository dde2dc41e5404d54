//! The signed note itself (C2SP signed-note, Format): text, an empty line, and
//! signature lines `— <name> <base64>`.
//!
//! Signatures of keys that are not known are kept as they are and mean nothing.

use std::fmt;

use thiserror::Error;

use crate::hash::{base64, from_base64};
use crate::note::key::{KEY_ID_BYTES, KeyName, KeyNameError, NoteKeyId};

/// Most signatures of a note. The specification wants 16 taken.
pub const MAX_NOTE_SIGNATURES: usize = 32;
/// Longest note taken: [`MAX_NOTE_SIGNATURES`] of the longest signatures there are (5 kB, by the specification).
pub const MAX_NOTE_BYTES: usize = 256 * 1024;
/// The start of a signature line: an em dash and a space.
const LINE_START: &str = "— ";

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_id: NoteKeyId,
    bytes: Vec<u8>,
}

/// A note: of its signatures nothing is known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// Why bytes are no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Longer than is taken.
    #[error("a note of {0} bytes; {MAX_NOTE_BYTES} are taken")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// A control character other than a newline.
    #[error("a control character, {0:?}")]
    Control(char),
    /// No empty line before signatures.
    #[error("no empty line between text and signatures")]
    NoSignatures,
    /// The last line is not ended.
    #[error("cut off: the last line is not ended")]
    CutOff,
    /// A line among the signatures that is none.
    #[error("signature line {0} is not \"— <name> <base64>\"")]
    Line(usize),
    /// A signature line's name.
    #[error("signature line {line}: {error}")]
    Name {
        /// Which, from 1.
        line: usize,
        /// Why.
        error: KeyNameError,
    },
    /// More signatures than are taken.
    #[error("more than {MAX_NOTE_SIGNATURES} signatures")]
    TooManySignatures,
    /// A text that no note can have.
    #[error("the text of a note ends with a newline")]
    TextNotEnded,
}

/// A signature that claims to be a known key's and is not: the note is void.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the signature of {name} (key {id}) does not verify")]
pub struct SignatureFault {
    /// Whose it claims to be.
    pub name: KeyName,
    /// Of which key.
    pub id: NoteKeyId,
}

impl NoteSignature {
    pub(crate) const fn new(name: KeyName, key_id: NoteKeyId, bytes: Vec<u8>) -> Self {
        Self {
            name,
            key_id,
            bytes,
        }
    }

    /// Reads a line without its newline; `line` is its number, for the error.
    fn parse(text: &str, line: usize) -> Result<Self, NoteError> {
        let bad = NoteError::Line(line);
        let rest = text.strip_prefix(LINE_START).ok_or(bad)?;
        let (name, encoded) = rest.split_once(' ').ok_or(bad)?;
        let name = KeyName::parse(name).map_err(|error| NoteError::Name { line, error })?;
        let bytes = from_base64(encoded).ok_or(bad)?;
        let (key_id, bytes) = bytes.split_first_chunk::<KEY_ID_BYTES>().ok_or(bad)?;
        if bytes.is_empty() {
            return Err(bad);
        }
        Ok(Self::new(name, NoteKeyId(*key_id), bytes.to_vec()))
    }

    /// Reads signature lines, each ended, as a witness answers with.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, NoteError> {
        if text.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong(text.len()));
        }
        let lines = text.strip_suffix('\n').ok_or(NoteError::CutOff)?;
        let mut signatures = Vec::new();
        for (line, text) in (1..).zip(lines.split('\n')) {
            if signatures.len() == MAX_NOTE_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(Self::parse(text, line)?);
        }
        Ok(signatures)
    }

    /// Who signed, as the line says.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// With which key, as the line says.
    pub const fn key_id(&self) -> NoteKeyId {
        self.key_id
    }

    /// What the key made; for a cosignature with the time before it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The line, with its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.0, self.bytes.as_slice()].concat();
        writeln!(f, "{LINE_START}{} {}", self.name, base64(&bytes))
    }
}

impl SignedNote {
    pub(crate) fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        check_text(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::TextNotEnded);
        }
        if signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        if signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        Ok(Self { text, signatures })
    }

    /// Reads a note, to its last byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        check_text(whole)?;
        if !whole.ends_with('\n') {
            return Err(NoteError::CutOff);
        }
        // The last empty line divides: the text may have others.
        let (text, lines) = whole.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        Self::new(format!("{text}\n"), NoteSignature::parse_lines(lines)?)
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in their order, of known keys and unknown ones.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same with further signatures; one that is there already is not repeated.
    pub fn with_signatures(
        mut self,
        more: impl IntoIterator<Item = NoteSignature>,
    ) -> Result<Self, NoteError> {
        for signature in more {
            if !self.signatures.contains(&signature) {
                self.signatures.push(signature);
            }
        }
        Self::new(self.text, self.signatures)
    }
}

/// signed-note, Format: no control characters below U+0020 but newlines.
fn check_text(text: &str) -> Result<(), NoteError> {
    match text.chars().find(|c| *c < ' ' && *c != '\n') {
        Some(character) => Err(NoteError::Control(character)),
        None => Ok(()),
    }
}

/// The note's bytes, as text.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| signature.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "— example.com/foo AAAAAAA=\n";

    #[test]
    fn a_text_may_have_empty_lines() {
        let bytes = format!("one\n\ntwo\n\n{LINE}{}", LINE.replace("foo", "bar"));
        let note = SignedNote::parse(bytes.as_bytes()).unwrap();
        assert_eq!(note.text(), "one\n\ntwo\n");
        assert_eq!(note.signatures().len(), 2);
        assert_eq!(note.to_string(), bytes);
        let more = note.signatures().to_vec();
        assert_eq!(note.clone().with_signatures(more), Ok(note));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let parse = |bytes: &[u8]| SignedNote::parse(bytes).unwrap_err();
        for (text, error) in [
            ("", NoteError::CutOff),
            ("text\n", NoteError::NoSignatures),
            ("text\n\n", NoteError::NoSignatures),
            (
                "text\n— example.com/foo AAAAAAA=\n",
                NoteError::NoSignatures,
            ),
            ("text\n\n— example.com/foo AAAAAAA=", NoteError::CutOff),
            (
                "te\rxt\n\n— example.com/foo AAAAAAA=\n",
                NoteError::Control('\r'),
            ),
            (
                "te\0xt\n\n— example.com/foo AAAAAAA=\n",
                NoteError::Control('\0'),
            ),
            ("text\n\n- example.com/foo AAAAAAA=\n", NoteError::Line(1)),
            ("text\n\n—example.com/foo AAAAAAA=\n", NoteError::Line(1)),
            ("text\n\n— example.com/foo\n", NoteError::Line(1)),
            ("text\n\n— example.com/foo  AAAAAAA=\n", NoteError::Line(1)),
            ("text\n\n— example.com/foo AAAAAAA\n", NoteError::Line(1)),
            ("text\n\n— example.com/foo AAAAAAB=\n", NoteError::Line(1)),
            ("text\n\n— example.com/foo AAAAAA==\n", NoteError::Line(1)),
            ("text\n\n— example.com/foo AAAAAAA= \n", NoteError::Line(1)),
            (
                "text\n\n— example.com/foo AAAAAAA=\nx\n",
                NoteError::Line(2),
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), error, "{text}");
        }
        for (name, error) in [
            ("", KeyNameError::Length(0)),
            ("a+b", KeyNameError::Character('+')),
        ] {
            let text = format!("text\n\n— {name} AAAAAAA=\n");
            assert_eq!(parse(text.as_bytes()), NoteError::Name { line: 1, error });
        }
        assert_eq!(parse(b"\xff\n\n"), NoteError::NotText);
        let many = format!("text\n\n{}", LINE.repeat(MAX_NOTE_SIGNATURES + 1));
        assert_eq!(parse(many.as_bytes()), NoteError::TooManySignatures);
        let most = format!("text\n\n{}", LINE.repeat(MAX_NOTE_SIGNATURES));
        assert!(SignedNote::parse(most.as_bytes()).is_ok());
        let long = vec![b'a'; MAX_NOTE_BYTES + 1];
        assert_eq!(parse(&long), NoteError::TooLong(long.len()));
        assert_eq!(
            SignedNote::new("text".to_owned(), Vec::new()),
            Err(NoteError::TextNotEnded)
        );
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "[a-z\n]{0,12}\n\n(— [a-z+ ]{1,4} (AAAAAAA=|AAAAAAB=|AAAAAA==|QUJDREVGRw==)\n){0,3}") {
            if let Ok(note) = SignedNote::parse(text.as_bytes()) {
                prop_assert_eq!(note.to_string(), text);
            }
        }
    }
}
