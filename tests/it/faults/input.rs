//! Input that must never reach a server, and input that looks dangerous but must arrive unchanged.

use futures_util::FutureExt as _;
use mendix_deploy::{AppId, Client, ErrorKind, JobId, PackageId, Upload};

use crate::support::caller::{Caller, KEY, USER, assert_well_formed};
use crate::support::package::Package;
use crate::support::server::{IDS, Request, Server};

#[test]
fn an_id_that_could_change_the_path_is_refused_by_name() {
    let long = "a".repeat(10 << 10);
    for bad in [
        "",
        ".",
        "..",
        "a/b",
        "a?x",
        "a#b",
        "%2e",
        "a b",
        " a",
        "a\r\nX: y",
        "a\n",
        "\u{e9}",
        "a\0",
        &long,
        &long.replace('a', "é"),
    ] {
        let app = bad.parse::<AppId>().map(|_| ()).unwrap_err();
        let job = bad.parse::<JobId>().map(|_| ()).unwrap_err();
        let package = bad.parse::<PackageId>().map(|_| ()).unwrap_err();
        for (error, field) in [(app, "AppId"), (job, "JobId"), (package, "PackageId")] {
            assert_well_formed_config(&error, field);
            let start: String = bad.escape_debug().take(64).collect();
            assert!(error.to_string().starts_with(&format!("\"{start}")), "{error}");
        }
    }
}

/// `Config`, naming the field, and short whatever was given.
#[track_caller]
fn assert_well_formed_config(error: &mendix_deploy::Error, field: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(text.contains(field) && text.len() < 500, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!error.may_have_been_accepted() && !error.is_transient());
}

#[test]
fn credentials_that_no_header_can_carry_are_refused_and_not_shown() {
    for bad in ["", "pa55\n", "pa55\r\n", "\tpa55", "pa55\r\nX: y", "pa\u{e9}55", "pa\x0055", "pa\x7f55", "pa 55"] {
        for (result, field) in [(Client::new(bad, "key"), "user name"), (Client::new("me@example.com", bad), "API key")]
        {
            let error = result.unwrap_err();
            assert_well_formed_config(&error, field);
            assert!(!format!("{error} {error:?}").contains("55"), "{error}");
            assert_eq!(error.to_string().contains("newline"), bad.trim() != bad, "{error}");
        }
    }
}

#[test]
fn a_credential_that_was_never_filled_in_is_refused_and_not_shown() {
    for (bad, problem) in [
        ("\"pa55\"", "quotes"),
        ("'pa55'", "quotes"),
        ("\u{201c}pa55\u{201d}", "quotes"),
        ("$(pa55)", "placeholder"),
        ("${pa55}", "placeholder"),
        ("${{ secrets.pa55 }}", "placeholder"),
        ("{{pa55}}", "placeholder"),
        ("%pa55%", "placeholder"),
        ("#{pa55}#", "placeholder"),
        ("__pa55__", "placeholder"),
        ("<pa55>", "placeholder"),
        ("$PASSWORD", "placeholder"),
        ("$env:pa55", "placeholder"),
        ("***", "asterisks"),
        ("null", "unset variable"),
        ("undefined", "unset variable"),
        ("None", "unset variable"),
        ("op://pa55/mendix/key", "reference"),
        ("@Microsoft.KeyVault(SecretUri=https://pa55)", "reference"),
        ("vault:pa55#key", "reference"),
        ("arn:aws:secretsmanager:pa55", "reference"),
        ("ENC[AES256_GCM,data:pa55]", "reference"),
    ] {
        for (result, field) in [(Client::new(bad, "key"), "user name"), (Client::new("me@example.com", bad), "API key")]
        {
            let error = result.unwrap_err();
            assert_well_formed_config(&error, field);
            assert!(error.to_string().contains(problem) && !format!("{error:?}").contains("pa55"), "{error}");
        }
    }
}

