//! The local file: an implausible package never opens a connection, and one that changes never arrives whole.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use mendix_deploy::emulator::Emulator;
use mendix_deploy::{ErrorKind, Event, Upload};

use crate::support::caller::Caller;
use crate::support::child;
use crate::support::package::{KIB, MIB, Package};
use crate::support::server::{IDS, Server, Step, accepted, go_ahead};

const GIB: u64 = 1 << 30;

/// The upload is refused before any connection, and the message names the file.
#[track_caller]
fn refused(path: &Path, why: &str) {
    refused_as(path, |upload| upload, why);
}

#[track_caller]
fn refused_as(path: &Path, set: impl FnOnce(Upload) -> Upload, why: &str) {
    let server = Server::answering("200 OK", IDS);
    let outcome = Caller::of(&server).upload_as(path, set);
    let error = outcome.error(ErrorKind::File);
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()) && text.contains(why), "{text}");
    assert!(!error.may_have_been_accepted() && !error.is_transient());
    assert!(outcome.events.is_empty(), "{outcome:?}");
    assert_eq!(server.stop().connections, 0);
}

#[test]
fn an_implausible_package_is_refused_without_a_connection() {
    refused(Package::missing("calc.mda").as_ref(), "found");
    refused(Package::small().as_ref().parent().unwrap(), "directory");
    refused(&Package::small().as_ref().join("below-a-file"), "found");
    refused(Package::named("calc.mda", b"").as_ref(), "empty");
    refused_as(Package::sparse(31).as_ref(), |upload| upload.with_size_limit(30), "31");
    refused(
        Package::sparse(GIB + 1).as_ref(),
        "it has 1.0 GiB (1,073,741,825 bytes), more than the limit of 1.0 GiB (1,073,741,824 bytes)",
    );
}

#[test]
fn a_file_that_is_not_a_zip_archive_is_refused_with_what_it_seems_to_be() {
    let whole = [&[b'x'; 5000][..], &Emulator::SMALLEST_PACKAGE].concat();
    let cut_off = [b"PK\x03\x04", &whole[..whole.len() - 1]].concat();
    for (content, says) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"[..], "git lfs pull"),
        (b"<!DOCTYPE html><title>Log in</title>", "web page"),
        (b"{\"error\":\"not found\"}", "JSON"),
        (&cut_off, "without its end"),
        (b"PK", "without its end"),
        (b"just a note", "zip archive"),
        (&zip_of("calc.mda"), "holds a package"),
        (&zip_of("dist/calc.MDA"), "holds a package"),
        (&[0; 10_000], "zip archive"),
    ] {
        let package = Package::named("calc.mda", content);
        refused(package.as_ref(), says);
        let server = Server::answering("200 OK", IDS);
        Caller::of(&server).upload_as(&package, Upload::without_content_check).ok();
        assert_eq!(server.stop().connections, 1);
    }
    let server = Server::answering("200 OK", IDS);
    Caller::of(&server).upload(Package::named("calc.mda", &whole)).ok();
}

#[test]
fn a_relative_path_to_a_missing_file_is_shown_as_an_absolute_one() {
    let file = Path::new("no-such-dir").join("calc.mda");
    let server = Server::answering("200 OK", IDS);
    let text = Caller::of(&server).upload(&file).error(ErrorKind::File).to_string();
    let absolute = std::env::current_dir().unwrap().join(&file).display().to_string();
    let end: String = absolute.chars().rev().take(90).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(text.contains("it cannot be found as \"") && text.ends_with(&format!("{end}\"")), "{text}");
}

#[cfg(unix)]
#[test]
fn a_package_that_exists_is_not_reported_as_missing() {
    let package = Package::missing("calc.mda");
    std::os::unix::fs::symlink(package.as_ref(), package.as_ref()).unwrap();
    refused(package.as_ref(), "it cannot be accessed");
}

/// An archive with one empty file.
fn zip_of(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    let directory = [&b"PK\x01\x02"[..], &[0; 24], &[length], &[0; 17], name.as_bytes()].concat();
    let mut end = Emulator::SMALLEST_PACKAGE;
    end[12] = 46 + length;
    [&directory[..], &end].concat()
}

