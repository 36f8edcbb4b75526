//! macOS refuses every option of a socket whose peer has closed, although there may be a response to read. Here Linux
//! does the same, because of a library that is loaded before the system's.

use std::io::ErrorKind as IoErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use mendix_deploy::ErrorKind;

use crate::support::caller::{Caller, trusting};
use crate::support::child;
use crate::support::package::{MIB, Package};
use crate::support::server::{IDS, PLAIN_AND_TLS, Step, accepted, answer, go_ahead};

/// A socket whose peer has closed, and one whose peer has not.
fn assert_the_kernel_is_that_of_macos() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(socket.peek(&mut [0]).unwrap(), 0);
    let refused = socket.set_read_timeout(Some(Duration::from_secs(9))).unwrap_err();
    assert_eq!(refused.kind(), IoErrorKind::InvalidInput);
}

#[test]
fn a_response_is_read_although_the_socket_has_no_options_any_more() {
    let test = "a_response_is_read_although_the_socket_has_no_options_any_more";
    if child::is_running() {
        assert_the_kernel_is_that_of_macos();
        let caller = Caller::from_env().with(trusting);
        caller.upload(Package::sparse(MIB)).ok();
        for _ in 0..2 {
            let outcome = caller.upload(Package::sparse(64 * MIB));
            let error = outcome.error(ErrorKind::Rejected);
            assert_eq!(error.status(), Some(403));
            assert!(error.to_string().contains("not you"), "{error}");
        }
        caller.upload(Package::small()).ok();
        return;
    }

    let library = Package::missing("closed_peer.so");
    let path = library.as_ref().to_str().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/faults/closed_peer.c");
    let width: &[&str] = if cfg!(target_arch = "x86") { &["-m32"] } else { &[] };
    let cc = Command::new("cc").args(width).args(["-shared", "-fPIC", "-o", path]).arg(source).status();
    assert!(cc.unwrap().success());

    let refusal = answer("403 Forbidden", "not you");
    let at_once = vec![Step::Head, refusal.clone()];
    let in_mid_body = vec![Step::Head, go_ahead(), Step::Body(MIB), refusal];
    // The response is there, and the server has gone, before the client has sent all of it.
    let early = vec![Step::Head, go_ahead(), answer("200 OK", IDS), Step::Finish, Step::RestOfBody];
    for start in PLAIN_AND_TLS {
        let server = start(vec![accepted(), at_once.clone(), in_mid_body.clone(), early.clone()]);
        let url = server.url();
        let mut variables = child::client_of(&url).to_vec();
        variables.push(("LD_PRELOAD", path));
        child::run(module_path!(), test, &variables);
        assert_eq!(server.stop().connections, 4);
    }
}
