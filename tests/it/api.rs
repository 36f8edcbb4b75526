//! The public API: users may rely on everything here.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use mendix_deploy::{
    AppId, Client, Deploy, Deployed, Environment, EnvironmentName, EnvironmentStatus, Error, ErrorKind, Event, JobId,
    JobStatus, Package, PackageId, PackageStatus, Poll, Result, Retry, Start, Upload, UploadedPackage, check,
    deploy_package, environment, environment_package, find_upload, job_status, list_environments, list_packages,
    start_environment, stop_environment, transport_package, upload_and_deploy, upload_and_wait, upload_package,
    wait_for_job, wait_for_package,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[test]
fn functions_and_methods_have_the_promised_signatures() {
    let _: fn(&str, &str) -> Result<Client> = Client::new;
    let _: fn() -> Result<Client> = Client::from_env;
    let _: fn(Client, &str) -> Result<Client> = Client::with_base_url;
    let _: fn(Client, &[u8]) -> Result<Client> = Client::with_root_certificates;
    let _: [fn(Client, Duration) -> Client; 3] =
        [Client::with_connect_timeout, Client::with_stall_timeout, Client::with_response_timeout];
    let _: fn(Client, Retry) -> Client = Client::with_retry;
    let _: fn(Client, fn(&Event)) -> Client = Client::on_event;
    let _: fn(&Event) = Event::log_to_stderr;
    let _: fn(&Event) -> bool = Event::is_routine;

    let _: fn(&Client, &AppId, &Upload) -> Result<UploadedPackage> = upload_package;
    let _: fn(&Client, &AppId, &Upload) -> Result<PackageId> = upload_and_wait;
    let _: fn(&Client, &AppId, &JobId) -> Result<JobStatus> = job_status;
    let _: fn(&Client, &AppId, &Upload) -> Result<()> = check;
    let _: fn(PathBuf) -> Upload = Upload::new;
    let _: fn(&Client, &AppId, &JobId) -> Result<()> = wait_for_job;
    let _: fn(&Client, &AppId) -> Result<Vec<Package>> = list_packages;
    let _: fn(&Client, &AppId, &Error) -> Result<Package> = find_upload;
    let _: fn(&Client, &AppId, &PackageId) -> Result<Package> = wait_for_package;

    let _: fn(&Client, &AppId) -> Result<Vec<Environment>> = list_environments;
    let _: fn(&Client, &AppId, &EnvironmentName) -> Result<Environment> = environment;
    let _: fn(&Client, &AppId, &EnvironmentName) -> Result<Option<Package>> = environment_package;
    let _: fn(&Client, &AppId, &EnvironmentName) -> Result<()> = stop_environment;
    let _: fn(&Client, &AppId, &EnvironmentName, &PackageId) -> Result<()> = transport_package;
    let _: fn(&Client, &AppId, &EnvironmentName, &Start) -> Result<()> = start_environment;
    let _: fn(Start, bool) -> Start = Start::with_database_sync;
    let _: fn(&Client, &AppId, &EnvironmentName, &PackageId, &Deploy) -> Result<Deployed> = deploy_package;
    let _: fn(&Client, &AppId, &EnvironmentName, &Upload, &Deploy) -> Result<Deployed> = upload_and_deploy;
    let _: fn(Deploy, Start) -> Deploy = Deploy::with_start;
    let _: fn(Client, Poll) -> Client = Client::with_poll;
    let _: fn(Deploy, bool) -> Deploy = Deploy::with_restart;
    let _: fn(Deploy) -> Deploy = Deploy::allow_production;

    let _: [fn(Poll, Duration) -> Poll; 4] =
        [Poll::with_interval, Poll::with_max_interval, Poll::with_timeout, Poll::with_max_outage];
    let _: fn(Poll) -> Poll = Poll::without_timeout;
    let _: fn(Retry, u32) -> Retry = Retry::with_attempts;
    let _: [fn(Retry, Duration) -> Retry; 2] = [Retry::with_first_wait, Retry::with_max_wait];
    let _: fn() -> Retry = Retry::never;
    let _: fn(Upload, &'static str) -> Upload = Upload::with_name;
    let _: [fn(Upload) -> Upload; 2] = [Upload::without_name, Upload::skip_existing];
    let _: fn(Upload, u64) -> Upload = Upload::with_size_limit;

    let _: fn(&Error) -> ErrorKind = Error::kind;
    let _: fn(&Error) -> Option<u16> = Error::status;
    let _: fn(&Error) -> Option<&str> = Error::code;
    let _: fn(&Error) -> Option<&PackageId> = Error::package_id;
    let _: fn(&Error) -> Option<&JobId> = Error::job_id;
    let _: [fn(&Error) -> bool; 2] = [Error::may_have_been_accepted, Error::is_transient];
    let _: [fn(&Error) -> bool; 3] = [Error::app_may_be_down, Error::needs_restart, Error::needs_another_package];
    let _: fn(&Error) -> Option<Duration> = Error::retry_after;
}

#[test]
fn types_have_the_promised_traits() {
    fn shared<T: Debug + Send + Sync + 'static>() {}
    fn setting<T: Debug + Default + Clone + PartialEq + Send + Sync>() {}
    fn id<T>()
    where
        T: Debug + Display + Clone + Ord + Hash + AsRef<str> + FromStr<Err = Error> + TryFrom<String>,
        T: for<'a> TryFrom<&'a str, Error = Error> + Serialize + DeserializeOwned,
    {
    }
    fn value<T: Debug + Clone + Eq + Hash + Serialize>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<Error>();
    assert!(size_of::<Result<()>>() <= size_of::<usize>(), "an error is one word");
    shared::<Client>();
    shared::<Event>();
    shared::<Package>();
    setting::<Poll>();
    setting::<Retry>();
    shared::<Upload>();
    setting::<Start>();
    setting::<Deploy>();
    shared::<Deployed>();
    id::<AppId>();
    id::<PackageId>();
    id::<JobId>();
    id::<EnvironmentName>();
    shared::<Environment>();
    value::<JobStatus>();
    value::<PackageStatus>();
    value::<EnvironmentStatus>();
    value::<UploadedPackage>();
    assert_eq!(Poll::default(), Poll::default().with_interval(Duration::from_secs(1)));
    assert_ne!(Retry::default(), Retry::never());
}

#[test]
fn an_id_is_made_from_text_of_any_kind_and_read_as_such() {
    let job = JobId::new("j-1").unwrap();
    assert_eq!(job, "j-1".parse().unwrap());
    assert_eq!(job, "j-1".try_into().unwrap());
    assert_eq!(job, String::from("j-1").try_into().unwrap());
    assert_eq!((job.as_ref(), job.as_str(), job.to_string().as_str()), ("j-1", "j-1", "j-1"));
    assert_eq!(format!("{job:?}"), r#"JobId("j-1")"#);
    assert!(job < JobId::new("j-2").unwrap());
}

#[test]
fn the_longest_ids_are_accepted_and_longer_ones_refused() {
    for (length, app, job) in
        [(1, true, true), (63, true, true), (64, false, true), (128, false, true), (129, false, false)]
    {
        let id = "a".repeat(length);
        let accepted = (AppId::new(&id).is_ok(), JobId::new(&id).is_ok(), PackageId::new(&id).is_ok());
        assert_eq!(accepted, (app, job, job), "{length}");
    }
    assert!(JobId::new("-b_C9").is_ok() && AppId::new("a-b").is_ok());
    assert!(AppId::new("-a").is_err() && AppId::new("a_b").is_err());
}

#[test]
fn json_spells_everything_as_the_api_does() {
    let job: JobId = serde_json::from_str(r#""j-1""#).unwrap();
    assert_eq!(serde_json::to_string(&job).unwrap(), r#""j-1""#);
    assert!(serde_json::from_str::<JobId>(r#""../x""#).is_err());

    for (status, text) in [(JobStatus::Completed, "Completed"), (JobStatus::Other("Paused".into()), "Paused")] {
        assert_eq!(serde_json::to_value(&status).unwrap(), text);
        assert_eq!(status.to_string(), text);
    }

    let stored = r#"{"PackageId":"p","JobId":"j"}"#;
    let both: UploadedPackage = serde_json::from_str(stored).unwrap();
    assert_eq!((both.package_id.as_str(), both.job_id.as_str()), ("p", "j"));
    assert_eq!(serde_json::to_string(&both).unwrap(), stored);
    let more = r#"{"JobId":"j","Status":{"x":1},"PackageId":"p"}"#;
    assert_eq!(serde_json::from_str::<UploadedPackage>(more).unwrap(), both, "other fields are ignored");
    let error = serde_json::from_str::<UploadedPackage>(r#"{"PackageId":"p"}"#).unwrap_err();
    assert!(error.to_string().contains("missing field `JobId`"), "{error}");
    assert!(serde_json::from_str::<UploadedPackage>(r#"{"PackageId":"p","JobId":"../x"}"#).is_err());
}

#[test]
fn debug_of_a_client_shows_the_host_and_the_user_but_not_the_key() {
    let debug = format!("{:?}", Client::new("me@example.com", "s3cret").unwrap());
    assert!(debug.contains("https://deploy.mendix.com") && debug.contains("me@example.com"), "{debug}");
    assert!(!debug.contains("s3cret"), "{debug}");
}
