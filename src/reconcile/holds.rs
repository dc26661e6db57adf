//! What Braze holds: the states of many people, asked in as few requests as it takes.
//!
//! Profiles are read first (`/users/export/ids`), which tells who has one and how they stand globally; then
//! the groups of those who have one (`/subscription/user/status`), which Braze shows without regard to the
//! global state. No more is asked for than is compared.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::catalogue::{self, Action, Identifier, OPTS_OUT};
use crate::drift::{Held, Holding, Uncompared, Want};
use crate::engine::{Asker, Stopped, Told};
use crate::plan::{Call, PersonKey, What, Who};

const PROFILES: &str = "braze/users.export.ids";
const GROUPS: &str = "braze/subscription.user.status";
/// The channel that the global state of e-mail silences.
const EMAIL: &str = "email";

/// Somebody whose states are asked for.
struct Person<'w> {
    service: usize,
    who: &'w Who,
    asks_groups: bool,
    profiles: Result<Vec<Value>, Uncompared>,
    groups: Result<Vec<Value>, Uncompared>,
}

/// What Braze holds of each of these states, in their order; each comes with the profile it is asked by.
pub(super) async fn holds(asker: &Asker, wants: &[(usize, &Want)]) -> Result<Vec<Held>, Stopped> {
    let mut people: Vec<Person<'_>> = Vec::new();
    let mut known: HashMap<(usize, PersonKey), usize> = HashMap::new();
    let mut asked_by = Vec::with_capacity(wants.len());
    for (service, want) in wants {
        let key = key(&want.setting.who);
        let place = match key.and_then(|key| known.get(&(*service, key)).copied()) {
            Some(place) => place,
            None => {
                let unread = || Err(Uncompared::Unread);
                let who = &want.setting.who;
                people.push(Person {
                    service: *service,
                    who,
                    asks_groups: false,
                    profiles: unread(),
                    groups: unread(),
                });
                known.extend(key.map(|key| ((*service, key), people.len() - 1)));
                people.len() - 1
            }
        };
        if let (Some(person), What::Group(_)) = (people.get_mut(place), &want.setting.what) {
            person.asks_groups = true;
        }
        asked_by.push(place);
    }
    read_profiles(asker, &mut people).await?;
    read_groups(asker, &mut people).await?;
    let held = |((_, want), place): (&(usize, &Want), usize)| match people.get(place) {
        Some(person) => person.held(&want.setting.what),
        None => Held::Unread(Uncompared::Unread),
    };
    Ok(wants.iter().zip(asked_by).map(held).collect())
}

