//! Replaces `tls` where no feature provides TLS, so that the message in `lib` is the only error of such a build.

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::error::{Error, Result};

#[derive(Clone)]
pub(crate) struct RootCertificates;

impl RootCertificates {
    pub(crate) fn from_pem(_: &[u8]) -> Result<Self> {
        Err(Error::config("there is no TLS"))
    }
}

pub(super) fn config_builder(_: Option<&RootCertificates>) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
}
