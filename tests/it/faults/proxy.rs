//! A proxy from the environment: each case runs in a child process with its own.

use std::time::Duration;

use mendix_deploy::{Client, ErrorKind, Retry};

use crate::support::caller::{Caller, Outcome, PROXY_AUTHORIZATION, PROXY_PASSWORD as PASSWORD, fast_retry, trusting};
use crate::support::child;
use crate::support::package::{MIB, Package};
use crate::support::server::{Seen, Server, Step, accepted, answer, go_ahead, write};

/// A proxy that connects to the server.
fn proxy_to(server: &Server) -> Server {
    Server::start([tunnel_to(server)])
}

fn tunnel_to(server: &Server) -> Vec<Step> {
    vec![Step::Head, write("HTTP/1.1 200 Connection established\r\n\r\n"), Step::Tunnel(server.address())]
}

/// What the child does: it uploads `bytes` to the parent's server.
fn upload(bytes: u64, retry: Retry) -> Outcome<mendix_deploy::UploadedPackage> {
    let client = Client::from_env().unwrap().with_retry(retry);
    let client = client.with_connect_timeout(Duration::from_secs(15));
    Caller::from(client, |_| {}).with(trusting).upload(Package::sparse(bytes))
}

/// Runs the test in a child with the settings of a client for `url`, and these variables.
#[track_caller]
fn in_child(test: &str, url: &str, variables: &[(&str, &str)]) {
    child::run(module_path!(), test, &[&child::client_of(url)[..], variables].concat());
}

/// Runs the test in a child with a proxy that answers `CONNECT` by `steps`, and returns what the proxy saw.
#[track_caller]
fn with_answer_to_connect(test: &str, steps: &[Step]) -> Seen {
    let (proxy, server) = (Server::start([[&[Step::Head], steps].concat()]), Server::tls([accepted()]));
    let address = format!("http://someone:{PASSWORD}@{}", proxy.address());
    in_child(test, &server.url(), &[("HTTPS_PROXY", &address)]);
    assert_eq!(server.stop().connections, 0);
    proxy.stop()
}

