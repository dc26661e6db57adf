//! `privaflow store backup|restore|prune`, and the warning of a store that was restored.
//!
//! A backup reads beside whoever works on the store; pruning is done by whoever owns it; restoring needs
//! the store for itself, and says who has it. What is kept, lost and forgotten is the work of `journal`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::output::{self, Format, counted};
use super::place::{self, Home};
use super::{Common, Failure, run, setup};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::host::{Answer, Command};
use crate::journal::{self, Reader, Replace, Restored};
use crate::source::duration;

/// Arguments of `store`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Copy the store into a new file, also while jobs run
    ///
    /// The copy holds jobs, their events, the finished ids, freshness, erasures and the ledger. It does not hold the
    /// folder `keys`: what requests that are not over must remember opens only where their keys are.
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Put a backup in the place of the store
    ///
    /// What was finished, accepted or erased after the backup was made is forgotten; every command says
    /// so until you acknowledge it. The store that stood there is kept beside the new one.
    #[command(arg_required_else_help = true)]
    Restore {
        /// A file that `privaflow store backup` made
        #[arg(required_unless_present = "acknowledge")]
        file: Option<PathBuf>,
        /// Replace a store that has more than the backup
        #[arg(long)]
        force: bool,
        /// You have read what the restored store may have forgotten
        #[arg(long, conflicts_with_all = ["file", "force"])]
        acknowledge: bool,
    },
    /// Remove jobs that were over long ago, and give room back
    ///
    /// A removed job loses its events, its list of failures and its key. Finished ids, freshness, erasures
    /// and the ledger stay, so that nothing is sent twice.
    Prune {
        /// How long ago a job must have ended [default: 90d]
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        older_than: Option<Duration>,
    },
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit: 500ms, 30s, 10m, 2h, 90d".to_owned())
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let path = loaded.settings.store.clone();
    match &args.command {
        Subcommand::Backup { file } => backup(common, &path, file),
        Subcommand::Restore { file: Some(file), force, acknowledge: _ } => {
            restore(common, &path, file, if *force { Replace::Newer } else { Replace::Older })
        }
        Subcommand::Restore { file: None, .. } => acknowledge(common, &loaded),
        Subcommand::Prune { older_than } => {
            prune(common, &loaded, older_than.unwrap_or(loaded.settings.keep))
        }
    }
}

/// Says on standard error what a restored store may have forgotten, until a person has read it.
pub(super) fn warn_if_restored(reader: &Reader) -> Result<(), Failure> {
    if let Some(restored) = reader.restored().map_err(Failure::wrong)? {
        anstream::eprintln!("warning: {}", forgotten(&restored));
    }
    Ok(())
}

fn backup(common: &Common, store: &Path, file: &Path) -> Result<ExitCode, Failure> {
    let reader = Reader::open(store).map_err(Failure::wrong)?;
    warn_if_restored(&reader)?;
    let made = reader.backup(file).map_err(Failure::wrong)?;
    match common.output {
        Format::Json => output::json(&json!({
            "file": file, "at": moment(made.at_ms), "jobs": made.jobs, "bytes": made.bytes,
        }))?,
        Format::Text => output::text(&format!(
            "{} holds {} and every finished id as of {} ({})\n",
            file.display(),
            counted(made.jobs, "job"),
            moment(made.at_ms),
            size(made.bytes),
        ))?,
    }
    anstream::eprintln!(
        "the folder {} is not in it: keep a copy apart from the backup, or requests that are not over \
         cannot go on from it",
        store.join("keys").display()
    );
    Ok(ExitCode::SUCCESS)
}

fn restore(common: &Common, store: &Path, file: &Path, replace: Replace) -> Result<ExitCode, Failure> {
    let restored = journal::restore(store, file, replace).map_err(Failure::wrong)?;
    match common.output {
        Format::Json => output::json(&json!({
            "store": store, "backup_at": moment(restored.backup_ms), "replaced": restored.replaced,
            "open_jobs": names(&restored), "lost_records": restored.lost_records,
            "lost_runs": restored.lost_runs,
        }))?,
        Format::Text => {
            output::text(&format!("{} is as it was at {}\n", store.display(), moment(restored.backup_ms)))?;
            if let Some(replaced) = &restored.replaced {
                output::text(&format!("the store that stood there is in {}\n", replaced.display()))?;
            }
        }
    }
    anstream::eprintln!("warning: {}", forgotten(&restored));
    Ok(ExitCode::SUCCESS)
}

fn acknowledge(common: &Common, loaded: &Loaded) -> Result<ExitCode, Failure> {
    // Only a store that is there can have been restored.
    drop(Reader::open(&loaded.settings.store)?);
    carried_out(loaded, Command::AcknowledgeRestore, |result| match common.output {
        Format::Json => output::json(&result),
        Format::Text if result["acknowledged"] == true => output::text("noted: commands warn no more\n"),
        Format::Text => output::text("there was nothing to acknowledge\n"),
    })
}

fn prune(common: &Common, loaded: &Loaded, kept: Duration) -> Result<ExitCode, Failure> {
    drop(Reader::open(&loaded.settings.store)?);
    let kept_ms = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    let before_ms = SystemClock.now_ms().saturating_sub(kept_ms);
    carried_out(loaded, Command::Prune { before_ms }, |result| match common.output {
        Format::Json => output::json(&result),
        Format::Text => output::text(&format!(
            "removed {} that ended before {}; the store was {} and is {}\n",
            counted(result["jobs"].as_array().map_or(0, Vec::len) as u64, "job"),
            moment(before_ms),
            size(result["bytes_before"].as_u64().unwrap_or_default()),
            size(result["bytes_after"].as_u64().unwrap_or_default()),
        )),
    })
}

/// Has something done in the store, by whoever owns it.
fn carried_out(
    loaded: &Loaded,
    command: Command,
    show: impl FnOnce(serde_json::Value) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    let home = Home::of(loaded);
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let show = |answer, _| {
            if let Answer::Result(result) = answer {
                show(result)?;
            }
            Ok(ExitCode::SUCCESS)
        };
        place::execute(&home, command, Vec::new(), 0, stop, show).await
    })
}

fn forgotten(restored: &Restored) -> String {
    let open = match names(restored).as_slice() {
        [] => "no job was open then".to_owned(),
        jobs => format!("open then, and perhaps further on since: {}", jobs.join(", ")),
    };
    let mut keys = String::new();
    if restored.lost_records > 0 {
        keys += &format!(
            " {} that waited then cannot be opened any more and will not be carried out: the keys are destroyed, \
             since they were carried out or forgotten after the backup.",
            counted(restored.lost_records, "request"),
        );
    }
    if restored.lost_runs > 0 {
        keys += &format!(
            " {} of these jobs remember nothing, for the same reason: going on with the jobs carries them out from \
             the start; `privaflow jobs cancel` gives a job up.",
            counted(restored.lost_runs, "run"),
        );
    }
    format!(
        "this store was restored at {} from a backup of {}. It knows nothing of what came between: ids that \
         were finished, states that were accepted, erasures. A file that was run since would be carried out \
         once more, and an older change can undo a newer one; {open}.{keys} When you have dealt with it: \
         `privaflow store restore --acknowledge`",
        moment(restored.restored_ms),
        moment(restored.backup_ms),
    )
}

fn names(restored: &Restored) -> Vec<String> {
    restored.open_jobs.iter().map(ToString::to_string).collect()
}

fn moment(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
