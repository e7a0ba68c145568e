//! API keys, kept as digests: a file that is read by others gives no key away.
//!
//! A key is 256 random bits, so that neither salt nor a slow hash is needed: there is no list to try.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Denied, Principal, Scope};
use crate::digest::hex;

/// What keys of ours begin with, so that a scanner for leaked secrets knows them.
const PREFIX: &str = "edgewit_";

/// A new key, and the digest under which it is kept.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_key() -> Result<(String, String), getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let key = format!("{PREFIX}{}", hex(&secret));
    let digest = hex(&Sha256::digest(&key));
    Ok((key, digest))
}

/// The keys of one source. Two of the same name are one caller, which changes from the one to the other.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    digest: [u8; 32],
    expires: Option<SystemTime>,
    principal: Arc<Principal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    expires: Option<toml::value::Datetime>,
    #[serde(default = "predict")]
    scopes: Vec<Scope>,
    models: Option<Vec<String>>,
}

fn predict() -> Vec<Scope> {
    vec![Scope::Predict]
}

impl Keys {
    /// The keys of a TOML text: `[[key]]` with `name`, `sha256` and, where wanted, `expires`, `scopes` and `models`.
    pub(super) fn parse(text: &[u8]) -> Result<Keys, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let file = toml::from_str::<File>(text).map_err(|error| error.to_string())?;
        let keys = file.key.into_iter().map(Key::new).collect::<Result<Vec<_>, _>>()?;
        for (ix, key) in keys.iter().enumerate() {
            if let Some(other) = keys[..ix].iter().find(|other| other.digest == key.digest) {
                let (one, two) = (&other.principal.name, &key.principal.name);
                return Err(format!("{one} and {two} are the same key"));
            }
        }
        if keys.is_empty() { Err("there is no [[key]]".into()) } else { Ok(Keys(keys)) }
    }

    /// Whose key has this digest.
    pub(super) fn principal(&self, digest: &[u8; 32], now: SystemTime) -> Result<Arc<Principal>, Denied> {
        let mut found = None;
        // To the end, and each in constant time.
        for key in &self.0 {
            if bool::from(key.digest.ct_eq(digest)) {
                found = Some(key);
            }
        }
        match found {
            None => Err(Denied::UnknownKey),
            Some(key) if key.expires.is_some_and(|expires| expires <= now) => Err(Denied::Expired),
            Some(key) => Ok(key.principal.clone()),
        }
    }
}

impl Key {
    fn new(entry: Entry) -> Result<Key, String> {
        let Entry { name, sha256, expires, scopes, models } = entry;
        let simple = |c: char| c.is_ascii_alphanumeric() || "-_.@/".contains(c);
        if name.is_empty() || !name.chars().all(simple) {
            return Err(format!("name: expected letters, digits and -_.@/, got {name:?}"));
        }
        let digest = unhex(&sha256)
            .ok_or_else(|| format!("sha256 of {name}: expected 64 hexadecimal digits, got {sha256:?}"))?;
        let expires = expires.map(|expires| {
            let expected = || {
                format!("expires of {name}: expected a time in UTC as 2027-01-31T00:00:00Z, got {expires}")
            };
            humantime::parse_rfc3339(&expires.to_string()).map_err(|_| expected())
        });
        let principal = Arc::new(Principal::new(&name, scopes, models));
        Ok(Key { digest, expires: expires.transpose()?, principal })
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (ix, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * ix..2 * ix + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn digest(key: &str) -> [u8; 32] {
        Sha256::digest(key).into()
    }

    #[test]
    fn a_key_is_known_by_its_digest_until_it_expires() {
        let (one, two) = (hex(&digest("one")), hex(&digest("two")));
        let text = format!(
            "[[key]]\nname = \"shop\"\nsha256 = \"{one}\"\nexpires = 2026-01-01T00:00:00Z\n\
             [[key]]\nname = \"shop\"\nsha256 = \"{two}\"\nscopes = [\"metrics\"]\nmodels = [\"churn\"]\n"
        );
        let keys = Keys::parse(text.as_bytes()).unwrap();
        let expiry = humantime::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        let before = expiry - Duration::from_secs(1);
        assert!(keys.principal(&digest("one"), before).unwrap().may(Scope::Predict));
        assert_eq!(keys.principal(&digest("one"), expiry), Err(Denied::Expired));
        let two = keys.principal(&digest("two"), expiry).unwrap();
        assert!(two.may(Scope::Metrics) && !two.may(Scope::Predict));
        assert!(two.may_use("churn") && !two.may_use("digits"));
        assert_eq!(keys.principal(&digest("three"), expiry), Err(Denied::UnknownKey));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let check = |text: &str, word: &str| {
            let error = Keys::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        let good = format!("[[key]]\nname = \"shop\"\nsha256 = \"{}\"\n", hex(&digest("one")));
        check("", "no [[key]]");
        check("[[key]]\nname = \"shop\"\nsha256 = \"12\"", "64 hexadecimal digits");
        check(&good.replace("shop", "two words"), "two words");
        check(&format!("{good}expires = 2026-01-01"), "2027-01-31T00:00:00Z");
        check(&format!("{good}scopes = [\"all\"]"), "predict");
        check(&format!("{good}{good}"), "the same key");
        check(&format!("{good}key = 1"), "unknown field");
    }

    #[test]
    fn a_new_key_has_the_digest_that_is_told() {
        let (key, told) = new_key().unwrap();
        assert_eq!((told, key.len()), (hex(&digest(&key)), PREFIX.len() + 64));
        assert_ne!(new_key().unwrap().0, key);
    }
}
