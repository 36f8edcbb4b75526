//! TLS settings: the trusted certificates, and the library.

use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::error::{Error, Result};

/// Certificates to trust instead of the default ones.
#[derive(Clone)]
pub(crate) struct RootCertificates(RootCerts);

impl RootCertificates {
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            let item =
                item.map_err(|e| Error::config("the root certificates are not valid PEM").with_source(e.into_io()))?;
            if let PemItem::Certificate(certificate) = item {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(Error::config("the root certificates contain no PEM block named CERTIFICATE"));
        }
        Ok(RootCertificates(RootCerts::new_with_certs(&certificates)))
    }
}

pub(super) fn config(roots: Option<&RootCertificates>) -> TlsConfig {
    // If both are enabled, `native-tls` was asked for, and `rustls` is only the default.
    let provider = if cfg!(feature = "native-tls") { TlsProvider::NativeTls } else { TlsProvider::Rustls };
    let system_roots = cfg!(any(feature = "native-tls", feature = "platform-verifier"));
    let roots = match roots {
        Some(RootCertificates(roots)) => roots.clone(),
        None if system_roots => RootCerts::PlatformVerifier,
        None => RootCerts::WebPki,
    };
    TlsConfig::builder().provider(provider).root_certs(roots).build()
}
