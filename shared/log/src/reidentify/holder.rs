//! A holder's number, and its padded form, which is as long for every holder.

use std::fmt;

use zeroize::Zeroizing;

use super::ReidentificationError;
use crate::trace::is_enterprise_number;

const DIGITS: usize = 10;
/// Bytes of the padded form; there is room for other kinds of numbers.
pub(super) const PADDED_BYTES: usize = 32;
/// The first byte of the padded form: an enterprise number follows, then zeros.
const ENTERPRISE_NUMBER: u8 = 1;

/// The enterprise number of a holder. Its memory is wiped when it is dropped, and
/// no formatting shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct HolderNumber(Zeroizing<[u8; DIGITS]>);

impl HolderNumber {
    /// Ten digits whose check digits hold (M-1.1), without dots.
    pub fn parse(text: &str) -> Result<Self, ReidentificationError> {
        Self::of(text.as_bytes()).ok_or(ReidentificationError::Holder)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let digits: &[u8; DIGITS] = bytes.try_into().ok()?;
        let text = std::str::from_utf8(digits).ok()?;
        is_enterprise_number(text).then(|| Self(Zeroizing::new(*digits)))
    }

    /// The number, for the one place that is to show it.
    pub fn expose(&self) -> &str {
        // INVARIANT: digits are ASCII.
        std::str::from_utf8(self.0.as_slice()).unwrap_or_default()
    }

    pub(super) fn padded(&self) -> Zeroizing<[u8; PADDED_BYTES]> {
        let mut padded = Zeroizing::new([0; PADDED_BYTES]);
        let from = std::iter::once(&ENTERPRISE_NUMBER).chain(self.0.iter());
        for (to, from) in padded.iter_mut().zip(from) {
            *to = *from;
        }
        padded
    }

    pub(super) fn from_padded(padded: &[u8; PADDED_BYTES]) -> Result<Self, ReidentificationError> {
        let number = match padded.split_first() {
            Some((&ENTERPRISE_NUMBER, rest)) => rest.split_first_chunk::<DIGITS>(),
            Some(_) | None => None,
        };
        number
            .filter(|(_, zeros)| zeros.iter().all(|byte| *byte == 0))
            .and_then(|(digits, _)| Self::of(digits))
            .ok_or(ReidentificationError::NoHolder)
    }
}

/// Without the number.
impl fmt::Debug for HolderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HolderNumber(..)")
    }
}
