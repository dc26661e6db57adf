//! `privaflow backfill WORKFLOW --since DAY --out FILE`: everybody's consents out of OneTrust at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output::{self, Format, counted};
use super::place::Home;
use super::trial::Trial;
use super::trigger::{of_profile, profile, trigger};
use super::{Common, Failure, run, setup};
use crate::clock::{SharedClock, SystemClock};
use crate::config::Settings;
use crate::feeds::{Export, each_person};
use crate::onetrust::Judged;
use crate::onetrust::bulk::{DateType, Days};
use crate::reconcile::Kept;
use crate::workflow::{ConsentRules, Known, Retry};

/// The folder of the store where what was fetched stands until it is records.
const FOLDER: &str = "backfill";

/// Arguments of `backfill`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A workflow file, or the name of a workflow in the settings' folder: its trigger says how people are named
    workflow: String,
    /// The first day: 2025-01-31. Each 180 days are one of the about 20 exports of a month
    #[arg(long, value_name = "DAY", required_unless_present = "file")]
    since: Option<jiff::civil::Date>,
    /// The last day [default: yesterday, the latest that OneTrust allows]
    #[arg(long, value_name = "DAY")]
    until: Option<jiff::civil::Date>,
    /// Which date of people the days mean: of their first transaction, the last one, or the last interaction
    #[arg(long, value_enum, default_value = "created", value_name = "created|modified|interaction")]
    #[arg(hide_possible_values = true)]
    by: By,
    /// Where the records go, one a line; it names people
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A column of the files, by what it says: identifier, purpose_id, purpose, status, updated_at, language, test
    #[arg(long = "column", value_name = "WHAT=COLUMN", value_parser = parse_column)]
    columns: Vec<(String, String)>,
    /// Files of exports that are here already; nothing is asked of OneTrust
    #[arg(long, value_name = "FILE", conflicts_with_all = ["since", "until", "profile", "sandbox"])]
    file: Vec<PathBuf>,
    /// The profile of OneTrust to ask [default: that of the workflow's trigger, or the only one]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// How often to ask whether an export is ready
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = run::parse_duration)]
    every: Duration,
    /// Against look-alikes of Braze and OneTrust in this process: needs no settings and no key, changes nothing
    #[arg(long)]
    sandbox: bool,
}

/// Which date of people the days mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Of their first transaction.
    Created,
    /// Of their last transaction.
    Modified,
    /// Of their last interaction.
    Interaction,
}

impl By {
    fn date(self) -> DateType {
        match self {
            By::Created => DateType::Created,
            By::Modified => DateType::Modified,
            By::Interaction => DateType::Interaction,
        }
    }
}

fn parse_column(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(what, column)| !what.is_empty() && !column.is_empty());
    let (what, column) = pair.ok_or("write what the column says and its name: status=Consent status")?;
    Ok((what.trim().to_owned(), column.to_owned()))
}

/// Fetches, and writes the records.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        match args.sandbox {
            true => Box::pin(in_the_sandbox(common, args, stop)).await,
            false => Box::pin(with_settings(common, args, stop)).await,
        }
    })
}

async fn with_settings(common: &Common, args: &Args, stop: CancellationToken) -> Result<ExitCode, Failure> {
    let home = Home::of(&setup::settings(common)?);
    let file = setup::find_workflow(&home.settings, &args.workflow)?;
    let workflow = setup::workflow(setup::read(&file)?, &home.known)?;
    if !args.file.is_empty() {
        let rules = workflow.on.onetrust_consent.as_ref().map(|trigger| trigger.rules.clone());
        let mut records = Records::begin(args, rules.unwrap_or_default())?;
        args.file.iter().try_for_each(|path| records.add(path))?;
        return records.finish(common, 0);
    }
    let trigger = trigger(&workflow, &home.settings, args.profile.as_deref())?;
    let profile = profile(&home.settings, &trigger)?;
    profile.check().await.map_err(Failure::wrong)?;
    let clock: SharedClock = std::sync::Arc::new(SystemClock);
    let api = home.clients.api(profile, std::sync::Arc::clone(&clock))?;
    let folder = home.settings.store.join(FOLDER);
    setup::private_folder(&folder)?;
    let policy = home.settings.retries.policy(&Retry::default());
    let export = Export::new(profile, api, std::sync::Arc::clone(&clock), policy, &folder, args.every);
    fetch(common, args, &trigger.rules, &export, &clock, stop).await
}

