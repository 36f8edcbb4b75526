//! The bytes on the wire: what `curl -F "file=@x.mda"` would send, and nothing unusual beside it.

use mendix_deploy::{Client, Upload, job_status, upload_package};

use crate::package::Package;
use crate::server::Server;

/// Answers one request with `answer` and returns its bytes, head and body.
fn request_seen_by_a_server(answer: &str, make: impl FnOnce(&Client)) -> String {
    let server = Server::answering("200 OK", answer);
    let url = server.url();
    make(&Client::new("me@example.com", "s3cret").unwrap().with_base_url(&url).unwrap());
    let request = server.stop().requests.pop().unwrap();
    let text = format!("{}{}", request.head, String::from_utf8(request.body).unwrap());
    text.replace(url.trim_start_matches("http://"), "HOST")
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
    let ids = r#"{"PackageId":"p-1","JobId":"j-1"}"#;
    let request = request_seen_by_a_server(ids, |client| {
        upload_package(client, &"calc".parse().unwrap(), &file, &Upload::default()).unwrap();
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
            "mendix-apikey: s3cret".to_owned(),
            "mendix-username: me@example.com".to_owned(),
            format!("user-agent: mendix-deploy/{}", env!("CARGO_PKG_VERSION")),
        ]
    );
}

#[test]
fn a_poll_is_a_plain_get() {
    let request = request_seen_by_a_server(r#"{"Status":"Running"}"#, |client| {
        job_status(client, &"calc".parse().unwrap(), &"j-1".parse().unwrap()).unwrap();
    });
    let (first, headers) = head_of(&request);
    assert_eq!(first, "GET /api/v2/apps/calc/jobs/j-1 HTTP/1.1");
    assert_eq!(
        headers,
        [
            "accept: */*",
            "host: HOST",
            "mendix-apikey: s3cret",
            "mendix-username: me@example.com",
            concat!("user-agent: mendix-deploy/", env!("CARGO_PKG_VERSION")),
        ]
    );
}
