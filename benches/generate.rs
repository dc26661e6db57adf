//! Writes request files for the benchmark: records of people who differ, the same each time.
//!
//! Usage: `generate SHAPE COUNT [FROM]` writes NDJSON to standard output, from person number FROM (0) on, about 240 bytes a record, each about
//! another person. `consent` has the purposes that `workflows/consent-global.yaml` maps, `groups` those
//! of `workflows/consent-groups.yaml`; `deletion` names people by external id, `deletion-email` by
//! address alone.

use std::io::{self, BufWriter, Write};

const GLOBAL: [&str; 4] = ["Push notifications", "Marketing e-mail", "Marketing e-mail", "Marketing e-mail"];
const GROUPS: [&str; 4] = ["Newsletter", "Newsletter", "Product news", "SMS offers"];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (shape, count, from) = match arguments.as_slice() {
        [shape, count] => (shape, count, "0"),
        [shape, count, from] => (shape, count, from.as_str()),
        _ => return Err(io::Error::other("usage: generate SHAPE COUNT [FROM]")),
    };
    let from: u64 = from.parse().map_err(io::Error::other)?;
    let count: u64 = count.parse().map_err(io::Error::other)?;
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for number in from..from + count {
        match shape.as_str() {
            "consent" => consent(&mut out, number, &GLOBAL)?,
            "groups" => consent(&mut out, number, &GROUPS)?,
            "deletion" => deletion(&mut out, number, true)?,
            "deletion-email" => deletion(&mut out, number, false)?,
            other => return Err(io::Error::other(format!("no such shape: {other}"))),
        }
    }
    out.flush()
}

fn consent(out: &mut impl Write, number: u64, purposes: &[&str; 4]) -> io::Result<()> {
    let mixed = mix(number);
    let purpose = purposes[mixed as usize % 4];
    let status = ["ACTIVE", "WITHDRAWN", "OPT_OUT", "NO_CONSENT"][(mixed >> 8) as usize % 4];
    let (minute, second) = (number / 60 % 60, number % 60);
    writeln!(
        out,
        concat!(
            r#"{{"id":"c-{number:08}","kind":"consent","received_at":"2026-11-20T10:{minute:02}:{second:02}Z","#,
            r#""subject":{{"external_id":"u-{mixed:016x}","email":"p{number}@example.com"}},"#,
            r#""consents":[{{"purpose":"{purpose}","status":"{status}","#,
            r#""updated_at":"2026-11-20T10:{minute:02}:{second:02}Z"}}]}}"#
        ),
        number = number,
        minute = minute,
        second = second,
        mixed = mixed,
        purpose = purpose,
        status = status,
    )
}

fn deletion(out: &mut impl Write, number: u64, by_id: bool) -> io::Result<()> {
    let (minute, second) = (number / 60 % 60, number % 60);
    write!(
        out,
        r#"{{"id":"d-{number:08}","kind":"deletion","received_at":"2026-11-20T10:{minute:02}:{second:02}Z","subject":{{"#
    )?;
    if by_id {
        write!(out, r#""external_id":"u-{:016x}","#, mix(number))?;
    }
    writeln!(
        out,
        concat!(
            r#""email":"p{number}@example.com","country":"FR","language":"fr-fr"}},"#,
            r#""source":{{"system":"onetrust","ref":"SL{number:08}"}}}}"#
        ),
        number = number,
    )
}

/// A number that looks random and is never the same for two people (the finisher of SplitMix64).
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
