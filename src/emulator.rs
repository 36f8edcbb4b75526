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

#[cfg(test)]
mod raw;

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

    /// Lets the next `times` uploads go wrong, after the faults that were asked for before.
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
    /// assert_eq!(error.kind(), ErrorKind::Unknown);
    /// assert_eq!(emulator.uploads().len(), 1, "it was accepted, but who could know?");
    /// # Ok(())
    /// # }
    /// ```
    pub fn fail_uploads(&self, times: u32, fault: Fault) {
        lock(&self.state).upload_faults.push(times, fault);
    }

    /// Lets the next `times` polls go wrong, after the faults that were asked for before.
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::time::Instant;

    use super::raw::{answer, ask, connect, form, get_job, upload, upload_head};
    use super::*;

    #[test]
    fn an_accepted_upload_is_kept_as_it_was_sent() {
        let emulator = Emulator::start().unwrap();
        let answer = ask(&emulator, &upload("?name=a%20%22b%C3%A9%26.mda", &form("content")));
        assert_eq!(answer.status, 200, "{answer:?}");
        let received = emulator.uploads().remove(0);
        assert_eq!(answer.json["PackageId"], received.package_id.as_str());
        assert_eq!(answer.json["JobId"], received.job_id.as_str());
        assert_eq!(received.app_id.as_str(), "calc");
        assert_eq!((received.name.as_str(), received.file_name.as_str()), ("a \"bé&.mda", "x.mda"));
        assert_eq!((received.size, received.content.as_deref()), (7, Some(&b"content"[..])));
    }

    #[test]
    fn a_large_upload_is_streamed_and_only_measured() {
        let emulator = Emulator::start().unwrap();
        let block = vec![0_u8; 1 << 20];
        let form = form("|");
        let (before, after) = form.split_once('|').unwrap();
        let mut stream = connect(&emulator);
        let length = (64 << 20) + form.len() as u64 - 1;
        stream.write_all((upload_head("", length, "Expect: 100-continue\r\n") + before).as_bytes()).unwrap();
        for _ in 0..64 {
            stream.write_all(&block).unwrap();
        }
        stream.write_all(after.as_bytes()).unwrap();
        let answer = answer(stream);
        assert!(answer.text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer:?}");
        let received = emulator.uploads().remove(0);
        assert_eq!((received.size, received.content), (64 << 20, None));
    }

    #[test]
    fn the_next_calls_fail_as_told_in_order_and_then_go_as_usual() {
        let emulator = Emulator::start().unwrap();
        emulator.fail_uploads(0, Fault::NoAnswer);
        emulator.fail_uploads(1, Fault::StatusAtOnce(503));
        emulator.fail_uploads(1, Fault::Status(99));
        let refused = ask(&emulator, &upload_head("", 1 << 30, ""));
        assert_eq!((refused.status, &refused.json["errorCode"]), (503, &"SERVICE UNAVAILABLE".into()));
        let body = form("x");
        let after_the_body = ask(&emulator, &(upload_head("", body.len() as u64, "Expect: 100-continue\r\n") + &body));
        let begin = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 ";
        assert!(after_the_body.text.starts_with(begin), "99 is no status: {after_the_body:?}");
        assert_eq!((emulator.uploads().len(), ask(&emulator, &upload("", &body)).status), (0, 200));
        emulator.refuse_credentials();
        let answer = ask(&emulator, &get_job("calc", "j"));
        assert!(answer.status == 401 && answer.text.contains("UNAUTHORIZED:Please provide"), "{answer:?}");
        assert_eq!(emulator.requests(), 4);
    }

    #[test]
    fn a_bandwidth_is_what_a_link_has() {
        let emulator = Emulator::start().unwrap();
        emulator.set_bandwidth(10_000);
        let begun = Instant::now();
        assert_eq!(ask(&emulator, &upload("", &form(&"x".repeat(3000)))).status, 200);
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
        assert_eq!(emulator.uploads().remove(0).size, 3000);
    }

    #[test]
    fn a_body_that_ends_early_is_not_recorded() {
        let emulator = Emulator::start().unwrap();
        let whole = upload("", &form("x"));
        for cut in [2, 3, 60] {
            let mut stream = connect(&emulator);
            stream.write_all(&whole.as_bytes()[..whole.len() - cut]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(!answer.contains("200 OK"), "{cut}: {answer}");
        }
        assert_eq!((emulator.uploads().len(), emulator.requests()), (0, 3));
    }

    #[test]
    fn what_is_not_http_is_refused_and_counted() {
        let emulator = Emulator::start().unwrap();
        assert_eq!(ask(&emulator, "\u{16}\u{3}\u{1}\r\n\r\n").status, 400);
        assert_eq!(ask(&emulator, &"x".repeat(80 << 10)).status, 431);
        assert_eq!(emulator.requests(), 2);
    }

    #[test]
    fn a_refused_client_that_goes_on_sending_still_gets_the_answer() {
        let emulator = Emulator::start().unwrap();
        emulator.fail_uploads(1, Fault::StatusAtOnce(403));
        let mut stream = connect(&emulator);
        stream.write_all(upload_head("", 8 << 20, "").as_bytes()).unwrap();
        for _ in 0..8 {
            stream.write_all(&vec![b'-'; 1 << 20]).unwrap();
        }
        assert_eq!(answer(stream).status, 403);
    }

    #[test]
    fn a_drop_does_not_wait_for_clients() {
        let emulator = Emulator::start().unwrap();
        let mut uploading = connect(&emulator);
        uploading.write_all((upload_head("", 1 << 30, "") + "--B\r\nContent-Disposition").as_bytes()).unwrap();
        let silent = connect(&emulator);
        let begun = Instant::now();
        drop(emulator);
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
        for mut stream in [uploading, silent] {
            assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "the connection is closed");
        }
    }
}
