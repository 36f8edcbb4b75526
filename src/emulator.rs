//! A Deploy API server on a loopback port, for trying things and for tests without an account: all of v2, and of v1 the
//! calls that this crate makes.
//!
//! It is as strict as the real service is known to be: exact paths, both headers, one part named `file`, an exact
//! `Content-Length`. It responds like the real service, in `PascalCase` on success and with `errorCode` and
//! `errorMessage` otherwise. Bodies are streamed: a package of 1 GiB takes no more memory than a small one.
//!
//! Every outcome is one call, whatever the size of the package:
//!
//! | outcome | call | result |
//! |---|---|---|
//! | success | none: a job has completed at its first poll | `Ok` |
//! | a job that takes its time | [`complete_after_polls`](Emulator::complete_after_polls), [`complete_after`](Emulator::complete_after) | `Ok` |
//! | a server that hangs | `fail_uploads(1, Fault::Hang)` | `OutcomeUnknown` after the response timeout; `Interrupted` after the stall timeout if the system's buffers cannot hold the package |
//! | a poll that hangs | `fail_polls(1, Fault::Hang)` | `Ok`, a response timeout later |
//! | wrong key | [`refuse_credentials`](Emulator::refuse_credentials) | `Rejected`, 401 |
//! | no rights, app unknown | [`fail_uploads`](Emulator::fail_uploads)`(1, Fault::StatusAtOnce(403))`, `404` | `Rejected` |
//! | a refusal with a code | `fail_uploads(1, Fault::Code("NOT ALLOWED"))` | `Rejected`, 403, with this code |
//! | busy, then well | `fail_uploads(1, Fault::StatusAtOnce(503))` | `Ok` after a retry |
//! | busy while polled | [`fail_polls`](Emulator::fail_polls)`(2, Fault::Status(503))` | `Ok`, two polls later |
//! | cut connection, then well | `fail_uploads(1, Fault::DisconnectAfter(10))` | `Ok` after a retry |
//! | connection always cut | `fail_uploads(3, Fault::DisconnectAfter(10))` | `Interrupted` |
//! | a lost response, and there is a package | `fail_uploads(1, Fault::NoAnswer)` | `Ok`: it is found. Of `upload_package`, `OutcomeUnknown` |
//! | a lost response, and there is none | `fail_uploads(1, Fault::Status(502))` | `OutcomeUnknown`, once the search has timed out |
//! | a package that is listed late, or never | [`list_after_polls`](Emulator::list_after_polls)`(3)`, `u32::MAX` | the search continues until it times out |
//! | a package that was made twice | `fail_uploads(1, Fault::NoAnswerButTwice)` | `OutcomeUnknown`, which names both; with `skip_existing`, `Ok` |
//! | a server's clock that is slow | [`set_clock_behind`](Emulator::set_clock_behind)`(Duration::from_secs(3600))` | `Ok`: ages are by the server's own `Date` |
//! | an earlier package of the same name | [`age_packages`](Emulator::age_packages)`(Duration::from_secs(3600))` before the upload | it is never taken for the upload's |
//! | packages without some fields | [`omit_fields`](Emulator::omit_fields)`(&["CreationDate"])` | the same |
//! | a job that is run again | none: call [`upload_and_deploy`](crate::upload_and_deploy) twice, with [`Upload::skip_existing`](crate::Upload::skip_existing) | `Ok`, one upload |
//! | v1 is out of reach | [`refuse_v1`](Emulator::refuse_v1) | after a lost response, `OutcomeUnknown`, with the 404 as its source |
//! | failed job | [`jobs_end`](Emulator::jobs_end)`(JobEnd::Failed)` | `JobFailed` |
//! | a wait that times out | `jobs_end(JobEnd::Never)`, and a short `Poll::with_timeout` | `StillRunning` |
//! | and is resumed | `jobs_end(JobEnd::Completed)` | `Ok` |
//! | an app that takes its time to stop or start | [`fail_stops`](Emulator::fail_stops)`(1, Fault::Slow(3))`, [`fail_starts`](Emulator::fail_starts) | `Ok`, three polls later |
//! | a package that is still being processed | [`fail_transports`](Emulator::fail_transports)`(2, Fault::Code("SERVICE UNAVAILABLE"))` | `Ok`, two polls later |
//! | a start that fails | `fail_starts(1, Fault::Code("MISSING_CONSTANT"))`, or any other documented code | `StartFailed`, the app is down |
//! | an app that still runs after its stop | `fail_starts(99, Fault::Code("ALREADY_STARTED"))` | `Rejected` by `deploy_package`; `Ok` if it ends within a few polls |
//! | a start that never ends | `fail_starts(1, Fault::NeverEnds)` | `StillRunning` |
//! | a start job that is forgotten | `fail_starts(1, Fault::Forgotten)` | `Ok`, by the status |
//! | a step without a response | `fail_stops(1, Fault::NoAnswer)`, and the others | `Ok`, not repeated |
//! | a step that never arrived | `fail_stops(1, Fault::Status(502))`, `fail_transports` | `Ok`, repeated |
//! | a stale status | `fail_transports(1, Fault::StaleStatus(2))`, and the others | `Ok`, only once it is true |
//! | somebody else deploys, too | [`meanwhile`](Emulator::meanwhile)`(3, Meanwhile::Transport(id))` | `Overtaken`; `Ok` only if your package runs |
//! | a production environment | none: `Production` is one | `NotAllowed` without [`Deploy::allow_production`](crate::Deploy::allow_production) |
//! | a useless response | `fail_stops(1, Fault::Body("<html>"))`, and the others | `Ok` |
//! | slow link | [`set_bandwidth`](Emulator::set_bandwidth)`(2_000)`, in bytes per second | `Ok`, late |
//!
//! Every app has the environments `Test` (empty), `Acceptance` and `Production` (both running
//! [`DEPLOYED_PACKAGE`](Emulator::DEPLOYED_PACKAGE)), and their names are case-sensitive. As documented, a package
//! is transported only to a stopped app ([`transport_while_running`](Emulator::transport_while_running) allows more), and an
//! app is started only once. [`steps`](Emulator::steps) lists what was done to environments, and
//! [`running`](Emulator::running) is the package that runs: the one that was on the environment when the start was
//! requested.
//!
//! Unlike the real service, it makes no packages, accepts every valid `AppId` and any content (it does not check for a
//! zip archive), and speaks plain HTTP. Nothing is kept after it is dropped.
//!
//! ```
//! use mendix_deploy::emulator::Emulator;
//! use mendix_deploy::{Upload, upload_and_wait};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start()?;
//! let path = std::env::temp_dir().join(format!("calc-{}.mda", std::process::id()));
//! std::fs::write(&path, Emulator::SMALLEST_PACKAGE)?;
//! let package = upload_and_wait(&emulator.client(), &"calc".parse()?, &Upload::new(&path))?;
//! std::fs::remove_file(&path)?;
//!
//! let received = emulator.uploads();
//! assert_eq!(received[0].package_id, package);
//! assert_eq!(received[0].content.as_deref(), Some(&Emulator::SMALLEST_PACKAGE[..]));
//! # Ok(())
//! # }
//! ```
//!
//! `mendix-deploy emulator` serves one for a shell. To test a tool that reads its settings from the environment, set
//! `MENDIX_DEPLOY_URL` to [`Emulator::url`], `MENDIX_USERNAME` to [`Emulator::USERNAME`] and `MENDIX_API_KEY` to
//! [`Emulator::API_KEY`].

