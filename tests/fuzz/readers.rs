//! What each fuzz target does with its bytes, and how much memory it may take for that.
//!
//! A target is more than "no panic": it compares with another reader, reads what it wrote, or reads the same in other
//! pieces. What is found becomes a test of the reader's own.

mod records;
mod stored;
mod texts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use fixtool::formats::{Compression, SourceFormat};

/// For one run of a reader of text: sixty-four kilobytes in, and everything that is made of them.
const TEXT: usize = 48 << 20;

/// Where a declared size is believed up to 64 MiB before a byte has come, or a target keeps what became of a bomb.
const CLAIMED: usize = 160 << 20;

/// Gives these bytes to the reader of this name.
///
/// # Panics
/// If the reader is wrong.
pub fn read(target: &str, bytes: &[u8]) {
    let (most, reader): (usize, fn(&[u8])) = match target {
        "csv" => (TEXT, |bytes| records::plain(SourceFormat::Csv, bytes)),
        "tsv" => (TEXT, |bytes| records::plain(SourceFormat::Tsv, bytes)),
        "json" => (TEXT, |bytes| records::plain(SourceFormat::JsonArray, bytes)),
        "ndjson" => (TEXT, |bytes| records::plain(SourceFormat::Ndjson, bytes)),
        "yaml" => (TEXT, |bytes| records::plain(SourceFormat::Yaml, bytes)),
        "gzip" => (CLAIMED, |bytes| records::compressed(Compression::Gzip, bytes)),
        "zstd" => (CLAIMED, |bytes| records::compressed(Compression::Zstd, bytes)),
        "archive" => (CLAIMED, stored::archive),
        "manifest" => (CLAIMED, stored::manifest),
        "key_record" => (TEXT, stored::key_record),
        "plan_file" => (TEXT, stored::plan_file),
        "rules" => (TEXT, texts::rules),
        "pack" => (TEXT, texts::pack),
        "mapping" => (TEXT, texts::mapping),
        "address" => (TEXT, texts::address),
        other => panic!("no reader is called {other}"),
    };
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    reader(bytes);
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(taken <= most, "{} bytes became {taken} in memory, {most} are allowed", bytes.len());
}

/// Bytes that are taken now, and the most so far.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted: without a sanitizer libFuzzer sees resident pages only.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn took(size: usize) {
    let live = LIVE.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        took(size);
        unsafe { System.realloc(place, layout, size) }
    }
}
