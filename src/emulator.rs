//! A Deploy API v2 on a loopback port, so that an upload can be tried and tested without an account.
//!
//! It takes uploads as strictly as the real service is known to: the exact paths, both headers, one part that is
//! named `file`, an exact `Content-Length`. It answers as the real one does, in `PascalCase` on success and with
//! `errorCode` and `errorMessage` otherwise, and moves a job through `Queued`, `Running` and `Completed`. A body
//! is streamed: a package of 1 GiB costs no more memory than a small one.
//!
//! What it does not imitate: nothing is packaged or kept after it is dropped, every well-formed `AppId` exists, a
//! package may hold any bytes, and it speaks plain HTTP.
//!
//! ```
//! use mendix_deploy::emulator::Emulator;
//! use mendix_deploy::{Poll, Upload, upload_and_wait};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start()?;
//! emulator.complete_after_polls(1);
//!
//! let path = std::env::temp_dir().join(format!("calc-{}.mda", std::process::id()));
//! std::fs::write(&path, "a sample")?;
//! let made = upload_and_wait(&emulator.client(), &"calc".parse()?, &path, &Upload::default(), &Poll::default())?;
//! std::fs::remove_file(&path)?;
//!
//! let received = emulator.uploads();
//! assert_eq!(received[0].package_id, made.package_id);
//! assert_eq!(received[0].content.as_deref(), Some(&b"a sample"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! A tool that reads its settings from the environment is tested with `MENDIX_DEPLOY_URL` set to
//! [`Emulator::url`], `MENDIX_USERNAME` to [`Emulator::USERNAME`] and `MENDIX_API_KEY` to [`Emulator::API_KEY`].

mod api;
mod fault;
mod form;
mod jobs;
mod request;
mod server;
mod state;

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use crate::client::Client;
use jobs::Pace;
use server::Server;
use state::{State, lock};

pub use fault::Fault;
pub use jobs::JobEnd;
pub use state::Received;

/// A running Deploy API; see the [module](self). It stops, and closes its connections, when it is dropped.
///
/// Every setting can be changed while it runs.
pub struct Emulator {
    url: String,
    client: Client,
    state: Arc<Mutex<State>>,
    _server: Server,
}

impl Emulator {
    /// The only user name that is accepted.
    pub const USERNAME: &'static str = api::USERNAME;
    /// The only API key that is accepted.
    pub const API_KEY: &'static str = api::API_KEY;

    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the port cannot be opened or the thread cannot be started.
    pub fn start() -> io::Result<Emulator> {
        let state = Arc::default();
        let server = Server::start(&state)?;
        let url = format!("http://{}", server.address());
        let client = Client::new(Self::USERNAME, Self::API_KEY)
            .and_then(|client| client.with_base_url(&url))
            .map_err(io::Error::other)?;
        Ok(Emulator { url, client, state, _server: server })
    }

    /// The base URL, `http://127.0.0.1:54321`, for `with_base_url` or `MENDIX_DEPLOY_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client for it with the right credentials.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Lets jobs end at their `polls`-th poll: `Queued` at the first, `Running` until then. The default is 3; with
    /// 0 or 1 a job has ended at its first poll. Holds for all jobs that have not ended.
    pub fn complete_after_polls(&self, polls: u32) {
        lock(&self.state).pace = Pace::Polls(polls);
    }

    /// Lets jobs end a fixed time after their upload: `Queued` for a tenth of it, then `Running`. Holds for all jobs that
    /// have not ended.
    pub fn complete_after(&self, time: Duration) {
        lock(&self.state).pace = Pace::Time(time);
    }

    /// How jobs end. The default is [`JobEnd::Completed`]. Holds for all jobs that have not ended.
    pub fn jobs_end(&self, end: JobEnd) {
        lock(&self.state).end = end;
    }

    /// Lets the next `times` uploads go wrong, whatever their credentials, after the faults that were asked for before.
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
    /// # std::fs::write(&path, "a sample")?;
    /// let error = upload_package(&emulator.client(), &"calc".parse()?, &path, &Upload::default()).unwrap_err();
    /// # std::fs::remove_file(&path)?;
    /// assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    /// assert_eq!(emulator.uploads().len(), 1, "it was accepted, but who could know?");
    /// # Ok(())
    /// # }
    /// ```
    pub fn fail_uploads(&self, times: u32, fault: Fault) {
        lock(&self.state).upload_faults.push(times, fault);
    }

    /// Lets the next `times` polls go wrong, whatever their credentials, after the faults that were asked for before.
    pub fn fail_polls(&self, times: u32, fault: Fault) {
        lock(&self.state).poll_faults.push(times, fault);
    }

    /// Answers 401 from now on, whatever the credentials.
    pub fn refuse_credentials(&self) {
        lock(&self.state).refuses_credentials = true;
    }

    /// Reads requests no faster than so many bytes per second, each connection for itself; 0, the default, is no limit.
    /// The first few MiB are always fast, since the system takes them from the client and keeps them.
    pub fn set_bandwidth(&self, bytes_per_second: u64) {
        lock(&self.state).bandwidth = bytes_per_second;
    }

    /// Keeps the content of files of up to `bytes` bytes; of larger ones only the size. The default is
    /// 1 MiB. Holds for uploads that begin afterwards.
    pub fn keep_up_to(&self, bytes: u64) {
        lock(&self.state).keep = bytes;
    }

    /// What was accepted so far, in order.
    pub fn uploads(&self) -> Vec<Received> {
        lock(&self.state).uploads.clone()
    }

    /// How many requests were read so far, of any kind: refused and malformed ones too.
    pub fn requests(&self) -> usize {
        lock(&self.state).requests
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("url", &self.url).finish_non_exhaustive()
    }
}
