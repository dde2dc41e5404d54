//! What a case of the corpus says: how to build it, and what must come of it.
//!
//! Data only. [`crate::token`], `forge` and [`crate::request`] build; [`crate::run`] judges.

mod forgery;

use serde::Deserialize;

use crate::json_edit::Edits;
pub use forgery::{EcdsaForm, Ed25519Forgery, Forgery, Hash, Pkcs1Forgery, PublicForm, WeakKey};

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique. Of the project's attack list (`A02-upper`: row A02) or of ours (`X…`).
    pub id: String,
    /// What is attacked, in a few words.
    pub name: String,
    /// Where the attack is known from: an RFC, an advisory, a tool or a test set.
    pub source: String,
    /// The section of the token profile that stops it: `§10`.
    pub section: String,
    /// What a target must be able to do to take it.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What is sent, one after the other. A case without steps is one step.
    pub steps: Vec<Step>,
}

impl Case {
    /// The row of the attack list: what stands before the first hyphen.
    pub fn row(&self) -> &str {
        self.id.split('-').next().unwrap_or(&self.id)
    }

    /// Whether every step is to be let through.
    pub fn is_accepted(&self) -> bool {
        self.steps.iter().all(|step| step.expect.status == 200)
    }
}

/// One request, and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the issuers publish from now on.
    #[serde(default)]
    pub keys: Option<KeysRecipe>,
    /// What the first issuer's status list says from now on, at `${statusUri}`.
    #[serde(default)]
    pub status_list: Option<StatusRecipe>,
    /// The token.
    #[serde(default)]
    pub token: TokenRecipe,
    /// The DPoP proof beside it.
    #[serde(default)]
    pub proof: Option<ProofRecipe>,
    /// The request around it.
    #[serde(default)]
    pub request: RequestRecipe,
    /// How often it is sent, `${n}` counting from 0.
    #[serde(default = "once")]
    pub times: u32,
    /// How many are under way at a time, to a target whose clock does not stand still: where
    /// a validator lets each wait for its turn to fetch keys, a thousand one by one take an hour.
    #[serde(default = "one")]
    pub at_once: usize,
    /// So many seconds go by before the step.
    #[serde(default)]
    pub after_seconds: Option<u64>,
    /// What must come of it.
    pub expect: Expectation,
}

const fn once() -> u32 {
    1
}

const fn one() -> usize {
    1
}

/// What a target must be able to do, besides answering requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// What the issuers publish can be changed.
    KeyServer,
    /// Its clock stands still: the moment of the request is known to the second.
    FixedClock,
    /// Its clock can be moved on.
    MovableClock,
    /// The simulation's own catalogue, names and addresses.
    Simulation,
    /// A second trusted issuer.
    SecondIssuer,
    /// A decision endpoint at `/decide`.
    DecisionEndpoint,
    /// A certificate of the client that the platform verified.
    ClientCertificate,
    /// A decision endpoint that trusts the proxy's `Client-Cert` field.
    CertificateField,
    /// Sender-constrained tokens (DPoP).
    Dpop,
    /// Single-use mandates.
    SingleUse,
    /// A status list that can be changed.
    StatusList,
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IssuerName {
    /// The target's issuer.
    #[default]
    First,
    /// The target's second issuer.
    Second,
}

/// The algorithm of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum KeyName {
    /// Ed25519.
    #[default]
    EdDSA,
    /// P-256.
    ES256,
    /// P-384.
    ES384,
    /// RSA with PSS.
    PS256,
    /// RSA with PKCS #1 v1.5.
    RS256,
}

impl KeyName {
    /// The library's name for it.
    pub const fn algorithm(self) -> sluis_token::Algorithm {
        use sluis_token::Algorithm;
        match self {
            Self::EdDSA => Algorithm::EdDsa,
            Self::ES256 => Algorithm::Es256,
            Self::ES384 => Algorithm::Es384,
            Self::PS256 => Algorithm::Ps256,
            Self::RS256 => Algorithm::Rs256,
        }
    }
}

