//! A proxy from the environment: each case runs in a child process with its own.

use std::process::Command;
use std::time::Duration;

use mendix_deploy::{Client, Error, ErrorKind, Retry, Start};

use crate::support::caller::{
    Caller, Outcome, PROXY_AUTHORIZATION, PROXY_PASSWORD as PASSWORD, fast_retry, often, trusting,
};
use crate::support::child;
use crate::support::package::{MIB, Package};
use crate::support::server::{Seen, Server, Step, accepted, answer, answered, go_ahead, write};

/// A proxy that connects to the server.
fn proxy_to(server: &Server) -> Server {
    Server::start([tunnel_to(server)])
}

fn tunnel_to(server: &Server) -> Vec<Step> {
    vec![Step::Head, write("HTTP/1.1 200 Connection established\r\n\r\n"), Step::Tunnel(server.address())]
}

/// What the child does: it uploads `bytes` to the parent's server.
fn upload(bytes: u64, retry: Retry) -> Outcome<mendix_deploy::UploadedPackage> {
    let patient = |client: Client| client.with_retry(retry).with_connect_timeout(Duration::from_secs(15));
    Caller::from_env().with(patient).with(trusting).upload(Package::sparse(bytes))
}

/// What the child does if the proxy makes it hopeless: its upload fails to connect, and is not tried again.
#[track_caller]
fn refused_once() -> Error {
    let outcome = upload(3 * MIB, fast_retry());
    assert_eq!(outcome.retries(), 0);
    let error = outcome.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    assert!(!error.is_transient() && !error.may_have_been_accepted(), "{error:?}");
    error
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
    in_child(test, &server.url(), &[("https_proxy", &address)]);
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
    assert!(outcome.took < Duration::from_secs(20), "{outcome:?}");
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
        let text = refused_once().to_string();
        assert!(text.contains("https_proxy") && text.contains("user name and password"), "{text}");
        return;
    }
    let head = "407 Proxy Authentication Required\nProxy-Authenticate: Basic realm=\"x\"";
    let seen = with_answer_to_connect("a_proxy_that_demands_a_password_is_asked_once", &[answer(head, "who are you?")]);
    assert_eq!(seen.connections, 1);
}

#[test]
fn a_proxy_that_refuses_the_given_password_is_not_said_to_lack_one() {
    if child::is_running() {
        let text = refused_once().to_string();
        let is_given = std::env::var("https_proxy").unwrap().contains('@');
        assert_eq!(
            text.contains("refused the user name and password; check those in the variable"),
            is_given,
            "{text}"
        );
        assert_eq!(text.contains("set the variable to http://user:password@host:port"), !is_given, "{text}");
        return;
    }
    for user in ["", "someone:pr0xy-pa55@", "someone@"] {
        let proxy = Server::start([vec![Step::Head, answer("407 Proxy Authentication Required", "who are you?")]]);
        let address = format!("http://{user}{}", proxy.address());
        let test = "a_proxy_that_refuses_the_given_password_is_not_said_to_lack_one";
        in_child(test, "https://localhost:9", &[("https_proxy", &address)]);
        assert_eq!(proxy.stop().connections, 1);
    }
}

