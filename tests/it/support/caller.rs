//! The client of the tests. Everything it says is recorded and searched for the key.

use std::error::Error as _;
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use mendix_deploy::emulator::Emulator;
use mendix_deploy::verify::{Verified, Verify};
use mendix_deploy::{
    AppId, Client, Deploy, Deployed, Environment, EnvironmentName, Error, ErrorKind, Event, JobId, JobStatus, Package,
    PackageId, Poll, Result, Retry, Start, Upload, UploadedPackage,
};

use super::message::assert_readable;
use super::server::Server;

pub(crate) const KEY: &str = "26587896-Secret-Key-4483";
/// Of the proxy in tests with one, and how both look on the wire.
pub(crate) const PROXY_PASSWORD: &str = "pr0xy-pa55";
pub(crate) const PROXY_AUTHORIZATION: &str = "Basic c29tZW9uZTpwcjB4eS1wYTU1";
pub(crate) const USER: &str = "richard.ford51@example.com";

pub(crate) const CA: &[u8] = include_bytes!("../../certs/ca.pem");

/// All timeouts of the client, unless a test sets a shorter one. No test may come near it.
const PATIENCE: Duration = Duration::from_secs(100);

/// A client and its events.
pub(crate) struct Caller {
    client: Client,
    events: Arc<Mutex<Vec<Event>>>,
}

/// The result of a call.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    pub(crate) result: Result<T>,
    pub(crate) events: Vec<Event>,
    pub(crate) took: Duration,
    /// Processor time, on Linux.
    pub(crate) cpu: Option<Duration>,
}

impl Caller {
    /// It retries at once, has long timeouts, and trusts the CA of the tests.
    pub(crate) fn of(server: &Server) -> Caller {
        Caller::at(&server.url()).with(trusting)
    }

    pub(crate) fn of_emulator(emulator: &Emulator) -> Caller {
        Caller::from(emulator.client(), |_| {}).with(|client| client.with_retry(fast_retry()))
    }

    pub(crate) fn at(url: &str) -> Caller {
        Caller::watched(url, |_| {})
    }

    /// `observer` is called with every event as well.
    pub(crate) fn watched(url: &str, observer: impl Fn(&Event) + Send + Sync + 'static) -> Caller {
        let client = Client::new(USER, KEY).unwrap().with_base_url(url).unwrap();
        Caller::from(client, observer).with(|client| {
            client
                .with_retry(fast_retry())
                .with_connect_timeout(PATIENCE)
                .with_stall_timeout(PATIENCE)
                .with_response_timeout(PATIENCE)
        })
    }

    /// The client of a child's environment. It never retries.
    pub(crate) fn from_env() -> Caller {
        Caller::from(Client::from_env().unwrap().with_retry(Retry::never()), |_| {})
    }

    pub(crate) fn from(client: Client, observer: impl Fn(&Event) + Send + Sync + 'static) -> Caller {
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = events.clone();
        let client = client.on_event(move |event| {
            kept.lock().unwrap().push(event.clone());
            observer(event);
        });
        Caller { client, events }
    }

    pub(crate) fn with(self, change: impl FnOnce(Client) -> Client) -> Caller {
        Caller { client: change(self.client), events: self.events }
    }

    pub(crate) fn upload(&self, file: impl AsRef<Path>) -> Outcome<UploadedPackage> {
        self.upload_as(file, |upload| upload)
    }

    pub(crate) fn upload_as(
        &self,
        file: impl AsRef<Path>,
        set: impl FnOnce(Upload) -> Upload,
    ) -> Outcome<UploadedPackage> {
        let path = file.as_ref();
        let upload = set(Upload::new(path));
        let outcome = self.call(|client| mendix_deploy::upload_package(client, &app(), &upload));
        if let Err(error) = &outcome.result {
            let repeatable = error.is_transient() && error.may_have_been_accepted();
            assert!(!repeatable, "this could make the package twice: {error:?}");
            let says = if error.may_have_been_accepted() { "a package may exist" } else { "no package was made" };
            assert_names(error, path, says);
        }
        outcome
    }

    pub(crate) fn upload_and_wait(&self, file: impl AsRef<Path>, poll: &Poll) -> Outcome<PackageId> {
        self.upload_and_wait_as(file, |upload| upload, poll)
    }