/// How a token differs from a good one. `{}` is a good one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRecipe {
    /// Whose claims it has.
    pub issuer: IssuerName,
    /// Which of the issuer's keys signs it.
    pub key: KeyName,
    /// Whose key signs it, where that is not the issuer's.
    pub signer: Signer,
    /// What tells its claims' `jti` apart; by default the id of the case and the
    /// number of the step. Two steps of one mark have one token.
    pub mark: Option<String>,
    /// Edits to the header before signing.
    pub header: Edits,
    /// The header as a whole, `${header}` being what it would be.
    pub header_text: Option<String>,
    /// Edits to the claims before signing.
    pub claims: Edits,
    /// Edits to the mandate before signing.
    pub mandate: Edits,
    /// The payload as a whole, `${payload}` being what it would be.
    pub payload_text: Option<String>,
    /// The payload as bytes in hexadecimal, `${payload}` being what it would be.
    pub payload_hex: Option<String>,
    /// How the payload is written as bytes.
    pub payload_encoding: PayloadEncoding,
    /// Edits after signing, which the signature does not cover.
    pub after: After,
    /// The signature, where it is not the key's.
    pub forge: Option<Forgery>,
    /// The parts as they are written: `header`, `payload`, `signature`, and
    /// `token` for the whole, `${it}` being what it would be.
    pub written: Edits,
}

/// Edits after signing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct After {
    /// To the header.
    pub header: Edits,
    /// To the claims.
    pub claims: Edits,
}

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signer {
    /// The issuer's.
    #[default]
    Issuer,
    /// The other issuer's, under its own key id.
    OtherIssuer,
    /// An attacker's, under the issuer's key id.
    Attacker,
    /// An attacker's, under its own key id.
    AttackerOwnId,
}

/// How the payload's text becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PayloadEncoding {
    /// As it is.
    #[default]
    Utf8,
    /// UTF-8 behind a byte order mark.
    Utf8Bom,
    /// UTF-16, little-endian, with its mark.
    Utf16Le,
    /// UTF-16, big-endian, without a mark.
    Utf16Be,
    /// UTF-32, little-endian.
    Utf32Le,
}

/// How a DPoP proof (RFC 9449 §4.2) differs from a good one. `{}` is a good one, with the
/// nonce that the target last gave.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProofRecipe {
    /// The algorithm of the client's key.
    pub key: ProofKey,
    /// Whether another key than the token's `jkt` names signs, and stands in the header.
    pub other_key: bool,
    /// What tells its `jti` apart. Two proofs of one mark have one `jti`.
    pub mark: Option<String>,
    /// Edits to the header before signing.
    pub header: Edits,
    /// Edits to the claims before signing.
    pub claims: Edits,
    /// The signature, where it is not the key's.
    pub forge: Option<Forgery>,
    /// The parts as they are written, as in a token.
    pub written: Edits,
    /// The `DPoP` fields; by default `${proof}`.
    pub fields: Option<Vec<String>>,
    /// Whether the target's nonce is left out.
    pub no_nonce: bool,
}

/// The algorithm of a client's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum ProofKey {
    /// P-256, as most clients have.
    #[default]
    ES256,
    /// Ed25519.
    EdDSA,
}

/// What the issuers publish.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysRecipe {
    /// For which issuer.
    pub issuer: IssuerName,
    /// Edits to the set: `/keys/0` is `EdDSA`'s, then ES256, ES384, PS256, RS256.
    pub edits: Edits,
    /// Adds a weak key, `weak` being its id.
    pub weak: Option<WeakKey>,
    /// The body as a whole, `${set}` being what it would be.
    pub text: Option<String>,
    /// The status.
    pub status: Option<u16>,
    /// Answers with a redirect to another path, where a set of the attacker's is.
    pub redirect: bool,
    /// No answer at all.
    pub down: bool,
}

/// How a status list token differs from a good one, in which every status is valid.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusRecipe {
    /// Which of the issuer's keys signs it.
    pub key: KeyName,
    /// Whose key signs it, where that is not the issuer's.
    pub signer: Signer,
    /// Edits to the header before signing.
    pub header: Edits,
    /// Edits to the claims before signing; `${lst}` is the list as it would be.
    pub claims: Edits,
    /// Bits a status; 0 stands for 1.
    pub bits: u8,
    /// The statuses as bytes in hexadecimal; by default one byte of valid ones.
    pub statuses: Option<String>,
    /// How they are compressed.
    pub compression: Compression,
    /// The signature, where it is not the key's.
    pub forge: Option<Forgery>,
    /// The document as a whole, `${document}` being what it would be.
    pub text: Option<String>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Answers with a redirect.
    pub redirect: bool,
    /// No answer at all.
    pub down: bool,
}