#[test]
fn a_proxy_with_the_wrong_scheme_is_an_error_that_names_the_right_one() {
    if child::is_running() {
        let text = refused_once().to_string();
        let hint = if std::env::var("all_proxy").unwrap().starts_with("https") { "http:// in" } else { "https://" };
        assert!(text.contains(hint) && text.contains("the proxy 127.0.0.1") && text.contains("of all_proxy"), "{text}");
        return;
    }
    let plain = Server::start([vec![Step::Body(1), answer("400 Bad Request", "speak http"), Step::Hold]]);
    let tls = Server::tls([vec![Step::Head]]);
    let test = "a_proxy_with_the_wrong_scheme_is_an_error_that_names_the_right_one";
    for (proxy, scheme) in [(plain, "https"), (tls, "http")] {
        in_child(test, "https://localhost:9", &[("all_proxy", &format!("{scheme}://{}", proxy.address()))]);
        assert_eq!(proxy.stop().connections, 1);
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_with_its_variable_and_apart_from_the_host() {
    if child::is_running() {
        let outcome = Caller::from_env().upload(Package::small());
        let text = outcome.error(ErrorKind::Connect).to_string();
        let proxy = std::env::var("https_proxy").unwrap();
        let reason =
            if proxy.contains("invalid") { "its name cannot be resolved" } else { "the connection was refused" };
        let says = format!("cannot connect to the proxy {proxy} of https_proxy, for localhost:9: {reason}");
        assert!(text.ends_with(&says), "{text}");
        return;
    }
    // Nobody listens on the port of a client, and while it is connected, no other test gets it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let refusing = client.local_addr().unwrap().to_string();
    let test = "a_proxy_that_cannot_be_reached_is_named_with_its_variable_and_apart_from_the_host";
    for proxy in ["no-such-proxy.invalid:3128", &refusing] {
        in_child(test, "https://localhost:9", &[("https_proxy", proxy)]);
    }
}

#[test]
fn a_proxy_that_cannot_be_parsed_is_refused_offline_and_not_shown() {
    if child::is_running() {
        let (text, value) = (format!("{:?}", refused_once()), std::env::var("https_proxy").unwrap());
        assert!(text.contains(&std::env::var("EXPECTED").unwrap()) && text.contains("https_proxy"), "{text}");
        assert!(!text.contains(&value) && !text.contains("cret9") && !text.contains("joe"), "{text}");
        return;
    }
    for (value, expected) in [
        ("http://joe:se@cret9/x@127.0.0.1:PORT", "%2F"),
        ("http://joe:se@cret9@127.0.0.1:PORT", "%40"),
        ("http://joe:se cret9@127.0.0.1:PORT", "%20"),
        ("http://joe:cret9@127.0.0.1:PORT\n", "newline"),
        ("'http://joe:cret9@127.0.0.1:PORT'", "quotes"),
        ("$(cret9)", "placeholder"),
        ("joe://cret9@127.0.0.1:PORT", "scheme"),
        ("http://joe:cret9", "malformed"),
    ] {
        let (server, proxy) = (Server::tls([accepted()]), Server::start([vec![]]));
        let value = value.replace("PORT", &proxy.address().port().to_string());
        let variables = [("https_proxy", value.as_str()), ("EXPECTED", expected)];
        let test = "a_proxy_that_cannot_be_parsed_is_refused_offline_and_not_shown";
        in_child(test, &server.url(), &variables);
        assert_eq!((server.stop().connections, proxy.stop().connections), (0, 0));
    }
}

/// Of these variables, curl and this crate make the same choice. `{A}` and `{B}` are proxies.
#[cfg(unix)] // Windows does not distinguish the case of variables.
#[test]
fn the_proxy_is_the_one_that_curl_takes() {
    const TEST: &str = "the_proxy_is_the_one_that_curl_takes";
    if child::is_running() {
        let _ = Caller::from_env().status();
        return;
    }
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("https_proxy", "http://{A}"), ("HTTPS_PROXY", "http://{B}")], "A"),
        (&[("https_proxy", ""), ("HTTPS_PROXY", "http://{B}")], "B"),
        (&[("all_proxy", "http://{A}"), ("HTTPS_PROXY", "http://{B}")], "B"),
        (&[("all_proxy", "http://{A}"), ("ALL_PROXY", "http://{B}")], "A"),
        (&[("all_proxy", ""), ("ALL_PROXY", "http://{B}")], "B"),
        (&[("http_proxy", "http://{A}"), ("HTTP_PROXY", "http://{B}")], "direct"),
        (&[("https_proxy", "{A}")], "A"),
        (&[("https_proxy", "{A}/")], "A"),
        (&[("https_proxy", "HTTP://{A}/path?x#y")], "A"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", "a.test, localhost")], "direct"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", "a.test localhost")], "direct"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", ".LOCALHOST")], "direct"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", "*")], "direct"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", "calhost,localhost.test,localhost:443,127.0.0.1")], "A"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", "*.localhost")], "A"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", "x"), ("NO_PROXY", "localhost")], "A"),
        (&[("https_proxy", "http://{A}"), ("no_proxy", ""), ("NO_PROXY", "localhost")], "direct"),
    ];
    crate::support::server::side_by_side(cases, |(variables, expected)| {
        let ours = |url: &str, variables: &[(&str, &str)]| in_child(TEST, url, variables);
        assert_eq!(taken(variables, ours), *expected, "{variables:?}");
        let curl = |url: &str, variables: &[(&str, &str)]| {
            // It ends in an error, whatever it connects to.
            let _ = curl_without_variables().arg(url).envs(variables.iter().copied()).output();
        };
        if is_curl_there() {
            assert_eq!(taken(variables, curl), *expected, "{variables:?}");
        }
    });
}

