//! `directory activity USER`: what one user did.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::command::Where;
use super::place::{Place, now, unless_stopped};
use super::shown;
use crate::cli::output::{self, Format, counted, plain};
use crate::cli::{Common, Failure, run as run_command};
use crate::clock::{SharedClock, SystemClock};
use crate::config::Profile;
use crate::directory::{Directory, Life, Person, live};
use crate::onetrust::staff::{Activity, SignIn};
use crate::workflow::Retry;

/// Sign-ins that a page for people shows; programs are given all.
const SHOWN: usize = 50;

pub(super) fn run(common: &Common, name: &str, stored: bool, at: &Where) -> Result<ExitCode, Failure> {
    run_command::runtime()?.block_on(async {
        let stop = run_command::stop_on_signal();
        let place = Place::open(common, at).await?;
        let found = place
            .directories
            .iter()
            .find_map(|(profile, directory)| directory.find(name).map(|person| (profile, directory, person)));
        let Some((profile, directory, person)) = found else {
            let why =
                "nobody in the directory is called so: give the address, the id, or a name that only one has";
            return Err(Failure::Usage(why.to_owned()));
        };
        shown::say_how_old(directory);
        let life = match stored {
            true => None,
            false => Some(unless_stopped(&stop, ask(&place, profile, person)).await?),
        };
        show(common, directory, person, life.as_ref())?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn ask(place: &Place, profile: &Profile, person: &Person) -> Result<Life, Failure> {
    profile.check().await.map_err(Failure::wrong)?;
    let clock: SharedClock = Arc::new(SystemClock);
    let api = place.home.clients.api(profile, Arc::clone(&clock))?;
    let policy = place.home.settings.retries.policy(&Retry::default());
    Ok(live(&api, &clock, policy, &person.user.id).await?)
}

fn show(common: &Common, directory: &Directory, person: &Person, life: Option<&Life>) -> Result<(), Failure> {
    let (now, kept) = (now(), directory.changes_of(&person.user.id));
    if common.output == Format::Json {
        let mut object = shown::object(directory, person, now);
        let of_life = life.map(|life| json!({ "sign_ins": life.sign_ins, "changes": life.activities }));
        object["activity"] = of_life.unwrap_or_else(|| json!({ "sign_ins": null, "changes": kept }));
        return output::json(&object);
    }
    let mut text = output::table(&shown::HEAD, [shown::cells(person, now)]);
    if let Some(known) = &person.sign_ins {
        text.push_str(&format!(
            "\n{} and {} since the directory is read\n",
            counted(known.successes, "sign-in"),
            counted(known.failures, "failed attempt"),
        ));
    }
    let no_scope = "not known: the credential needs the scope USER\n";
    match life.map(|life| &life.sign_ins) {
        Some(Some(list)) => {
            text.push_str(&format!("\n{} in the last 365 days\n", counted(list.len() as u64, "sign-in")));
            text.push_str(&output::table(
                &["AT", "RESULT", "FROM", "WITH"],
                list.iter().take(SHOWN).map(sign_in),
            ));
            if list.len() > SHOWN {
                text.push_str(&format!("the newest {SHOWN}; --output json has all\n"));
            }
        }
        Some(None) => text.push_str(&format!("\nsign-ins {no_scope}")),
        None => {}
    }
    match life.map(|life| &life.activities) {
        Some(Some(list)) => text.push_str(&changes(list)),
        Some(None) => text.push_str(&format!("\nchanges of the profile {no_scope}")),
        None => text.push_str(&changes(&kept)),
    }
    output::text(&text)
}

fn changes(list: &[Activity]) -> String {
    let or_dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), plain);
    let row = |change: &Activity| {
        let Activity { at, event, field, old, new, by, .. } = change;
        vec![plain(at), or_dash(event), or_dash(field), or_dash(old), or_dash(new), or_dash(by)]
    };
    let head = ["AT", "EVENT", "FIELD", "WAS", "IS", "BY"];
    let table = output::table(&head, list.iter().map(row));
    format!("\n{} of the profile\n{table}", counted(list.len() as u64, "change"))
}

fn sign_in(sign_in: &SignIn) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), plain);
    let result = if sign_in.success { "in" } else { "refused" };
    vec![plain(&sign_in.at), result.to_owned(), or_dash(&sign_in.ip), or_dash(&sign_in.agent)]
}