#[test]
fn an_ambiguous_or_leaky_base_url_is_refused_and_not_repeated() {
    for bad in [
        "", "h", "https://", "https:///x", "ftp://h", "://h", "https://me:pa55@h", "https://pa55@h",
        "https://h/pa55@x", "https://h?pa55", "https://h/?pa55", "https://h#pa55", "https://h/a#pa55", "https://h:0",
        "https://h:65536", "https://h:", "https://h:pa55", "https://h:1:2", "https://[::1", "https://[pa55]",
        "https://[::1]x", "https://.h", "https://h..x", "https://h/../pa55", "https://h/.", "https://h/a//b",
        "https://h/%2e", "https://h\\pa55", "https://h/a b", "https://h\r\npa55: x", "https://hé", "https://h/api/v2",
        "https://h/x/api/v2/", "https://h/x/api/1", "https://h/api", "https://h/x/API/", "https://h/api/v1",
        "https://h/api/v1/x", "https://h/api/v2.0", "https://h/api/v1beta/x", "https://h/api/1/apps",
        "https://h/api/v2/apps/calc", "https://h/x/Api/V4/y", "http://h", "http://10.0.0.1",
        "http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://[::2]", "$(pa55)", "\"https://pa55\"",
    ] {
        let error = Client::new(USER, KEY).unwrap().with_base_url(bad).unwrap_err();
        assert_well_formed_config(&error, "base URL");
        assert!(!bad.is_empty() || error.to_string().contains("it is empty"), "{error}");
        assert!(!format!("{error:?}").contains("pa55"), "{error:?}");
    }
}

