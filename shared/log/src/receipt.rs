//! Receipts: what a mandate holder can show of a call that was allowed (M-21.1).
//!
//! With the answer it gets a [`ReceiptField`]: where the decision stands, and a
//! capability that nobody else gets. Once the log is published there, the capability
//! opens a [`ReceiptDocument`]: a [`CallReceipt`], which the log's key signs, and the
//! proofs that decision and outcome stand in the log. It says nothing that the holder
//! did not send or get: no reference to a person or a holder (M-22.1).

mod document;
mod field;
mod text;

pub use document::{
    MAX_RECEIPT_DOCUMENT_BYTES, ReceiptDocument, ReceiptDocumentError, ReceiptFault,
    VerifiedReceipt,
};
pub use field::{Capability, MAX_RECEIPT_FIELD_BYTES, ReceiptField, ReceiptFieldError, ReceiptKey};
pub use text::{CallReceipt, CallReceiptError};
