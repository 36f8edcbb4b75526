//! Reads a zip archive's end record and directory (APPNOTE.TXT, 4.3): is it complete, and how large when unpacked?

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Take};

/// The end record without a comment, in bytes (4.3.16).
const END_RECORD: usize = 22;
const COMMENT_MAX: usize = 0xffff;
/// Of zip64: the locator before the end record (4.3.15), and the record that it leads to (4.3.14).
const LOCATOR: u64 = 20;
const END_RECORD_64: u64 = 56;
/// The fixed part of an entry of the central directory (4.3.12).
const ENTRY: usize = 46;
/// An archive with more files does not count as an artifact.
const ARTIFACT_FILES: u32 = 16;
/// The value of a field whose number is in a zip64 record instead.
const ELSEWHERE: u64 = u32::MAX as u64;

/// Where the central directory is, in bytes.
#[derive(Debug)]
pub(super) struct Directory {
    offset: u64,
    length: u64,
}

/// What an archive contains.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Unpacked {
    /// Folders do not count.
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Finds the central directory of a file of `size` bytes by its end record; `None` if it is not a complete archive.
pub(super) fn directory(file: &mut (impl Read + Seek), size: u64) -> io::Result<Option<Directory>> {
    let tail = size.min((END_RECORD + COMMENT_MAX) as u64);
    let end = read_at(file, size - tail, tail)?;
    let records = end.windows(END_RECORD).enumerate().rev().filter(|(_, record)| record.starts_with(b"PK\x05\x06"));
    for (start, record) in records {
        if start + END_RECORD + usize::from(number_16(record, 20)) > end.len() {
            continue;
        }
        let mut directory = Directory { length: number_32(record, 12), offset: number_32(record, 16) };
        if directory.length == ELSEWHERE || directory.offset == ELSEWHERE {
            directory = directory_64(file, size - tail + start as u64)?.unwrap_or(directory);
        }
        // The end record of an archive within an archive leads nowhere, or out of the file.
        let has_none = directory.length == 0 && matches!(number_16(record, 10), 0 | u16::MAX);
        let is_inside = directory.offset.checked_add(directory.length).is_some_and(|end| end <= size);
        if is_inside && (has_none || read_at(file, directory.offset, 4)? == b"PK\x01\x02") {
            return Ok(Some(directory));
        }
    }
    Ok(None)
}

/// The same by the zip64 record, if there is one. `end` is where the end record begins.
fn directory_64(file: &mut (impl Read + Seek), end: u64) -> io::Result<Option<Directory>> {
    let Some(locator) = end.checked_sub(LOCATOR) else { return Ok(None) };
    let locator = read_at(file, locator, LOCATOR)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let record = number_64(&locator, 8);
    if record >= end {
        return Ok(None);
    }
    let record = read_at(file, record, END_RECORD_64)?;
    let directory = Directory { length: number_64(&record, 40), offset: number_64(&record, 48) };
    Ok(Some(directory).filter(|_| record.starts_with(b"PK\x06\x06")))
}

/// Adds up the central directory. An error of kind `InvalidData` or `UnexpectedEof` means that it is damaged.
pub(super) fn unpacked(file: &mut (impl Read + Seek), directory: &Directory) -> io::Result<Unpacked> {
    let (mut entries, mut unpacked) = (Entries::of(file, directory)?, Unpacked::default());
    while let Some(entry) = entries.next()? {
        unpacked.files += u64::from(!entry.is_folder());
        unpacked.bytes = unpacked.bytes.saturating_add(entry.bytes);
    }
    Ok(unpacked)
}

/// Whether the archive is a CI artifact: a few files with a package among them. A package itself has many files, and none of
/// them is a package. A damaged archive is not an artifact.
pub(super) fn is_artifact(file: &mut (impl Read + Seek), directory: &Directory) -> io::Result<bool> {
    let (mut entries, mut has_package, mut files) = (Entries::of(file, directory)?, false, 0);
    loop {
        match entries.next() {
            Ok(Some(entry)) if entry.is_folder() => {}
            Ok(Some(_)) if files == ARTIFACT_FILES => return Ok(false),
            Ok(Some(entry)) => {
                files += 1;
                has_package |= entry.is_package();
            }
            Ok(None) => return Ok(has_package),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Reads the entries of a central directory, one after the other.
struct Entries<R>(Take<BufReader<R>>);

struct Entry {
    name: Vec<u8>,
    /// Its size when unpacked.
    bytes: u64,
}

impl<R: Read + Seek> Entries<R> {
    fn of(mut file: R, directory: &Directory) -> io::Result<Self> {
        file.seek(SeekFrom::Start(directory.offset))?;
        Ok(Entries(BufReader::new(file).take(directory.length)))
    }

    fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.0.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut entry = [0; ENTRY];
        self.0.read_exact(&mut entry)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return Err(ErrorKind::InvalidData.into());
        }
        let (name, fields) = (self.bytes(number_16(&entry, 28))?, self.bytes(number_16(&entry, 30))?);
        self.bytes(number_16(&entry, 32))?;
        let bytes = match number_32(&entry, 24) {
            ELSEWHERE => size_64(&fields).unwrap_or(ELSEWHERE),
            bytes => bytes,
        };
        Ok(Some(Entry { name, bytes }))
    }

    fn bytes(&mut self, length: u16) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.by_ref().take(length.into()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Entry {
    /// Some programs on Windows write backslashes.
    fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") || self.name.ends_with(b"\\")
    }

    fn is_package(&self) -> bool {
        self.name.to_ascii_lowercase().ends_with(b".mda")
    }
}

/// The unpacked size in an entry's extra fields for zip64 (4.5.3), where it comes first.
fn size_64(mut fields: &[u8]) -> Option<u64> {
    loop {
        let (header, rest) = fields.split_at_checked(4)?;
        let (field, others) = rest.split_at_checked(number_16(header, 2).into())?;
        if number_16(header, 0) == 1 {
            return field.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        }
        fields = others;
    }
}

/// Reads up to `length` bytes at `offset`.
fn read_at(file: &mut (impl Read + Seek), offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The little-endian number at a place in a record; 0 beyond its end.
fn number<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    record.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn number_16(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(number(record, at))
}

fn number_32(record: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(number(record, at)).into()
}

fn number_64(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(number(record, at))
}

#[cfg(test)]
pub(super) mod tests;
