//! Sends a file: one upload and all its attempts.

use std::time::{Duration, Instant};

use super::multipart::{self, Boundary};
use super::outcome::Attempt;
use super::package_file::PackageFile;
use super::progress::Progress;
use super::uploaded::UploadedPackage;
use crate::client::Client;
use crate::error::Result;
use crate::http::{self, Body, Failure, Reply, Request, Stage};
use crate::retry::repeat;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

pub(super) struct Post<'a> {
    pub(super) client: &'a Client,
    pub(super) attempt: Attempt<'a>,
    pub(super) package: &'a mut PackageFile,
    pub(super) url_path: String,
    /// Whether to send `Expect: 100-continue`; true until a server has refused it. Used for bodies of any size: a
    /// server that refuses before the body is sent cannot have accepted it.
    pub(super) expect_continue: bool,
}

impl Post<'_> {
    pub(super) fn send(&mut self) -> Result<UploadedPackage> {
        let client = self.client;
        let (app, file) = (self.attempt.upload.app.clone(), self.attempt.path);
        repeat(&client.retry, (&app, Some(file)), &|event| client.notify(event), || self.attempt())
    }

    fn attempt(&mut self) -> Result<UploadedPackage> {
        let mut end = self.send_once();
        if self.expect_continue && matches!(&end, Ok(reply) if reply.status == 417 && reply.handed.bytes == 0) {
            // Nothing was accepted, and the same server accepts the body without the header (RFC 9110 §10.1.1).
            self.expect_continue = false;
            end = self.send_once();
        }
        self.attempt.outcome(end)
    }

    fn send_once(&mut self) -> Result<Reply, Failure> {
        let (size, file_name) = (self.package.size(), self.package.file_name().to_owned());
        let file = self.package.read_from_start().map_err(|cause| Failure { stage: Stage::ReadingBody, cause })?;
        let (client, Attempt { path, upload, .. }) = (self.client, &self.attempt);
        let boundary = Boundary::random();
        let (mut body, length) = multipart::encode(&boundary, "file", &file_name, file, size);
        let response_timeout = client.response_timeout.unwrap_or(RESPONSE_TIMEOUT);
        let mut progress = Progress {
            client: client.clone(),
            app: upload.app.clone(),
            file: path.to_path_buf(),
            total: size,
            envelope: length - size,
            response_timeout,
            notified: None,
        };
        let body = Body {
            length,
            source: &mut body,
            expect_continue: self.expect_continue,
            on_progress: Box::new(move |bytes| progress.report(bytes, Instant::now)),
        };
        let (path, content_type) = (&self.url_path, boundary.content_type());
        let (content_type, body) = (Some(content_type.as_str()), Some(body));
        let request = Request { path, content_type, body, response_timeout, response_max: http::RESPONSE_MAX };
        http::send(&client.endpoint, request)
    }
}
