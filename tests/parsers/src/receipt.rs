//! What a holder sends for its receipt, what it gets, and what an auditor shows to read.

use sluis_log::{
    AuditorKey, CallReceipt, MAX_AUDITOR_TOKEN_BYTES, MAX_RECEIPT_DOCUMENT_BYTES,
    MAX_RECEIPT_FIELD_BYTES, NoteVerifier, Origin, ReceiptDocument, ReceiptField, ReceiptKey,
    UnixMillis,
};

use crate::Parser;

pub(crate) const RECEIPT_FIELD: Parser = Parser {
    name: "receipt_field",
    run: receipt_field,
    longest: MAX_RECEIPT_FIELD_BYTES,
    base: 500_000,
    per_byte: 1_000,
};
pub(crate) const RECEIPT_DOCUMENT: Parser = Parser {
    name: "receipt_document",
    run: receipt_document,
    longest: MAX_RECEIPT_DOCUMENT_BYTES,
    base: 4_000_000,
    per_byte: 2_000,
};
pub(crate) const AUDITOR_TOKEN: Parser = Parser {
    name: "auditor_token",
    run: auditor_token,
    longest: MAX_AUDITOR_TOKEN_BYTES,
    base: 500_000,
    per_byte: 1_000,
};

/// Of nobody that signs what is tried here.
const SOME_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// The field that comes back; none is made with a key that nobody has.
fn receipt_field(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(field) = ReceiptField::parse(text) {
        assert_eq!(field.to_string(), text);
        assert!(!ReceiptKey::derive(&[7; 32]).made(&field));
    }
}

/// A receipt with its proofs, and the text of one alone.
fn receipt_document(input: &[u8]) {
    if let Ok(document) = ReceiptDocument::parse(input) {
        let again = ReceiptDocument::parse(document.to_json().as_bytes());
        assert_eq!(again.as_ref(), Ok(&document));
        if let (Ok(log), Ok(key)) = (
            Origin::parse("example.com/foo"),
            NoteVerifier::parse(SOME_KEY),
        ) {
            assert!(document.verify(&log, &[key]).is_err());
        }
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(receipt) = CallReceipt::parse(text)
    {
        assert_eq!(receipt.to_string(), text);
    }
}

/// A token for auditors, which nobody made.
fn auditor_token(input: &[u8]) {
    if let (Ok(text), Ok(log)) = (
        std::str::from_utf8(input),
        Origin::parse("gate.example/log"),
    ) {
        let verified = AuditorKey::new(&[7; 32]).verify(text, &log, UnixMillis::EPOCH);
        assert!(verified.is_err());
    }
}
