//! Sources that were cut or changed on their way: nothing that was whole is lost without a word.

use super::hostile_tests::{cursor, drain, gzipped, of};
use super::{Record, Source, SourceFormat, SourceOptions};

/// Records of a small source as it was written, each with the bytes that are its own.
struct Small {
    format: SourceFormat,
    before: &'static str,
    records: [&'static str; 4],
    after: &'static str,
}

const SMALL: [Small; 9] = [
    Small {
        format: SourceFormat::Csv,
        before: "id,name\n",
        records: ["1,bob\n", "2,\"b\n2,\"\"\"\n", "3,\"\"\n", "4,*J\n"],
        after: "",
    },
    Small {
        format: SourceFormat::Csv,
        before: "\u{feff}id,name\r\n",
        records: ["1,bob\r\n", "2,\"b,2\"\r\n", "3,\r\n", "4,b"],
        after: "",
    },
    Small {
        format: SourceFormat::Tsv,
        before: "id\tname\n",
        records: ["1\tbob\n", "2\tT\\\\\n", "3\t\\N\n", "4\t\\t\n"],
        after: "",
    },
    Small {
        format: SourceFormat::Ndjson,
        before: "",
        records: [
            "{\"id\":1,\"name\":\"bob\"}\n",
            "{\"id\":2,\"name\":[{\"id\":9}]}\n",
            "{\"id\":3,\"name\":null}\n",
            "{\"id\":4,\"name\":\"{\\\"\"}\n",
        ],
        after: "",
    },
    Small {
        format: SourceFormat::JsonArray,
        before: "[",
        records: [
            "{\"id\":1,\"name\":\"b\\\\\"},",
            "{\"id\":2,\"name\":[{\"id\":9}]},\n",
            "{\"id\":3,\"name\":\"},{\"},",
            "{\"id\":4,\"name\":\"b\"}",
        ],
        after: "]\n",
    },
    Small {
        format: SourceFormat::JsonArray,
        before: "[\n",
        records: [
            "{\n \"id\": 1,\n \"name\": \"b\"\n},\n",
            "{\n \"id\": 2,\n \"name\": true\n},\n",
            "{\n \"id\": 3,\n \"name\": {\"a\": \"b\"}\n},\n",
            "{\n \"id\": 4,\n \"name\": 5\n}",
        ],
        after: "\n]\n",
    },
    Small {
        format: SourceFormat::Yaml,
        before: "# b\n",
        records: [
            "- id: 1\n  name: bob\n",
            "- id: 2\n  name: \"b\n    - x\"\n",
            "- id: 3\n  name: ~\n",
            "- {id: 4, name: 'b'}\n",
        ],
        after: "",
    },
    Small {
        format: SourceFormat::Yaml,
        before: "---\n",
        records: [
            "id: 1\nname: 2b\n---\n",
            "id: 2\nname: |\n  b\n  - c\n---\n",
            "id: 3\nname: [b, 2]\n---\n",
            "id: 4\nname: b\n",
        ],
        after: "...\n",
    },
    Small { format: SourceFormat::Csv, before: "id\n", records: ["1\n", "\"2\"\n", "\"b\n\"\n", "4\n"], after: "" },
];

/// What a load of these bytes says and loads: whether it names a fault, and the records as texts.
fn loaded(format: SourceFormat, bytes: &[u8]) -> (bool, Vec<String>) {
    let Ok(mut source) = Source::from_read("-", cursor(bytes), &of(format)) else { return (true, Vec::new()) };
    let (mut record, mut rows, mut told) = (Record::default(), Vec::new(), false);
    loop {
        match source.reader.next(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let of = |name: &str| source.reader.fields().iter().position(|field| field == name);
                let value = |name: &str| record.get(of(name).unwrap_or(usize::MAX));
                rows.push(format!("{:?} {:?}", value("id"), value("name")));
            }
            Err(error) if error.recoverable => told = true,
            Err(_) => return (true, rows),
        }
    }
    // A load ends at fields that its table does not have.
    if source.reader.fields().iter().any(|name| name != "id" && name != "name") {
        return (true, Vec::new());
    }
    (told, rows)
}