async fn read_profiles(asker: &Asker, people: &mut [Person<'_>]) -> Result<(), Stopped> {
    let calls = people.iter().enumerate().filter_map(|(place, person)| {
        let call = Call::new(action(PROFILES)?, &profile_question(person.who)).ok()?;
        Some((place, person.service, call))
    });
    for (place, told) in ask(asker, calls.collect()).await? {
        if let (Some(person), Told::Answer(mut answer)) = (people.get_mut(place), told)
            && let Some(Value::Array(users)) = answer.get_mut("users").map(Value::take)
        {
            person.profiles = Ok(users);
        }
    }
    Ok(())
}

async fn read_groups(asker: &Asker, people: &mut [Person<'_>]) -> Result<(), Stopped> {
    let mut calls = Vec::new();
    for (place, person) in people.iter_mut().enumerate().filter(|(_, person)| person.asks_groups) {
        let Ok(profiles) = &person.profiles else { continue };
        if profiles.is_empty() {
            continue;
        }
        match group_question(person.who, profiles) {
            Some(question) => {
                let call = action(GROUPS).and_then(|action| Call::new(action, &question).ok());
                calls.extend(call.map(|call| (place, person.service, call)));
            }
            None => person.groups = Err(Uncompared::NoAddress),
        }
    }
    for (place, told) in ask(asker, calls).await? {
        if let (Some(person), Told::Answer(mut answer)) = (people.get_mut(place), told)
            && let Some(Value::Array(users)) = answer.get_mut("users").map(Value::take)
        {
            let total = answer.get("total_count").and_then(Value::as_u64).unwrap_or_default();
            let is_whole = total <= users.len() as u64;
            person.groups = if is_whole { Ok(users) } else { Err(Uncompared::TooManyProfiles) };
        }
    }
    Ok(())
}

/// Asks each profile of the settings its own calls.
async fn ask(asker: &Asker, calls: Vec<(usize, usize, Call)>) -> Result<Vec<(usize, Told)>, Stopped> {
    let mut by_service: Vec<(usize, Vec<usize>, Vec<Call>)> = Vec::new();
    for (place, service, call) in calls {
        match by_service.iter_mut().find(|(known, _, _)| *known == service) {
            Some((_, places, calls)) => {
                places.push(place);
                calls.push(call);
            }
            None => by_service.push((service, vec![place], vec![call])),
        }
    }
    let mut all = Vec::new();
    for (service, places, calls) in by_service {
        let told = asker.ask(service, &calls).await?;
        if let Some(why) = told.iter().find_map(|told| match told {
            Told::Nothing(why) => Some(why),
            Told::Answer(_) => None,
        }) {
            tracing::warn!("some people could not be read: {why}");
        }
        all.extend(places.into_iter().zip(told));
    }
    Ok(all)
}

impl Person<'_> {
    /// What was found of one state.
    fn held(&self, what: &What) -> Held {
        let profiles = match &self.profiles {
            Ok(profiles) => profiles,
            Err(why) => return Held::Unread(*why),
        };
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = match what {
            What::Attribute(name) => {
                let holding = |profile| Holding { word: text(profile, name), is_muted: false };
                return Held::Profiles(profiles.iter().map(holding).collect());
            }
            What::Group(id) => id,
        };
        if profiles.is_empty() {
            return Held::Profiles(Vec::new());
        }
        let users = match &self.groups {
            Ok(users) => users,
            Err(why) => return Held::Unread(*why),
        };
        let holding = |user: &Value| {
            let groups = user.get("subscription_groups").and_then(Value::as_array);
            let group = groups?.iter().find(|group| group.get("id").and_then(Value::as_str) == Some(id))?;
            let is_email = text(group, "channel").is_none_or(|channel| channel.eq_ignore_ascii_case(EMAIL));
            Some(Holding { word: text(group, "status"), is_muted: is_email && is_silent(profiles, user) })
        };
        if users.is_empty() {
            // The profile is there, and never was in a group.
            return Held::Profiles(vec![Holding::default()]);
        }
        Held::Profiles(users.iter().map(|user| holding(user).unwrap_or_default()).collect())
    }
}

/// Whether the profile that a list of groups belongs to gets no e-mail at all.
fn is_silent(profiles: &[Value], user: &Value) -> bool {
    let says_no = |profile: &&Value| {
        profile.get("email_subscribe").and_then(Value::as_str).is_some_and(|word| word == OPTS_OUT)
    };
    let id = user.get("external_id").filter(|id| id.is_string());
    match profiles.iter().find(|profile| id.is_some() && profile.get("external_id") == id) {
        Some(own) => says_no(&own),
        None => profiles.iter().all(|profile| says_no(&profile)),
    }
}

fn action(name: &str) -> Option<&'static Action> {
    catalogue::find(name)
}

fn key(who: &Who) -> Option<PersonKey> {
    let text = |member: &str| who.value.get(member).and_then(Value::as_str);
    match who.kind {
        Identifier::UserAlias => Some(PersonKey::alias(text("alias_label")?, text("alias_name")?)),
        kind => Some(PersonKey::of(kind, who.value.as_str()?)),
    }
}

/// Which profile to read, and no more of it than is compared or needed to ask on.
fn profile_question(who: &Who) -> Value {
    let states = ["external_id", "email_subscribe", "push_subscribe"];
    let value = &who.value;
    match who.kind {
        Identifier::ExternalId => json!({ "external_ids": [value], "fields_to_export": states }),
        Identifier::Email => json!({ "email_address": value, "fields_to_export": states }),
        Identifier::Phone => json!({ "phone": value, "fields_to_export": states }),
        Identifier::BrazeId => {
            let fields: Vec<&str> = states.into_iter().chain(["email", "phone"]).collect();
            json!({ "braze_id": value, "fields_to_export": fields })
        }
        Identifier::UserAlias => {
            let fields: Vec<&str> = states.into_iter().chain(["email", "phone", "user_aliases"]).collect();
            json!({ "user_aliases": [value], "fields_to_export": fields })
        }
    }
}

/// By what to ask for the groups of a person: the external id, whichever identifier found the profile,
/// since many of these go into one request; else an address.
fn group_question(who: &Who, profiles: &[Value]) -> Option<Value> {
    let member = |name: &str| match profiles {
        [one] => one.get(name).filter(|value| value.is_string()),
        _ => None,
    };
    let own = |kind: Identifier| (who.kind == kind).then_some(&who.value);
    // An address may lead to several profiles, and each has groups of its own.
    if let Some(email) = own(Identifier::Email) {
        return Some(json!({ "email": email }));
    }
    if let Some(phone) = own(Identifier::Phone) {
        return Some(json!({ "phone": phone }));
    }
    let id = member("external_id").or(own(Identifier::ExternalId)).map(|id| json!({ "external_id": id }));
    let email = || member("email").map(|email| json!({ "email": email }));
    let phone = || member("phone").map(|phone| json!({ "phone": phone }));
    id.or_else(email).or_else(phone)
}