    pub(crate) fn upload_and_wait_as(
        &self,
        file: impl AsRef<Path>,
        set: impl FnOnce(Upload) -> Upload,
        poll: &Poll,
    ) -> Outcome<PackageId> {
        let path = file.as_ref();
        let upload = set(Upload::new(path));
        let outcome = self.waiting(poll, |client| mendix_deploy::upload_and_wait(client, &app(), &upload));
        if let Err(error) = &outcome.result {
            assert_says_what_happened_to_the_package(error);
            if error.package_id().is_some() {
                assert_names(error, path, "package");
            }
        }
        outcome
    }

    /// The findings contain nothing private.
    pub(crate) fn verify(&self, verify: &Verify, poll: &Poll) -> Outcome<Verified> {
        let outcome = self.waiting(poll, |client| mendix_deploy::verify::verify(client, &app(), verify));
        if let Ok(Verified { rows, error, .. }) = &outcome.result {
            for row in rows {
                assert_one_line(&row.seen);
                assert_no_secret(&row.seen);
                let ids = ["calc", "verify-", "@", ".mda", Emulator::DEPLOYED_PACKAGE, "|"];
                assert!(!ids.iter().any(|id| row.seen.contains(id)), "{row:?}");
            }
            if let Some(error) = error {
                assert_well_formed(error);
                assert!(!error.is_transient() || !error.may_have_been_accepted(), "{error:?}");
            }
        }
        outcome
    }

    pub(crate) fn check(&self, file: impl AsRef<Path>) -> Outcome<()> {
        self.call(|client| mendix_deploy::check(client, &app(), &Upload::new(file.as_ref())))
    }

    pub(crate) fn status(&self) -> Outcome<JobStatus> {
        self.status_of(&job())
    }

    pub(crate) fn status_of(&self, job: &JobId) -> Outcome<JobStatus> {
        self.call(|client| mendix_deploy::job_status(client, &app(), job))
    }

    pub(crate) fn wait(&self, poll: &Poll) -> Outcome<()> {
        self.wait_for(&job(), poll)
    }

    pub(crate) fn wait_for(&self, job: &JobId, poll: &Poll) -> Outcome<()> {
        self.waiting(poll, |client| mendix_deploy::wait_for_job(client, &app(), job))
    }

    pub(crate) fn packages(&self) -> Outcome<Vec<Package>> {
        self.call(|client| mendix_deploy::list_packages(client, &app()))
    }

    pub(crate) fn wait_for_package(&self, package: &PackageId, poll: &Poll) -> Outcome<Package> {
        let outcome = self.waiting(poll, |client| mendix_deploy::wait_for_package(client, &app(), package));
        if let Err(error) = &outcome.result {
            assert_eq!(error.package_id(), Some(package), "{error:?}");
        }
        outcome
    }

    pub(crate) fn environments(&self) -> Outcome<Vec<Environment>> {
        self.call(|client| mendix_deploy::list_environments(client, &app()))
    }

    pub(crate) fn environment(&self, name: &EnvironmentName) -> Outcome<Environment> {
        self.call(|client| mendix_deploy::environment(client, &app(), name))
    }

    pub(crate) fn environment_package(&self, name: &EnvironmentName) -> Outcome<Option<Package>> {
        self.call(|client| mendix_deploy::environment_package(client, &app(), name))
    }

    pub(crate) fn stop(&self, name: &EnvironmentName, poll: &Poll) -> Outcome<()> {
        self.waiting(poll, |client| mendix_deploy::stop_environment(client, &app(), name))
    }

    pub(crate) fn transport(&self, name: &EnvironmentName, package: &PackageId, poll: &Poll) -> Outcome<()> {
        let outcome = self.waiting(poll, |client| mendix_deploy::transport_package(client, &app(), name, package));
        if let Err(error) = &outcome.result {
            assert_eq!(error.package_id(), Some(package), "{error:?}");
        }
        outcome
    }

    pub(crate) fn start(&self, name: &EnvironmentName, start: &Start, poll: &Poll) -> Outcome<()> {
        self.waiting(poll, |client| mendix_deploy::start_environment(client, &app(), name, start))
    }

    /// An error names both packages, and the state of the environment.
    pub(crate) fn deploy(
        &self,
        name: &EnvironmentName,
        package: &PackageId,
        deploy: &Deploy,
        poll: &Poll,
    ) -> Outcome<Deployed> {
        let outcome = self.waiting(poll, |client| mendix_deploy::deploy_package(client, &app(), name, package, deploy));
        if let Err(error) = &outcome.result {
            assert_eq!(error.package_id(), Some(package), "{error:?}");
            let says = ["the app was not touched", "deploy_package", "Deploy::with_restart"];
            assert!(says.iter().any(|says| error.to_string().contains(says)), "{error}");
        }
        outcome
    }

