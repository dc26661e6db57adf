//! Files of requests: any bytes, plain or compressed, are read to their end or refused, and how much
//! is read at once makes no difference.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use privaflow::intake::{Input, Reading, Records};
use privaflow::request::Warnings;
use privaflow::workflow::Format;

/// What is told of a record, without what it says.
#[derive(Debug, PartialEq)]
struct Told {
    position: u64,
    line: u64,
    offset: u64,
    request: Result<u64, String>,
    row_members: Result<usize, String>,
}

/// The first byte says how the rest is read; the rest is the file.
pub fn check(data: &[u8]) {
    let Some((how, file)) = data.split_first() else { return };
    let format = [None, Some(Format::Ndjson), Some(Format::Csv), None][usize::from(how & 3)];
    let encodings = [None, Some("windows-1252"), Some("utf-16le"), Some("no such encoding")];
    let encoding = encodings[usize::from((how >> 2) & 3)].map(str::to_owned);
    let packed = (how & 0x10 != 0).then(|| gzip(file));
    let reading = Reading { format, encoding };
    let Ok(input) = Input::spooled(packed.as_deref().unwrap_or(file), &reading) else { return };

    let (one, at_once) = (read(&input, 1, 1), read(&input, 1000, 1 << 20));

    assert_eq!(one, at_once, "how much is read at once changes what is read");
    let (told, _) = one;
    for (position, record) in (0..).zip(&told) {
        assert_eq!(record.position, position, "a position is missing");
    }
    assert!(told.is_sorted_by_key(|record| (record.line, record.offset)));
}

/// Every record, and how the reading ended.
fn read(input: &Input, records: usize, bytes: usize) -> (Vec<Told>, Option<String>) {
    let mut told = Vec::new();
    let mut reader = match input.records() {
        Ok(reader) => reader,
        Err(error) => return (told, Some(error.to_string())),
    };
    let end = all(&mut reader, records, bytes, &mut told).err();
    (told, end)
}

fn all(reader: &mut Records, records: usize, bytes: usize, told: &mut Vec<Told>) -> Result<(), String> {
    let mut warnings = Warnings::new();
    while let Some(chunk) = reader.next_chunk(records, bytes).map_err(|error| error.to_string())? {
        assert!((1..=records).contains(&chunk.len()), "a chunk of {} records", chunk.len());
        for record in chunk.records() {
            let request = record.request(&mut warnings);
            told.push(Told {
                position: record.position(),
                line: record.line(),
                offset: record.offset(),
                request: request.map(|request| request.digest.0).map_err(|bad| bad.to_string()),
                row_members: record.row().map(|row| row.len()).map_err(|bad| bad.to_string()),
            });
        }
    }
    Ok(())
}

fn gzip(file: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(file).and_then(|()| out.finish()).expect("memory takes it")
}
