//! From the arguments of `reconcile` to its exit code.
//!
//! It only reads; what it repairs it hands to an ordinary job. Drift that is left, and whatever could not be
//! compared, is something for a human: exit code 1.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::repairs::{self, Repair, Which};
use super::shown::{self, Sampled};
use crate::cli::failure::{INTERRUPTED, NOT_ALL_WELL, SERVICE};
use crate::cli::place::Home;
use crate::cli::run::{self, Asked};
use crate::cli::trial::Trial;
use crate::cli::{Common, Failure, setup};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{Settings, System};
use crate::drift::{Direction, Look, Tally};
use crate::engine::{Asker, Brake, Patience, kinds_taken};
use crate::feeds::{BEGINNING, Everyone};
use crate::intake::Input;
use crate::onetrust::Api;
use crate::reconcile::{Compared, Comparison, Kept, People, ReconcileError, Sample};
use crate::workflow::{ConsentRules, ConsentTrigger, Feed, Known, Retry, Workflow};

/// How often a line says how far it is.
const EVERY: Duration = Duration::from_secs(5);

/// Arguments of `reconcile`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A workflow file, or the name of a workflow in the settings' folder
    workflow: String,
    /// What OneTrust says: request records, as `run` takes them; - is standard input [default: everybody in OneTrust]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "since"])]
    input: Option<PathBuf>,
    /// The profile of OneTrust to ask [default: that of the workflow's trigger, or the only one]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Only people who changed since: a date and time with a zone
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    since: Option<jiff::Timestamp>,
    /// Compare so many records only, drawn at random
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// Draw the sample that an earlier command drew
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    seed: Option<u64>,
    /// Write the records that repair the drift, to be looked at or given to `run`; it names people
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Carry the repair out as a job: `opt-outs` alone, or `all` [default when nothing follows: opt-outs]
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "opt-outs", value_name = "WHICH")]
    repair: Option<Which>,
    /// As of `run`, for the repair
    #[arg(long, value_name = "DURATION", value_parser = run::parse_duration)]
    wait: Option<Duration>,
    /// Against look-alikes of Braze and OneTrust in this process: needs no settings and no key, changes nothing
    #[arg(long)]
    sandbox: bool,
}

fn parse_moment(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "write a date and time with a zone: 2026-01-31T00:00:00Z".to_owned())
}

/// Compares, shows, repairs.
pub(in crate::cli) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
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
    let source = setup::read(&file)?;
    let workflow = setup::workflow(source.clone(), &home.known)?;
    let mut repair = Repair::of(args.repair, &workflow, &home.settings.store)?;
    let wait = args.wait.unwrap_or(run::WAIT);
    if let Some(repair) = &repair {
        for path in repair.left_over(&home.settings.store)? {
            anstream::eprintln!("going on with a repair that was not finished: {}", path.display());
            let input = run::open_input(&workflow, &path)?;
            let asked = Asked { source: source.clone(), workflow: Arc::clone(&workflow), input, wait };
            let code = Box::pin(run::carry_out(common, &home, asked, stop.clone())).await?;
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
            repairs::remove(&path);
        }
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let work = Work { common, args, workflow: &workflow, clock: Arc::clone(&clock), stop: stop.clone() };
    let comparison = work.comparison()?;
    let services = home.clients.services(&workflow).await?;
    let policy = home.settings.retries.policy(&Retry::default());
    let asker =
        Asker::new(services, Arc::clone(&clock), None, policy).held_by(Brake::of(&home.settings.store));
    let input = args.input.as_ref().map(|path| run::open_input(&workflow, path)).transpose()?;
    let from = match input {
        Some(input) => From::File(input),
        None => {
            let trigger = trigger(&workflow, &home.settings, args.profile.as_deref())?;
            let profile = home.settings.profiles.get(&trigger.profile).ok_or_else(|| {
                Failure::Usage(format!("there is no profile `{}` in the settings", trigger.profile))
            })?;
            profile.check().await.map_err(Failure::wrong)?;
            let api = home.clients.api(profile, Arc::clone(&clock))?;
            From::OneTrust(Box::new(work.everyone(&trigger, api, policy)))
        }
    };
    let done = work.compare(&comparison, Arc::new(asker), from, repair.as_mut()).await?;
    let Some(path) = done.repairs(repair)? else { return Ok(done.code()) };
    let input = run::open_input(&workflow, &path)?;
    let asked = Asked { source, workflow: Arc::clone(&workflow), input, wait };
    let code = Box::pin(run::carry_out(common, &home, asked, stop)).await?;
    if code == ExitCode::SUCCESS {
        repairs::remove(&path);
        return Ok(done.code());
    }
    Ok(code)
}

