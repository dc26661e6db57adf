//! `ledger export` and `ledger key`: what auditors are given.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure};
use crate::clock::{Clock, SystemClock};
use crate::journal::Reader;
use crate::ledger::Exporter;

/// Entries read together.
const TOGETHER: u32 = 1024;

/// Writes the ledger, from a moment on, signed at its end.
pub(super) fn run(
    common: &Common,
    reader: &Reader,
    file: Option<&Path>,
    since: Option<Timestamp>,
) -> Result<ExitCode, Failure> {
    // Asked first: without the key nothing is written.
    let signer = reader.ledger_signer()?;
    let first = since.map_or(Ok(1), |since| reader.ledger_since(since.as_millisecond()))?;
    let before = reader.ledger_at(first - 1)?.unwrap_or_default();
    let mut keys = reader.ledger_keys()?;
    if !keys.contains(&signer.public()) {
        keys.push(signer.public());
    }
    let (mut exporter, begin) = Exporter::begin(before, &keys).map_err(Failure::wrong)?;
    let Some(file) = file else {
        output::bytes(&begin)?;
        each(reader, before.seq, |entry, hash| output::bytes(&exporter.line(entry, hash)))?;
        output::bytes(&exporter.end(SystemClock.now_ms(), &signer).map_err(Failure::wrong)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let broken = |error| Failure::Usage(format!("cannot write {}: {error}", file.display()));
    let mut out = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(file).map_err(broken)?);
    out.write_all(&begin).map_err(broken)?;
    let last =
        each(reader, before.seq, |entry, hash| out.write_all(&exporter.line(entry, hash)).map_err(broken))?;
    let end = exporter.end(SystemClock.now_ms(), &signer).map_err(Failure::wrong)?;
    out.write_all(&end).and_then(|()| out.flush()).map_err(broken)?;
    let (entries, fingerprint) = (last - before.seq, signer.public().fingerprint());
    match common.output {
        Format::Json => output::json(&json!({
            "file": file, "first": first, "last": last, "entries": entries, "key": fingerprint,
        }))?,
        Format::Text => output::text(&format!(
            "{} holds {} of the ledger, signed with the key {fingerprint}\n",
            file.display(),
            match entries {
                1 => "1 entry".to_owned(),
                entries => format!("{entries} entries"),
            },
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the public key.
pub(super) fn key(common: &Common, reader: &Reader) -> Result<ExitCode, Failure> {
    let key = reader.ledger_signer()?.public();
    let pem = key.pem().map_err(Failure::wrong)?;
    match common.output {
        Format::Json => output::json(&json!({ "fingerprint": key.fingerprint(), "public_key": pem }))?,
        Format::Text => {
            output::text(&pem)?;
            anstream::eprintln!("fingerprint {}", key.fingerprint());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls `see` with the bytes and the hash of every entry behind one; gives the number of the last.
fn each(
    reader: &Reader,
    after: u64,
    mut see: impl FnMut(&[u8], &[u8; 32]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut last = after;
    loop {
        let rows = reader.ledger(last, TOGETHER)?;
        for row in &rows {
            see(&row.entry, &row.hash)?;
            last = row.seq;
        }
        if rows.len() < TOGETHER as usize {
            return Ok(last);
        }
    }
}
