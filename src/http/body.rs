//! The body of a request as ureq reads it, and the body of a response as it is read from ureq.

use std::io::{self, Read};

use ureq::Error as UreqError;

use super::early_answer::Exchange;
use super::failure::BodyError;
use crate::json;

/// Counts the bytes that ureq reads. Once the server has answered, the rest is padded with arbitrary buffer contents:
/// none of it is sent, and ureq reaches the response without reading the file any further.
pub(super) struct CountingReader<'a> {
    pub(super) source: &'a mut dyn Read,
    pub(super) left: u64,
    pub(super) exchange: &'a Exchange,
}

impl Read for CountingReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = if self.exchange.lock().is_answered {
            usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len())
        } else {
            let n = self.source.read(buf).map_err(|error| io::Error::other(BodyError(error)))?;
            self.exchange.lock().body_read += n as u64;
            n
        };
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

/// Reads up to `enough` bytes, but not beyond a complete JSON object or array: some servers neither delimit their
/// response nor close the connection.
pub(super) fn read_body(reader: &mut dyn Read, enough: usize, body: &mut Vec<u8>) -> Result<(), UreqError> {
    let mut block = [0; 4096];
    while body.len() < enough && !json::is_whole(body) {
        let n = reader.read(&mut block)?;
        if n == 0 {
            break;
        }
        body.extend_from_slice(block.get(..n).unwrap_or_default());
    }
    Ok(())
}
