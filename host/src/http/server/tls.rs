//! TLS: a certificate and its key, clients' certificates if they are asked for, and both read anew when they change.
//!
//! A connection keeps what it was agreed on with; only the next ones get what is new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;

use super::Stream;
use super::connection::Version;
use super::expiry::expiry;
use super::socket::Socket;
use crate::telemetry::ConnectionMetrics;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
const HTTP2: &[u8] = b"h2";

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// A client without one is refused.
    #[default]
    Required,
    /// A client may have none; one that it has is checked.
    Optional,
}

/// What TLS is made from: files of PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of clients' certificates; without it clients are asked for none.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must have one.
    pub clients: ClientCertificates,
}

/// Why TLS cannot be had from its files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or has nothing of its kind in it.
    #[error("{}: expected {expected} as PEM: {error}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What came of it.
        error: pem::Error,
    },
    /// Certificate and key do not fit, or cannot be used.
    #[error("{} with {}: {error}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        error: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("{}: expected certificates of authorities: {error}", file.display())]
    Authorities {
        /// Their file.
        file: PathBuf,
        /// What is wrong with them.
        error: VerifierBuilderError,
    },
}

/// TLS as it is offered now.
pub struct Tls {
    current: RwLock<Current>,
    metrics: ConnectionMetrics,
}

struct Current {
    files: TlsFiles,
    changed: Vec<Option<SystemTime>>,
    offer: Arc<ServerConfig>,
}

impl TlsFiles {
    /// Reads them.
    ///
    /// # Errors
    /// The text names the file and what was expected in it.
    pub fn check(&self) -> Result<(), TlsError> {
        self.read().map(|_| ())
    }

    /// What is offered to clients, and when the certificate expires.
    fn read(&self) -> Result<(ServerConfig, Option<i64>), TlsError> {
        let chain = certificates(&self.certificate, "a certificate")?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(read_error(&self.key, "a private key"))?;
        let expiry = chain.first().and_then(|certificate| expiry(certificate));
        let pair =
            |error| TlsError::Pair { certificate: self.certificate.clone(), key: self.key.clone(), error };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider.clone());
        let clients = versions.with_safe_default_protocol_versions().map_err(pair)?;
        let builder = match &self.client_ca {
            None => clients.with_no_client_auth(),
            Some(file) => {
                let authorities = |error| TlsError::Authorities { file: file.clone(), error };
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(file, "certificates of authorities")?);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match self.clients {
                    ClientCertificates::Required => verifier,
                    ClientCertificates::Optional => verifier.allow_unauthenticated(),
                };
                clients.with_client_cert_verifier(verifier.build().map_err(authorities)?)
            }
        };
        let mut offer = builder.with_single_cert(chain, key).map_err(pair)?;
        offer.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok((offer, expiry))
    }

    /// When each file was changed. A link's target counts, as Kubernetes exchanges that.
    fn changed(&self) -> Vec<Option<SystemTime>> {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        files
            .into_iter()
            .flatten()
            .map(|file| fs::metadata(file).and_then(|file| file.modified()).ok())
            .collect()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// The text names the file and what was expected in it.
    pub fn open(files: TlsFiles, metrics: ConnectionMetrics) -> Result<Tls, TlsError> {
        let current = Current::read(files, &metrics)?;
        Ok(Tls { current: RwLock::new(current), metrics })
    }

    /// Reads the files, which may be others than before, and offers what is in them to new connections.
    ///
    /// # Errors
    /// As [`Tls::open`]; what was offered before is kept.
    pub fn reload(&self, files: TlsFiles) -> Result<(), TlsError> {
        let read = Current::read(files, &self.metrics).inspect_err(|_| self.metrics.reload_failed())?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Looks at the files for ever, and reloads those that were changed.
    pub async fn watch(&self) {
        let mut failed = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let (files, before) = {
                let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
                (current.files.clone(), current.changed.clone())
            };
            let now = files.changed();
            // What failed once is not tried again until it changes.
            if now == before || failed.as_ref() == Some(&now) {
                continue;
            }
            failed = match self.reload(files) {
                Ok(()) => {
                    tracing::info!("the changed certificate is in use");
                    None
                }
                Err(error) => {
                    tracing::error!(
                        "the certificate in use is kept, the changed one cannot be used: {error}"
                    );
                    Some(now)
                }
            };
        }
    }

    /// Agrees with a client on keys and on the version of HTTP.
    pub(super) async fn accept(&self, socket: Socket) -> io::Result<(Stream, Version)> {
        let offer = self.current.read().unwrap_or_else(PoisonError::into_inner).offer.clone();
        let stream = TlsAcceptor::from(offer).accept(socket).await?;
        let agreed = stream.get_ref().1;
        let version = match agreed.alpn_protocol() {
            Some(HTTP2) => Version::Http2,
            _ => Version::Http1,
        };
        Ok((Stream::Left(stream), version))
    }
}

impl Current {
    fn read(files: TlsFiles, metrics: &ConnectionMetrics) -> Result<Current, TlsError> {
        // Before they are read: a change in between is then seen as one.
        let changed = files.changed();
        let (offer, expiry) = files.read()?;
        if let Some(expiry) = expiry {
            metrics.certificate(files.certificate.display().to_string(), expiry);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            if u64::try_from(expiry).is_ok_and(|expiry| expiry < now.as_secs()) {
                tracing::warn!("the certificate in {} has expired", files.certificate.display());
            }
        }
        Ok(Current { files, changed, offer: Arc::new(offer) })
    }
}

fn certificates(file: &Path, expected: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = read_error(file, expected);
    let read = CertificateDer::pem_file_iter(file).map_err(&failed)?.collect::<Result<Vec<_>, _>>();
    match read.map_err(&failed)? {
        none if none.is_empty() => Err(failed(pem::Error::NoItemsFound)),
        some => Ok(some),
    }
}

fn read_error(file: &Path, expected: &'static str) -> impl Fn(pem::Error) -> TlsError {
    let file = file.to_owned();
    move |error| TlsError::Read { file: file.clone(), expected, error }
}
