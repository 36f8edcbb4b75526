//! The public API: users may rely on everything here.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use mendix_deploy::{
    AppId, Client, Error, ErrorKind, Event, JobId, JobStatus, PackageId, Poll, Result, Retry, Upload, UploadedPackage,
    job_status, upload_and_wait, upload_package, wait_for_job,
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

    let _: fn(&Client, &AppId, PathBuf, &Upload) -> Result<UploadedPackage> = upload_package;
    let _: fn(&Client, &AppId, &'static str, &Upload, &Poll) -> Result<UploadedPackage> = upload_and_wait;
    let _: fn(&Client, &AppId, &JobId) -> Result<JobStatus> = job_status;
    let _: fn(&Client, &AppId, &JobId, &Poll) -> Result<()> = wait_for_job;

    let _: [fn(Poll, Duration) -> Poll; 4] =
        [Poll::with_interval, Poll::with_max_interval, Poll::with_timeout, Poll::with_max_outage];
    let _: fn(Poll) -> Poll = Poll::without_timeout;
    let _: fn(Retry, u32) -> Retry = Retry::with_attempts;
    let _: [fn(Retry, Duration) -> Retry; 2] = [Retry::with_first_wait, Retry::with_max_wait];
    let _: fn() -> Retry = Retry::never;
    let _: fn(Upload, &'static str) -> Upload = Upload::with_name;
    let _: fn(Upload) -> Upload = Upload::without_name;
    let _: fn(Upload, u64) -> Upload = Upload::with_size_limit;

    let _: fn(&Error) -> ErrorKind = Error::kind;
    let _: fn(&Error) -> Option<u16> = Error::status;
    let _: fn(&Error) -> Option<&str> = Error::code;
    let _: fn(&Error) -> Option<&PackageId> = Error::package_id;
    let _: fn(&Error) -> Option<&JobId> = Error::job_id;
    let _: [fn(&Error) -> bool; 2] = [Error::may_have_been_accepted, Error::is_transient];
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
    shared::<Client>();
    shared::<Event>();
    setting::<Poll>();
    setting::<Retry>();
    setting::<Upload>();
    id::<AppId>();
    id::<PackageId>();
    id::<JobId>();
    value::<JobStatus>();
    value::<UploadedPackage>();
    assert_eq!(Poll::default(), Poll::default().with_interval(Duration::from_secs(1)));
    assert_ne!(Retry::default(), Retry::never());
}