async fn in_the_sandbox(common: &Common, args: &Args, stop: CancellationToken) -> Result<ExitCode, Failure> {
    let mut settings = Settings::default_in(std::path::Path::new(""));
    settings.shadow = common.shadow;
    let file = setup::find_workflow(&settings, &args.workflow)?;
    let workflow = setup::workflow(setup::read(&file)?, &Known::default())?;
    let folder = tempfile::tempdir().map_err(Failure::wrong)?;
    let mut repair = Repair::of(args.repair, &workflow, folder.path())?;
    let input = args.input.as_ref().map(|path| run::open_input(&workflow, path)).transpose()?;
    let trial = match &input {
        Some(input) => Trial::start(&workflow, input).await?,
        None => Trial::empty().await?,
    };
    let clock: SharedClock = trial.clock();
    let work = Work { common, args, workflow: &workflow, clock: Arc::clone(&clock), stop: stop.clone() };
    let comparison = work.comparison()?;
    let policy = settings.retries.policy(&Retry::default());
    let asker = Asker::new(trial.services()?, clock, Some(trial.clock()), policy);
    let from = match input {
        Some(input) => From::File(input),
        None => {
            let trigger = workflow.on.onetrust_consent.clone().unwrap_or_else(|| of_profile("sandbox"));
            trial.say(&trigger);
            From::OneTrust(Box::new(work.everyone(&trigger, trial.onetrust()?, policy)))
        }
    };
    let done = work.compare(&comparison, Arc::new(asker), from, repair.as_mut()).await?;
    let code = match done.repairs(repair)? {
        None => done.code(),
        Some(path) => {
            let input = run::open_input(&workflow, &path)?;
            let patience = args.wait.map_or(Patience::Endless, Patience::Until);
            let code =
                run::in_trial(common, settings, &trial, Arc::clone(&workflow), input, patience, stop).await?;
            if code == ExitCode::SUCCESS { done.code() } else { code }
        }
    };
    trial.stop().await;
    Ok(code)
}

/// Where the records come from.
enum From {
    File(Input),
    OneTrust(Box<Everyone>),
}

/// What one comparison needs.
struct Work<'a> {
    common: &'a Common,
    args: &'a Args,
    workflow: &'a Arc<Workflow>,
    clock: SharedClock,
    stop: CancellationToken,
}

/// A comparison that was shown.
struct Done {
    compared: Compared,
    /// Which drift the repair takes away.
    which: Option<Which>,
    repairs: u64,
}

impl Work<'_> {
    fn comparison(&self) -> Result<Comparison, Failure> {
        let now = jiff::Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default();
        // Ids of repairs are told apart by it.
        let name = uuid::Uuid::now_v7().simple().to_string();
        let look = Look { name, read_at: now.to_string() };
        Comparison::of(self.workflow, kinds_taken(self.workflow), look).map_err(failure)
    }

    fn everyone(&self, trigger: &ConsentTrigger, api: Api, policy: crate::workflow::Policy) -> Everyone {
        let since = self.args.since.unwrap_or(BEGINNING);
        Everyone::new(trigger, api, Arc::clone(&self.clock), since, policy)
    }

    /// Compares and shows what came of it.
    async fn compare(
        &self,
        comparison: &Comparison,
        asker: Arc<Asker>,
        from: From,
        mut repair: Option<&mut Repair>,
    ) -> Result<Done, Failure> {
        let began = Instant::now();
        let seed = self.args.seed.unwrap_or_else(|| self.clock.now_ms().unsigned_abs() % 1_000_000_000);
        let sample = self.args.sample.map(|size| Sample::new(size as usize, seed));
        let (program, kinds) = (comparison.program(), comparison.kinds());
        let (mut people, repeated) = match from {
            From::File(input) => {
                let repeated = comparison.repeats(&input).await.map_err(failure)?;
                (People::of_file(program, kinds, &input, sample).map_err(failure)?, Some(repeated))
            }
            From::OneTrust(list) => {
                let drawn = tokio::select! {
                    drawn = People::of_onetrust(program, kinds, *list, sample) => drawn.map_err(failure)?,
                    () = self.stop.cancelled() => {
                        let why = "interrupted before anything was compared";
                        return Err(Failure::Interrupted(why.to_owned()));
                    }
                };
                (drawn, None)
            }
        };
        let mut out = self.args.out.as_deref().map(Kept::begin).transpose().map_err(failure)?;
        let keep = |direction: Direction, record: &serde_json::Value| {
            if let Some(out) = &mut out {
                out.add(record)?;
            }
            repair.as_deref_mut().map_or(Ok(()), |repair| repair.add(direction, record))
        };
        let mut last = Instant::now();
        let see = |tally: &Tally| {
            if last.elapsed() >= EVERY {
                last = Instant::now();
                anstream::eprintln!("{}", shown::progress(tally));
            }
        };
        let compared = comparison
            .run(Arc::clone(&asker), &mut people, repeated, &self.stop, keep, see)
            .await
            .map_err(failure)?;
        let kept = out.as_ref().map(Kept::records);
        out.map(Kept::finish).transpose().map_err(failure)?;
        let report = shown::Report {
            workflow: &self.workflow.name,
            compared: &compared,
            skipped: people.skipped(),
            sample: self.args.sample.zip(people.sampled_of()).map(|(size, of)| Sampled { size, of, seed }),
            out: self.args.out.as_deref().zip(kept),
            requests: asker.counts(),
            took: began.elapsed(),
        };
        shown::show(self.common, &report)?;
        let repairs = repair.map_or(0, |repair| repair.records());
        Ok(Done { compared, which: self.args.repair, repairs })
    }
}

