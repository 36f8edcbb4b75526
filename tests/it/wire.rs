//! The bytes on the wire: what `curl -F "file=@x.mda"` would send, and nothing unusual.

use mendix_deploy::{Poll, Upload};

use crate::support::caller::{Caller, KEY, USER, package};
use crate::support::package::Package;
use crate::support::server::{IDS, Server, answered};

/// The bytes of the request that a server sees, head and body.
fn request_seen_by_a_server(answer: &str, make: impl FnOnce(&Caller)) -> String {
    let server = Server::start([answered("200 OK", answer)]);
    let host = server.address().port().to_string();
    make(&Caller::of(&server));
    let request = server.only_request();
    let text = format!("{}{}", request.head, String::from_utf8(request.body).unwrap());
    text.replace(&format!("localhost:{host}"), "HOST")
}

/// The request line and the sorted header lines.
fn head_of(request: &str) -> (String, Vec<String>) {
    let head = request.split_once("\r\n\r\n").unwrap().0;
    let mut lines = head.split("\r\n").map(str::to_owned);
    let first = lines.next().unwrap();
    let mut headers: Vec<_> = lines.collect();
    headers.sort();
    (first, headers)
}

#[test]
fn an_upload_is_one_part_named_file_with_an_exact_length() {
    let file = Package::named("calc 1.mda", b"PK\x03\x04");
    let request = request_seen_by_a_server(IDS, |caller| {
        caller.upload_as(&file, Upload::without_content_check).ok();
    });
    let (first, headers) = head_of(&request);
    assert_eq!(first, "POST /api/v2/apps/calc/packages/upload?name=calc%201.mda HTTP/1.1");
    let boundary = request.split("boundary=").nth(1).unwrap().split("\r\n").next().unwrap();
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"calc 1.mda\"\r\n\
         Content-Type: application/octet-stream\r\n\r\nPK\x03\x04\r\n--{boundary}--\r\n"
    );
    assert_eq!(request.split_once("\r\n\r\n").unwrap().1, body);
    assert_eq!(
        headers,
        [
            "accept: */*".to_owned(),
            format!("content-length: {}", body.len()),
            format!("content-type: multipart/form-data; boundary={boundary}"),
            "expect: 100-continue".to_owned(),
            "host: HOST".to_owned(),
            format!("mendix-apikey: {KEY}"),
            format!("mendix-username: {USER}"),
            format!("user-agent: mendix-deploy/{}", env!("CARGO_PKG_VERSION")),
        ]
    );
}

#[test]
fn a_poll_is_a_plain_get() {
    for (path, answer, make) in [
        ("/api/v2/apps/calc/jobs/j-1", r#"{"Status":"Running"}"#, poll_job as fn(&Caller)),
        ("/api/1/apps/calc/packages", "[]", list_packages),
        ("/api/1/apps/calc/packages/p-1", r#"{"Status":"Succeeded"}"#, poll_package),
    ] {
        let request = request_seen_by_a_server(answer, make);
        let (first, headers) = head_of(&request);
        assert_eq!(first, format!("GET {path} HTTP/1.1"));
        let credentials = [format!("mendix-apikey: {KEY}"), format!("mendix-username: {USER}")];
        assert_eq!(
            headers,
            [
                "accept: */*",
                "host: HOST",
                &credentials[0],
                &credentials[1],
                concat!("user-agent: mendix-deploy/", env!("CARGO_PKG_VERSION")),
            ]
        );
        assert!(request.ends_with("\r\n\r\n"), "no body: {request}");
    }
}

fn poll_job(caller: &Caller) {
    caller.status().ok();
}

fn list_packages(caller: &Caller) {
    caller.packages().ok();
}

fn poll_package(caller: &Caller) {
    caller.wait_for_package(&package(), &Poll::default()).ok();
}
