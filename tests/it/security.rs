//! The key is sent to one host only and is in no message, whatever the server does with it.

use mendix_deploy::{AppId, Client, EnvironmentName, ErrorKind, Retry, Upload};

use crate::support::caller::{Caller, KEY, assert_no_secret, fast_retry, once, package};
use crate::support::package::{MIB, Package};
use crate::support::server::{IDS, Server, Step, accepted, answer, answered, side_by_side};

#[test]
fn no_redirect_takes_the_key_or_the_package_to_another_host() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::start([accepted()]);
        let location = format!("http://127.0.0.1:{}/secret-path?token=1", other.address().port());
        let server = Server::answering(&format!("{status} Moved\nLocation: {location}"), "");
        for (kind, package) in [("small", Package::small()), ("asking first", Package::sparse(2 * MIB))] {
            let outcome = Caller::of(&server).upload(package);
            // All of it was sent, and a 303 responds to a POST that was carried out.
            let expected = if status == 303 { ErrorKind::OutcomeUnknown } else { ErrorKind::Rejected };
            let error = outcome.error(expected);
            let text = error.to_string();
            assert_eq!(error.status(), Some(status), "{kind}");
            assert!(text.contains(&format!("http://127.0.0.1:{}", other.address().port())), "{text}");
            assert!(!text.contains("secret-path"), "no more than the host: {text}");
            assert_eq!((error.may_have_been_accepted(), outcome.retries()), (status == 303, 0));
        }
        let poll = Caller::of(&server).status();
        assert_eq!(poll.error(ErrorKind::Rejected).status(), Some(status));
        assert_eq!(server.stop().connections, 3);
        assert_eq!(other.stop().connections, 0, "{status}");
    }
}

#[test]
fn a_redirect_without_a_target_is_rejected() {
    let echo = format!("https://{KEY}.example.com/");
    for location in ["", "/login", "//other.example.com/x", "javascript:alert(1)", "http://[", echo.as_str()] {
        let server = Server::answering(&format!("302 Found\nLocation: {location}"), "");
        let outcome = Caller::of(&server).upload(Package::small());
        assert_eq!(outcome.error(ErrorKind::Rejected).status(), Some(302), "{location}");
    }
    let server = Server::answering("304 Not Modified", "");
    assert_eq!(Caller::of(&server).status().error(ErrorKind::Rejected).status(), Some(304));
}

