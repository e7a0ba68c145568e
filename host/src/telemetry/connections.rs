//! What is counted of connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The file of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabels {
    file: String,
}

/// Connections, handshakes, certificates.
#[derive(Clone, Default)]
pub struct ConnectionMetrics {
    open: Gauge,
    accepted: Counter,
    handshake_failures: Counter,
    certificate_expiry: Family<CertificateLabels, Gauge>,
    certificate_failures: Counter,
}

impl ConnectionMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Connections that are open", self.open.clone());
        registry.register("connections_accepted", "Connections accepted", self.accepted.clone());
        registry.register(
            "tls_handshake_failures",
            "Connections that ended before TLS was agreed on",
            self.handshake_failures.clone(),
        );
        registry.register_with_unit(
            "tls_certificate_expiry",
            "When the certificate expires, since the Unix epoch",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        registry.register(
            "tls_reload_failures",
            "Changed certificates that could not be taken into use",
            self.certificate_failures.clone(),
        );
    }

    /// A connection is open until the guard is dropped.
    pub fn opened(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    /// TLS was not agreed on.
    pub fn handshake_failed(&self) {
        self.handshake_failures.inc();
    }

    /// A certificate is in use.
    pub fn certificate(&self, file: String, expiry: i64) {
        self.certificate_expiry.get_or_create(&CertificateLabels { file }).set(expiry);
    }

    /// A changed certificate cannot be used.
    pub fn reload_failed(&self) {
        self.certificate_failures.inc();
    }
}

/// Counts one open connection.
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