#[cfg(unix)]
#[test]
fn anything_but_a_regular_file_is_refused_without_being_opened() {
    refused(Path::new("/dev/zero"), "regular");
    let socket = Package::missing("calc.mda");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    refused(socket.as_ref(), "regular");
    // std cannot create a FIFO.
    let fifo = Package::missing("calc.mda");
    if std::process::Command::new("mkfifo").arg(fifo.as_ref()).status().is_ok_and(|status| status.success()) {
        refused(fifo.as_ref(), "regular");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let package = Package::small();
    std::fs::set_permissions(&package, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Skipped for root, who may read everything.
    if File::open(&package).is_err() {
        refused(package.as_ref(), "opened");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let package = Package::called(std::ffi::OsStr::from_bytes(b"calc\xff.mda"));
    refused(package.as_ref(), "UTF-8");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_package_is_a_package() {
    let (package, link) = (Package::small(), Package::missing("latest.mda"));
    std::os::unix::fs::symlink(&package, &link).unwrap();
    let server = Server::answering("200 OK", IDS);
    Caller::of(&server).upload(&link).ok();
    assert!(server.stop().requests[0].head.contains("?name=latest.mda "));
}

/// Uploads a file that is changed while it is being sent. It must neither arrive whole nor be retried.
#[track_caller]
fn changed_while_sent(size: u64, change: fn(&Path)) {
    let package = Package::sparse(size);
    let server = Server::answering("200 OK", IDS);
    let path = package.as_ref().to_owned();
    let caller = Caller::watched(&server.url(), move |event| {
        if matches!(event, Event::Uploading { sent: 0, .. }) {
            change(&path);
        }
    });
    let outcome = caller.upload(&package);
    let error = outcome.error(ErrorKind::File);
    assert!(error.to_string().contains("calc.mda") && format!("{error:?}").contains("caused by"), "{error:?}");
    assert!(!error.may_have_been_accepted() && !error.is_transient());
    assert_eq!(outcome.retries(), 0);
    let seen = server.stop();
    assert_eq!((seen.connections, seen.requests.len()), (1, 1));
    let request = &seen.requests[0];
    assert!(!request.has_closing_boundary(), "the body was closed off");
    assert!(request.body_bytes < request.content_length());
}

fn shrink(path: &Path) {
    File::options().write(true).open(path).unwrap().set_len(10 * KIB).unwrap();
}

fn empty(path: &Path) {
    File::create(path).unwrap();
}

fn grow(path: &Path) {
    File::options().append(true).open(path).unwrap().write_all(b"x").unwrap();
}

/// Other bytes, the same size. Some file systems have a coarse clock, so the time is set as well.
fn rewrite(path: &Path) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.write_all(b"other").unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
}

/// The same, with the modification time restored.
#[cfg(unix)]
fn rewrite_in_secret(path: &Path) {
    let modified = std::fs::metadata(path).unwrap().modified().unwrap();
    rewrite(path);
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn a_file_that_changes_while_it_is_sent_never_arrives_as_a_whole() {
    for change in [shrink, empty, grow, rewrite] {
        changed_while_sent(100 * KIB, change);
        changed_while_sent(3 * MIB, change);
    }
    #[cfg(unix)]
    changed_while_sent(3 * MIB, rewrite_in_secret);
}

/// Uploads a file whose path is changed while it is being sent; the open file arrives nevertheless.
#[cfg(unix)]
fn arrives_although(change: impl Fn(&Path) + Send + Sync + 'static) {
    use std::sync::atomic::{AtomicBool, Ordering};
    let package = Package::sparse(32 * MIB);
    let broken = vec![Step::Head, go_ahead(), Step::Body(KIB), Step::Reset];
    let server = Server::start([broken, accepted()]);
    let path = package.as_ref().to_owned();
    let is_done = AtomicBool::new(false);
    let caller = Caller::watched(&server.url(), move |event| {
        if matches!(event, Event::Uploading { sent: 0, .. }) && !is_done.swap(true, Ordering::Relaxed) {
            change(&path);
        }
    });
    caller.upload(&package).ok();
    let seen = server.stop();
    assert_eq!(seen.connections, 2);
    assert!(seen.requests[1].body[500..2000].iter().all(|byte| *byte == 0), "it is not what was opened");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_removed_or_replaced_does_not_matter() {
    arrives_although(|path| {
        let other = path.with_extension("new");
        std::fs::write(&other, vec![b'x'; 3 << 20]).unwrap();
        std::fs::rename(&other, path).unwrap();
    });
    arrives_although(|path| std::fs::remove_file(path).unwrap());
    arrives_although(|path| std::fs::hard_link(path, path.with_extension("same")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_relative_path_outlives_a_change_of_the_directory() {
    const URL: &str = "MENDIX_DEPLOY_URL";
    if child::is_running() {
        let package = Package::small();
        std::env::set_current_dir(package.as_ref().parent().unwrap()).unwrap();
        let caller = Caller::watched(&std::env::var(URL).unwrap(), |event| {
            if matches!(event, Event::Retrying { .. }) {
                std::env::set_current_dir("/").unwrap();
            }
        });
        caller.upload("calc.mda").ok();
        return;
    }
    let later = crate::support::server::answer("503 Later", "");
    let server = Server::start([vec![Step::Head, later, Step::Drain], accepted()]);
    let test = "a_relative_path_outlives_a_change_of_the_directory";
    child::run(module_path!(), test, &[(URL, &server.url())]);
    assert_eq!(server.stop().connections, 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_yields_less_than_its_size_or_an_error_is_given_up() {
    // System files that claim to have one page: the first ends early, the second cannot be read.
    for file in ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/net/lo/speed"] {
        let claims = std::fs::metadata(file).is_ok_and(|metadata| metadata.len() == 4096);
        if !claims || std::fs::read(file).is_ok_and(|content| content.len() == 4096) {
            continue;
        }
        let server = Server::answering("200 OK", IDS);
        let outcome = Caller::of(&server).upload(file);
        assert!(outcome.error(ErrorKind::File).to_string().contains(file));
        assert_eq!(outcome.retries(), 0);
        let seen = server.stop();
        assert!(seen.requests.iter().all(|request| !request.has_closing_boundary()));
    }
}

#[test]
fn a_file_that_changes_between_two_attempts_is_given_up() {
    for change in [grow, shrink, rewrite] {
        // Larger than the buffers, which could otherwise take all of it before the reset is seen.
        let package = Package::sparse(32 * MIB);
        let server = Server::start([vec![Step::Head, go_ahead(), Step::Body(KIB), Step::Reset], accepted()]);
        let path = package.as_ref().to_owned();
        let caller = Caller::watched(&server.url(), move |event| {
            if matches!(event, Event::Retrying { .. }) {
                change(&path);
            }
        });
        let outcome = caller.upload(&package);
        assert!(!outcome.error(ErrorKind::File).may_have_been_accepted());
        assert!(server.stop().requests.iter().all(|request| !request.has_closing_boundary()));
    }
}

#[test]
fn a_gibibyte_takes_no_more_memory_than_a_mebibyte() {
    const URL: &str = "MENDIX_DEPLOY_URL";
    if child::is_running() {
        let caller = Caller::at(&std::env::var(URL).unwrap());
        // In KiB, on Linux. Wine has the file, too, but of another process.
        let peak_after = |bytes| {
            caller.upload(Package::sparse(bytes)).ok();
            if !cfg!(target_os = "linux") {
                return None;
            }
            let status = std::fs::read_to_string("/proc/self/status").ok()?;
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            peak.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        if let (Some(small), Some(large)) = (peak_after(MIB), peak_after(GIB)) {
            assert!(large < 40 * 1024 && large - small <= 1024, "{small} KiB at the peak, then {large}");
        }
    } else {
        let server = Server::answering("200 OK", IDS);
        child::run(module_path!(), "a_gibibyte_takes_no_more_memory_than_a_mebibyte", &[(URL, &server.url())]);
        let seen = server.stop();
        let large = &seen.requests[1];
        assert!(large.body_bytes > GIB && large.body_bytes == large.content_length());
    }
}
