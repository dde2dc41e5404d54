//! Where a decision was made: the edge node, its region in front (requirement M-21.5).
//!
//! A name of the operator's or of the platform's, never one that a caller sends.

use thiserror::Error;

/// Longest name of an edge node.
pub const MAX_EDGE_NODE_BYTES: usize = 32;
/// Letters of an airport's code, by which Cloudflare names its data centres.
const COLO_BYTES: usize = 3;

/// The node that a gate runs on, as `cloudflare/BRU` or `brussels/node-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeNode(Box<str>);

/// Why a name is not taken. Never says what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EdgeNodeError {
    /// Not of plain form.
    #[error(
        "expected 1 to {MAX_EDGE_NODE_BYTES} of A-Z a-z 0-9 . _ - in parts with a / between, each with a letter in front"
    )]
    Name,
    /// Not the code of a data centre of Cloudflare's.
    #[error("expected three capital letters")]
    Colo,
}

impl EdgeNode {
    /// Takes a name that the operator gave. No part of it can be a number of somebody.
    pub fn parse(name: &str) -> Result<Self, EdgeNodeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(plain)
        };
        if name.len() > MAX_EDGE_NODE_BYTES || !name.split('/').all(part) {
            return Err(EdgeNodeError::Name);
        }
        Ok(Self(name.into()))
    }

    /// The data centre that Cloudflare says this instance runs in (`request.cf.colo`).
    pub fn cloudflare(colo: &str) -> Result<Self, EdgeNodeError> {
        if colo.len() != COLO_BYTES || !colo.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(EdgeNodeError::Colo);
        }
        Self::parse(&format!("cloudflare/{colo}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        let longest = "n".repeat(MAX_EDGE_NODE_BYTES);
        for name in ["brussels/node-1", "a", "be/bru/Node_2.x", &longest] {
            assert_eq!(
                EdgeNode::parse(name).as_ref().map(EdgeNode::as_str),
                Ok(name)
            );
        }
        let long = "n".repeat(MAX_EDGE_NODE_BYTES + 1);
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "a b",
            "a\n",
            "a\"",
            "é",
            "1a",
            "-a",
            "a/53480200724",
            "53480200724",
            "0202.239.951",
            &long,
        ] {
            assert_eq!(EdgeNode::parse(name), Err(EdgeNodeError::Name), "{name:?}");
        }
    }

    #[test]
    fn a_data_centre_of_cloudflare_is_three_capital_letters() {
        let node = EdgeNode::cloudflare("BRU");
        assert_eq!(node.as_ref().map(EdgeNode::as_str), Ok("cloudflare/BRU"));
        for colo in ["", "BR", "BRUS", "bru", "BR1", "B/U", " BRU", "ÉU", "BRÉ"] {
            assert_eq!(
                EdgeNode::cloudflare(colo),
                Err(EdgeNodeError::Colo),
                "{colo:?}"
            );
        }
    }
}