async fn in_the_sandbox(common: &Common, args: &Args, stop: CancellationToken) -> Result<ExitCode, Failure> {
    let settings = Settings::default_in(Path::new(""));
    let file = setup::find_workflow(&settings, &args.workflow)?;
    let workflow = setup::workflow(setup::read(&file)?, &Known::default())?;
    let trigger = workflow.on.onetrust_consent.clone().unwrap_or_else(|| of_profile("sandbox"));
    let trial = Trial::empty().await?;
    trial.say(&trigger);
    // What people said a moment ago was said the day before yesterday.
    trial.clock().advance(Duration::from_secs(2 * 24 * 60 * 60));
    let clock: SharedClock = trial.clock();
    let folder = tempfile::tempdir().map_err(Failure::wrong)?;
    let policy = settings.retries.policy(&Retry::default());
    let [_, profile] = trial.profiles()?;
    let every = args.every.min(Duration::from_millis(10));
    let api = trial.onetrust()?;
    let export = Export::new(&profile, api, std::sync::Arc::clone(&clock), policy, folder.path(), every);
    let code = fetch(common, args, &trigger.rules, &export, &clock, stop).await;
    trial.stop().await;
    code
}

async fn fetch(
    common: &Common,
    args: &Args,
    rules: &ConsentRules,
    export: &Export,
    clock: &SharedClock,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let today = jiff::Timestamp::from_millisecond(clock.now_ms()).unwrap_or_default();
    let yesterday = today.to_zoned(jiff::tz::TimeZone::UTC).date().yesterday().map_err(Failure::wrong)?;
    let end = args.until.unwrap_or(yesterday);
    if end > yesterday {
        return Err(Failure::Usage(format!("OneTrust exports no day after yesterday, {yesterday}")));
    }
    let all = Days { start: args.since.unwrap_or(end), end }.exports();
    if all.is_empty() {
        return Err(Failure::Usage("the last day comes before the first".to_owned()));
    }
    let date = args.by.date();
    let mut records = Records::begin(args, rules.clone())?;
    let fetched = async {
        export.check(&all, date).await?;
        for days in &all {
            let files = export.fetch(*days, date, |word| anstream::eprintln!("{word}")).await?;
            // The next one is asked for only when this one can be read.
            files.iter().try_for_each(|path| records.add(path)).inspect_err(|_| {
                anstream::eprintln!("what was fetched is kept: the same command goes on with it");
            })?;
        }
        Ok::<(), Failure>(())
    };
    tokio::select! {
        fetched = fetched => fetched?,
        () = stop.cancelled() => {
            let why = "interrupted; the same command goes on with the same exports";
            return Err(Failure::Interrupted(why.to_owned()));
        }
    }
    let code = records.finish(common, all.len())?;
    all.iter().for_each(|days| export.forget(*days, date));
    Ok(code)
}

/// The records, as they are written.
struct Records<'a> {
    args: &'a Args,
    rules: ConsentRules,
    kept: Kept,
    rows: u64,
    skipped: BTreeMap<&'static str, u64>,
}

impl Records<'_> {
    fn begin(args: &Args, rules: ConsentRules) -> Result<Records<'_>, Failure> {
        let kept = Kept::begin(&args.out).map_err(Failure::wrong)?;
        Ok(Records { args, rules, kept, rows: 0, skipped: BTreeMap::new() })
    }

    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let (kept, skipped) = (&mut self.kept, &mut self.skipped);
        let see = |judged| match judged {
            Judged::Start(record) => kept.add_line(record.line()),
            Judged::Skip(reason) => {
                *skipped.entry(reason.word()).or_default() += 1;
                Ok(())
            }
        };
        let rows = each_person(path, &self.args.columns, &self.rules, see);
        self.rows += rows.map_err(Failure::wrong)?;
        Ok(())
    }

    /// Gives the file its name, and says what is in it.
    fn finish(self, common: &Common, exports: usize) -> Result<ExitCode, Failure> {
        let (records, out) = (self.kept.records(), self.args.out.display());
        self.kept.finish().map_err(Failure::wrong)?;
        match common.output {
            Format::Json => output::json(&json!({
                "records": records, "rows": self.rows, "skipped_by": self.skipped, "exports": exports,
                "out": self.args.out,
            }))?,
            Format::Text => {
                let mut text =
                    format!("{out}  {} of {}\n", counted(records, "record"), counted(self.rows, "row"));
                for (reason, count) in &self.skipped {
                    text.push_str(&format!("  {count} people left out: {reason}\n"));
                }
                output::text(&text)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