#[test]
fn damage_at_each_byte_of_plain_text_is_told_or_hurts_only_what_it_touches() {
    for small in &SMALL {
        let text = format!("{}{}{}", small.before, small.records.concat(), small.after).into_bytes();
        let (told, whole) = loaded(small.format, &text);
        assert_eq!((told, whole.len()), (false, 4), "{}: {whole:?}", small.format);
        let ends: Vec<usize> = (0..=4).map(|n| small.before.len() + small.records[..n].concat().len()).collect();
        // Records that the byte belongs to, or whose border it is.
        let near = |at: usize, n: usize| ends[n] <= at + 1 && at <= ends[n + 1];
        for at in 0..text.len() {
            for change in (0..8).map(|bit| text[at] ^ (1 << bit)).chain(*b"\"'\n\r\t\\{}[]:,#-|> x") {
                let mut hurt = text.clone();
                hurt[at] = change;
                let (told, rows) = loaded(small.format, &hurt);
                let lost = (0..4).filter(|n| !near(at, *n)).find(|n| !rows.contains(&whole[*n]));
                let shown = String::from_utf8_lossy(&hurt);
                assert!(told || lost.is_none(), "{} lost {lost:?} at {at}: {shown:?} gave {rows:?}", small.format);
                let invented = rows.iter().filter(|row| !whole.contains(row)).count();
                assert!(invented <= 2, "{} invented at {at}: {shown:?} gave {rows:?}", small.format);
            }
            // What is cut off is told, except where the text ends as a whole one does.
            let (told, rows) = loaded(small.format, &text[..at]);
            let complete = ends.iter().filter(|end| **end <= at).count().saturating_sub(1);
            assert!(told || rows.len() >= complete, "{} cut at {at}: {rows:?}", small.format);
            let closed = text[at..].iter().all(u8::is_ascii_whitespace);
            assert!(told || closed || small.format != SourceFormat::JsonArray, "{} cut at {at}", small.format);
        }
    }
}

#[test]
fn what_follows_compressed_text_is_told() {
    for (name, whole) in
        [("x.csv.gz", gzipped(b"id\n1\n2\n")), ("x.csv.zst", zstd::encode_all(b"id\n1\n2\n".as_slice(), 3).unwrap())]
    {
        for more in [b"x".as_slice(), b"\0\0\0\0", b"id\n1\n2\n3\n", &whole[..1], &whole[..whole.len() - 1]] {
            let bytes = [whole.as_slice(), more].concat();
            let (_, errors) = drain(name, cursor(bytes), &SourceOptions::default()).unwrap();
            assert!(errors.last().is_some_and(|e| !e.recoverable), "{name} and {more:?}");
        }
    }
}

#[test]
fn damage_at_each_byte_of_compressed_text_is_told_or_changes_nothing() {
    let (one, two) = (b"id,name\n1,Ada\n".as_slice(), b"2,Bob\n3,Eve\n".as_slice());
    let zstd = |text: &[u8]| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, text).unwrap();
        encoder.finish().unwrap()
    };
    for (name, first, second) in [("x.csv.gz", gzipped(one), gzipped(two)), ("x.csv.zst", zstd(one), zstd(two))] {
        let border = first.len();
        let whole = [first, second].concat();
        let told = |bytes: Vec<u8>| match drain(name, cursor(bytes), &SourceOptions::default()) {
            Ok((good, errors)) => good == 3 || errors.iter().any(|e| !e.recoverable),
            Err(_) => true,
        };
        for at in 0..whole.len() {
            assert!(at == border || told(whole[..at].to_vec()), "{name} cut at {at}");
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                assert!(told(flipped), "{name} bit {bit} of byte {at}");
            }
        }
    }
}