impl Done {
    /// The repair as a file, if it is to be carried out and there is any.
    fn repairs(&self, repair: Option<Repair>) -> Result<Option<PathBuf>, Failure> {
        let Some(repair) = repair else { return Ok(None) };
        if self.compared.is_interrupted || self.compared.stopped.is_some() {
            anstream::eprintln!("nothing is repaired, since the comparison did not come to its end");
            return Ok(None);
        }
        if self.repairs == 0 {
            return Ok(None);
        }
        repair.finish().map(Some).map_err(failure)
    }

    /// The exit code when the repair, if there is one, went well.
    fn code(&self) -> ExitCode {
        let all = &self.compared.tally.all;
        let is_taken =
            |which: Which| self.compared.impossible == 0 && self.which.is_some_and(|own| own >= which);
        let opt_outs = all.lost_opt_outs + all.not_recorded;
        let is_left =
            opt_outs > 0 && !is_taken(Which::OptOuts) || all.lost_opt_ins > 0 && !is_taken(Which::All);
        if self.compared.is_interrupted {
            ExitCode::from(INTERRUPTED)
        } else if self.compared.stopped.is_some() {
            ExitCode::from(SERVICE)
        } else if is_left || all.not_compared > 0 || !self.compared.tally.would_fail.is_empty() {
            ExitCode::from(NOT_ALL_WELL)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Whose list of people is read, and how people are named in it: as the workflow's trigger says.
fn trigger(workflow: &Workflow, settings: &Settings, named: Option<&str>) -> Result<ConsentTrigger, Failure> {
    let mut trigger = match &workflow.on.onetrust_consent {
        Some(trigger) => trigger.clone(),
        None => {
            let mut all = settings.profiles.values().filter(|profile| profile.system == System::OneTrust);
            match (named, all.next(), all.next()) {
                (Some(named), _, _) => of_profile(named),
                (None, Some(only), None) => of_profile(&only.name),
                (None, None, _) => {
                    return Err(Failure::Usage(
                        "the settings have no profile of OneTrust: add one, or give the records with --input"
                            .to_owned(),
                    ));
                }
                (None, Some(_), Some(_)) => {
                    return Err(Failure::Usage(
                        "the settings have several profiles of OneTrust: say which one with --profile"
                            .to_owned(),
                    ));
                }
            }
        }
    };
    if let Some(named) = named {
        named.clone_into(&mut trigger.profile);
    }
    Ok(trigger)
}

fn of_profile(profile: &str) -> ConsentTrigger {
    ConsentTrigger {
        profile: profile.to_owned(),
        feed: Feed::Profiles,
        every: Duration::from_secs(60),
        overlap: Duration::ZERO,
        look_back: Duration::ZERO,
        start: None,
        all_preferences: false,
        rules: ConsentRules::default(),
    }
}

fn failure(error: ReconcileError) -> Failure {
    match error {
        ReconcileError::Feed(error) => {
            Failure::Service(format!("OneTrust's list of people cannot be read: {error}"))
        }
        error => Failure::wrong(error),
    }
}
