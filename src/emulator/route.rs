//! Which call a request makes.

use super::fault::Kind;
use crate::id::{AppId, JobId, PackageId};
use crate::text;

/// The known paths. Everything else, including a trailing slash, is not found.
pub(super) enum Route {
    /// Deploy API v2, "Upload Package".
    Upload(AppId),
    /// Deploy API v2, "Job Status".
    Job(AppId, JobId),
    /// Deploy API v1, "Retrieve App".
    App(AppId),
    /// Build API, "Retrieve Packages".
    Packages(AppId),
    /// Build API, "Retrieve Package".
    Package(AppId, PackageId),
    /// Deploy API v1, "Retrieve Environments".
    Environments(AppId),
    /// A call about an environment.
    Environment(Place, About),
}

pub(super) struct Place {
    pub(super) app: AppId,
    /// The name of the environment.
    pub(super) mode: String,
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
    pub(super) fn of(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/api/1/apps/") {
            let (app, rest) = rest.split_once('/').map_or((rest, None), |(app, rest)| (app, Some(rest)));
            let app = app.parse().ok()?;
            return match rest.map(|rest| rest.split('/').collect::<Vec<_>>()).as_deref() {
                None => Some(Route::App(app)),
                Some(["packages"]) => Some(Route::Packages(app)),
                Some(["packages", package]) => Some(Route::Package(app, package.parse().ok()?)),
                Some(["environments"]) => Some(Route::Environments(app)),
                Some(["environments", mode, rest @ ..]) => {
                    let about = match rest {
                        [] => About::Itself,
                        ["package"] => About::Package,
                        ["stop"] => About::Stop,
                        ["transport"] => About::Transport,
                        ["start"] => About::Start,
                        ["start", job] => About::StartJob(job.parse().ok()?),
                        _ => return None,
                    };
                    Some(Route::Environment(Place { app, mode: percent_decoded(mode)? }, about))
                }
                Some(_) => None,
            };
        }
        let (app, rest) = path.strip_prefix("/api/v2/apps/")?.split_once('/')?;
        let app = app.parse().ok()?;
        match rest.strip_prefix("jobs/") {
            Some(job) => Some(Route::Job(app, job.parse().ok()?)),
            None => (rest == "packages/upload").then_some(Route::Upload(app)),
        }
    }

    pub(super) fn method(&self) -> &'static str {
        match self {
            Route::Upload(_) | Route::Environment(_, About::Stop | About::Transport | About::Start) => "POST",
            _ => "GET",
        }
    }

    pub(super) fn is_v1(&self) -> bool {
        !matches!(self, Route::Upload(_) | Route::Job(..))
    }

    /// The query strings that it may have; an upload's is read.
    pub(super) fn queries(&self) -> Option<&'static [&'static str]> {
        match self {
            Route::Upload(_) => None,
            Route::Package(..) | Route::Environment(_, About::Package) => Some(&["", "url=false"]),
            _ => Some(&[""]),
        }
    }

    /// Whose faults it has.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Route::Upload(_) => Kind::Upload,
            Route::Environment(_, About::Stop) => Kind::Stop,
            Route::Environment(_, About::Transport) => Kind::Transport,
            Route::Environment(_, About::Start) => Kind::Start,
            _ => Kind::Poll,
        }
    }
}

/// As in RFC 3986 §2.1: a `+` is a plus, and a `%` begins an escape.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let is_escape = |piece: &str| piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let is_well_formed = text.split('%').skip(1).all(is_escape);
    String::from_utf8(text::percent_decoded(text)).ok().filter(|_| is_well_formed)
}