/// How a list is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compression {
    /// ZLIB (RFC 1950), as it must be.
    #[default]
    Zlib,
    /// Megabytes of zeros in few bytes.
    Bomb,
    /// A checksum that is not the data's.
    BadChecksum,
    /// The last bytes left out.
    CutOff,
    /// Bytes after the end.
    TrailingBytes,
    /// DEFLATE without the frame of ZLIB.
    Raw,
    /// Not compressed.
    None,
    /// A ZLIB header that asks for a dictionary.
    Dictionary,
}

/// Which of the target's operations is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationName {
    /// The person stands in the path.
    #[default]
    Path,
    /// The person stands in the body.
    Body,
    /// Of the second issuer's mandates, the person in the body.
    Second,
    /// Of a statutory basis.
    Statutory,
}

/// Whose certificate the connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CertificateName {
    /// That of the token's holder.
    Client,
    /// Another.
    Attacker,
}

/// How a request differs from a good one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestRecipe {
    /// The operation.
    pub operation: OperationName,
    /// Another method.
    pub method: Option<String>,
    /// Path and query, `${path}` being the operation's.
    pub target: Option<String>,
    /// The person asked about, where it is not the token's.
    pub ssin: Option<String>,
    /// The client's certificate, as the platform verified it.
    pub certificate: Option<CertificateName>,
    /// The `Authorization` fields; by default `Bearer ${token}`.
    pub authorization: Option<Vec<String>>,
    /// Further fields.
    pub headers: Vec<(String, String)>,
    /// The body, `${body}` being the operation's.
    pub body: Option<String>,
    /// Its media type; an empty one sends none.
    pub content_type: Option<String>,
}

/// What must come of a step. `{ code = "x" }` is the usual one: 401 `invalidAccessToken`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "WrittenExpectation")]
pub struct Expectation {
    /// The status.
    pub status: u16,
    /// The problem type's last part; none for 200.
    pub problem: Option<String>,
    /// The reason code; none for 200.
    pub code: Option<String>,
    /// Statuses with which a server may refuse it before any validator sees it:
    /// the request breaks HTTP itself or the server's own limits.
    pub server: Vec<u16>,
    /// Over HTTP a runtime may tidy the request until it is another, good or bad;
    /// then these statuses count too, and no more is asked.
    pub tidied: Vec<u16>,
    /// Most fetches of key sets during the step, over all its times.
    pub fetches: Option<usize>,
    /// One more may come each time that so many seconds went by.
    pub fetch_interval_seconds: Option<u64>,
    /// Of many at a time, a validator may refuse to let more than a few wait: some get the
    /// expected answer, and the others are told that the keys cannot be had.
    pub crowded: bool,
}

impl Expectation {
    /// What is expected where an answer tells that too many were waiting already.
    fn in_a_crowd(&self) -> Self {
        Self {
            status: 503,
            problem: Some("serviceUnavailable".to_owned()),
            code: Some("keysUnavailable".to_owned()),
            ..self.clone()
        }
    }

    /// What is expected of an answer with that status.
    pub(crate) fn of(&self, status: u16) -> Self {
        if self.crowded && status == 503 {
            self.in_a_crowd()
        } else {
            self.clone()
        }
    }
}

/// An expectation as it is written; what a status implies is left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenExpectation {
    status: Option<u16>,
    problem: Option<String>,
    code: Option<String>,
    #[serde(default)]
    server: Vec<u16>,
    #[serde(default)]
    tidied: Vec<u16>,
    fetches: Option<usize>,
    fetch_interval_seconds: Option<u64>,
    #[serde(default)]
    crowded: bool,
}

impl From<WrittenExpectation> for Expectation {
    fn from(written: WrittenExpectation) -> Self {
        let status = written.status.unwrap_or(401);
        let implied = match status {
            400 | 405 => Some("badRequest"),
            401 => Some("invalidAccessToken"),
            403 => Some("missingPermission"),
            404 => Some("resourceNotFound"),
            413 => Some("payloadTooLarge"),
            503 => Some("serviceUnavailable"),
            _ => None,
        };
        Self {
            status,
            problem: written.problem.or_else(|| implied.map(str::to_owned)),
            code: written.code,
            server: written.server,
            tidied: written.tidied,
            fetches: written.fetches,
            fetch_interval_seconds: written.fetch_interval_seconds,
            crowded: written.crowded,
        }
    }
}
