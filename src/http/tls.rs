//! TLS settings: the trusted certificates, and the library.

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::typestate::AgentScope;

use crate::error::{Error, Result};

const EXPECTED: &str =
    "; expected one or more blocks of lines, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";

/// Certificates to trust instead of the default ones.
#[derive(Clone)]
pub(crate) struct RootCertificates(RootCerts);

impl RootCertificates {
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self> {
        let (mut certificates, mut has_key) = (Vec::new(), false);
        for item in parse_pem(pem) {
            // Without the parser's words, which contain the input.
            let item = item.map_err(|_| Error::config(format!("the root certificates are not valid PEM{EXPECTED}")))?;
            match item {
                PemItem::Certificate(certificate) => certificates.push(certificate),
                _ => has_key = true,
            }
        }
        if certificates.is_empty() {
            let what = if has_key { "a private key and no certificate" } else { "no certificate" };
            return Err(Error::config(format!("the root certificates contain {what}{EXPECTED}")));
        }
        Ok(RootCertificates(RootCerts::new_with_certs(&certificates)))
    }
}

/// The settings of an agent, of which those of TLS are made.
pub(super) fn config_builder(roots: Option<&RootCertificates>) -> ConfigBuilder<AgentScope> {
    // If both are enabled, `native-tls` was asked for, and `rustls` is only the default.
    let provider = if cfg!(feature = "native-tls") { TlsProvider::NativeTls } else { TlsProvider::Rustls };
    let system_roots = cfg!(any(feature = "native-tls", feature = "platform-verifier"));
    let roots = match roots {
        Some(RootCertificates(roots)) => roots.clone(),
        None if system_roots => RootCerts::PlatformVerifier,
        None => RootCerts::WebPki,
    };
    let tls = TlsConfig::builder().provider(provider).root_certs(roots).build();
    Agent::config_builder().tls_config(tls)
}
