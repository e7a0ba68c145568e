//! JSON Web Tokens of any kind, good and bad, signed by ring with keys that openssl makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A pair of keys, or a secret, of the algorithm it is for.
pub struct Key {
    /// The name of the algorithm, as tokens write it.
    pub algorithm: &'static str,
    /// The file to give to the host: the public key, or the secret.
    pub file: PathBuf,
    private: Vec<u8>,
}

impl Key {
    /// Makes a pair in `folder`.
    pub fn new(algorithm: &'static str, folder: &Path) -> Key {
        let (private, public) =
            (folder.join(format!("{algorithm}.der")), folder.join(format!("{algorithm}.pem")));
        let kind: &[&str] = match algorithm {
            "RS256" => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ES256" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "EdDSA" => &["-algorithm", "ED25519"],
            secret => {
                assert_eq!(secret, "HS256");
                let bytes = b"a secret of the tests, which is long enough\n".to_vec();
                std::fs::write(&public, &bytes).expect("written");
                return Key { algorithm, file: public, private: bytes.trim_ascii_end().to_vec() };
            }
        };
        let pem = folder.join(format!("{algorithm}.private.pem"));
        openssl(&["genpkey"], kind, &pem);
        let from = ["-in", pem.to_str().expect("text")];
        openssl(&["pkey", "-pubout"], &from, &public);
        openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &from, &private);
        Key { algorithm, file: public, private: std::fs::read(private).expect("the key") }
    }

    /// A token of `claims`.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "typ": "JWT", "alg": self.algorithm }), claims)
    }

    /// A token with a header of its own, signed by this key whatever that says.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        format!("{message}.{}", encode(self.signature(message.as_bytes())))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self.algorithm {
            "RS256" => {
                let key = RsaKeyPair::from_pkcs8(&self.private).expect("a key");
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
                signature
            }
            "ES256" => self.ecdsa().sign(&random, message).expect("signed").as_ref().to_vec(),
            "EdDSA" => self.ed25519().sign(message).as_ref().to_vec(),
            _ => hmac(&self.private, message),
        }
    }

    /// The public key in a set, under an id.
    pub fn in_set(&self, id: &str) -> Value {
        match self.algorithm {
            "ES256" => {
                let point = self.ecdsa().public_key().as_ref().to_vec();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": x, "y": y })
            }
            "EdDSA" => {
                let x = encode(self.ed25519().public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x })
            }
            other => panic!("no set of {other}"),
        }
    }

    fn ecdsa(&self) -> EcdsaKeyPair {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.private, &random).expect("a key")
    }

    fn ed25519(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.private).expect("a key")
    }
}

/// A token that is signed by HMAC with any bytes as the secret.
pub fn sign_by_hmac(secret: &[u8], claims: &Value) -> String {
    let message = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(claims.to_string()));
    format!("{message}.{}", encode(hmac(secret, message.as_bytes())))
}

/// Base64 as tokens have it.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970, so many from now.
pub fn from_now(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_secs() as i64 + seconds
}

fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

fn openssl(command: &[&str], arguments: &[&str], output: &Path) {
    let run = Command::new("openssl").args(command).args(arguments).arg("-out").arg(output).output();
    let run = run.expect("openssl starts");
    assert!(run.status.success(), "{run:?}");
}