mod api;
mod codes;
mod fault;
mod form;
mod incoming;
mod operations;
mod outgoing;
mod pace;
mod route;
mod runtime;
mod server;
mod state;
mod store;

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use crate::client::Client;
use crate::id::{AppId, PackageId};
use crate::retry::Retry;
use fault::Kind;
use pace::Pace;
use server::Server;
use state::{State, lock};

pub use fault::{Fault, Meanwhile};
pub use pace::JobEnd;
pub use store::Received;

/// The first wait of a client for tests.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// A running Deploy API server; see the [module](self). Dropping it stops the server and closes its connections.
///
/// All settings can be changed while it runs.
pub struct Emulator {
    url: String,
    client: Client,
    state: Arc<Mutex<State>>,
    _server: Server,
}

impl Emulator {
    /// The only accepted user name.
    pub const USERNAME: &'static str = api::USERNAME;
    /// The only accepted API key.
    pub const API_KEY: &'static str = api::API_KEY;
    /// The content of a package for tests: the smallest zip archive, which is an empty one.
    pub const SMALLEST_PACKAGE: [u8; 22] = *b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    /// The package that is on the environments `Acceptance` and `Production` of every app to begin with.
    pub const DEPLOYED_PACKAGE: &'static str = store::DEPLOYED_PACKAGE;

    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the port cannot be opened or the thread cannot be started.
    pub fn start() -> io::Result<Emulator> {
        Emulator::start_on(0)
    }

