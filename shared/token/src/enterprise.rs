//! The enterprise number (KBO, BCE).

use std::fmt;

use thiserror::Error;

const DIGITS: usize = 10;

/// Why a text is not an enterprise number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EnterpriseNumberError {
    /// Not ten digits of which the first is 0 or 1.
    #[error("not ten digits that begin with 0 or 1")]
    Form,
    /// The last two digits are not 97 minus the remainder of the first eight.
    #[error("wrong check digits")]
    CheckDigits,
}

/// A well-formed enterprise number: ten digits, the last two a checksum.
///
/// It names a mandate holder, so `Debug` does not print it (M-22.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EnterpriseNumber(Box<str>);

impl EnterpriseNumber {
    /// Reads ten digits (Belgif `EnterpriseNumber`, `^[0-1]\d{9}$`).
    pub fn parse(text: &str) -> Result<Self, EnterpriseNumberError> {
        let well_formed = text.len() == DIGITS
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.starts_with(['0', '1']);
        if !well_formed {
            return Err(EnterpriseNumberError::Form);
        }
        let number = text
            .parse::<u64>()
            .map_err(|_| EnterpriseNumberError::Form)?;
        if (number / 100) % 97 + number % 100 == 97 {
            Ok(Self(Box::from(text)))
        } else {
            Err(EnterpriseNumberError::CheckDigits)
        }
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EnterpriseNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EnterpriseNumber([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_accepted() {
        for text in ["0202239951", "0123456749"] {
            let number = EnterpriseNumber::parse(text).unwrap();
            assert_eq!(number.as_str(), text);
            assert!(!format!("{number:?}").contains(text));
        }
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "202239951",
            "00202239951",
            "2202239951",
            "0202.239.951",
            "BE0202239951",
            "020223995a",
        ] {
            assert_eq!(
                EnterpriseNumber::parse(text),
                Err(EnterpriseNumberError::Form),
                "{text}"
            );
        }
        for text in [
            "0202239952",
            "0202239915",
            "0220239951",
            "1202239951",
            "0123456789",
        ] {
            assert_eq!(
                EnterpriseNumber::parse(text),
                Err(EnterpriseNumberError::CheckDigits),
                "{text}"
            );
        }
    }
}
