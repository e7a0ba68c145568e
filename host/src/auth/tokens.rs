//! JSON Web Tokens (RFC 7519), checked with keys that are each good for one algorithm.
//!
//! A token says in its header which algorithm it is signed with, and is not believed: only keys that were configured
//! for that algorithm are tried, so that a public key is never taken for a secret, and `none` is no algorithm at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::source::{Reloaded, Source};
use super::{Denied, Error, Principal, Scope, crypto, jwks};

/// How many tokens are remembered as checked.
const REMEMBERED: u64 = 10_000;
/// The least length of a secret, in bytes (RFC 7518, section 3.2).
const SECRET: usize = 32;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256: who checks could sign as well.
    #[serde(rename = "HS256")]
    #[value(name = "HS256")]
    Hs256,
    /// RSA with SHA-256.
    #[serde(rename = "RS256")]
    #[value(name = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    #[value(name = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    #[value(name = "EdDSA")]
    EdDsa,
}

impl From<TokenAlgorithm> for Algorithm {
    fn from(algorithm: TokenAlgorithm) -> Algorithm {
        match algorithm {
            TokenAlgorithm::Hs256 => Algorithm::HS256,
            TokenAlgorithm::Rs256 => Algorithm::RS256,
            TokenAlgorithm::Es256 => Algorithm::ES256,
            TokenAlgorithm::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// Which tokens are taken.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// The keys.
    pub keys: TokenKeys,
    /// For whom a token must be.
    pub audience: String,
    /// By whom, where that is asked for.
    pub issuer: Option<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Where the keys of tokens are.
#[derive(Debug, Clone)]
pub enum TokenKeys {
    /// A file with a public key (PEM) or a secret (its bytes), and its algorithm.
    File(PathBuf, TokenAlgorithm),
    /// A file with a set of keys.
    Set(PathBuf),
    /// The address of a set of keys, and how long it is good for.
    SetAt(String, Duration),
}

/// The tokens that are taken.
pub(super) struct Tokens {
    keys: Reloaded<Trusted>,
    leeway: Duration,
}

/// Keys, and the tokens that they have proven: a signature costs more than many predictions. New keys come with a new
/// memory, so that what an old key has proven ends with it.
struct Trusted {
    keys: Vec<TokenKey>,
    proven: Cache<[u8; 32], Arc<Proven>>,
}

struct TokenKey {
    id: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

struct Proven {
    principal: Arc<Principal>,
    expires: SystemTime,
}

/// What is read of a token. Whether it may be used is checked before, by the [`Validation`].
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    /// Scopes in one text, with spaces between them (RFC 8693); some issuers write a list, or call it `scp`.
    #[serde(alias = "scp")]
    scope: Option<Scopes>,
    /// The models that the caller may use; all where it is not there.
    models: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scopes {
    Text(String),
    List(Vec<String>),
}

impl Default for Trusted {
    fn default() -> Trusted {
        Trusted { keys: vec![], proven: Cache::new(REMEMBERED) }
    }
}

impl Tokens {
    /// Reads the keys.
    pub(super) fn new(config: TokenConfig) -> Result<Tokens, Error> {
        crypto::install();
        let TokenConfig { keys, audience, issuer, leeway } = config;
        let (source, single) = match keys {
            TokenKeys::File(path, algorithm) => (Source::File(path), Some(algorithm)),
            TokenKeys::Set(path) => (Source::File(path), None),
            TokenKeys::SetAt(url, good_for) => (Source::Url(url, good_for), None),
        };
        let parse = move |text: &[u8]| {
            let keys = match single {
                Some(algorithm) => vec![(None, algorithm, single_key(text, algorithm)?)],
                None => jwks::parse(text)?,
            };
            let key = |(id, algorithm, key)| TokenKey {
                id,
                key,
                validation: validation(algorithm, &audience, issuer.as_deref(), leeway),
            };
            Ok(Trusted { keys: keys.into_iter().map(key).collect(), ..Trusted::default() })
        };
        Ok(Tokens { keys: Reloaded::new(source, parse)?, leeway })
    }

    /// Whose token it is. `digest` is that of the token.
    pub(super) fn principal(
        &self,
        token: &str,
        digest: &[u8; 32],
        now: SystemTime,
    ) -> Result<Arc<Principal>, Denied> {
        let trusted = self.keys.get();
        let proven = match trusted.proven.get(digest) {
            Some(proven) => proven,
            None => {
                let proven = Arc::new(self.prove(&trusted, token)?);
                trusted.proven.insert(*digest, proven.clone());
                proven
            }
        };
        if now > proven.expires + self.leeway {
            return Err(Denied::Expired);
        }
        Ok(proven.principal.clone())
    }

    fn prove(&self, trusted: &Trusted, token: &str) -> Result<Proven, Denied> {
        let header = decode_header(token).map_err(|_| Denied::BadToken)?;
        // An extension that the issuer calls critical, and that is not known here (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(Denied::BadToken);
        }
        let named = |key: &TokenKey| match (&key.id, &header.kid) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let mut denied = Denied::BadToken;
        let mut known = false;
        for key in trusted.keys.iter().filter(|key| named(key)) {
            known = true;
            if !key.validation.algorithms.contains(&header.alg) {
                continue;
            }
            match decode::<Claims>(token, &key.key, &key.validation) {
                Ok(token) => return proven(token.claims).ok_or(Denied::BadToken),
                Err(error) if *error.kind() == ErrorKind::ExpiredSignature => denied = Denied::Expired,
                Err(_) => {}
            }
        }
        if !known {
            self.keys.want();
        }
        Err(denied)
    }

    pub(super) fn refresh(&self) {
        self.keys.refresh();
    }

    pub(super) fn reload(&self) {
        self.keys.reload();
    }
}

fn proven(claims: Claims) -> Option<Proven> {
    let expires = Duration::try_from_secs_f64(claims.exp).ok().and_then(|exp| UNIX_EPOCH.checked_add(exp))?;
    let scopes = match &claims.scope {
        None => vec![],
        Some(Scopes::Text(text)) => text.split(' ').filter_map(Scope::named).collect(),
        Some(Scopes::List(list)) => list.iter().filter_map(|name| Scope::named(name)).collect(),
    };
    let principal = Principal::new(&format!("jwt:{}", claims.sub), scopes, claims.models);
    Some(Proven { principal: Arc::new(principal), expires })
}

fn validation(
    algorithm: TokenAlgorithm,
    audience: &str,
    issuer: Option<&str>,
    leeway: Duration,
) -> Validation {
    let mut validation = Validation::new(algorithm.into());
    validation.leeway = leeway.as_secs();
    validation.validate_nbf = true;
    validation.set_audience(&[audience]);
    match issuer {
        Some(issuer) => {
            validation.set_issuer(&[issuer]);
            validation.set_required_spec_claims(&["exp", "aud", "sub", "iss"]);
        }
        None => validation.set_required_spec_claims(&["exp", "aud", "sub"]),
    }
    validation
}

fn single_key(text: &[u8], algorithm: TokenAlgorithm) -> Result<DecodingKey, String> {
    let key = match algorithm {
        TokenAlgorithm::Hs256 => {
            // Editors and `echo` end a file with a newline.
            let secret = text.trim_ascii_end();
            if secret.len() < SECRET {
                return Err(format!("expected a secret of at least {SECRET} bytes, got {}", secret.len()));
            }
            if secret.starts_with(b"-----BEGIN") {
                return Err("expected a secret for HS256, got a key in PEM".into());
            }
            Ok(DecodingKey::from_secret(secret))
        }
        TokenAlgorithm::Rs256 => DecodingKey::from_rsa_pem(text),
        TokenAlgorithm::Es256 => DecodingKey::from_ec_pem(text),
        TokenAlgorithm::EdDsa => DecodingKey::from_ed_pem(text),
    };
    key.map_err(|error| format!("expected a public key for {:?} in PEM: {error}", Algorithm::from(algorithm)))
}