#[test]
fn a_base_url_is_kept_without_trailing_slashes_and_with_its_port_and_prefix() {
    for (given, kept) in [
        ("HTTPS://deploy.mendix.com/", "https://deploy.mendix.com"),
        ("https://h:8443/a/b_c//", "https://h:8443/a/b_c"),
        ("https://h/api/mendix", "https://h/api/mendix"),
        ("https://h/apis/v2", "https://h/apis/v2"),
        ("https://h/api/2024", "https://h/api/2024"),
        ("https://h/api/42/mendix", "https://h/api/42/mendix"),
        ("https://h/v1/mendix-api", "https://h/v1/mendix-api"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost:80", "http://localhost:80"),
        ("http://127.8.9.1/x", "http://127.8.9.1/x"),
        ("http://[::1]:9", "http://[::1]:9"),
    ] {
        let client = Client::new(USER, KEY).unwrap().with_base_url(given).unwrap();
        assert!(format!("{client:?}").contains(&format!("base_url: {kept}, ")), "{client:?}");
    }
}

#[test]
fn trailing_slashes_a_sub_path_and_a_port_work() {
    for (suffix, target) in [
        ("", "/api/v2/apps/calc/jobs/j-1"),
        ("//", "/api/v2/apps/calc/jobs/j-1"),
        ("/gateway/mendix_1/", "/gateway/mendix_1/api/v2/apps/calc/jobs/j-1"),
    ] {
        let server = Server::answering("200 OK", r#"{"Status":"Running"}"#);
        Caller::at(&format!("{}{suffix}", server.url())).status().ok();
        let request = &server.stop().requests[0];
        assert!(request.head.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{}", request.head);
    }
}

#[test]
fn an_ipv6_literal_works() {
    // Skipped where the machine has no IPv6.
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else { return };
    let url = format!("http://[::1]:{}", listener.local_addr().unwrap().port());
    let server = Server::on(listener, [crate::support::server::answered("200 OK", r#"{"Status":"Running"}"#)], None);
    Caller::at(&url).status().ok();
    let host = server.stop().requests[0].header("Host").unwrap().to_owned();
    assert!(url.ends_with(&host), "{host}");
}

const ODD_NAMES: [&str; 14] = [
    "calc_1.0.0.45.mda", "a\"b.mda", "a\rb\nc\r\n.mda", "a;b.mda", "a\\b.mda", "100%.mda", "%41%22%.mda", "a+b.mda",
    "a&name=b.mda", "a#b?c.mda", "a b.mda", "Größe \u{1f4e6}.mda", "../../etc/passwd", "'; filename*=UTF-8''x; y=\"",
];

/// The package's name as a server decodes the query.
fn name_in_query(request: &Request) -> Option<String> {
    let target = request.head.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    assert_eq!(path, "/api/v2/apps/calc/packages/upload");
    let query = query?;
    assert!(query.bytes().all(|b| b.is_ascii_alphanumeric() || b"=%-._~".contains(&b)), "{query}");
    let value = query.strip_prefix("name=").unwrap();
    assert!(!value.contains('='), "one parameter: {query}");
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// The only part of a body, read by an independent parser: its name, file name and content.
fn only_part(request: &Request) -> (String, String, Vec<u8>) {
    let boundary = multer::parse_boundary(request.header("Content-Type").unwrap()).unwrap();
    let body = Ok::<_, std::convert::Infallible>(request.body.clone());
    let mut parts = multer::Multipart::new(futures_util::stream::iter([body]), boundary);
    // The whole body is there, so nothing ever waits.
    let field = parts.next_field().now_or_never().unwrap().unwrap().unwrap();
    let (name, file_name) = (field.name().unwrap().to_owned(), field.file_name().unwrap().to_owned());
    let content = field.bytes().now_or_never().unwrap().unwrap().to_vec();
    assert!(parts.next_field().now_or_never().unwrap().unwrap().is_none(), "one part only");
    (name, file_name, content)
}

#[test]
fn any_package_name_arrives_as_it_was_given() {
    let long = "n".repeat(300);
    for name in ODD_NAMES.into_iter().chain([long.as_str()]) {
        let server = Server::answering("200 OK", IDS);
        Caller::of(&server).upload_as(Package::small(), |upload| upload.with_name(name)).ok();
        let seen = server.stop();
        assert_eq!(name_in_query(&seen.requests[0]).as_deref(), Some(name));
        assert_eq!(only_part(&seen.requests[0]).1, "calc.mda", "the part is named after the file");
    }
}

#[test]
fn a_package_without_a_name_has_no_query_and_an_empty_name_is_refused() {
    let server = Server::answering("200 OK", IDS);
    let caller = Caller::of(&server);
    caller.upload_as(Package::small(), Upload::without_name).ok();
    let empty = caller.upload_as(Package::small(), |upload| upload.with_name(""));
    assert_well_formed(empty.error(ErrorKind::Config));
    let seen = server.stop();
    assert_eq!((seen.connections, name_in_query(&seen.requests[0])), (1, None));
}

#[cfg(unix)]
#[test]
fn any_file_name_is_escaped_in_the_one_part_and_in_the_query() {
    for name in ODD_NAMES.into_iter().filter(|name| !name.contains('/')) {
        let server = Server::answering("200 OK", IDS);
        let package = Package::named(name, b"PK\r\n--content");
        Caller::of(&server).upload_as(&package, Upload::without_content_check).ok();
        let seen = server.stop();
        let request = &seen.requests[0];
        assert_eq!(name_in_query(request).as_deref(), Some(name));
        assert_eq!(request.content_length(), request.body_bytes);
        // Exactly what the HTML standard escapes.
        let escaped = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let body = String::from_utf8_lossy(&request.body);
        assert!(body.contains(&format!("; name=\"file\"; filename=\"{escaped}\"\r\n")), "{body}");
        let (part, file_name, content) = only_part(request);
        assert_eq!((part.as_str(), content.as_slice()), ("file", &b"PK\r\n--content"[..]));
        // The parser takes a backslash for an escape; browsers and this crate do not.
        assert!(file_name == escaped || escaped.contains('\\'), "{file_name}");
    }
}
