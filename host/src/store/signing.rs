//! Signatures of publications: Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)), with keys as PEM.
//!
//! `openssl genpkey -algorithm ed25519` makes a key, `openssl pkey -pubout` its public half.

use std::path::Path;

use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use super::StoreError;

/// What comes before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Signs what is published.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// With the private key in a file.
    ///
    /// # Errors
    /// When the file is not there or holds no such key.
    pub fn open(file: &Path) -> Result<Signer, StoreError> {
        let fail = |problem: String| StoreError::File {
            path: file.display().to_string(),
            problem: format!("expected an Ed25519 private key (PKCS #8, PEM): {problem}"),
        };
        let key = PrivatePkcs8KeyDer::from_pem_file(file).map_err(|error| fail(error.to_string()))?;
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der());
        key.map(Signer).map_err(|error| fail(error.to_string()))
    }

    /// The signature of `bytes`, 64 bytes.
    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).as_ref().to_vec()
    }
}

/// Checks signatures by the keys that are trusted; without any, everything passes.
#[derive(Debug, Clone, Default)]
pub struct Verifier(Vec<Vec<u8>>);

impl Verifier {
    /// With the public keys in files.
    ///
    /// # Errors
    /// When a file is not there or holds no such key.
    pub fn open<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<Verifier, StoreError> {
        let read = |file: &Path| {
            let fail = |problem: String| StoreError::File {
                path: file.display().to_string(),
                problem: format!("expected an Ed25519 public key (PEM): {problem}"),
            };
            let key =
                SubjectPublicKeyInfoDer::from_pem_file(file).map_err(|error| fail(error.to_string()))?;
            let key = key.strip_prefix(&SPKI).filter(|key| key.len() == 32);
            key.map(<[u8]>::to_vec).ok_or_else(|| fail("it is of another kind".into()))
        };
        files.into_iter().map(read).collect::<Result<_, _>>().map(Verifier)
    }

    /// Whether signatures are asked for.
    pub fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn check(&self, bytes: &[u8], signature: Option<&[u8]>) -> Result<(), String> {
        if !self.is_on() {
            return Ok(());
        }
        let signature = signature.ok_or("expected a signature of a key that is trusted, got none")?;
        let good = |key: &Vec<u8>| UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature).is_ok();
        if self.0.iter().any(good) {
            Ok(())
        } else {
            Err("its signature is of no key that is trusted".into())
        }
    }
}
