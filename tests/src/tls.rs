//! Certificates made for a test, and clients that trust them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// An authority, whose certificate is the file `<name>.pem`.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    /// Its certificate.
    pub file: PathBuf,
}

/// The files of a certificate and of its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one, with its files in `folder`.
    pub fn new(folder: &Path, name: &str) -> Authority {
        let mut parameters = CertificateParams::default();
        // Of its own, as OpenSSL takes a certificate for self-signed that has its issuer's name.
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, certificate.pem()).expect("written");
        Authority { issuer: Issuer::new(parameters, key), folder: folder.to_owned(), file }
    }

    /// A certificate for this machine by its name and address, until the end of 2039, in the files `<name>.pem` and
    /// `<name>.key`, which may be there already. The key goes first: for a moment the two do not fit.
    pub fn issue(&self, name: &str) -> Pair {
        self.issue_until(name, 2040)
    }

    /// As [`Authority::issue`], until `year` begins.
    pub fn issue_until(&self, name: &str, year: i32) -> Pair {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        let pair = self.pair(name);
        fs::write(&pair.key, key.serialize_pem()).expect("written");
        fs::write(&pair.certificate, certificate.pem()).expect("written");
        pair
    }

    fn pair(&self, name: &str) -> Pair {
        let file = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        Pair { certificate: file("pem"), key: file("key") }
    }

    /// A client that trusts this authority.
    pub fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.file).expect("a certificate")).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Arc::new(builder.expect("versions").with_root_certificates(roots).with_no_client_auth())
    }
}

impl Pair {
    /// As arguments of `edgewit serve`.
    pub fn arguments(&self) -> [&str; 4] {
        [
            "--tls-certificate",
            self.certificate.to_str().expect("text"),
            "--tls-key",
            self.key.to_str().expect("text"),
        ]
    }
}
