//! JSON Web Key Sets (RFC 7517): the public keys of an issuer.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;

use super::tokens::TokenAlgorithm;

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// The keys of a set that sign tokens with an algorithm of ours: their ids, algorithms and keys. The others are left
/// out, as the specification asks for, and so are secrets: who can read the set could sign with them.
///
/// # Errors
/// When it is no set, or no key of it is left.
pub(super) fn parse(text: &[u8]) -> Result<Vec<(Option<String>, TokenAlgorithm, DecodingKey)>, String> {
    let set = serde_json::from_slice::<Set>(text).map_err(|error| error.to_string())?;
    let keys = set.keys.into_iter().filter_map(|key| {
        let key = serde_json::from_value::<Jwk>(key).ok()?;
        Some((key.common.key_id.clone(), algorithm(&key)?, DecodingKey::from_jwk(&key).ok()?))
    });
    let keys = keys.collect::<Vec<_>>();
    if keys.is_empty() { Err("no key in it signs with RS256, ES256 or EdDSA".into()) } else { Ok(keys) }
}

/// The one algorithm that the key is for: what the set says where it says something, else by the key's kind.
fn algorithm(key: &Jwk) -> Option<TokenAlgorithm> {
    if matches!(&key.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature) {
        return None;
    }
    let (by_kind, told) = match &key.algorithm {
        AlgorithmParameters::RSA(_) => (TokenAlgorithm::Rs256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (TokenAlgorithm::Es256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (TokenAlgorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    key.common.key_algorithm.is_none_or(|algorithm| algorithm == told).then_some(by_kind)
}
