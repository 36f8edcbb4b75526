use super::*;

const S: Duration = Duration::from_secs(1);

fn os(kind: io::ErrorKind) -> UreqError {
    io::Error::new(kind, "as the system puts it").into()
}

/// An error of the TLS library.
fn tls(text: &str) -> UreqError {
    io::Error::new(io::ErrorKind::InvalidData, text).into()
}

#[test]
fn the_reason_of_a_failure_to_connect_is_a_few_words() {
    let circumstances = Circumstances { proxy: None, has_reached_proxy: false, has_own_roots: false };
    let other_host = "its certificate is for another host";
    let expired = "its certificate has expired or is not valid yet";
    let client_certificate = "the server ended the TLS handshake";
    let not_trusted = "its certificate is not trusted";
    let no_tls = "it does not speak TLS";
    for (error, reason, transient) in [
        (UreqError::HostNotFound, UNRESOLVED, true),
        (UreqError::Timeout(Timeout::Resolve), UNRESOLVED, true),
        (Unresolved::mark(io::Error::other("as each system puts it")).into(), UNRESOLVED, true),
        (UreqError::Timeout(Timeout::Connect), "timed out", true),
        (os(io::ErrorKind::ConnectionRefused), "the connection was refused", true),
        (os(io::ErrorKind::NetworkUnreachable), "the connection failed", true),
        (UreqError::ConnectionFailed, "the connection failed", true),
        (os(io::ErrorKind::UnexpectedEof), CUT_OFF, true),
        (UreqError::Tls("unexpected EOF"), CUT_OFF, true),
        (io::Error::new(io::ErrorKind::InvalidInput, NotLoopback).into(), "it is not this machine", false),
        // The words of rustls and of OpenSSL.
        (
            tls("invalid peer certificate: certificate not valid for name \"a\"; only for \"expired\""),
            other_host,
            false,
        ),
        (tls("certificate verify failed: (Hostname mismatch)"), other_host, false),
        (tls("received fatal alert: CertificateRequired"), client_certificate, false),
        (tls("tlsv13 alert certificate required"), client_certificate, false),
        (tls("invalid peer certificate: UnknownIssuer"), not_trusted, false),
        (tls("certificate verify failed: (unable to get local issuer certificate)"), not_trusted, false),
        (tls("certificate verify failed: (self-signed certificate)"), not_trusted, false),
        (tls("invalid peer certificate: CaUsedAsEndEntity"), "its certificate is that of a CA", false),
        (tls("invalid peer certificate: certificate expired: verification time 7"), expired, false),
        (tls("invalid peer certificate: certificate not valid yet: verification time 7"), expired, false),
        (tls("invalid peer certificate: NotValidYet"), expired, false),
        (tls("certificate verify failed: (certificate is not yet valid)"), expired, false),
        (tls("invalid peer certificate: BadSignature"), "its certificate was refused", false),
        (tls("received corrupt message of type InvalidContentType"), no_tls, false),
        (tls("wrong version number"), no_tls, false),
        (tls("packet length too long"), no_tls, false),
        (tls("peer is incompatible: NoCipherSuitesInCommon"), "TLS failed", false),
    ] {
        let (found, _, is_transient) = circumstances.classify(&error);
        assert_eq!((found, is_transient), (reason, transient), "{error}");
    }
}

#[test]
fn a_proxy_is_blamed_only_for_what_happened_before_it_was_reached() {
    let chosen = Chosen { proxy: Proxy::new("https://proxy.example:3128").unwrap(), variable: "HTTPS_PROXY" };
    for (has_reached_proxy, error, reason) in [
        (false, tls("received corrupt message"), "the proxy does not speak TLS"),
        (true, tls("received corrupt message"), "it does not speak TLS"),
        (false, os(io::ErrorKind::ConnectionRefused), "the connection was refused"),
        (true, os(io::ErrorKind::ConnectionReset), "the connection failed"),
    ] {
        let circumstances = Circumstances { proxy: Some(&chosen), has_reached_proxy, has_own_roots: false };
        assert_eq!(circumstances.classify(&error).0, reason);
    }
}

#[test]
fn a_timeout_is_reported_with_its_length_and_its_setting() {
    let timeouts = Timeouts { connect: S, stall: 2 * S, response: 3 * S };
    for (timeout, found) in [
        (Timeout::Resolve, "its name could not be resolved within 1.0 s (Client::with_connect_timeout)"),
        (Timeout::Connect, "there was no connection within 1.0 s (Client::with_connect_timeout)"),
        (Timeout::PerWrite, "no data could be sent for 2.0 s (Client::with_stall_timeout)"),
        (Timeout::RecvResponse, "no full response came within 3.0 s (Client::with_response_timeout)"),
        (Timeout::RecvBody, "no full response came within 3.0 s (Client::with_response_timeout)"),
    ] {
        let cause = timeouts.plain_cause(UreqError::Timeout(timeout));
        assert_eq!((cause.kind(), cause.to_string().as_str()), (io::ErrorKind::TimedOut, found));
    }
    let cause = timeouts.plain_cause(os(io::ErrorKind::ConnectionReset));
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionReset);
}