    /// An error says what happened to the package and to the app.
    pub(crate) fn upload_and_deploy(
        &self,
        name: &EnvironmentName,
        upload: &Upload,
        deploy: &Deploy,
        poll: &Poll,
    ) -> Outcome<Deployed> {
        let call = |client: &Client| mendix_deploy::upload_and_deploy(client, &app(), name, upload, deploy);
        let outcome = self.waiting(poll, call);
        if let Err(error) = &outcome.result {
            assert_says_what_happened_to_the_package(error);
            let text = error.to_string();
            let says =
                ["the app was not touched", "the app is down", "the app is DOWN", "the app may be down", "last seen"];
            assert!(says.iter().any(|says| text.contains(says)), "{text}");
            assert!(!error.app_may_be_down() || text.contains(name.as_str()), "{text}");
        }
        outcome
    }

    /// An error keeps what is known of the upload, and a loop on `is_transient` repeats nothing.
    pub(crate) fn find_upload(&self, unknown: &Error, poll: &Poll) -> Outcome<Package> {
        let outcome = self.waiting(poll, |client| mendix_deploy::find_upload(client, &app(), unknown));
        if let Err(error) = &outcome.result {
            assert_eq!((error.package_id(), error.job_id()), (unknown.package_id(), unknown.job_id()), "{error:?}");
            let may_exist = unknown.may_have_been_accepted();
            assert_eq!((error.may_have_been_accepted(), error.is_transient()), (may_exist, false), "{error:?}");
            assert!(!may_exist || !error.to_string().contains("no package was made"), "{error}");
        }
        outcome
    }

    fn waiting<T: Debug>(&self, poll: &Poll, call: impl FnOnce(&Client) -> Result<T>) -> Outcome<T> {
        self.call(|client| call(&client.clone().with_poll(poll.clone())))
    }

    fn call<T: Debug>(&self, call: impl FnOnce(&Client) -> Result<T>) -> Outcome<T> {
        let (started, cpu_before) = (Instant::now(), cpu_time());
        let result = call(&self.client);
        let took = started.elapsed();
        let cpu = cpu_time().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let outcome = Outcome { result, events, took, cpu };
        outcome.check();
        assert_no_secret(&format!("{:?}", self.client));
        assert!(took < PATIENCE / 2, "a timeout that nobody was to reach has expired: {outcome:?}");
        outcome
    }
}

impl<T: Debug> Outcome<T> {
    /// Checks what holds for every call.
    fn check(&self) {
        assert_no_secret(&format!("{:?} {:?}", self.result, self.events));
        for event in &self.events {
            assert_one_line(&event.to_string());
        }
        if let Err(error) = &self.result {
            assert_well_formed(error);
        }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> T {
        self.result.unwrap_or_else(|error| panic!("{error:?}"))
    }

    #[track_caller]
    pub(crate) fn error(&self, kind: ErrorKind) -> &Error {
        let error = self.result.as_ref().expect_err("an error");
        assert_eq!(error.kind(), kind, "{error:?}");
        error
    }

    /// At least half of the time was spent waiting. In a debug build, TLS alone takes 0.1 s of processor time.
    #[track_caller]
    pub(crate) fn assert_idle(&self) {
        assert!(self.cpu.is_none_or(|cpu| cpu < self.took / 2), "{self:?}");
    }

    pub(crate) fn retries(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count()
    }

    pub(crate) fn failed_polls(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::PollFailed { .. })).count()
    }

    /// The announced pauses, before retries and between polls.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        let pause = |event: &Event| match event {
            Event::Retrying { wait, .. } => Some(*wait),
            Event::Polled { next_poll, .. } => *next_poll,
            Event::PollFailed { next_poll, .. } => Some(*next_poll),
            _ => None,
        };
        self.events.iter().filter_map(pause).collect()
    }
}

/// An error of an upload names the app and the file, and says whether a package may exist.
#[track_caller]
fn assert_names(error: &Error, path: &Path, says: &str) {
    let text = error.to_string();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Names with control characters are escaped, and commands to CI agents broken up.
    let has_name = text.contains(name) || name.contains(char::is_control) || name.contains("##");
    assert!(text.contains("app calc") && has_name && text.contains(says), "{says}, {name}: {text}");
}