    /// Starts a server on this port of 127.0.0.1; 0 is a free one.
    ///
    /// # Errors
    /// If the port cannot be opened, as when another program has it, or the thread cannot be started.
    pub fn start_on(port: u16) -> io::Result<Emulator> {
        let state = Arc::default();
        let server = Server::start(port, &state)?;
        let url = format!("http://{}", server.address());
        let client = Client::new(Self::USERNAME, Self::API_KEY)
            .and_then(|client| client.with_base_url(&url))
            .map_err(io::Error::other)?
            .with_retry(Retry::default().with_first_wait(FIRST_WAIT));
        Ok(Emulator { url, client, state, _server: server })
    }

    /// The base URL, such as `http://127.0.0.1:54321`, for `with_base_url` or `MENDIX_DEPLOY_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client for this server, with the right credentials. It retries within milliseconds, so that tests are fast.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Makes jobs end at their `polls`-th poll: `Queued` at the first, then `Running`. Default 1 (as is 0): a job has ended
    /// at its first poll. A poll that shows a package counts as a poll of its job. Applies to all jobs that have not ended.
    pub fn complete_after_polls(&self, polls: u32) {
        lock(&self.state).pace = Pace::Polls(polls);
    }

    /// Makes jobs end a fixed time after their upload: `Queued` for a tenth of it, then `Running`. Applies to all jobs
    /// that have not ended.
    pub fn complete_after(&self, time: Duration) {
        lock(&self.state).pace = Pace::Time(time);
    }

    /// Sets how jobs end. Default [`JobEnd::Completed`]. Applies to all jobs that have not ended.
    pub fn jobs_end(&self, end: JobEnd) {
        lock(&self.state).end = end;
    }

    /// Makes the next `times` uploads fail, whatever their credentials. Faults queue up.
    ///
    /// ```
    /// use mendix_deploy::emulator::{Emulator, Fault};
    /// use mendix_deploy::{ErrorKind, Upload, upload_package};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::start()?;
    /// emulator.fail_uploads(1, Fault::NoAnswer);
    ///
    /// # let path = std::env::temp_dir().join(format!("fault-{}.mda", std::process::id()));
    /// # std::fs::write(&path, Emulator::SMALLEST_PACKAGE)?;
    /// let error = upload_package(&emulator.client(), &"calc".parse()?, &Upload::new(&path)).unwrap_err();
    /// # std::fs::remove_file(&path)?;
    /// assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    /// assert_eq!(emulator.uploads().len(), 1, "it was accepted, which the client cannot know");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the fault is a [`Fault::Code`] that is not documented.
    #[track_caller]
    pub fn fail_uploads(&self, times: u32, fault: Fault) {
        self.fail(Kind::Upload, times, fault);
    }

    /// Makes the next `times` polls, or other calls that only read, fail, whatever their credentials. Faults queue up.
    ///
    /// # Panics
    /// As [`fail_uploads`](Self::fail_uploads) does.
    #[track_caller]
    pub fn fail_polls(&self, times: u32, fault: Fault) {
        self.fail(Kind::Poll, times, fault);
    }

    /// Makes the next `times` requests to stop an environment fail, whatever their credentials. Faults queue up.
    ///
    /// # Panics
    /// As [`fail_uploads`](Self::fail_uploads) does.
    #[track_caller]
    pub fn fail_stops(&self, times: u32, fault: Fault) {
        self.fail(Kind::Stop, times, fault);
    }

    /// The same for requests to transport a package.
    ///
    /// # Panics
    /// As [`fail_uploads`](Self::fail_uploads) does.
    #[track_caller]
    pub fn fail_transports(&self, times: u32, fault: Fault) {
        self.fail(Kind::Transport, times, fault);
    }

