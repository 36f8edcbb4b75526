//! An independent reader (`multer`) takes apart what the encoder made, and must find the file again.

use std::convert::Infallible;
use std::io::Read;

use futures_util::FutureExt;

use super::{Boundary, encode, escaped};
use crate::random::below;

/// What the referee found.
#[derive(Debug, PartialEq)]
struct Part {
    name: String,
    file_name: String,
    content_type: String,
    content: Vec<u8>,
}

/// All parts of a body that was read with buffers of the sizes that `next_size` gives.
fn parts(file: &[u8], file_name: &str, mut next_size: impl FnMut() -> usize) -> Vec<Part> {
    let boundary = Boundary::random();
    let (mut body, length) = encode(&boundary, "file", file_name, file, file.len() as u64);
    let mut blocks = Vec::new();
    loop {
        let mut block = vec![0; next_size()];
        let n = body.read(&mut block).unwrap();
        if n == 0 {
            break;
        }
        block.truncate(n);
        blocks.push(Ok::<_, Infallible>(block));
    }
    assert_eq!(blocks.iter().flatten().map(Vec::len).sum::<usize>() as u64, length);
    let boundary = multer::parse_boundary(boundary.content_type()).unwrap();
    let found = async {
        let mut multipart = multer::Multipart::new(futures_util::stream::iter(blocks), boundary);
        let mut parts = Vec::new();
        while let Some(field) = multipart.next_field().await.unwrap() {
            parts.push(Part {
                name: field.name().unwrap().to_owned(),
                file_name: field.file_name().unwrap().to_owned(),
                content_type: field.content_type().unwrap().to_string(),
                content: field.bytes().await.unwrap().to_vec(),
            });
        }
        parts
    };
    found.now_or_never().expect("all of the input is there")
}

fn expected(file: &[u8], file_name: &str) -> Vec<Part> {
    vec![Part {
        name: "file".into(),
        file_name: escaped(file_name),
        content_type: "application/octet-stream".into(),
        content: file.to_vec(),
    }]
}

/// Content that is hard for readers: line breaks, dashes, and what looks like a delimiter.
fn content(length: usize) -> Vec<u8> {
    b"\r\n--------------------------\r\n--B--\r\n\0\xff".iter().copied().cycle().take(length).collect()
}

#[test]
fn awkward_names_stay_one_part_with_the_right_bytes() {
    let long = "x".repeat(300);
    for name in
        ["a\"b", "a\rb", "a\nb", "a\r\n\r\nb", "a;b", "a%b", "a+b", "a&b", "a#b", "a b", "é漢🦀", "..", "' or 1", &long]
    {
        assert_eq!(parts(b"PK", name, || 50), expected(b"PK", name), "{name:?}");
    }
}

#[test]
fn ten_thousand_random_files_names_and_read_sizes_are_found_again() {
    // Without a backslash, on which readers of RFC 2183 disagree.
    let alphabet: Vec<char> = "ab.-_\"\r\n;%+&# é漢🦀'=:,/".chars().collect();
    for _ in 0..10_000 {
        let file = content(1 + below(600));
        let name: String = (0..=below(40)).map(|_| alphabet[below(alphabet.len())]).collect();
        let largest = 1 + below(400);
        let found = parts(&file, &name, || 1 + below(largest));
        assert_eq!(found, expected(&file, &name), "{} bytes as {name:?}, reads up to {largest}", file.len());
    }
}
