use std::io::Cursor;

use super::*;
use crate::random::{below, bits};

/// An archive with an entry for each size, without the contents, which are never read.
pub(in super::super) fn archive(sizes: &[u64], is_64: bool) -> Vec<u8> {
    let mut archive = b"PK\x03\x04 and so on".to_vec();
    let offset = archive.len() as u64;
    for size in sizes {
        let extra = if is_64 { [&b"\x99\x99\x02\0xx\x01\0\x08\0"[..], &size.to_le_bytes()].concat() } else { vec![] };
        let short = if is_64 { u32::MAX } else { u32::try_from(*size).unwrap() };
        let mut entry = [0; 46];
        entry[..4].copy_from_slice(b"PK\x01\x02");
        entry[24..28].copy_from_slice(&short.to_le_bytes());
        entry[28] = 3;
        entry[30] = u8::try_from(extra.len()).unwrap();
        entry[32] = 2;
        archive.extend([&entry[..], b"a/b", &extra, b"ok"].concat());
    }
    let length = archive.len() as u64 - offset;
    let numbers = |length: u64, offset: u64| [length, offset].map(|n| u32::try_from(n).unwrap().to_le_bytes()).concat();
    let (mut end, mut short) = (Vec::new(), numbers(length, offset));
    if is_64 {
        let at = archive.len() as u64;
        end = [&b"PK\x06\x06"[..], &[0; 36], &length.to_le_bytes(), &offset.to_le_bytes()].concat();
        end.extend([&b"PK\x06\x07\0\0\0\0"[..], &at.to_le_bytes(), b"\x01\0\0\0"].concat());
        short = [u32::MAX.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
    }
    [archive, end, [b"PK\x05\x06\0\0\0\0\0\0\0\0", &short[..], b"\0\0"].concat()].concat()
}

/// An archive with empty entries of these names.
pub(in super::super) fn named(names: &[&str]) -> Vec<u8> {
    let mut archive = Vec::new();
    for name in names {
        let mut entry = [0; 46];
        entry[..4].copy_from_slice(b"PK\x01\x02");
        entry[28] = u8::try_from(name.len()).unwrap();
        archive.extend([&entry[..], name.as_bytes()].concat());
    }
    let length = u32::try_from(archive.len()).unwrap().to_le_bytes();
    [archive, [b"PK\x05\x06\0\0\0\0\0\0\0\0", &length[..], &[0; 6]].concat()].concat()
}

fn read(content: &[u8]) -> io::Result<Option<Unpacked>> {
    let mut file = Cursor::new(content);
    let directory = directory(&mut file, content.len() as u64)?;
    directory.map(|directory| unpacked(&mut file, &directory)).transpose()
}

#[test]
fn entries_are_counted_and_their_sizes_added_up() {
    for (sizes, is_64) in [(&[][..], false), (&[7], false), (&[1 << 30, 5, 0], false), (&[1 << 40, 5], true)] {
        let expected = Unpacked { files: sizes.len() as u64, bytes: sizes.iter().sum() };
        assert_eq!(read(&archive(sizes, is_64)).unwrap(), Some(expected), "{sizes:?}");
    }
    let many = read(&archive(&vec![1; 70_000], true)).unwrap();
    assert_eq!(many, Some(Unpacked { files: 70_000, bytes: 70_000 }));
}

#[test]
fn one_number_that_is_too_large_for_its_field_leads_to_the_record_of_zip64() {
    let large = archive(&[1 << 40, 5], true);
    let record = large.windows(4).position(|four| four == b"PK\x06\x06").unwrap();
    for (short, long) in [(12, 40), (16, 48)] {
        let mut mixed = large.clone();
        let at = large.len() - END_RECORD + short;
        mixed.copy_within(record + long..record + long + 4, at);
        assert_eq!(read(&mixed).unwrap(), Some(Unpacked { files: 2, bytes: (1 << 40) + 5 }), "{short}");
    }
}

#[test]
fn an_archive_is_known_by_an_end_record_that_leads_to_a_directory() {
    let archive = |comment: &[u8]| {
        let mut archive = archive(&[7], false);
        let at = archive.len() - 2;
        archive[at..].copy_from_slice(&u16::try_from(comment.len()).unwrap().to_le_bytes());
        [&archive, comment].concat()
    };
    let smallest = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let whole = archive(b"");
    for content in [
        smallest.clone(),
        archive(b"a comment"),
        archive(&vec![b'x'; COMMENT_MAX]),
        archive(b"PK\x05\x06, or so"),
        [whole.clone(), b"padding".to_vec()].concat(),
        [vec![0; 100_000], smallest].concat(),
    ] {
        assert!(read(&content).unwrap().is_some(), "{} bytes", content.len());
    }
    // An archive within one that was cut off, stored as it is.
    let nested = [&whole[..10], &vec![b'x'; 1000], &whole].concat();
    for content in [&whole[..whole.len() - 1], &whole[..40], &nested, b"PK", b""] {
        assert_eq!(read(content).unwrap(), None, "{} bytes", content.len());
    }
}

#[test]
fn a_zip64_record_that_points_outside_the_file_is_not_an_end() {
    let whole = archive(&[7, 8], true);
    let record = whole.windows(4).position(|four| four == b"PK\x06\x06").unwrap();
    let locator = whole.windows(4).position(|four| four == b"PK\x06\x07").unwrap();
    let beyond = [whole.len() as u64, 1 << 40, i64::MAX as u64 + 1, u64::MAX];
    for number in beyond {
        for at in [record + 40, record + 48, locator + 8] {
            let mut content = whole.clone();
            content[at..at + 8].copy_from_slice(&number.to_le_bytes());
            assert_eq!(read(&content).unwrap(), None, "{number} at {at}");
        }
    }
    let mut without_length = archive(&[7], false);
    let at = without_length.len() - 10;
    without_length[at - 2] = 1;
    without_length[at..at + 4].copy_from_slice(&[0; 4]);
    without_length[at + 4] = 1;
    assert_eq!(read(&without_length).unwrap(), None, "one entry in no bytes");
    // Also if the directory claims to be empty, so that nothing is read at its place.
    let mut empty = whole.clone();
    empty[record + 40..record + 48].copy_from_slice(&0_u64.to_le_bytes());
    empty[record + 48..record + 56].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(read(&empty).unwrap(), None);
    let mut short = archive(&[7], false);
    let at = short.len() - 10;
    short[at..at + 4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    assert_eq!(read(&short).unwrap(), None, "a directory longer than the file");
}

#[test]
fn folders_are_not_counted() {
    let content = named(&["model/", "model/a", "b\\", "c"]);
    assert_eq!(read(&content).unwrap().map(|unpacked| unpacked.files), Some(2));
}

#[test]
fn an_archive_of_a_few_files_with_a_package_among_them_is_not_a_package() {
    let holds = |names: &[&str]| {
        let content = named(names);
        let mut file = Cursor::new(&content);
        let directory = directory(&mut file, content.len() as u64).unwrap().unwrap();
        is_artifact(&mut file, &directory).unwrap()
    };
    for names in [
        &["calc.mda"][..],
        &["dist/", "dist/calc.MDA"],
        &["build.log", "calc.mda", "calc.mda.sha256"],
        &["a.mda", "b.mda"],
    ] {
        assert!(holds(names), "{names:?}");
    }
    for names in
        [&[][..], &["dist/"], &["model/", "model/a"], &["mda"], &[&["calc.mda"][..], &["web/index.html"; 16]].concat()]
    {
        assert!(!holds(names), "{names:?}");
    }
    let mut damaged = named(&["calc.mda", "b.mda"]);
    let second = damaged.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    damaged[second] = b'x';
    let mut file = Cursor::new(&damaged);
    let directory = directory(&mut file, damaged.len() as u64).unwrap().unwrap();
    assert!(!is_artifact(&mut file, &directory).unwrap(), "what is damaged is not judged");
}

#[test]
fn a_damaged_directory_is_an_error() {
    let whole = archive(&[7, 8], false);
    let mut second = whole.clone();
    second[16 + 51] = b'x';
    let mut longer = whole.clone();
    let length = whole.len() - 10;
    longer[length] += 9;
    for damaged in [second, longer] {
        let kind = read(&damaged).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::InvalidData | ErrorKind::UnexpectedEof), "{kind:?}");
    }
}

#[test]
fn no_bytes_make_it_panic_or_read_for_ever() {
    let whole = [archive(&[7, 8], false), archive(&[7, 8], true)];
    for _ in 0..20_000 {
        let mut bytes = whole[below(2)].clone();
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            bytes[at] = [0, 1, 0xff, u8::try_from(bits() & 0xff).unwrap()][below(4)];
        }
        bytes.truncate(bytes.len() - below(3) * below(40));
        if let Ok(Some(unpacked)) = read(&bytes) {
            assert!(unpacked.files * ENTRY as u64 <= bytes.len() as u64);
        }
    }
}