fn curl_without_variables() -> Command {
    let mut curl = Command::new("curl");
    for name in child::VARIABLES {
        curl.env_remove(name);
    }
    curl.args(["--silent", "--max-time", "10"]);
    curl
}

fn is_curl_there() -> bool {
    Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Which of two proxies `call` connects to, or "direct".
#[cfg(unix)]
fn taken(variables: &[(&str, &str)], call: impl Fn(&str, &[(&str, &str)])) -> &'static str {
    let refuse = || Server::start([vec![Step::Head, answer("403 No", "")]]);
    let (a, b, server) = (refuse(), refuse(), Server::tls([accepted()]));
    let [in_a, in_b] = [&a, &b].map(|proxy| proxy.address().to_string());
    let set: Vec<_> =
        variables.iter().map(|(name, value)| (*name, value.replace("{A}", &in_a).replace("{B}", &in_b))).collect();
    let set: Vec<_> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    call(&server.url(), &set);
    match [a, b, server].map(|server| server.stop().connections > 0) {
        [true, false, false] => "A",
        [false, true, false] => "B",
        [false, false, true] => "direct",
        other => panic!("{variables:?}: {other:?}"),
    }
}

#[test]
fn the_user_and_the_password_are_those_that_curl_sends() {
    const TEST: &str = "the_user_and_the_password_are_those_that_curl_sends";
    if child::is_running() {
        let outcome = Caller::from_env().status();
        let text = outcome.error(ErrorKind::Connect).to_string();
        assert!(!text.contains("joe") && !text.contains("cret9"), "{text}");
        return;
    }
    for (user, sent) in [
        ("joe:cret9", "am9lOmNyZXQ5"),
        (r"CORP\joe:cret9", "Q09SUFxqb2U6Y3JldDk="),
        ("jo%40e:p%2Fcret9", "am9AZTpwL2NyZXQ5"),
        ("joe:p[cret9", "am9lOnBbY3JldDk="),
        ("joe:p\u{fc}cret9", "am9lOnDDvGNyZXQ5"),
        ("joe:cret9%", "am9lOmNyZXQ5JQ=="),
        ("joe:cret9:a+b", "am9lOmNyZXQ5OmErYg=="),
        ("joe", "am9lOg=="),
        (":cret9", "OmNyZXQ5"),
    ] {
        let authorization = |call: &dyn Fn(&str)| {
            let proxy = Server::start([vec![Step::Head, answer("403 No", "")]]);
            call(&format!("http://{user}@{}", proxy.address()));
            proxy.only_request().header("Proxy-Authorization").unwrap().to_owned()
        };
        let ours = authorization(&|proxy| in_child(TEST, "https://localhost:9", &[("https_proxy", proxy)]));
        assert_eq!(ours, format!("Basic {sent}"), "{user}");
        if is_curl_there() {
            let curl = authorization(&|proxy| {
                let _ = curl_without_variables().args(["--proxy", proxy, "https://localhost:9"]).output();
            });
            assert_eq!(curl, ours, "{user}");
        }
    }
}

#[test]
fn an_unusable_proxy_gives_way_to_a_usable_one() {
    if child::is_running() {
        upload(MIB, Retry::never()).ok();
        return;
    }
    for unusable in ["socks5://127.0.0.1:1", "x y", "nonsense://127.0.0.1:1", " "] {
        let server = Server::tls([accepted()]);
        let proxy = proxy_to(&server);
        let variables = [("https_proxy", unusable), ("ALL_PROXY", &format!("http://{}", proxy.address()))];
        in_child("an_unusable_proxy_gives_way_to_a_usable_one", &server.url(), &variables);
        assert_eq!((server.stop().connections, proxy.stop().connections), (1, 1));
    }
}

#[test]
fn the_password_of_the_proxy_is_in_no_text_even_if_somebody_repeats_it() {
    if child::is_running() {
        let outcome = upload(MIB, Retry::never());
        let text = outcome.error(ErrorKind::Rejected).to_string();
        assert!(["[secret]", "[withheld"].iter().any(|instead| text.contains(instead)), "{text}");
        return;
    }
    for echo in [PASSWORD.to_owned(), PASSWORD.replace('x', "%78"), PASSWORD.replace('-', "-\u{ad}")] {
        for body in [format!("denied: {echo}"), format!("<title>denied: {echo}</title>")] {
            let server = Server::tls([answered("403 No", &body)]);
            let proxy = proxy_to(&server);
            let address = format!("http://someone:{PASSWORD}@{}", proxy.address());
            let test = "the_password_of_the_proxy_is_in_no_text_even_if_somebody_repeats_it";
            in_child(test, &server.url(), &[("HTTPS_PROXY", &address)]);
        }
    }
}

