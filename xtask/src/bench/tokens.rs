//! Good tokens in quantity.

use std::thread;

use anyhow::{Context, Result};
use serde_json::json;
use sluis_tests::issuer::{pension_claims, random_uuid, set};
use sluis_token::Algorithm;

use super::contenders::Party;

/// Distinct tokens of one algorithm.
#[derive(Debug)]
pub(crate) struct Tokens(pub(crate) Vec<String>);

impl Tokens {
    /// Mints that many, on all cores: an RSA signature takes milliseconds.
    pub(crate) fn mint(party: &Party, algorithm: Algorithm, count: usize) -> Result<Self> {
        let key = party.issuers.cbss.key(algorithm)?;
        let claims = pension_claims(&party.pseudonym_key)?;
        let threads = thread::available_parallelism()?.get();
        let share = count.div_ceil(threads);
        let minted = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let mut claims = claims.clone();
                    scope.spawn(move || -> Result<Vec<String>> {
                        let mut tokens = Vec::with_capacity(share);
                        for _ in 0..share {
                            set(&mut claims, "/jti", json!(random_uuid()?));
                            tokens.push(sluis_tests::issuer::sign(key, &claims)?);
                        }
                        Ok(tokens)
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().ok().context("a minting thread ended early")?)
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(Self(minted.concat()))
    }
}
