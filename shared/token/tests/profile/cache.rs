//! Tokens seen before: the signature is spared, nothing else is.

use serde_json::json;
use sluis_token::sign::{SigningKey, jwks_json};
use sluis_token::{
    AccessToken, Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyRules, UntrustedToken,
    VerifiedTokenCache,
};

use crate::common::*;

fn numbered(number: usize) -> AccessToken {
    token(
        key(Algorithm::EdDsa),
        &with("/jti", json!(format!("t{number}"))),
    )
}

/// A cache that holds one good token.
fn cached() -> (VerifiedTokenCache, AccessToken) {
    let token = token(key(Algorithm::EdDsa), &claims());
    let mut cache = VerifiedTokenCache::new(8);
    cache.insert(&token, verify(&token).unwrap());
    (cache, token)
}

/// The verdict of a recheck with other keys or at another time.
fn recheck(keys: &IssuerKeys, audience: &str, now: u64) -> Result<(), &'static str> {
    let (mut cache, token) = cached();
    let hit = cache.get(&token).unwrap();
    assert_eq!(hit.issuer(), ISSUER);
    hit.recheck(keys, audience, at(now))
        .map(|_| ())
        .map_err(|error| error.code())
}

fn with_rules(rules: IssuerRules) -> IssuerKeys {
    IssuerKeys::new(rules, issuer().keys().clone())
}

#[test]
fn a_hit_is_the_same_token() {
    let (mut cache, token) = cached();
    let verified = cache
        .get(&token)
        .unwrap()
        .recheck(issuer(), AUDIENCE, at(NOW))
        .unwrap();
    assert_eq!(verified.token_id(), verify(&token).unwrap().token_id());
    assert_eq!(verified.token_sha256(), token.sha256());
    assert_eq!(cache.len(), 1);
    assert!(cache.get(&numbered(1)).is_none());
    // A token that differs in its last character only is another token.
    let mut text = token.as_str().to_owned();
    text.pop();
    assert!(cache.get(&access(&text)).is_none());
}

#[test]
fn a_hit_expires() {
    assert_eq!(recheck(issuer(), AUDIENCE, NOW), Ok(()));
    assert_eq!(recheck(issuer(), AUDIENCE, NOW + 200 + SKEW - 1), Ok(()));
    assert_eq!(
        recheck(issuer(), AUDIENCE, NOW + 200 + SKEW),
        Err("tokenExpired")
    );
    // The clock went back.
    assert_eq!(
        recheck(issuer(), AUDIENCE, NOW - 100 - SKEW - 1),
        Err("tokenIssuedInFuture")
    );
}

#[test]
fn a_hit_does_not_outlive_its_key() {
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let removed = IssuerKeys::new(
        rules(),
        JwkSet::parse(jwks_json([&other]).as_bytes(), &KeyRules::default()).unwrap(),
    );
    assert_eq!(recheck(&removed, AUDIENCE, NOW), Err("keyUnknown"));

    // Another key under the same id.
    let other = other.with_key_id(key(Algorithm::EdDsa).key_id()).unwrap();
    let replaced = IssuerKeys::new(
        rules(),
        JwkSet::parse(jwks_json([&other]).as_bytes(), &KeyRules::default()).unwrap(),
    );
    assert_eq!(recheck(&replaced, AUDIENCE, NOW), Err("keyReplaced"));

    // A key of another algorithm under the same id.
    let other = SigningKey::generate(Algorithm::Es256)
        .unwrap()
        .with_key_id(key(Algorithm::EdDsa).key_id())
        .unwrap();
    let changed = IssuerKeys::new(
        rules(),
        JwkSet::parse(jwks_json([&other]).as_bytes(), &KeyRules::default()).unwrap(),
    );
    assert_eq!(recheck(&changed, AUDIENCE, NOW), Err("algorithmMismatch"));
}

#[test]
fn a_hit_does_not_outlive_the_rules() {
    let rules = |issuer: &str, algorithms: &[Algorithm], lifetime| {
        with_rules(IssuerRules::new(issuer, algorithms, lifetime, SKEW).unwrap())
    };
    let eddsa = [Algorithm::EdDsa];
    assert_eq!(recheck(&rules(ISSUER, &eddsa, 300), AUDIENCE, NOW), Ok(()));
    assert_eq!(
        recheck(&rules(ISSUER, &[Algorithm::Es256], 300), AUDIENCE, NOW),
        Err("algorithmNotAllowed")
    );
    assert_eq!(
        recheck(&rules(ISSUER, &eddsa, 299), AUDIENCE, NOW),
        Err("tokenLifetimeTooLong")
    );
    assert_eq!(
        recheck(&rules("https://other.invalid", &eddsa, 300), AUDIENCE, NOW),
        Err("issuerMismatch")
    );
    assert_eq!(
        recheck(issuer(), "https://other.invalid", NOW),
        Err("audienceMismatch")
    );
}

#[test]
fn a_token_never_stands_for_another() {
    let (mut cache, token) = cached();
    let other = numbered(1);
    cache.insert(&other, verify(&token).unwrap());
    assert!(cache.get(&other).is_none());
    assert_eq!(cache.len(), 1);
}

#[test]
fn size_is_bounded_and_used_tokens_stay() {
    let capacity = 8;
    let mut cache = VerifiedTokenCache::new(capacity);
    let favourite = numbered(0);
    cache.insert(&favourite, verify(&favourite).unwrap());
    for number in 1..40 {
        let token = numbered(number);
        cache.insert(&token, verify(&token).unwrap());
        assert!(cache.len() <= capacity, "{}", cache.len());
        assert!(cache.get(&token).is_some());
        assert!(cache.get(&favourite).is_some(), "after {number}");
    }
    assert!(cache.get(&numbered(1)).is_none());
    // Putting the same token in again does not push others out.
    let before = cache.len();
    for _ in 0..40 {
        cache.insert(&favourite, verify(&favourite).unwrap());
    }
    assert_eq!(cache.len(), before);
}

#[test]
fn tokens_can_be_forgotten() {
    let (mut cache, token) = cached();
    assert!(!cache.is_empty());
    cache.remove(&token);
    assert!(cache.get(&token).is_none());
    assert!(cache.is_empty());
    let mut nothing = VerifiedTokenCache::new(0);
    nothing.insert(&token, verify(&token).unwrap());
    assert!(nothing.get(&token).is_none());
    assert!(!format!("{cache:?}").contains(token.as_str()));
}

#[test]
fn a_refused_token_has_nothing_to_cache() {
    let expired = token(key(Algorithm::EdDsa), &with("/exp", json!(NOW - 40)));
    let verdict =
        UntrustedToken::parse(&expired)
            .unwrap()
            .verify_locally(issuer(), AUDIENCE, at(NOW));
    assert!(verdict.is_err());
}
