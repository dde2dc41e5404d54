//! The five signature algorithms, and no other.

use std::fmt;

/// A signature algorithm of the profile (token profile §10).
///
/// Neither `none` nor a MAC has a representation, so neither can be configured,
/// pinned to a key or reached by a header (RFC 8725 §3.1–3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037); the header says `EdDSA` or, since RFC 9864, `Ed25519`.
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
    Es384,
    /// RSASSA-PSS with SHA-256, salt as long as the hash (RFC 7518 §3.5).
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
}

impl Algorithm {
    /// Every algorithm of the profile.
    pub const ALL: [Self; 5] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Ps256,
        Self::Rs256,
    ];

    /// The name that JOSE gives the algorithm; `EdDSA` for Ed25519.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of that exact name. Case counts (RFC 7515 §4.1.1).
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "PS256" => Some(Self::Ps256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
    }

    #[test]
    fn every_other_name_is_unknown() {
        for name in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            "",
            "HS256",
            "HS384",
            "HS512",
            "ES512",
            "ES256K",
            "PS384",
            "PS512",
            "RS384",
            "RS512",
            "RS1",
            "es256",
            "eddsa",
            "ED25519",
            "Ed448",
            "ES256 ",
            " ES256",
            "ES256\0",
            "PBES2-HS256+A128KW",
            "RSA-OAEP",
            "dir",
        ] {
            assert_eq!(Algorithm::parse(name), None, "{name:?}");
        }
    }
}
