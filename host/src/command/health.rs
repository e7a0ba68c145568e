//! `edgewit health`: asks a running host whether it is ready, where there is no curl, such as in a container.
//!
//! The host is on this machine, so its certificate is not checked: it is the host's own word that counts. A host that
//! asks for certificates of clients is shown its own, which it takes where one authority makes both.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::config::{Loaded, ServeFlags, TlsSettings};
use crate::http::Address;

/// Ask a running host of this machine whether it is ready: exit code 0 if it is, 1 if not.
///
/// Takes the settings of `edgewit serve`, so that it finds the host in the same environment.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    flags: ServeFlags,
    /// Time to connect, and for each part of the answer, in seconds.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    timeout_seconds: u64,
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

pub(super) fn run(args: HealthArgs) -> Result<ExitCode> {
    let settings = Loaded::new(&args.flags)?.settings;
    let listen = settings.server.listen;
    let time = Duration::from_secs(args.timeout_seconds);
    let mut stream = connect(&listen, time).with_context(|| format!("cannot connect to {listen}"))?;
    if settings.tls.certificate.is_some() {
        stream = encrypted(stream, &settings.tls).context("tls")?;
    }
    let status = ask(stream).with_context(|| format!("no answer from {listen}"))?;
    match status.split(' ').nth(1) {
        Some("200") => println!("ready"),
        _ => bail!("not ready: {status}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn connect(listen: &Address, time: Duration) -> io::Result<Box<dyn Stream>> {
    match listen {
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(&reachable(*address), time)?;
            stream.set_read_timeout(Some(time))?;
            stream.set_write_timeout(Some(time))?;
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_read_timeout(Some(time))?;
            stream.set_write_timeout(Some(time))?;
            Ok(Box::new(stream))
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::other("this system has no Unix sockets")),
    }
}

/// Where a host is reached that listens on every address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn encrypted(stream: Box<dyn Stream>, tls: &TlsSettings) -> Result<Box<dyn Stream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = versions.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)));
    let config = match (&tls.client_ca, &tls.certificate, &tls.key) {
        (Some(_), Some(certificate), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
        }
        _ => builder.with_no_client_auth(),
    };
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    Ok(Box::new(StreamOwned::new(client, stream)))
}

/// The first line of the answer.
fn ask(mut stream: Box<dyn Stream>) -> io::Result<String> {
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut line = String::new();
    match BufReader::new(stream.take(1 << 10)).read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