#[test]
fn a_proxy_that_answers_4xx_is_asked_once() {
    if child::is_running() {
        let error = refused_once();
        assert!(error.to_string().contains("proxy") && format!("{error:?}").contains("403"), "{error:?}");
        return;
    }
    let refusal = [answer("403 Forbidden", "not there")];
    assert_eq!(with_answer_to_connect("a_proxy_that_answers_4xx_is_asked_once", &refusal).connections, 1);
}

#[test]
fn a_proxy_that_answers_5xx_is_retried() {
    if child::is_running() {
        let outcome = upload(3 * MIB, fast_retry());
        let error = outcome.error(ErrorKind::Connect);
        assert!(error.is_transient(), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("attempt 3 of 3") && text.contains("the proxy c") && !text.contains("host through"),
            "{text}"
        );
        return;
    }
    for trouble in [vec![answer("503 Later", "")], vec![]] {
        assert_eq!(with_answer_to_connect("a_proxy_that_answers_5xx_is_retried", &trouble).connections, 3);
    }
}

/// What the child does if the proxy stalls.
fn upload_within(connect_timeout: Duration) -> Outcome<mendix_deploy::UploadedPackage> {
    let hasty = |client: Client| client.with_connect_timeout(connect_timeout);
    let outcome = Caller::from_env().with(hasty).upload(Package::small());
    let error = outcome.error(ErrorKind::Connect);
    assert!(format!("{error:?}").contains(" s (Client::with_connect_timeout)"), "{error:?}");
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
        assert!(outcome.took < Duration::from_secs(20), "{outcome:?}");
        return;
    }
    let drip = |byte: &u8| [write([*byte]), Step::Pause(Duration::from_millis(200))];
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
        let text = refused_once().to_string();
        assert!(text.contains("all_proxy is a SOCKS proxy"), "{text}");
        return;
    }
    for scheme in ["socks4", "socks5", "socks5h"] {
        let server = Server::tls([accepted()]);
        let proxy = proxy_to(&server);
        let address = format!("{scheme}://someone:{PASSWORD}@{}", proxy.address());
        in_child("a_socks_proxy_is_refused_and_not_gone_around", &server.url(), &[("all_proxy", &address)]);
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

#[test]
fn a_proxy_whose_user_or_password_is_a_word_of_a_code_a_status_or_a_name_hides_none_of_them() {
    let environment = |status: &str| answered("200 OK", &format!(r#"{{"Mode":"Acceptance","Status":"{status}"}}"#));
    let name = "Acceptance".parse().unwrap();
    if child::is_running() {
        let caller = Caller::from_env().with(trusting);
        let outcome = caller.start(&name, &Start::default(), &often());
        let error = outcome.error(ErrorKind::StartFailed);
        assert_eq!(error.code(), Some("INSECURE_ADMIN_PASSWORD"));
        assert!(error.to_string().contains("Change Admin Password"), "{error}");
        caller.start(&name, &Start::default(), &often()).ok();
        assert_eq!(caller.environments().ok()[0].name, name);
        return;
    }
    let failed = r#"{"errorCode":"INSECURE_ADMIN_PASSWORD","errorMessage":"Cannot start app."}"#;
    for credentials in ["admin:PASSWORD", "acceptance:started", "INSECURE:found", "stopped:running"] {
        let server = Server::tls([
            environment("Stopped"),
            answered("500 No", failed),
            environment("Stopped"),
            environment("Stopped"),
            answered("200 OK", r#"{"JobId":"j-1"}"#),
            answered("200 OK", r#"{"Status":"Started"}"#),
            environment("Running"),
            answered("200 OK", r#"[{"Mode":"Acceptance","Status":"Running"}]"#),
        ]);
        let proxy = proxy_to(&server);
        let address = format!("http://{credentials}@{}", proxy.address());
        let test = "a_proxy_whose_user_or_password_is_a_word_of_a_code_a_status_or_a_name_hides_none_of_them";
        in_child(test, &server.url(), &[("https_proxy", &address)]);
        assert_eq!(server.stop().connections, 8, "{credentials}");
    }
}
