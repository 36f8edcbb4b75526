// Targets of the README's links within the documentation, which rustdoc checks. They come first, so they replace the
// definitions at the end of the README, which are for pages outside rustdoc.
//! [A `build.rs`]: crate::guide::recipes#a-buildrs
//! [After an unknown outcome]: crate::guide::unknown_outcome
//! [An xtask]: https://docs.rs/crate/mendix-deploy/latest/source/examples/xtask.rs
//! [assumptions]: crate::guide::assumptions
//! [Azure Pipelines]: crate::guide::recipes#azure-pipelines
//! [Changelog]: https://docs.rs/crate/mendix-deploy/latest/source/CHANGELOG.md
//! [`check`]: crate::check()
//! [`Client`]: crate::Client
//! [`Client::from_env`]: crate::Client::from_env
//! [`Client::new`]: crate::Client::new
//! [command]: crate::guide::command
//! [Costs]: crate::guide::costs
//! [`Deploy::allow_production`]: crate::Deploy::allow_production
//! [`deploy_package`]: crate::deploy_package
//! [Deploying]: crate::guide::deploying
//! [`environment`]: crate::environment()
//! [`Error::kind`]: crate::Error::kind
//! [Errors]: crate::guide::errors
//! [GitHub Actions]: crate::guide::recipes#github-actions
//! [GitLab CI]: crate::guide::recipes#gitlab-ci
//! [kinds]: crate::guide::errors#kinds
//! [Limits]: crate::guide::limits
//! [`list_packages`]: crate::list_packages
//! [Networks]: crate::guide::networks
//! [`Poll`]: crate::Poll
//! [Promises]: crate::guide::promises
//! [`Retry`]: crate::Retry
//! [`skip_existing`]: crate::Upload::skip_existing
//! [`start_environment`]: crate::start_environment
//! [`upload_and_deploy`]: crate::upload_and_deploy
//! [`upload_and_wait`]: crate::upload_and_wait
//! [`upload_package`]: crate::upload_package
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
compile_error!("mendix-deploy needs TLS: enable the feature `rustls` (the default) or `native-tls`");

// To add a call of v1, add a file beside `packages`; for a call about an environment, add a function to `environments` (it
// reads) or to `environments/steps` (it changes something):
// 1. `Call::v1(client, app, rest, what, not_found)` is a GET: `what` is its name in messages, `not_found` the hint for a 404. Set
//    `content_type: JSON` if the documentation shows that header, and `response_max` for a list without pages. About one
//    environment, `At::get` does the first three, and `list::with_names` completes its errors.
// 2. `.with_retry(|reply| ...)` sends it. The closure reads `reply.json()` or `reply.list(...)`, whose texts are sanitized and
//    whose ids are validated (a new kind is an `id!` in `id`), and returns `None` if the result is missing.
// 3. A call that waits passes one such request (`Call::once`) to `Wait::until_end`, as `packages::wait_for_package` does.
// 4. A call that changes something is `At::post`, with its documented codes as `Verdicts`, as in `environments/stop`. It is
//    never simply retried: after a lost response, poll before you repeat it, as `environments/course` decides.
// 5. Re-export it below; list it in README, CHANGELOG and tests/it/api.rs. Tests call it by a method of their `Caller`
//    (tests/it/main.rs), and the emulator serves it: a variant of `Call` or `About` in `emulator/route`, which says what is a
//    POST, and an answer in `emulator/api` or, about environments, `emulator/operations`.
//
// To add a fault to the emulator, add a variant of `Fault` and a row to the table in `emulator`. In `emulator/api`, `fail`
// refuses a call that is not carried out, and the end of `answer` replaces a response; `emulator/runtime` delays effects.
//
// The command is a separate crate, `src/main.rs` and `src/cli`, over the public API. To add a subcommand, add its arguments to
// `cli/args`, a function to `cli`, and to `cli/failure` the command to run after its errors. To add a row to the guide's
// tables of assumptions, add it to `verify/granted` as well, and record it in the file of `verify` that sees it.
//
// A message is made where its cause is known: a setting or an id where it is checked; the file in `upload/package_file`; no
// connection in `http/failure`; a refusal in `answer`; a documented code in the table beside its call; the end of an
// upload in `upload/outcome`; the end of a wait in `wait`; the state of an environment, and the call that resumes, in
// `environments/report`. `error/message` joins the parts: what happened, to the package, to the app, and what to do
// (`Advice`), in at most 300 characters of our own, with functions and settings in brackets at the end. A line of a log is
// the `Display` of an `event`.
//
// The path of an upload: `upload/opened` opens and checks the file (`upload/package_file`). With `skip_existing`,
// `upload/existing` searches the list of packages. `upload/post` wraps it in a form (`upload/multipart`), and `retry` makes
// the attempts, each of which is one `http::send`. `http` picks a proxy (`http/proxy`) and hands the request to ureq, on a
// connection that notices a response while the body is still being sent (`http/early_answer`). The result is a `Reply`,
// whose JSON is read by `json` and cleaned of `secrets`, or a `Failure` (`http/failure`). `upload/outcome` decides whether
// that means a package, no package, or perhaps one, and `answer` puts into words what the server said. Then `upload/ready`
// waits for the job, or, if the outcome is unknown, for what `find_upload` finds. `deploy` takes it from there. Events go to
// the observer all along (`Client::notify`).

// The modules by layer, from the top. A module imports only from its own layer and from those below, which a test checks.

// A server for tests, the guide, and the check of its assumptions.
#[cfg(feature = "emulator")]
#[cfg_attr(docsrs, doc(cfg(feature = "emulator")))]
pub mod emulator;
pub mod guide;
#[cfg(feature = "cli")]
#[cfg_attr(docsrs, doc(cfg(feature = "cli")))]
pub mod verify;

// What users call: a file for each page of the API, or for each task.
mod check;
mod deploy;
mod environments;
mod find_upload;
mod job;
mod packages;
mod upload;

// Shared by the calls: one request, the meaning of its response, and waiting.
mod answer;
mod call;
mod wait;

// The connection: everything that uses ureq.
mod client;
mod http;

// Settings and input, validated on construction.
mod base_url;
mod file;
mod poll;
mod retry;

// The vocabulary, and reading and showing foreign text.
mod error;
mod event;
mod id;
mod json;
mod key;
mod secrets;
mod status;

// Leaves.
mod random;
mod text;
mod units;

pub use check::check;
pub use client::Client;
pub use deploy::{Deploy, Deployed, deploy_package, upload_and_deploy};
pub use environments::{
    Environment, Start, environment, environment_package, list_environments, start_environment, stop_environment,
    transport_package,
};
pub use error::{Error, ErrorKind, Result};
pub use event::{DeployStep, Event, Subject};
pub use find_upload::find_upload;
pub use id::{AppId, EnvironmentName, JobId, PackageId};
pub use job::{job_status, wait_for_job};
pub use packages::{Package, list_packages, wait_for_package};
pub use poll::Poll;
pub use retry::Retry;
pub use status::{EnvironmentStatus, JobStatus, PackageStatus};
pub use upload::{Upload, UploadedPackage, upload_and_wait, upload_package};
