//! Arguments of `ledger`, and which subcommand does what.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use super::{certificate, export, proof, verify};
use crate::cli::{Common, Failure, setup, store};
use crate::clock::{Clock, SystemClock};
use crate::job::RunId;
use crate::journal::Reader;
use crate::source::duration;

/// Arguments of `ledger`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write the ledger, or what is new in it, so that others can check it without this store
    Export {
        /// The new file [default: standard output]
        file: Option<PathBuf>,
        /// Only entries from this moment on: 2026-11-01, 2026-11-01T10:00:00Z, or 30d for the last 30 days
        #[arg(long, value_name = "WHEN", value_parser = parse_since)]
        since: Option<Timestamp>,
    },
    /// Check an export: its chain, its signatures, the roots of its days; needs nothing but the file
    Verify {
        /// The export; - reads standard input
        export: PathBuf,
        /// A public key that you kept, as `ledger key` prints it; several, if it was ever replaced. Without one,
        /// an export can only vouch for itself
        #[arg(long, value_name = "PEM")]
        key: Vec<PathBuf>,
        /// An earlier export, or its last line: it must be part of the same history
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Also check this proof, as `ledger proof` writes it
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Also check this certificate: the JSON that `ledger certificate` writes
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Show the public key that signs the ledger: keep it somewhere else
    Key,
    /// Prove what one request of a bulk job came to, without telling anything of the others
    Proof {
        /// Such as job-7:123
        run: RunId,
    },
    /// Write one page about one request, for the file of a privacy officer, and the same as signed JSON
    Certificate {
        /// Its id, or its run such as job-7:123
        request: String,
        /// Where the two files go [default: this folder]
        #[arg(long, value_name = "FOLDER", default_value = ".", hide_default_value = true)]
        to: PathBuf,
    },
}

/// Does what the subcommand says.
pub(in crate::cli) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    if let Command::Verify { export, key, against, proof, certificate } = &args.command {
        let besides = verify::Besides {
            older: against.as_deref(),
            proof: proof.as_deref(),
            certificate: certificate.as_deref(),
        };
        return verify::run(common, export, key, &besides);
    }
    let path = setup::settings(common)?.settings.store;
    let reader = Reader::open(&path).map_err(Failure::wrong)?;
    store::warn_if_restored(&reader)?;
    match &args.command {
        Command::Export { file, since } => export::run(common, &reader, file.as_deref(), *since),
        Command::Key => export::key(common, &reader),
        Command::Proof { run } => proof::run(&reader, *run),
        Command::Certificate { request, to } => certificate::run(common, &reader, request, to),
        Command::Verify { .. } => Ok(ExitCode::SUCCESS),
    }
}

fn parse_since(text: &str) -> Result<Timestamp, String> {
    let ago = || {
        let ago_ms = i64::try_from(duration(text)?.as_millis()).ok()?;
        Timestamp::from_millisecond(SystemClock.now_ms().checked_sub(ago_ms)?).ok()
    };
    let day = || text.parse::<jiff::civil::Date>().ok()?.in_tz("UTC").ok().map(|day| day.timestamp());
    let moment = || text.parse().ok();
    let when = ago().or_else(moment).or_else(day);
    when.ok_or_else(|| {
        "write a day (2026-11-01), a moment (2026-11-01T10:00:00Z) or a duration (30d)".to_owned()
    })
}