/// Places where a server can repeat the key. `Caller` searches all messages for it.
fn echoes(key: &str) -> Vec<String> {
    vec![
        format!(r#"{{"errorCode":"{key}","errorMessage":"{key} is wrong","details":["{key}"]}}"#),
        format!(r#"{{"error":{{"code":"{key}","message":"x{key}x","detail":{{"a":"{key}"}}}}}}"#),
        format!(r#"{{"PackageId":"{key}","JobId":"{key}"}}"#),
        format!(r#"{{"PackageId":"p-1","JobId":"x{key}x","{key}":1}}"#),
        format!(r#"{{"Status":"{key}"}}"#),
        format!(r#"[{{"PackageId":"p-1","Name":"{key}","Version":"x{key}","Description":"{key}","Creator":"{key}"}}]"#),
        format!(r#"[{{"PackageId":"{key}","Name":"x"}},{{"PackageId":"p-1","Status":"{key}"}}]"#),
        format!("<html><pre>Mendix-ApiKey: {key}\r\n</pre></html>"),
        // Where the key could be cut in two.
        format!("{}{key}", "x".repeat(2040)),
        format!("{}{key}", "x".repeat(2030)),
        format!(r#"{{"errorMessage":"{}{key}"}}"#, "y".repeat(2035)),
        format!(r#"{{"Status":"{}{key}"}}"#, "z".repeat(55)),
        // JSON, HTML and URLs can escape any character, and each other's escapes.
        format!(r#"{{"errorMessage":"\u0{:03x}{}"}}"#, key.as_bytes()[0], &key[1..]),
        escaped(key, |byte| format!("\\u{byte:04x}")),
        escaped(key, |byte| format!("&#{byte};")),
        escaped(key, |byte| format!("&#x{byte:x};")),
        escaped(key, |byte| format!("%{byte:02X}")),
        escaped(key, |byte| format!("%25{byte:02x}")),
        // Cut in two by invisible characters.
        key.replace('-', "-\r\n  "),
        key.replace('-', "-\u{ad}"),
        key.replace('8', "\u{200b}8\u{2060}\u{e0020}"),
        format!(r#"{{"errorMessage":"{}\n{}\u00ad"}}"#, &key[..9], &key[9..]),
        format!(r#"{{"Status":"{}\u200d{}"}}"#, &key[..9], &key[9..]),
        // A piece of it.
        format!("<b>{}</b>{}", &key[..8], &key[10..]),
    ]
}

fn escaped(key: &str, escape: fn(u8) -> String) -> String {
    key.bytes().map(escape).collect()
}

#[test]
fn a_key_that_the_server_repeats_is_in_no_text() {
    for (key, statuses) in
        [(KEY.to_owned(), &["200 OK", "502 Oops", "503 Later"][..]), (KEY.to_uppercase(), &["401 No"])]
    {
        let with_the_key = format!("403 {key}\nX-Echo: {key}");
        side_by_side([statuses, &[with_the_key.as_str()]].concat(), |status| {
            for body in echoes(&key) {
                let server = Server::answering(status, &body);
                let caller = Caller::of(&server).with(|client| client.with_retry(Retry::never()));
                assert!(caller.upload(Package::small()).result.is_err(), "{status} {body}");
                assert!(caller.wait(&once()).result.is_err(), "{status} {body}");
                assert!(caller.wait_for_package(&package(), &once()).result.is_err(), "{status} {body}");
                let _ = caller.packages();
                // Also in the event of a retry.
                let twice = caller.with(|client| client.with_retry(fast_retry().with_attempts(2)));
                let _ = twice.status();
            }
        });
    }
}

#[test]
fn a_key_in_the_headers_or_in_garbage_is_in_no_text() {
    for raw in [
        format!("HTTP/1.1 200 {KEY}\r\n{KEY}: {KEY}\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 503 {KEY}\r\nRetry-After: {KEY}\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {KEY}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n"),
        format!("{KEY}\r\n\r\n"),
        // The connection ends in the middle of the key.
        format!("HTTP/1.1 403 No\r\nContent-Length: 999\r\n\r\nbad key {}", &KEY[..20]),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nbad key {}", &KEY[..20]),
    ] {
        let server = Server::start([vec![Step::Request, crate::support::server::write(raw.clone())]]);
        assert!(Caller::of(&server).upload(Package::small()).result.is_err(), "{raw}");
        assert!(Caller::of(&server).status().result.is_err(), "{raw}");
    }
}

#[test]
fn escape_sequences_and_hidden_text_do_not_reach_the_terminal() {
    // Colours, a cleared screen, a window title, an overwritten line, reversed text.
    let hostile =
        "\u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{9b}2J \u{1b}]0;title\u{7} a\rb\u{8}c \u{202e}dlrow\u{2066} \u{200b}";
    let json = |field: &str| serde_json::json!({ field: hostile, "errorCode": hostile }).to_string();
    for body in [hostile.to_owned(), json("errorMessage"), json("Status"), json("PackageId")] {
        for status in ["200 OK", "403 No", "500 Oops", "503 Later\nRetry-After: 0"] {
            let server = Server::answering(status, &body);
            let caller = Caller::of(&server);
            for text in [texts(&caller.upload(Package::small())), texts(&caller.status())].concat() {
                let bad = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2066}\u{200b}".contains(c);
                assert!(!text.contains(bad), "{text:?}");
            }
        }
    }
}

#[test]
fn server_text_cannot_be_a_command_to_a_ci_agent() {
    let commands = ["##vso[task.setvariable variable=x]y", "##[error]x", "##teamcity[x]", "::error::x", "#\u{ad}#[x]"];
    side_by_side(commands, |command| {
        let field = |name: &str| serde_json::json!({ name: command, "errorCode": command }).to_string();
        for body in [command.to_owned(), field("errorMessage"), field("Status"), format!("<title>{command}</title>")] {
            for status in ["200 OK", "403 No", "500 Oops", "503 Later\nRetry-After: 0"] {
                let server = Server::answering(status, &body);
                let caller = Caller::of(&server);
                let status = caller.status();
                let shown = status.result.as_ref().map(ToString::to_string).unwrap_or_default();
                for text in [texts(&caller.upload(Package::small())), texts(&status), vec![shown]].concat() {
                    let is_command = |line: &str| line.contains("##") || line.trim_start().starts_with("::");
                    assert!(!text.lines().any(is_command), "{text:?}");
                }
            }
        }
    });
}

#[test]
fn a_callers_text_cannot_be_a_command_to_a_ci_agent() {
    let command = "##vso[task.complete result=Succeeded]";
    let (app, environment) = (AppId::new(command).unwrap_err(), EnvironmentName::new(command).unwrap_err());
    let user = format!("{:?}", Client::new(&command.replace(' ', ""), "k").unwrap());
    let mut shown = vec![app.to_string(), environment.to_string(), user];
    let file = format!("{command}.mda");
    let named = |upload: Upload| upload.with_name(command);
    let server = Server::start([answered("403 No", ""), answered("502 No", ""), answered("200 OK", "[]")]);
    let caller = Caller::of(&server);
    shown.extend(texts(&caller.upload(Package::missing(&file))));
    shown.extend(texts(&caller.upload(Package::called(&file))));
    shown.extend(texts(&caller.upload_and_wait_as(Package::called(&file), named, &once())));
    assert!(shown.len() >= 3 + 2 + 4 + 4, "errors and events: {shown:#?}");
    for text in shown {
        assert!(!text.contains("##") && text.contains("# #vso["), "{text}");
    }
}

/// Every text of an outcome.
fn texts<T: std::fmt::Debug>(outcome: &crate::support::caller::Outcome<T>) -> Vec<String> {
    let error = outcome.result.as_ref().err();
    let mut texts: Vec<_> = outcome.events.iter().map(ToString::to_string).collect();
    texts.extend(error.map(ToString::to_string));
    texts.extend(error.map(|error| format!("{error:?}")));
    texts.extend(error.and_then(|error| error.code().map(str::to_owned)));
    texts
}

#[test]
fn the_key_is_sent_in_one_header_and_nowhere_else() {
    let server = Server::start([accepted()]);
    Caller::of(&server).upload(Package::small()).ok();
    let upload = server.only_request();
    let server = Server::start([answered("200 OK", r#"{"Status":"Running"}"#)]);
    Caller::of(&server).status().ok();
    for request in [upload, server.only_request()] {
        assert_eq!(request.header("Mendix-ApiKey"), Some(KEY));
        let rest = request.head.replacen(&format!(": {KEY}\r\n"), "", 1);
        assert_no_secret(&rest);
        assert_no_secret(&String::from_utf8_lossy(&request.body));
        let names = request.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name);
        let usual = [
            "host", "mendix-username", "mendix-apikey", "content-type", "content-length", "expect", "user-agent",
            "accept",
        ];
        for name in names {
            assert!(usual.contains(&name.to_ascii_lowercase().as_str()), "an unusual header: {name}");
        }
    }
}

#[test]
fn a_second_answer_on_a_connection_is_never_taken_for_the_next_one() {
    // Whatever a server sends after its response is ignored.
    let extra = answer("200 OK", &IDS.replace("j-1", "j-666"));
    let server = Server::start([vec![Step::Request, answer("429 Later", ""), extra, Step::Hold], accepted()]);
    assert_eq!(Caller::of(&server).upload(Package::small()).ok().job_id.as_str(), "j-1");
    assert_eq!(server.stop().connections, 2);
}