#[test]
fn an_upload_goes_through_the_proxy_and_shows_it_nothing() {
    if child::is_running() {
        upload(3 * MIB, Retry::never()).ok();
        return;
    }
    for (user, authorization) in [("", None), ("someone:pr0xy-pa55@", Some(PROXY_AUTHORIZATION))] {
        let server = Server::tls([accepted()]);
        let proxy = proxy_to(&server);
        let (url, address) = (server.url(), format!("http://{user}{}", proxy.address()));
        in_child("an_upload_goes_through_the_proxy_and_shows_it_nothing", &url, &[("HTTPS_PROXY", &address)]);
        assert!(server.stop().requests[0].has_closing_boundary());
        let connect = &proxy.stop().requests[0];
        let target = url.strip_prefix("https://").unwrap();
        assert!(connect.head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")), "{}", connect.head);
        assert_eq!(connect.header("Proxy-Authorization"), authorization);
        crate::support::caller::assert_no_secret(&connect.head.replace(PROXY_AUTHORIZATION, ""));
    }
}

#[test]
fn an_upload_goes_through_a_proxy_that_is_reached_by_tls() {
    if child::is_running() {
        upload(MIB / 4, Retry::never()).ok();
        return;
    }
    let server = Server::tls([accepted()]);
    let proxy = Server::tls([tunnel_to(&server)]);
    let address = proxy.url().replace("https://", &format!("https://someone:{PASSWORD}@"));
    let test = "an_upload_goes_through_a_proxy_that_is_reached_by_tls";
    in_child(test, &server.url(), &[("HTTPS_PROXY", &address)]);
    assert!(server.stop().requests[0].has_closing_boundary());
    let connect = &proxy.stop().requests[0];
    assert!(connect.head.starts_with("CONNECT localhost:"), "{}", connect.head);
    assert_eq!(connect.header("Proxy-Authorization"), Some(PROXY_AUTHORIZATION));
    crate::support::caller::assert_no_secret(&connect.head.replace(PROXY_AUTHORIZATION, ""));
}

fn is_refused_at_once() {
    let outcome = upload(200 * MIB, Retry::never());
    assert_eq!(outcome.error(ErrorKind::Rejected).code(), Some("NOT ALLOWED"));
    assert!(outcome.took < Duration::from_secs(5), "{outcome:?}");
}

#[test]
fn a_refusal_is_seen_through_the_proxy_while_the_body_is_sent() {
    if child::is_running() {
        return is_refused_at_once();
    }
    let refusal = answer("403 Forbidden", r#"{"errorCode":"NOT ALLOWED"}"#);
    for (end, over_tls) in [(Step::Hold, false), (Step::Drain, false), (Step::Hold, true)] {
        let script = vec![Step::Head, go_ahead(), Step::Body(MIB), refusal.clone(), end];
        let server = Server::tls([script]);
        let proxy = if over_tls { Server::tls([tunnel_to(&server)]) } else { proxy_to(&server) };
        let test = "a_refusal_is_seen_through_the_proxy_while_the_body_is_sent";
        in_child(test, &server.url(), &[("ALL_PROXY", &proxy.url())]);
        assert!(server.stop().body_bytes() < 64 * MIB);
    }
}

#[test]
fn a_proxy_that_demands_a_password_is_asked_once() {
    if child::is_running() {
        let outcome = upload(3 * MIB, fast_retry());
        let error = outcome.error(ErrorKind::Connect);
        let text = error.to_string();
        assert!(text.contains("HTTPS_PROXY") && text.contains("user name and password"), "{text}");
        assert!(!error.is_transient() && !error.may_have_been_accepted() && outcome.retries() == 0);
        return;
    }
    let head = "407 Proxy Authentication Required\nProxy-Authenticate: Basic realm=\"x\"";
    let seen = with_answer_to_connect("a_proxy_that_demands_a_password_is_asked_once", &[answer(head, "who are you?")]);
    assert_eq!(seen.connections, 1);
}

#[test]
fn a_proxy_that_answers_4xx_is_asked_once() {
    if child::is_running() {
        let outcome = upload(3 * MIB, fast_retry());
        let error = outcome.error(ErrorKind::Connect);
        assert!(error.to_string().contains("proxy") && format!("{error:?}").contains("403"), "{error:?}");
        assert!(!error.is_transient());
        return;
    }
    let refusal = [answer("403 Forbidden", "not there")];
    assert_eq!(with_answer_to_connect("a_proxy_that_answers_4xx_is_asked_once", &refusal).connections, 1);
}

#[test]
fn a_proxy_that_answers_5xx_is_retried() {
    if child::is_running() {
        let error_of = |outcome: Outcome<_>| outcome.result.unwrap_err();
        let error = error_of(upload(3 * MIB, fast_retry()));
        assert!(error.kind() == ErrorKind::Connect && error.is_transient(), "{error:?}");
        assert!(error.to_string().contains("3 attempts"), "{error}");
        return;
    }
    for trouble in [vec![answer("503 Later", "")], vec![]] {
        assert_eq!(with_answer_to_connect("a_proxy_that_answers_5xx_is_retried", &trouble).connections, 3);
    }
}

/// What the child does if the proxy stalls.
fn upload_within(connect_timeout: Duration) -> Outcome<mendix_deploy::UploadedPackage> {
    let client = Client::from_env().unwrap().with_retry(Retry::never());
    let outcome = Caller::from(client.with_connect_timeout(connect_timeout), |_| {}).upload(Package::small());
    let error = outcome.error(ErrorKind::Connect);
    assert!(format!("{error:?}").contains("connect timeout"), "{error:?}");
    outcome
}

#[test]
fn a_silent_proxy_hits_the_connect_timeout() {
    if child::is_running() {
        upload_within(Duration::from_millis(300));
        return;
    }
    with_answer_to_connect("a_silent_proxy_hits_the_connect_timeout", &[Step::Hold]);
}

#[test]
fn a_dripping_proxy_hits_the_connect_timeout() {
    if child::is_running() {
        let outcome = upload_within(Duration::from_millis(400));
        assert!(outcome.took < Duration::from_millis(1500), "{outcome:?}");
        return;
    }
    let drip = |byte: &u8| [write([*byte]), Step::Pause(Duration::from_millis(50))];
    let steps: Vec<_> = b"HTTP/1.1 200 Connection established".iter().flat_map(drip).collect();
    with_answer_to_connect("a_dripping_proxy_hits_the_connect_timeout", &steps);
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    if child::is_running() {
        let outcome = upload(3 * MIB, Retry::never());
        let text = outcome.error(ErrorKind::Connect).to_string();
        assert!(text.contains("proxy 127.0.0.1:1"), "{text}");
        return;
    }
    let address = format!("http://someone:{PASSWORD}@127.0.0.1:1");
    in_child("a_proxy_that_is_not_there_is_named", "https://localhost:9", &[("HTTPS_PROXY", &address)]);
}

#[test]
fn a_host_in_no_proxy_is_reached_directly() {
    if child::is_running() {
        upload(3 * MIB, Retry::never()).ok();
        return;
    }
    for (host, exempt) in [("localhost", "example.com,localhost"), ("127.0.0.1", "127.0.0.1"), ("localhost", "*")] {
        let server = Server::tls([accepted()]);
        let proxy = proxy_to(&server);
        let (url, address) = (server.url().replace("localhost", host), format!("http://{}", proxy.address()));
        let variables = [("HTTPS_PROXY", address.as_str()), ("NO_PROXY", exempt)];
        in_child("a_host_in_no_proxy_is_reached_directly", &url, &variables);
        assert_eq!((server.stop().connections, proxy.stop().connections), (1, 0));
    }
}

#[test]
fn a_socks_proxy_is_refused_and_not_gone_around() {
    if child::is_running() {
        let outcome = upload(3 * MIB, fast_retry());
        let error = outcome.error(ErrorKind::Connect);
        assert!(error.to_string().contains("HTTPS_PROXY") && format!("{error:?}").contains("SOCKS"), "{error:?}");
        assert!(!error.is_transient() && outcome.retries() == 0);
        return;
    }
    for scheme in ["socks4", "socks5", "socks5h"] {
        let server = Server::tls([accepted()]);
        let proxy = proxy_to(&server);
        let address = format!("{scheme}://someone:{PASSWORD}@{}", proxy.address());
        in_child("a_socks_proxy_is_refused_and_not_gone_around", &server.url(), &[("ALL_PROXY", &address)]);
        assert_eq!((server.stop().connections, proxy.stop().connections), (0, 0));
    }
}

#[test]
fn a_refusal_in_one_outer_record_with_an_interim_answer_is_seen_through_a_proxy_reached_by_tls() {
    if child::is_running() {
        return is_refused_at_once();
    }
    // The page does not fit the first read of the inner TLS, so the outer TLS keeps the rest.
    let page = answer("403 Forbidden", &format!("{{\"errorCode\":\"NOT ALLOWED\"}}{}", " ".repeat(9000)));
    let (Step::Write(page), Step::Write(interim)) = (page, go_ahead()) else { unreachable!() };
    for before in [vec![Step::Head], vec![Step::Head, go_ahead(), Step::Body(MIB)]] {
        let together = Step::WriteTogether(vec![interim.clone(), page.clone()]);
        let server = Server::tls([[&before[..], &[together, Step::Hold]].concat()]);
        let proxy = Server::tls([tunnel_to(&server)]);
        let test = "a_refusal_in_one_outer_record_with_an_interim_answer_is_seen_through_a_proxy_reached_by_tls";
        in_child(test, &server.url(), &[("ALL_PROXY", &proxy.url())]);
        assert!(server.stop().body_bytes() < 64 * MIB);
    }
}