    /// The same for requests to start an environment.
    ///
    /// # Panics
    /// As [`fail_uploads`](Self::fail_uploads) does.
    #[track_caller]
    pub fn fail_starts(&self, times: u32, fault: Fault) {
        self.fail(Kind::Start, times, fault);
    }

    #[track_caller]
    fn fail(&self, kind: Kind, times: u32, fault: Fault) {
        if let Fault::Code(code) = fault {
            let all: Vec<&str> = codes::all().map(|(code, ..)| code).collect();
            assert!(
                all.contains(&code),
                "{code:?} is not an error code of the Deploy API; those are {}",
                all.join(", ")
            );
        }
        lock(&self.state).faults.push(kind, times, fault);
    }

    /// Lets somebody else act on an environment: right before the next request about it, after `requests` others.
    pub fn meanwhile(&self, requests: usize, deed: Meanwhile) {
        lock(&self.state).meanwhile.push((requests, deed));
    }

    /// Accepts transports while the app runs, without changing what it runs: the documentation contradicts itself about this.
    /// Default: refused with `APP_IS_RUNNING`.
    pub fn transport_while_running(&self) {
        lock(&self.state).transports_while_running = true;
    }

    /// The package that runs on an environment. It can differ from the one that is on it.
    ///
    /// # Panics
    /// If the app has no environment of that name.
    #[track_caller]
    pub fn running(&self, app: &AppId, environment: &str) -> Option<PackageId> {
        let mut state = lock(&self.state);
        let found = state.environment(app, environment);
        found.unwrap_or_else(|| panic!("app {app} has no environment {environment:?}")).running()
    }

    /// Responds with 401 from now on, whatever the credentials.
    pub fn refuse_credentials(&self) {
        lock(&self.state).refuses_credentials = true;
    }

    /// Responds to every call of v1 with 404 from now on, as behind a gateway that lets only v2 through.
    pub fn refuse_v1(&self) {
        lock(&self.state).refuses_v1 = true;
    }

    /// Leaves packages out at the first `polls` polls of the package list, or of the package. Default 0; `u32::MAX` means
    /// for ever. Applies to uploads that end afterwards.
    pub fn list_after_polls(&self, polls: u32) {
        lock(&self.state).hidden_for = polls;
    }

    /// Sets back the server's clock, which dates responses (`Date`) and packages (`CreationDate`). Default 0.
    pub fn set_clock_behind(&self, behind: Duration) {
        lock(&self.state).clock_behind = behind;
    }

    /// Makes the packages of all uploads so far older.
    pub fn age_packages(&self, by: Duration) {
        lock(&self.state).age_packages(by);
    }

    /// Leaves these fields out of all packages and environments, such as `CreationDate` or `Production`.
    pub fn omit_fields(&self, fields: &[&str]) {
        lock(&self.state).omitted = fields.iter().map(|field| (*field).to_owned()).collect();
    }

    /// Limits how fast requests are read, in bytes per second and connection; 0, the default, is no limit. The first
    /// few MiB are always fast, because the operating system buffers them.
    pub fn set_bandwidth(&self, bytes_per_second: u64) {
        lock(&self.state).bandwidth = bytes_per_second;
    }

    /// Keeps the content of files of up to this size, in bytes; of larger files, only the size. Default 1 MiB.
    /// Applies to uploads that start afterwards.
    pub fn keep_up_to(&self, bytes: u64) {
        lock(&self.state).keep = Some(bytes);
    }

    /// The uploads accepted so far, in order.
    pub fn uploads(&self) -> Vec<Received> {
        lock(&self.state).uploads.iter().map(|upload| upload.received.clone()).collect()
    }

    /// What was done to environments so far, in order: `stop Acceptance`, `transport <PackageId> to Acceptance`, `start
    /// Acceptance`.
    pub fn steps(&self) -> Vec<String> {
        lock(&self.state).steps.clone()
    }

    /// The number of requests read so far, including refused and malformed ones.
    pub fn requests(&self) -> usize {
        lock(&self.state).requests
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("url", &self.url).finish_non_exhaustive()
    }
}
