//! TLS and the environment: trusted certificates, errors of untrusted ones, and environment variables.
//!
//! The certificates in `tests/certs` are valid from 2020 to 2120 and were made with `openssl req -newkey ec -pkeyopt
//! ec_paramgen_curve:prime256v1 -nodes` and `openssl ca -startdate 20200101000000Z -enddate 21200101000000Z`, the leaf
//! with `subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1`. The key of the CA was thrown away. `ca-as-leaf.pem`, for the same
//! names and with `basicConstraints=CA:TRUE`, and `thousand-names.pem`, for `host-0.example.com` to `host-999.example.com`,
//! were made in the same way with `-selfsign`.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use mendix_deploy::{Client, ErrorKind};

use crate::support::caller::{CA, Caller, KEY, Outcome, USER, fast_retry, trusting};
use crate::support::child;
use crate::support::package::{MIB, Package};
use crate::support::server::{Server, Step, accepted, answer, tls_config_for_known_clients, tls_config_of, write};

const CA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certs/ca.pem");

/// `Connect`, after one attempt and without a request, because a retry would not help.
#[track_caller]
fn assert_refused_once<T: std::fmt::Debug>(outcome: &Outcome<T>, server: Server) -> String {
    let error = outcome.error(ErrorKind::Connect);
    assert!(!error.is_transient() && !error.may_have_been_accepted(), "{error:?}");
    let seen = server.stop();
    assert_eq!((seen.connections, outcome.retries()), (1, 0), "{error:?}");
    error.to_string()
}

#[test]
fn an_unknown_issuer_is_refused_once_with_a_hint_and_known_with_its_certificate() {
    let server = Server::tls([accepted()]);
    let outcome = Caller::at(&server.url()).upload(Package::small());
    let text = assert_refused_once(&outcome, server);
    assert!(text.contains("SSL_CERT_FILE") && text.contains("with_root_certificates"), "{text}");

    for (host, package) in [("localhost", Package::small()), ("127.0.0.1", Package::sparse(3 * MIB))] {
        let server = Server::tls([accepted()]);
        Caller::at(&server.url().replace("localhost", host)).with(trusting).upload(package).ok();
        assert!(server.stop().requests[0].has_closing_boundary());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_certificate_for_another_name_is_refused_once() {
    // On other systems this is not an address of the machine.
    let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = Server::on(listener, [accepted()], Some(crate::support::server::tls_config()));
    let outcome = Caller::at(&url).with(trusting).upload(Package::small());
    let text = assert_refused_once(&outcome, server);
    assert!(text.contains("is for another host"), "{text}");
}

#[test]
fn a_ca_certificate_used_as_the_servers_own_is_named_as_the_reason() {
    let (certificate, key) = (include_bytes!("../certs/ca-as-leaf.pem"), include_bytes!("../certs/ca-as-leaf-key.pem"));
    let server = Server::tls_as(tls_config_of((certificate, key)), [accepted()]);
    let caller = Caller::at(&server.url()).with(|client| client.with_root_certificates(certificate).unwrap());
    let outcome = caller.upload(Package::small());
    // OpenSSL takes it.
    if cfg!(feature = "native-tls") && outcome.result.is_ok() {
        return;
    }
    let text = assert_refused_once(&outcome, server);
    assert!(text.contains("is that of a CA") && text.contains("CA:FALSE"), "{text}");
}

#[test]
fn no_error_suggests_a_setting_that_is_already_set() {
    if child::is_running() {
        let url = std::env::var("MENDIX_DEPLOY_URL").unwrap();
        let outcome = Caller::at(&url).upload(Package::small());
        // With the system's certificates, the variable is read as well, at least on Linux.
        let reads_it = cfg!(any(feature = "native-tls", feature = "platform-verifier"));
        if !reads_it || outcome.result.is_err() {
            let text = outcome.error(ErrorKind::Connect).to_string();
            assert!(text.contains("in the file SSL_CERT_FILE") && !text.contains("set SSL_CERT_FILE"), "{text}");
        }
        let other = include_bytes!("../certs/ca-as-leaf.pem");
        let outcome =
            Caller::at(&url).with(|client| client.with_root_certificates(other).unwrap()).upload(Package::small());
        let text = outcome.error(ErrorKind::Connect).to_string();
        assert!(text.contains("among the root certificates that were given"), "{text}");
        assert!(!text.contains("SSL_CERT_FILE") && !text.contains("with_root_certificates"), "{text}");
        return;
    }
    let server = Server::tls([accepted()]);
    let url = server.url();
    let set = [&child::client_of(&url)[..], &[("SSL_CERT_FILE", CA_FILE)]].concat();
    child::run(module_path!(), "no_error_suggests_a_setting_that_is_already_set", &set);
    assert_eq!(server.stop().connections, 2);
}

#[test]
fn a_demand_for_a_client_certificate_is_reported_once_and_no_package_was_made() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for package in [Package::small(), Package::sparse(3 * MIB)] {
            let start = || Server::tls_as(tls_config_for_known_clients(version), [accepted()]);
            let server = start();
            let text = assert_refused_once(&Caller::of(&server).upload(&package), server);
            assert!(text.contains("client certificate"), "{text}");
            let server = start();
            let outcome = Caller::of(&server).status();
            let error = outcome.error(ErrorKind::Connect);
            assert!(error.to_string().contains("client certificate") && !error.is_transient(), "{error:?}");
            assert_eq!((server.stop().connections, outcome.retries()), (1, 0));
        }
    }
}

