//! Heap allocations during an upload: their number must not depend on the size of the file.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use mendix_deploy::{Upload, upload_package};

use crate::sender::client;
use crate::sink::Sink;
use crate::upload::Sparse;

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counting;

// An allocator cannot be written without `unsafe`; this one only counts and passes everything on.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut sink = Sink::start(false)?;
    let client = client(&sink.url)?;
    let app = "calc".parse()?;
    let mut counts = Vec::new();
    // The first upload also fills what lives as long as the process, and is not counted.
    for mib in [2, 2, 64] {
        let file = Sparse::new(mib)?;
        let before = COUNT.load(Ordering::Relaxed);
        upload_package(&client, &app, &Upload::new(file.path()))?;
        counts.push(COUNT.load(Ordering::Relaxed) - before);
        sink.received()?;
    }
    let [_, small, large] = counts[..] else { anyhow::bail!("three uploads") };
    println!("\nheap allocations of an upload: {small} for 2 MiB, {large} for 64 MiB");
    // Lookup and connecting run in threads, so the numbers differ by what timing changes, by 30 on a loaded machine. One
    // allocation for each block of 64 KiB would be 992 more.
    ensure!(large <= small + 100, "the number of allocations grows with the file");
    Ok(())
}
