//! Nothing has been sent yet: whatever goes wrong, no package was made.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mendix_deploy::{Client, ErrorKind, Event, Retry};

use crate::support::caller::{Caller, KEY, USER, fast_retry};
#[cfg(unix)]
use crate::support::child;
use crate::support::package::Package;
use crate::support::server::{IDS, Server, accepted, answered};

/// An address where nobody listens; on Linux on a loopback host of its own, so that no other test gets the same port.
fn nobody() -> (String, u16) {
    let host = if cfg!(target_os = "linux") { "127.55.0.1" } else { "127.0.0.1" };
    let port = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port();
    (host.to_owned(), port)
}

#[test]
fn a_connection_refused_twice_is_tried_a_third_time() {
    let (host, port) = nobody();
    let server = Arc::new(Mutex::new(None));
    let (late, address) = (server.clone(), (host.clone(), port));
    let caller = Caller::watched(&format!("http://{host}:{port}"), move |event| {
        if matches!(event, Event::Retrying { attempt: 2, .. }) {
            let listener = TcpListener::bind((address.0.as_str(), address.1)).unwrap();
            *late.lock().unwrap() = Some(Server::on(listener, [accepted()], None));
        }
    });
    let outcome = caller.upload(Package::small());
    assert_eq!(outcome.retries(), 2);
    assert_eq!(outcome.ok().job_id.as_str(), "j-1");
    let seen = server.lock().unwrap().take().unwrap().stop();
    assert_eq!((seen.connections, seen.requests.len()), (1, 1));
}

#[test]
fn a_connection_refused_for_good_names_the_host_and_the_attempts() {
    let (host, port) = nobody();
    let caller = Caller::at(&format!("http://{host}:{port}"));
    let outcome = caller.upload(Package::small());
    let error = outcome.error(ErrorKind::Connect);
    let text = error.to_string();
    assert!(text.contains(&format!("{host}:{port}")) && text.contains("attempt 3 of 3"), "{text}");
    assert!(!error.may_have_been_accepted() && error.is_transient());
    assert!(format!("{error:?}").contains("refused"), "it has the cause: {error:?}");
    assert_eq!(outcome.retries(), 2);

    let once = caller.with(|client| client.with_retry(Retry::never())).upload(Package::small());
    once.error(ErrorKind::Connect);
    assert_eq!(once.retries(), 0);
}

#[test]
fn a_host_that_does_not_resolve_is_named() {
    // Too long for a DNS label, so the query does not leave this machine.
    let host = format!("{}.invalid", "x".repeat(64));
    let caller = Caller::at(&format!("https://{host}"));
    let outcome = caller.upload(Package::small());
    let error = outcome.error(ErrorKind::Connect);
    assert!(error.to_string().contains(&host), "{error}");
    assert!(!error.may_have_been_accepted());
}

#[test]
fn plain_http_is_refused_except_to_this_machine() {
    let client = || Client::new(USER, KEY).unwrap();
    for url in ["http://deploy.mendix.com", "http://10.0.0.1:8080", "http://localhost.example.com"] {
        let error = client().with_base_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("https"), "{error}");
    }
    assert!(client().with_base_url("http://127.9.9.9:1").is_ok());
}

/// Where a process may have no more threads: the lookup and the connections are made in the caller's own.
#[cfg(unix)]
#[test]
fn an_upload_and_a_wait_need_no_thread() {
    const URL: &str = "MENDIX_DEPLOY_URL";
    if child::is_running() {
        assert!(std::thread::Builder::new().spawn(|| {}).is_err(), "there are threads after all");
        let caller = Caller::at(&std::env::var(URL).unwrap());
        caller.upload(Package::small()).ok();
        caller.wait(&mendix_deploy::Poll::default()).ok();
        return;
    }
    let server = Server::start([accepted(), answered("200 OK", r#"{"Status":"Completed"}"#)]);
    // No stack is that large, so no thread can be started.
    let stack = (usize::MAX / 4 * 3).to_string();
    let variables = [(URL, server.url()), ("RUST_MIN_STACK", stack), ("RUST_TEST_THREADS", "1".into())];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    child::run(module_path!(), "an_upload_and_a_wait_need_no_thread", &variables);
    assert_eq!(server.stop().connections, 2);
}

#[test]
fn a_dead_kept_alive_connection_is_never_used_for_an_upload() {
    // The responses allow the connection to be kept alive, but the server closes it.
    let server = Server::start([answered("200 OK", r#"{"Status":"Running"}"#), accepted(), accepted()]);
    let caller = Caller::of(&server);
    caller.status().ok();
    caller.upload(Package::small()).ok();
    caller.upload(Package::small()).ok();
    let seen = server.stop();
    let connections: Vec<_> = seen.requests.iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}

#[test]
fn timeouts_of_zero_and_the_maximum_neither_panic_nor_hang() {
    let package = Package::small();
    for timeout in [Duration::ZERO, Duration::MAX] {
        let server = Server::answering("200 OK", IDS);
        let caller = Caller::of(&server).with(|client| {
            client
                .with_connect_timeout(timeout)
                .with_stall_timeout(timeout)
                .with_response_timeout(timeout)
                .with_retry(fast_retry().with_max_wait(timeout))
        });
        // With a timeout of zero, both success and failure are right, as long as the call ends.
        let outcome = caller.upload(&package);
        assert!(outcome.result.is_ok() || timeout.is_zero(), "{outcome:?}");
    }
}
