//! Who calls, and what they may do: API keys and JSON Web Tokens. Knows neither routes nor status codes.
//!
//! Steps: [`Authenticator::authenticate`] takes the credential from a request's headers. One of three parts with dots
//! between them is a token and goes to [`tokens`]; any other is an API key and goes to [`keys`]. Both are read again,
//! by a thread of their own, when what they were read from changes.

mod crypto;
mod jwks;
mod keys;
mod principal;
mod source;
mod tokens;

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

pub use keys::new_key;
pub use principal::{Principal, Scope};
pub use tokens::{TokenAlgorithm, TokenConfig, TokenKeys};

use keys::Keys;
use source::{Reloaded, Source};
use tokens::Tokens;

/// A header for API keys, for clients that cannot set `authorization`.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Where keys come from; nobody is let in by what is not given.
#[derive(Debug, Clone, Default)]
pub struct AuthConfig {
    /// A file of API keys.
    pub keys_file: Option<PathBuf>,
    /// The same as text.
    pub keys: Option<String>,
    /// Which tokens are taken.
    pub tokens: Option<TokenConfig>,
}

impl AuthConfig {
    /// Whether anything is given.
    pub fn is_on(&self) -> bool {
        self.keys_file.is_some() || self.keys.is_some() || self.tokens.is_some()
    }
}

/// Why nobody is known to be the caller. For the metrics: a client is told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no credential.
    Missing,
    /// The API key is not one of ours.
    UnknownKey,
    /// The key or token was good until it expired.
    Expired,
    /// The token is broken, of another issuer or audience, or not signed by a key that is trusted.
    BadToken,
}

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or address gave nothing.
    #[error("cannot read {0}: {1}")]
    Unreadable(String, String),
    /// What it gave is not what was expected.
    #[error("{0}: {1}")]
    Malformed(String, String),
}

/// The keys of a host.
pub struct Authenticator {
    keys: Vec<Reloaded<Keys>>,
    tokens: Option<Tokens>,
}

impl Authenticator {
    /// Reads the keys, and starts the thread that reads them again. It ends with the last handle.
    ///
    /// # Errors
    /// A file that cannot be read or is wrong. An address that does not answer is no error: it is asked again.
    pub fn start(config: AuthConfig) -> Result<Arc<Authenticator>, Error> {
        let file = config.keys_file.map(Source::File);
        let text = config.keys.map(|text| Source::Fixed("EDGEWIT_API_KEYS", text.into_bytes()));
        let keys = file.into_iter().chain(text);
        let keys = keys.map(|source| Reloaded::new(source, Keys::parse)).collect::<Result<_, _>>()?;
        let tokens = config.tokens.map(Tokens::new).transpose()?;
        let auth = Arc::new(Authenticator { keys, tokens });
        let weak = Arc::downgrade(&auth);
        // Without the thread the host still serves, with the keys that it has.
        let started = std::thread::Builder::new().name("keys".into()).spawn(move || keep_fresh(&weak));
        if let Err(error) = started {
            tracing::error!(%error, "keys will not be read again when they change");
        }
        Ok(auth)
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// When that is not known, or not any more.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Denied> {
        let credential = credential(headers).ok_or(Denied::Missing)?;
        let digest = <[u8; 32]>::from(Sha256::digest(credential));
        let now = SystemTime::now();
        if credential.bytes().filter(|byte| *byte == b'.').count() == 2 {
            let tokens = self.tokens.as_ref().ok_or(Denied::BadToken)?;
            return tokens.principal(credential, &digest, now);
        }
        // All sources are looked through: how long it takes does not depend on where the key is.
        let (mut found, mut denied) = (None, Denied::UnknownKey);
        for keys in &self.keys {
            match keys.get().principal(&digest, now) {
                Ok(principal) => found = Some(principal),
                Err(Denied::Expired) => denied = Denied::Expired,
                Err(_) => {}
            }
        }
        found.ok_or(denied)
    }

    /// Reads all keys again now, changed or not.
    pub fn reload(&self) {
        self.keys.iter().for_each(Reloaded::reload);
        self.tokens.iter().for_each(Tokens::reload);
    }

    fn refresh(&self) {
        self.keys.iter().for_each(Reloaded::refresh);
        self.tokens.iter().for_each(Tokens::refresh);
    }
}

fn keep_fresh(auth: &Weak<Authenticator>) {
    loop {
        std::thread::sleep(LOOK);
        let Some(auth) = auth.upgrade() else { return };
        auth.refresh();
    }
}

/// The text after `Bearer` in the header `authorization`, or that of `x-api-key`. Two of a kind are none: which of
/// them a proxy has checked is not known.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    };
    let text = match only(header::AUTHORIZATION) {
        Some(text) => {
            let (scheme, credential) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(credential)?
        }
        None => only(API_KEY)?,
    };
    Some(text.trim_matches(' ')).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_found_in_either_header_and_two_are_none() {
        let of = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, http::HeaderValue::from_static(value));
            }
            credential(&headers).map(str::to_owned)
        };
        assert_eq!(of(&[("authorization", "Bearer a")]).as_deref(), Some("a"));
        assert_eq!(of(&[("authorization", "bearer  a ")]).as_deref(), Some("a"));
        assert_eq!(of(&[("x-api-key", "a")]).as_deref(), Some("a"));
        assert_eq!(of(&[("authorization", "Basic a"), ("x-api-key", "b")]), None);
        assert_eq!(of(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), None);
        assert_eq!(of(&[("authorization", "Bearer ")]), None);
        assert_eq!(of(&[]), None);
    }
}
