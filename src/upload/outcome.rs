//! What the end of an upload means: a package was made, may have been made, or cannot have been made.

use std::path::Path;

use super::uploaded::{self, UploadedPackage};
use crate::answer::{self, Asked};
use crate::error::{Advice, Error, ErrorKind, Result, UnknownUpload};
use crate::find_upload;
use crate::http::{Failure, Handed, Reply, Stage};
use crate::id::{JobId, PackageId};
use crate::text;
use crate::units::Bytes;

/// In every error after which uploading again is safe.
pub(super) const NO_PACKAGE: &str = " (no package was made)";

/// What error messages say about an upload.
pub(super) struct Attempt<'a> {
    pub(super) path: &'a Path,
    pub(super) upload: UnknownUpload,
    asked: Asked,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(path: &'a Path, upload: UnknownUpload) -> Attempt<'a> {
        let what = format!("the upload of {} to app {}", text::path(path), upload.app);
        let asked = Asked { undone: NO_PACKAGE, ..Asked::new(what, answer::app_not_found(&upload.app)) };
        Attempt { path, upload, asked }
    }
}

impl Attempt<'_> {
    /// Returns both ids, or an error that says whether the server has accepted the upload. It cannot have accepted one
    /// that was cut short, because the announced length is exact.
    pub(super) fn outcome(&self, end: Result<Reply, Failure>) -> Result<UploadedPackage> {
        let handed = match &end {
            Ok(Reply { handed, .. }) | Err(Failure { stage: Stage::Exchanging { handed, .. }, .. }) => Some(*handed),
            Err(_) => None,
        };
        match end {
            Ok(reply) if reply.is_success() => self.accepted(reply),
            Err(Failure { stage: Stage::ReadingBody, cause, .. }) => {
                let message = format!(" failed{NO_PACKAGE}: the file changed or could not be read while it was sent");
                Err(Error::of_request(ErrorKind::File, self.asked.what.as_str(), message).with_source(cause))
            }
            end if handed.is_some_and(Handed::is_whole) => Err(self.remembered(self.asked.error(end, true, |said| {
                let how = format!("all of it was sent, but {}", said.unwrap_or("no usable response came"));
                self.unknown(&how, None, None)
            }))),
            end => Err(self.asked.error(end, false, |said| {
                let (sent, why) = (handed.unwrap_or_default(), said.unwrap_or("the connection broke"));
                let (sent, size) = (self.sent(sent), Bytes(self.upload.size));
                let message = format!(" failed after {sent} of {size}{NO_PACKAGE}: {why}");
                Error::of_request(ErrorKind::Interrupted, self.asked.what.as_str(), message)
            })),
        }
    }

    /// How much of the file was sent. The form around it counts first, as it does for the progress.
    fn sent(&self, handed: Handed) -> Bytes {
        let form = handed.total.saturating_sub(self.upload.size);
        Bytes(handed.bytes.saturating_sub(form))
    }

    /// Reads the ids of a 2xx. Even a single id is kept.
    fn accepted(&self, reply: Reply) -> Result<UploadedPackage> {
        let is_whole = reply.handed.is_whole();
        let (package, job) = match uploaded::ids(&reply.json()) {
            (Some(package_id), Some(job_id)) if is_whole => return Ok(UploadedPackage { package_id, job_id }),
            ids => ids,
        };
        let sent = if is_whole { "all of it was sent, but" } else { "only a part of it was sent when" };
        Err(self.remembered(self.asked.error(Ok(reply), true, |said| {
            self.unknown(&format!("{sent} {}", said.unwrap_or_default()), package.as_ref(), job.as_ref())
        })))
    }

    /// Adds to an error of unknown outcome what `find_upload` needs.
    fn remembered(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::OutcomeUnknown => {
                let why = error.what_failed();
                error.with_upload(UnknownUpload { why, ..self.upload.clone() })
            }
            _ => error,
        }
    }

    /// The error of unknown outcome. The ids are those in the response.
    fn unknown(&self, how: &str, package: Option<&PackageId>, job: Option<&JobId>) -> Error {
        let (file, upload, app) = (text::path(self.path), &self.upload, &self.upload.app);
        let what = format!("cannot tell whether {file} was uploaded to app {app}: {how}");
        let sought = find_upload::sought(upload, package);
        let check = format!("check the Environments page for {sought} before you upload again");
        let find = find_upload::can_be_found(upload, package).then_some("find_upload");
        let advice = match job {
            Some(_) => Advice::new(format!("wait for the job, and if that fails, {check}"), &["wait_for_job"]),
            None => Advice::new(check, &[]),
        };
        let names = advice.names.iter().copied().chain(find).collect();
        Error::of_request(ErrorKind::OutcomeUnknown, what, "")
            .with_package_note("a package may exist")
            .with_advice(Advice { names, ..advice })
            .with_ids(package, job)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::{Duration, Instant};

    use ErrorKind::{Connect, File, Interrupted, OutcomeUnknown, Rejected};

    use super::*;
    use crate::secrets::Secrets;

    const BOTH: &str = r#"{"PackageId":"p-1","JobId":"j-1"}"#;
    const NOTHING: Handed = Handed { bytes: 0, total: 1000 };
    const HALF: Handed = Handed { bytes: 500, total: 1000 };
    const WHOLE: Handed = Handed { bytes: 1000, total: 1000 };

    fn outcome(end: Result<Reply, Failure>) -> Result<UploadedPackage> {
        let app = "calc".parse().unwrap();
        let (name, began) = (Some("calc_1.mda".to_owned()), Instant::now());
        Attempt::new(Path::new("dir/calc.mda"), UnknownUpload { app, name, size: 800, began, why: String::new() })
            .outcome(end)
    }

    fn reply(status: u16, body: &str, handed: Handed) -> Reply {
        let retry_after = Some(Duration::from_secs(7));
        let (body, secrets) = (body.into(), Secrets::new(["s3cret-key"]));
        Reply { status, retry_after, date: None, target: None, encoding: None, body, cut_short: None, handed, secrets }
    }

    /// The kind of an error, and whether the upload is retried.
    fn kind(end: Result<Reply, Failure>) -> (ErrorKind, bool) {
        let error = outcome(end).unwrap_err();
        assert_eq!(error.may_have_been_accepted(), error.kind() == OutcomeUnknown, "{error:?}");
        (error.kind(), error.is_transient())
    }

    #[test]
    fn a_status_means_this_before_and_after_the_whole_body() {
        let (once, retried, interrupted, unknown) =
            ((Rejected, false), (Rejected, true), (Interrupted, true), (OutcomeUnknown, false));
        let mut seen = Vec::new();
        for (statuses, before, after) in [
            // Neither a success nor a refusal, such as an upgrade.
            ((0..=199).collect::<Vec<u16>>(), interrupted, unknown),
            // A success without ids.
            ((200..=299).collect(), unknown, unknown),
            // A redirect, a 4xx that is registered.
            (
                (300..=302).chain(304..=407).chain(409..=417).chain([421, 422, 423, 424, 426, 428, 431, 451]).collect(),
                once,
                once,
            ),
            // What answers a POST that was carried out.
            (vec![303], once, unknown),
            // "Later", which only the server itself says.
            (vec![425, 429], retried, retried),
            // "Later", which a gateway says as well once the server behind it has everything.
            (vec![408, 503], retried, unknown),
            // A 4xx that is not registered, such as 499 and 460.
            ((418..=420).chain([427, 430]).chain(432..=450).chain(452..=499).collect(), interrupted, unknown),
            // A 5xx, and anything that is not an HTTP status.
            ((500..=502).chain(504..=999).collect(), interrupted, unknown),
        ] {
            for status in statuses {
                for body in ["", "<html>", r#"{"errorCode":"NO"}"#] {
                    for (handed, expected) in [(NOTHING, before), (HALF, before), (WHOLE, after)] {
                        let case = format!("{status} {body} {handed:?}");
                        assert_eq!(kind(Ok(reply(status, body, handed))), expected, "{case}");
                        // The same if nothing but the status could be read.
                        let cut_short = Some(io::Error::other("cut short"));
                        let cut_short = Reply { cut_short, ..reply(status, body, handed) };
                        assert_eq!(kind(Ok(cut_short)), expected, "{case}");
                    }
                }
                seen.push(status);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..=999).collect::<Vec<_>>());
    }

    #[test]
    fn a_failure_means_this_before_and_after_the_whole_body() {
        let connecting = |transient| Stage::Connecting { why: "why".into(), transient, setting: None };
        let exchanging = |handed| Stage::Exchanging { handed, timed_out: None };
        for (stage, expected) in [
            (connecting(true), (Connect, true)),
            (connecting(false), (Connect, false)),
            (Stage::ReadingBody, (File, false)),
            (exchanging(NOTHING), (Interrupted, true)),
            (exchanging(HALF), (Interrupted, true)),
            (exchanging(WHOLE), (OutcomeUnknown, false)),
        ] {
            let case = format!("{stage:?}");
            let error = outcome(Err(Failure { stage, cause: io::Error::other("its cause") })).unwrap_err();
            assert_eq!((error.kind(), error.is_transient()), expected, "{case}");
            assert!(format!("{error:?}").ends_with("caused by: its cause"), "{error:?}");
        }
    }

    #[test]
    fn an_acceptance_is_a_success_only_with_both_ids_and_after_the_whole_body() {
        for status in [200, 201, 202, 299] {
            let uploaded = outcome(Ok(reply(status, BOTH, WHOLE))).unwrap();
            assert_eq!((uploaded.package_id.as_str(), uploaded.job_id.as_str()), ("p-1", "j-1"));
        }
        for (body, handed, package, job) in [
            (BOTH, HALF, Some("p-1"), Some("j-1")),
            (r#"{"PackageId":"p-1"}"#, WHOLE, Some("p-1"), None),
            (r#"{"JobId":"j-1"}"#, WHOLE, None, Some("j-1")),
        ] {
            let error = outcome(Ok(reply(200, body, handed))).unwrap_err();
            assert_eq!((error.kind(), error.is_transient()), (OutcomeUnknown, false), "{body}");
            let ids = (error.package_id().map(PackageId::as_str), error.job_id().map(JobId::as_str));
            assert_eq!(ids, (package, job), "{body}");
        }
        // Ids in anything but a success are none.
        assert_eq!(outcome(Ok(reply(500, BOTH, WHOLE))).unwrap_err().job_id(), None);
        assert_eq!(outcome(Ok(reply(403, BOTH, HALF))).unwrap_err().package_id(), None);
    }

    #[test]
    fn an_error_names_the_file_the_app_the_servers_words_and_what_to_do() {
        let text =
            |status, handed| outcome(Ok(reply(status, r#"{"errorMessage":"why"}"#, handed))).unwrap_err().to_string();
        assert_eq!(
            text(409, HALF),
            "the upload of \"dir/calc.mda\" to app calc was refused (no package was made): 409, why"
        );
        assert_eq!(
            text(502, HALF),
            "the upload of \"dir/calc.mda\" to app calc failed after 300 bytes of 800 bytes (no package was made): the \
             server answered 502, why"
        );
        assert_eq!(
            text(502, WHOLE),
            "cannot tell whether \"dir/calc.mda\" was uploaded to app calc: all of it was sent, but the server answered 502, why; \
             a package may exist; check the Environments page for \"calc_1.mda\" before you upload again (find_upload)"
        );
        let error = outcome(Ok(reply(503, "", HALF))).unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert!(error.to_string().ends_with("; the server asks to try again in 7.0 s"), "{error}");
        let error = outcome(Ok(Reply { retry_after: None, ..reply(503, "", HALF) })).unwrap_err();
        assert!(error.to_string().ends_with("; try again later"), "{error}");
    }
}
