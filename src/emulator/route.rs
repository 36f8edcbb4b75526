//! Which call a request makes.

use super::fault::Kind;
use crate::id::{AppId, JobId, PackageId};
use crate::text;

pub(super) struct Route {
    pub(super) app: AppId,
    pub(super) call: Call,
}

/// The known calls. Everything else, including a trailing slash, is not found.
pub(super) enum Call {
    /// Deploy API v2, "Upload Package".
    Upload,
    /// Deploy API v2, "Job Status".
    Job(JobId),
    /// Deploy API v1, "Retrieve App".
    App,
    /// Build API, "Retrieve Packages".
    Packages,
    /// Build API, "Retrieve Package".
    Package(PackageId),
    /// Deploy API v1, "Retrieve Environments".
    Environments,
    /// A call about the environment of this name.
    Environment(String, About),
}

/// Calls of the Deploy API v1 about an environment.
pub(super) enum About {
    /// "Retrieve Environment".
    Itself,
    /// "Retrieve Environment Package".
    Package,
    /// "Stop Environment".
    Stop,
    /// "Transport a Deployment Package to an Environment".
    Transport,
    /// "Start Environment".
    Start,
    /// "Get Start Environment Status".
    StartJob(JobId),
}

impl Route {
    pub(super) fn of(path: &str) -> Option<Route> {
        let segments: Vec<_> = path.split('/').collect();
        let ["", "api", version, "apps", app, rest @ ..] = segments.as_slice() else { return None };
        let call = match (*version, rest) {
            ("v2", ["packages", "upload"]) => Call::Upload,
            ("v2", ["jobs", job]) => Call::Job(job.parse().ok()?),
            ("1", []) => Call::App,
            ("1", ["packages"]) => Call::Packages,
            ("1", ["packages", package]) => Call::Package(package.parse().ok()?),
            ("1", ["environments"]) => Call::Environments,
            ("1", ["environments", mode, rest @ ..]) => Call::Environment(percent_decoded(mode)?, About::of(rest)?),
            _ => return None,
        };
        Some(Route { app: app.parse().ok()?, call })
    }

    pub(super) fn method(&self) -> &'static str {
        if self.kind() == Kind::Poll { "GET" } else { "POST" }
    }

    pub(super) fn is_v1(&self) -> bool {
        !matches!(self.call, Call::Upload | Call::Job(_))
    }

    /// The query strings that it may have; that of an upload is parsed.
    pub(super) fn queries(&self) -> Option<&'static [&'static str]> {
        match self.call {
            Call::Upload => None,
            Call::Package(_) | Call::Environment(_, About::Package) => Some(&["", "url=false"]),
            _ => Some(&[""]),
        }
    }

    /// The kind of its faults.
    pub(super) fn kind(&self) -> Kind {
        match self.call {
            Call::Upload => Kind::Upload,
            Call::Environment(_, About::Stop) => Kind::Stop,
            Call::Environment(_, About::Transport) => Kind::Transport,
            Call::Environment(_, About::Start) => Kind::Start,
            _ => Kind::Poll,
        }
    }
}

impl About {
    /// By what follows the name of the environment.
    fn of(rest: &[&str]) -> Option<About> {
        Some(match rest {
            [] => About::Itself,
            ["package"] => About::Package,
            ["stop"] => About::Stop,
            ["transport"] => About::Transport,
            ["start"] => About::Start,
            ["start", job] => About::StartJob(job.parse().ok()?),
            _ => return None,
        })
    }
}

/// As in RFC 3986 §2.1: a `+` is a plus, and a `%` begins an escape.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let is_escape = |piece: &str| piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let is_well_formed = text.split('%').skip(1).all(is_escape);
    String::from_utf8(text::percent_decoded(text)).ok().filter(|_| is_well_formed)
}