/// Delays everything that the client sends after its first flight.
fn delaying(server: &Server, delay: Duration) -> String {
    let (listener, target) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.address());
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut upstream = TcpStream::connect(target).unwrap();
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        thread::spawn(move || {
            let mut hello = [0; 16 << 10];
            let length = from_client.read(&mut hello)?;
            to_server.write_all(&hello[..length])?;
            thread::sleep(delay);
            io::copy(&mut from_client, &mut to_server)
        });
        io::copy(&mut upstream, &mut client)
    });
    url
}

#[test]
fn an_alert_after_the_whole_body_leaves_it_open_whether_there_is_a_package() {
    let server = Server::tls_as(tls_config_for_known_clients(&rustls::version::TLS13), [accepted()]);
    // The body is sent after a second without 100 Continue.
    let url = delaying(&server, Duration::from_millis(1600));
    let outcome = Caller::at(&url).with(trusting).upload(Package::small());
    let error = outcome.error(ErrorKind::OutcomeUnknown);
    assert!(error.may_have_been_accepted() && outcome.retries() == 0, "{error:?}");
    assert!(format!("{error:?}").to_ascii_lowercase().replace(' ', "").contains("certificaterequired"), "{error:?}");
}

#[test]
fn a_certificate_with_a_thousand_names_does_not_flood_the_error() {
    let (certificate, key) =
        (include_bytes!("../certs/thousand-names.pem"), include_bytes!("../certs/thousand-names-key.pem"));
    let server = Server::tls_as(tls_config_of((certificate, key)), [accepted()]);
    let caller = Caller::at(&server.url()).with(|client| client.with_root_certificates(certificate).unwrap());
    let outcome = caller.upload(Package::small());
    assert_refused_once(&outcome, server);
    let text = format!("{:?}", outcome.error(ErrorKind::Connect));
    assert!(text.len() < 4 << 10, "{} bytes: {text}", text.len());
}

#[test]
fn invalid_root_certificates_are_a_config_error_and_not_shown() {
    let key = include_bytes!("../certs/leaf-key.pem");
    let torn = &CA[..CA.len() / 2];
    let in_one_line: Vec<u8> = CA.iter().filter(|byte| **byte != b'\n').copied().collect();
    let long = [&b"-----BEGIN CERTIFICATE-----"[..], &b"QUJD".repeat(200_000)].concat();
    for (pem, problem) in [
        (&b""[..], "contain no certificate"),
        (b"not PEM", "contain no certificate"),
        (b"\xff\xfe", "contain no certificate"),
        (key, "contain a private key and no certificate"),
        (torn, "not valid PEM"),
        (&in_one_line, "not valid PEM"),
        (&long, "not valid PEM"),
        (b"-----BEGIN 84, 104-----", "not valid PEM"),
    ] {
        let error = Client::new(USER, KEY).unwrap().with_root_certificates(pem).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(text.contains("root certificates") && text.contains(problem), "{text}");
        // Neither as text nor as a list of bytes.
        let text = format!("{error:?}");
        assert!(
            text.len() < 300 && !text.contains("QUJD") && !text.contains("MII") && !text.contains("84, "),
            "{text}"
        );
    }
}

#[test]
fn plain_text_on_the_tls_port_is_refused_once() {
    let server = Server::start([vec![Step::Body(1), answer("400 Bad Request", "speak TLS"), Step::Hold]]);
    let caller = Caller::at(&server.url().replace("http:", "https:"));
    let outcome = caller.upload(Package::small());
    let text = assert_refused_once(&outcome, server);
    assert!(text.contains("TLS"), "{text}");
}

#[test]
fn an_unanswered_tls_hello_hits_the_connect_timeout() {
    for script in [vec![Step::Hold], vec![write([22, 3, 3, 0]), Step::Hold]] {
        let server = Server::start([script]);
        let caller = Caller::at(&server.url().replace("http:", "https:")).with(|client| {
            client.with_connect_timeout(Duration::from_millis(300)).with_retry(fast_retry().with_attempts(2))
        });
        let outcome = caller.upload(Package::small());
        let error = outcome.error(ErrorKind::Connect);
        assert!(
            format!("{error:?}").contains("within 0.3 s (attempt 2 of 2) (Client::with_connect_timeout)"),
            "{error:?}"
        );
        assert!(error.is_transient() && !error.may_have_been_accepted());
        assert_eq!((server.stop().connections, outcome.retries()), (2, 1));
    }
}

