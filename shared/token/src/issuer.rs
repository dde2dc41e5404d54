//! What is configured of an issuer, and its keys (token profile §10–11, §16).

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::claims::MAX_IDENTIFIER_BYTES;
use crate::jwk_set::JwkSet;

/// Largest difference of clocks that is tolerated (token profile §16).
pub const MAX_CLOCK_SKEW_SECONDS: u64 = 60;

/// Longest lifetime that an issuer's tokens may be allowed: minutes, not hours
/// (token profile §16; M-9.2).
pub const MAX_TOKEN_LIFETIME_SECONDS: u64 = 60 * 60;

/// Why rules for an issuer are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IssuerRulesError {
    /// An empty identifier, or one longer than [`MAX_IDENTIFIER_BYTES`].
    #[error("an issuer of {bytes} bytes, not 1 to {limit}")]
    IssuerLength {
        /// Its length.
        bytes: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// No algorithm is allowed, so no token could be verified.
    #[error("no algorithm is allowed")]
    NoAlgorithm,
    /// An algorithm is listed twice.
    #[error("{algorithm} is listed twice")]
    AlgorithmTwice {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// A lifetime of nought, or above [`MAX_TOKEN_LIFETIME_SECONDS`].
    #[error("a token lifetime of {seconds} s, not 1 to {limit}")]
    TokenLifetime {
        /// The lifetime.
        seconds: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// A skew above [`MAX_CLOCK_SKEW_SECONDS`].
    #[error("a clock skew of {seconds} s, more than {limit}")]
    ClockSkew {
        /// The skew.
        seconds: u64,
        /// The most that is accepted.
        limit: u64,
    },
}

/// What is accepted of one issuer. Made from configuration, never from a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRules {
    issuer: Box<str>,
    algorithms: Box<[Algorithm]>,
    max_token_lifetime_seconds: u64,
    clock_skew_seconds: u64,
}

impl IssuerRules {
    /// Rules for the issuer that calls itself exactly `issuer`; it need not be a URL.
    pub fn new(
        issuer: &str,
        algorithms: &[Algorithm],
        max_token_lifetime_seconds: u64,
        clock_skew_seconds: u64,
    ) -> Result<Self, IssuerRulesError> {
        if issuer.is_empty() || issuer.len() > MAX_IDENTIFIER_BYTES {
            return Err(IssuerRulesError::IssuerLength {
                bytes: issuer.len(),
                limit: MAX_IDENTIFIER_BYTES,
            });
        }
        if algorithms.is_empty() {
            return Err(IssuerRulesError::NoAlgorithm);
        }
        let mut sorted = algorithms.to_vec();
        sorted.sort_unstable();
        if let Some(algorithm) = sorted
            .iter()
            .zip(sorted.iter().skip(1))
            .find_map(|(a, b)| (a == b).then_some(*a))
        {
            return Err(IssuerRulesError::AlgorithmTwice { algorithm });
        }
        if !(1..=MAX_TOKEN_LIFETIME_SECONDS).contains(&max_token_lifetime_seconds) {
            return Err(IssuerRulesError::TokenLifetime {
                seconds: max_token_lifetime_seconds,
                limit: MAX_TOKEN_LIFETIME_SECONDS,
            });
        }
        if clock_skew_seconds > MAX_CLOCK_SKEW_SECONDS {
            return Err(IssuerRulesError::ClockSkew {
                seconds: clock_skew_seconds,
                limit: MAX_CLOCK_SKEW_SECONDS,
            });
        }
        Ok(Self {
            issuer: issuer.into(),
            algorithms: sorted.into(),
            max_token_lifetime_seconds,
            clock_skew_seconds,
        })
    }

    /// The issuer's identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether a token of the issuer may be signed so (token profile §10).
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// The allowed algorithms.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The most that `exp − iat` may be.
    pub const fn max_token_lifetime_seconds(&self) -> u64 {
        self.max_token_lifetime_seconds
    }

    /// The difference of clocks that is tolerated.
    pub const fn clock_skew_seconds(&self) -> u64 {
        self.clock_skew_seconds
    }
}

/// An issuer's rules together with its keys, so that a key is never looked up
/// without its issuer (token profile §9; RFC 8725 §3.8).
#[derive(Debug, Clone)]
pub struct IssuerKeys {
    rules: IssuerRules,
    keys: JwkSet,
}

impl IssuerKeys {
    /// The keys that `rules`' issuer published.
    pub const fn new(rules: IssuerRules, keys: JwkSet) -> Self {
        Self { rules, keys }
    }

    /// The issuer's rules.
    pub const fn rules(&self) -> &IssuerRules {
        &self.rules
    }

    /// The issuer's keys.
    pub const fn keys(&self) -> &JwkSet {
        &self.keys
    }
}