/// An error of an upload, or of a later step, says what happened to the package.
#[track_caller]
fn assert_says_what_happened_to_the_package(error: &Error) {
    let (text, says) = (
        error.to_string(),
        match error.kind() {
            ErrorKind::OutcomeUnknown => ["a package may exist", "cannot tell which package"].as_slice(),
            _ if error.package_id().is_some() => {
                // The error of a deployment has the state of the app.
                &[" is package ", " is this package", "was not uploaded, because", "last seen "]
            }
            _ => &["no package was made", "so there is no package"],
        },
    );
    assert!(says.iter().any(|says| text.contains(says)) && text.contains("app calc"), "{says:?}: {text}");
}

/// `Display` is one line with the known ids, and neither it nor a cause contains control characters or the key.
#[track_caller]
pub(crate) fn assert_well_formed(error: &Error) {
    let text = error.to_string();
    assert_one_line(&text);
    assert_readable(error);
    assert_no_secret(&format!("{text} {error:?} {:?}", error.code()));
    assert!(!text.starts_with(char::is_uppercase), "a message starts in lower case: {text}");
    assert!(text.len() < 8 << 10, "a message is bounded: {text}");
    let ids = [error.job_id().map(JobId::as_str), error.package_id().map(PackageId::as_str)];
    for id in ids.into_iter().flatten() {
        assert!(text.contains(id), "{id} is known, and not in: {text}");
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        assert_no_secret(&format!("{error} {error:?}"));
        assert!(!text.contains(&error.to_string()), "Display repeats its source: {text}");
        cause = error.source();
    }
}

#[track_caller]
fn assert_one_line(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "not one clean line: {text:?}");
}

/// Neither a secret nor a useful piece of one, however it is written.
#[track_caller]
pub(crate) fn assert_no_secret(text: &str) {
    let visible: String = text.chars().filter(char::is_ascii_graphic).map(|c| c.to_ascii_lowercase()).collect();
    for (mark, pieces) in FORMS.iter().filter(|(mark, _)| visible.contains(mark)) {
        let piece = pieces.iter().find(|piece| visible.contains(*piece));
        assert_eq!(piece, None, "a piece of a secret, written with {mark:?}, is in: {text}");
    }
}

/// All pieces of 8 characters, in lower case: as they are, and escaped for URLs, JSON and HTML, with the mark of each.
static FORMS: LazyLock<[(&str, Vec<String>); 5]> = LazyLock::new(|| {
    type Escape = fn(u8) -> String;
    let escapes: [(&str, Escape); 5] = [
        ("", |byte| char::from(byte).to_string()),
        ("%", |byte| format!("%{byte:02x}")),
        ("\\u", |byte| format!("\\u{byte:04x}")),
        ("&#", |byte| format!("&#{byte};")),
        ("&#x", |byte| format!("&#x{byte:x};")),
    ];
    let secrets = [KEY, PROXY_PASSWORD, PROXY_AUTHORIZATION].map(str::to_ascii_lowercase);
    let pieces: Vec<_> = secrets.iter().flat_map(|secret| secret.as_bytes().windows(8)).collect();
    escapes
        .map(|(mark, escape)| (mark, pieces.iter().map(|piece| piece.iter().copied().map(escape).collect()).collect()))
});

pub(crate) fn package() -> PackageId {
    "p-1".parse().unwrap()
}

/// Trusts the CA of the tests.
pub(crate) fn trusting(client: Client) -> Client {
    client.with_root_certificates(CA).unwrap()
}

pub(crate) fn fast_retry() -> Retry {
    Retry::default().with_first_wait(Duration::from_millis(1))
}

/// An emulator and its client.
pub(crate) fn start() -> (Emulator, Caller) {
    let emulator = Emulator::start().unwrap();
    let caller = Caller::of_emulator(&emulator);
    (emulator, caller)
}

/// Polls as often as allowed, and not for the default of 30 min: a bug should fail a test, not hang it.
pub(crate) fn often() -> Poll {
    Poll::default().with_interval(Duration::ZERO).with_timeout(Duration::from_secs(30))
}

/// How long a test waits for what never ends. Under Wine, everything takes longer.
pub(crate) fn at_least(time: Duration) -> Duration {
    if cfg!(windows) { time * 3 } else { time }
}

/// Polls once.
pub(crate) fn once() -> Poll {
    Poll::default().with_timeout(Duration::ZERO)
}

pub(crate) fn app() -> AppId {
    "calc".parse().unwrap()
}

pub(crate) fn job() -> JobId {
    "j-1".parse().unwrap()
}

/// Of this thread, which makes the calls.
fn cpu_time() -> Option<Duration> {
    // Wine has the file, too, but of another thread.
    if !cfg!(target_os = "linux") {
        return None;
    }
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
