//! `privaflow store backup|restore|prune`, and the warning of a store that was restored.
//!
//! A backup reads beside whoever works on the store; pruning is done by whoever owns it; restoring needs
//! the store for itself, and says who has it. What is kept, lost and forgotten is the work of `journal`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::output::{self, Format, counted};
use super::why::carried_out;
use super::{Common, Failure, pauses, setup, unfinished};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::host::Command;
use crate::job::FORGETFUL;
use crate::journal::{self, Carried, Reader, Replace, Restored, StoreError};
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
    /// folder `keys`: what requests that are not over must remember opens only where their keys are. A store that
    /// an earlier release wrote is copied as it is, before this one brings it up to date.
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Put a backup in the place of the store
    ///
    /// Jobs that came after the backup was made are forgotten, and named if something of them is not done. Who was
    /// erased since, or may have been, who is on hold, what was finished and accepted, and requests that hooks, feeds
    /// and schedules brought and that are not over, are taken over from the store that stands there, if it can be
    /// read; else changes that could bring somebody back wait until you acknowledge it. That store is kept beside
    /// the new one.
    #[command(arg_required_else_help = true)]
    Restore {
        /// A file that `privaflow store backup` made
        #[arg(required_unless_present = "acknowledge")]
        file: Option<PathBuf>,
        /// Replace a store that has more than the backup: the warning says what of that is not taken over
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

/// Whether there is a store to list something of. One of an earlier format is refused, since to list is no reason to
/// bring it up to date; one that is not there yet is not made, and `nothing` is said.
pub(super) fn is_listed(store: &Path, nothing: &str) -> Result<bool, Failure> {
    match Reader::open(store) {
        Ok(_) => Ok(true),
        Err(StoreError::Missing { .. }) => {
            anstream::eprintln!("there is no store at {} yet: {nothing}", store.display());
            Ok(false)
        }
        Err(error) => Err(Failure::wrong(error)),
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
    let reader = Reader::open_to_back_up(store).map_err(Failure::wrong)?;
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
            "lost_runs": restored.lost_runs, "carried": restored.carried,
            "unfinished": unfinished::json(&restored.unfinished, moment), "unknown": restored.lost,
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
    Reader::must_be_there(&loaded.settings.store)?;
    let command = Command::AcknowledgeRestore { by: pauses::who() };
    carried_out(loaded, command, |result| {
        match common.output {
            Format::Json => output::json(&result)?,
            Format::Text if result["acknowledged"] == true => {
                output::text("noted: commands warn no more\n")?;
                let let_go = result["let_go"].as_array().map_or(0, Vec::len) as u64;
                if let_go > 0 {
                    let waited = counted(let_go, "request");
                    anstream::eprintln!(
                        "{waited} that waited for this may go on: `serve` does, or `privaflow jobs resume`"
                    );
                }
            }
            Format::Text => output::text("there was nothing to acknowledge\n")?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn prune(common: &Common, loaded: &Loaded, kept: Duration) -> Result<ExitCode, Failure> {
    Reader::must_be_there(&loaded.settings.store)?;
    let kept_ms = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    let before_ms = SystemClock.now_ms().saturating_sub(kept_ms);
    carried_out(loaded, Command::Prune { before_ms }, |result| {
        match common.output {
            Format::Json => output::json(&result),
            Format::Text => output::text(&format!(
                "removed {} that ended before {}; the store was {} and is {}\n",
                counted(result["jobs"].as_array().map_or(0, Vec::len) as u64, "job"),
                moment(before_ms),
                size(result["bytes_before"].as_u64().unwrap_or_default()),
                size(result["bytes_after"].as_u64().unwrap_or_default()),
            )),
        }?;
        Ok(ExitCode::SUCCESS)
    })
}

fn forgotten(restored: &Restored) -> String {
    let open = unfinished::open_words(&restored.open_jobs, &restored.unfinished);
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
            " {} of open jobs remember nothing: the keys are destroyed, since they were carried out or forgotten after \
             the backup. Going on with the jobs carries them out from the start; `privaflow jobs cancel` gives a job up.",
            counted(restored.lost_runs, "run"),
        );
    }
    let (at, of) = (moment(restored.restored_ms), moment(restored.backup_ms));
    let Carried { erasures, holds, ids, states, looks, presumed } = restored.carried;
    let unfinished = unfinished::words(&restored.unfinished, moment);
    let counts = [
        (erasures, "erased identifier"),
        (holds, "hold"),
        (ids, "finished request"),
        (states, "accepted state"),
    ];
    let mut taken: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| counted(count, what))
        .collect();
    if looks > 0 {
        taken.push(format!("{} to come at people who were erased", counted(looks, "look")));
    }
    if presumed > 0 {
        let identifiers = counted(presumed, "identifier");
        taken.push(format!(
            "{identifiers} of people whose deletion had left and was not answered, who count as erased"
        ));
    }
    let taken = taken.join(", ");
    let known = match restored.lost {
        None => format!(
            "{} What was let through the gate since, or taken off the hold list, is shut again",
            match taken.as_str() {
                "" => "Nothing came between that it would have to know.".to_owned(),
                taken => format!("From the store that stood there it took over what came between: {taken}."),
            },
        ),
        Some(lost) => format!(
            "Since {}, it {} what came between {of} and {at}: ids that were finished, states that were accepted, and who \
             was erased, so that nobody looks whether they stay gone.{} Until you acknowledge that, changes from before \
             {at} (and the quiet period of the gate after it) that could bring somebody back wait as `{FORGETFUL}`; \
             carry the deletions of that time out once more before you do. A file that was run since would be carried \
             out once more, and an older change can undo a newer one",
            lost.words(),
            if taken.is_empty() { "knows nothing of" } else { "may not know all of" },
            match taken.as_str() {
                "" => String::new(),
                taken => format!(" Taken over was what could be read: {taken}."),
            },
        ),
    };
    format!(
        "this store was restored at {at} from a backup of {of}. {known}. {open}{keys}{unfinished} When you have dealt with it: \
         `privaflow store restore --acknowledge`"
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
