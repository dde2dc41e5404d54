//! The signatures and keys that a case can ask for, by name. `crate::forge` makes them.

use serde::Deserialize;

/// A signature that the issuer's key did not make as it should.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Forgery {
    /// These bytes in hexadecimal; none for an empty one.
    Hex(String),
    /// The good one, a bit flipped: 0 the first, −1 the last.
    FlipBit(i32),
    /// The good one cut off or followed by zeros.
    Resize(usize),
    /// Zeros before the good one.
    ZerosBefore(usize),
    /// That many random bytes.
    Random(usize),
    /// The good signature of another token of the same key.
    OfAnotherToken,
    /// HMAC with that hash, keyed by a text with names in it.
    Hmac {
        /// The hash.
        #[serde(default)]
        hash: Hash,
        /// The key: a text with names in it.
        #[serde(default)]
        key: String,
        /// The key: the issuer's public key in some form.
        #[serde(default)]
        public: Option<PublicForm>,
        /// The key in hexadecimal.
        #[serde(default)]
        hex: Option<String>,
    },
    /// r and s of ECDSA.
    Ecdsa {
        /// `signed`, `0`, `1`, `n`, `n-1`, `n+1`, `p`, `-signed` (n − it), `max`.
        r: String,
        /// The same.
        s: String,
    },
    /// The good one of ECDSA in another form.
    EcdsaForm(EcdsaForm),
    /// The issuer's key with another hash or curve.
    EcdsaOtherHash,
    /// Ed25519.
    Ed25519(Ed25519Forgery),
    /// PKCS #1 v1.5 with another padding.
    Pkcs1(Pkcs1Forgery),
    /// PSS with other parameters.
    Pss {
        /// Length of the salt.
        salt: usize,
        /// The hash.
        #[serde(default)]
        hash: Hash,
        /// The hash of the mask, where it is another.
        #[serde(default)]
        mask: Option<Hash>,
    },
    /// PKCS #1 v1.5 with a good padding over another hash.
    Pkcs1Hash(Hash),
    /// Signed by the weak key that the case publishes.
    WeakKey(WeakKey),
    /// A JWE of five parts to the issuer's RSA key, with an unsecured token inside.
    Jwe,
}

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A public key as bytes that somebody could take for the secret of a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PublicForm {
    /// `SubjectPublicKeyInfo` in PEM, a line feed at the end.
    SpkiPem,
    /// The same without that line feed.
    SpkiPemBare,
    /// The same with carriage returns.
    SpkiPemCrLf,
    /// `SubjectPublicKeyInfo` in DER.
    SpkiDer,
    /// `RSAPublicKey` in PEM.
    Pkcs1Pem,
    /// The JWK's text, as it is published.
    Jwk,
    /// The canonical JWK of RFC 7638.
    JwkCanonical,
    /// The raw key: modulus, uncompressed point, or Ed25519's 32 bytes.
    Raw,
    /// The compressed point.
    Compressed,
    /// The x coordinate.
    XCoordinate,
    /// A line as OpenSSH writes it.
    Ssh,
    /// The whole key set.
    KeySet,
}

/// An ECDSA signature written otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EcdsaForm {
    /// ASN.1 DER.
    Der,
    /// s and r changed places.
    Swapped,
    /// Each half a byte longer, with a zero before.
    WideHalves,
    /// In hexadecimal text.
    HexText,
    /// As P1363, little-endian.
    LittleEndian,
}

/// An Ed25519 signature that verifiers differ on, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ed25519Forgery {
    /// S + L.
    ScalarPlusOrder,
    /// S = L.
    ScalarIsOrder,
    /// S = 0.
    ScalarZero,
    /// R the identity, and S such that the equation holds.
    IdentityR,
    /// R the identity in its second encoding (y = p + 1).
    NonCanonicalIdentityR,
    /// R of order 8, S = 0.
    SmallOrderR,
    /// R the identity with the sign of x set.
    NegativeZeroR,
    /// All zeros.
    Zeros,
}

/// An RSASSA-PKCS1-v1_5 signature with a padding that is not the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pkcs1Forgery {
    /// `DigestInfo` without NULL.
    MissingNull,
    /// NULL with a length of its own.
    LongNull,
    /// The digest alone, without `DigestInfo`.
    NoDigestInfo,
    /// Bytes after `DigestInfo`, the padding shorter (Bleichenbacher 2006).
    TrailingBytes,
    /// Bytes inside the parameters of `DigestInfo`.
    BytesInParameters,
    /// BER's long form of a length.
    LongLength,
    /// Block type 0.
    BlockType0,
    /// Block type 2.
    BlockType2,
    /// A first byte that is not zero.
    FirstByte,
    /// One byte of the padding is not 0xff.
    PaddingByte,
    /// Padding shorter than eight bytes.
    ShortPadding,
    /// The byte between padding and `DigestInfo` is not zero.
    Separator,
    /// The digest's first byte is another.
    Digest,
    /// The identifier of another hash.
    OtherIdentifier,
    /// The encoded message itself, not signed at all.
    Unsigned,
    /// The good signature plus the modulus.
    PlusModulus,
    /// 0.
    Zero,
    /// 1.
    One,
    /// n − 1.
    ModulusMinusOne,
}

/// A key that is too weak to be one, published by the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WeakKey {
    /// RSA of 1024 bits.
    Rsa1024,
    /// RSA of 2047 bits.
    Rsa2047,
    /// RSA with e = 1: every padded message is its own signature.
    RsaExponent1,
    /// RSA with an even exponent.
    RsaExponent2,
    /// An even modulus.
    RsaEvenModulus,
    /// A modulus of 16384 bits, to cost time.
    RsaHuge,
    /// A modulus whose primes can be found: CVE-2017-15361.
    RsaFingerprint,
    /// An Ed25519 key of small order, under which one signature fits all.
    Ed25519SmallOrder,
    /// An Ed25519 key that is not canonically encoded.
    Ed25519NonCanonical,
    /// A P-256 point that is not on the curve.
    P256OffCurve,
    /// P-256 coordinates without their leading zeros, or with one too many.
    P256LongCoordinate,
    /// P-256 at infinity.
    P256Zero,
}