#[test]
fn a_connection_that_ends_in_the_handshake_is_tried_again() {
    for script in [vec![], vec![Step::Reset]] {
        let server = Server::start([script]);
        let caller = Caller::at(&server.url().replace("http:", "https:"));
        let outcome = caller.upload(Package::small());
        assert!(!outcome.error(ErrorKind::Connect).may_have_been_accepted());
        assert_eq!(server.stop().connections, 3);
    }
}

#[test]
fn an_answer_over_tls_without_a_proper_end_counts_if_it_is_whole() {
    let to_the_end = format!("HTTP/1.1 200 OK\r\n\r\n{}", crate::support::server::IDS);
    for whole in [answer("200 OK", crate::support::server::IDS), write(to_the_end)] {
        let server = Server::tls([vec![Step::Request, whole, Step::Cut]]);
        Caller::of(&server).upload(Package::small()).ok();
    }
    let half = write("HTTP/1.1 200 OK\r\n\r\n{\"PackageId\":\"p-1\",");
    let server = Server::tls([vec![Step::Request, half, Step::Cut]]);
    let outcome = Caller::of(&server).upload(Package::small());
    assert!(outcome.error(ErrorKind::OutcomeUnknown).may_have_been_accepted());
}

#[test]
fn credentials_base_url_and_certificates_come_from_the_environment() {
    if child::is_running() {
        Caller::from_env().upload(Package::small()).ok();
        return;
    }
    let server = Server::tls([accepted()]);
    let url = server.url();
    let set = [&child::client_of(&url)[..], &[("SSL_CERT_FILE", CA_FILE)]].concat();
    child::run(module_path!(), "credentials_base_url_and_certificates_come_from_the_environment", &set);
    let seen = server.stop();
    assert_eq!(seen.requests[0].header("Mendix-Username"), Some(USER));
    assert_eq!(seen.requests[0].header("Mendix-ApiKey"), Some(KEY));
}

#[test]
fn a_variable_that_is_missing_or_unusable_is_named() {
    if child::is_running() {
        let error = Client::from_env().unwrap_err();
        crate::support::caller::assert_no_secret(&format!("{error} {error:?}"));
        assert_eq!(error.kind(), ErrorKind::Config);
        let named = std::env::var("EXPECTED").unwrap();
        let text = format!("{error:?}");
        assert!(text.contains(&named) && text.len() < 400, "{error}");
        assert!(!text.contains("MII") && !text.contains("pa55"), "{text}");
        let of_one = named.contains(": the ");
        assert!(!of_one || text.starts_with(&named) && text.matches("MENDIX_").count() == 1, "{text}");
        return;
    }
    let [user, key, _] = child::client_of("");
    let (trailing, missing_file) = (format!("{KEY}\n"), format!("{CA_FILE}.missing"));
    let (secret_file, pem) = (format!("{CA_FILE}/{}", "x".repeat(3000)), String::from_utf8_lossy(CA));
    let cases: [(&str, &[(&str, &str)]); 16] = [
        ("MENDIX_API_KEY: the API key is a placeholder", &[user, ("MENDIX_API_KEY", "$(pa55)")]),
        ("MENDIX_API_KEY: the API key contains a blank", &[user, ("MENDIX_API_KEY", "pa55 pa55")]),
        ("MENDIX_USERNAME: the user name is in quotes", &[("MENDIX_USERNAME", "\"pa55\""), key]),
        ("placeholder", &[user, key, ("MENDIX_DEPLOY_URL", "${pa55}")]),
        ("path of a PEM file", &[user, key, ("SSL_CERT_FILE", &pem)]),
        ("SSL_CERT_FILE", &[user, key, ("SSL_CERT_FILE", &secret_file)]),
        ("MENDIX_USERNAME is not set, and MENDIX_API_KEY is not set; both are needed", &[]),
        ("MENDIX_USERNAME is not set, and MENDIX_API_KEY is empty", &[("MENDIX_API_KEY", "")]),
        ("MENDIX_USERNAME", &[key]),
        ("MENDIX_API_KEY", &[user]),
        ("MENDIX_API_KEY", &[user, ("MENDIX_API_KEY", "")]),
        ("MENDIX_API_KEY", &[user, ("MENDIX_API_KEY", &trailing)]),
        ("MENDIX_DEPLOY_URL", &[user, key, ("MENDIX_DEPLOY_URL", "http://example.com")]),
        ("SSL_CERT_FILE", &[user, key, ("SSL_CERT_FILE", &missing_file)]),
        ("SSL_CERT_FILE", &[user, key, ("SSL_CERT_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))]),
        ("MENDIX_USERNAME", &[("MENDIX_USERNAME", "\u{e9}"), key]),
    ];
    let not_regular: &[(&str, &str)] = &[user, key, ("SSL_CERT_FILE", "/dev/zero")];
    let not_regular = [("not a regular file", not_regular)].into_iter().filter(|_| cfg!(unix));
    for (expected, set) in cases.into_iter().chain(not_regular) {
        let set = [set, &[("EXPECTED", expected)]].concat();
        child::run(module_path!(), "a_variable_that_is_missing_or_unusable_is_named", &set);
    }
}
