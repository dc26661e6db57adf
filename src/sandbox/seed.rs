//! How the sandbox gets its people before a job starts.
//!
//! Every identifier that an input names must find a profile, whatever the order of its records, and
//! naming the same person a hundred times must cost a look-up each and no more.

use std::fmt;

use serde::Deserialize;

use super::world::{Alias, Place, Presence, Who, World};

/// The identifiers of one subject.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifiers {
    /// External id.
    pub external_id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The id Braze gave; one that follows from the seed when absent.
    pub braze_id: Option<String>,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<AliasName>,
    /// Devices that the person was seen on; alone, they make an anonymous profile.
    #[serde(default)]
    pub device_ids: Vec<String>,
}

/// One alias.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasName {
    /// The name itself.
    pub alias_name: String,
    /// Which kind of name it is.
    pub alias_label: String,
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifiers(redacted)")
    }
}

impl fmt::Debug for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AliasName(redacted)")
    }
}

impl AliasName {
    fn who(&self) -> Who<'_> {
        Who::Alias { name: &self.alias_name, label: &self.alias_label }
    }

    fn stored(&self) -> Alias {
        Alias { name: (*self.alias_name).into(), label: (*self.alias_label).into() }
    }
}

/// Sees to it that every identifier of a subject finds a profile. The external id decides who the
/// person is: other identifiers join that profile where it has none, and identifiers that cannot
/// join get an anonymous profile of their own.
pub(super) fn seed(world: &mut World, subject: &Identifiers, now_ms: i64) {
    let place =
        known(world, subject).or_else(|| first_who(subject).and_then(|who| world.create(who, now_ms)));
    let place = place.or_else(|| subject.braze_id.is_some().then(|| world.create_nameless()));
    let Some(place) = place else { return };
    let free =
        |world: &World, held: fn(&super::world::Profile) -> bool| world.profile(place).is_some_and(held);
    if let Some(id) = &subject.external_id
        && free(world, |profile| profile.external_id.is_none())
    {
        world.set_external_id(place, id);
    }
    if let Some(id) = &subject.braze_id
        && world.find(Who::BrazeId(id)).is_none()
    {
        world.set_braze_id(place, id);
    }
    if let Some(email) = &subject.email {
        if free(world, |profile| profile.email.is_none()) {
            world.set_email(place, Some(email), now_ms);
        } else if world.email_holders(email).is_empty() {
            world.create(Who::Email(email), now_ms);
        }
    }
    if let Some(phone) = &subject.phone {
        if free(world, |profile| profile.phone.is_none()) {
            world.set_phone(place, Some(phone), now_ms);
        } else if world.phone_holders(phone).is_empty() {
            world.create(Who::Phone(phone), now_ms);
        }
    }
    for alias in &subject.aliases {
        if world.find(alias.who()).is_none() && !world.add_alias(place, alias.stored()) {
            world.create(alias.who(), now_ms);
        }
    }
}

/// The profile that a subject already has. Somebody new by external id takes over an anonymous
/// profile with the same address, so the order of records does not matter.
fn known(world: &World, subject: &Identifiers) -> Option<Place> {
    let by_id = subject.external_id.as_deref().and_then(|id| world.find(Who::ExternalId(id)));
    let joinable = |place: &Place| {
        let profile = world.profile(*place);
        let is_anonymous = profile.is_some_and(|profile| profile.external_id.is_none());
        (is_anonymous || subject.external_id.is_none()) && fits(world, *place, subject)
    };
    by_id.or_else(|| {
        let by_braze_id = subject.braze_id.as_deref().and_then(|id| world.find(Who::BrazeId(id)));
        let by_alias = subject.aliases.iter().filter_map(|alias| world.find(alias.who()));
        let by_email = subject.email.iter().flat_map(|email| world.email_holders(email).iter().copied());
        let by_phone = subject.phone.iter().flat_map(|phone| world.phone_holders(phone).iter().copied());
        by_braze_id.into_iter().chain(by_alias).chain(by_email).chain(by_phone).find(joinable)
    })
}

/// Whether no address of a profile contradicts the subject's.
fn fits(world: &World, place: Place, subject: &Identifiers) -> bool {
    let agrees = |held: Option<&str>, named: Option<&str>| held.is_none() || named.is_none() || held == named;
    world.profile(place).is_some_and(|profile| {
        profile.presence == Presence::Live
            && agrees(profile.email.as_deref(), subject.email.as_deref())
            && agrees(profile.phone.as_deref(), subject.phone.as_deref())
    })
}

fn first_who(subject: &Identifiers) -> Option<Who<'_>> {
    let external_id = subject.external_id.as_deref().map(Who::ExternalId);
    let email = || subject.email.as_deref().map(Who::Email);
    let phone = || subject.phone.as_deref().map(Who::Phone);
    external_id.or_else(email).or_else(phone).or_else(|| subject.aliases.first().map(AliasName::who))
}

/// Adds one profile with exactly these identifiers, beside others with the same addresses. `false`
/// when its external id, braze_id or an alias is taken, or when it names nobody.
pub(super) fn add(world: &mut World, subject: &Identifiers, now_ms: i64) -> bool {
    let external_id = subject.external_id.as_deref().map(Who::ExternalId);
    let braze_id = subject.braze_id.as_deref().map(Who::BrazeId);
    let mut unique =
        external_id.into_iter().chain(braze_id).chain(subject.aliases.iter().map(AliasName::who));
    if unique.any(|who| world.find(who).is_some()) {
        return false;
    }
    let place = first_who(subject).and_then(|who| world.create(who, now_ms));
    let is_nameless = subject.braze_id.is_some() || !subject.device_ids.is_empty();
    let place = place.or_else(|| is_nameless.then(|| world.create_nameless()));
    let Some(place) = place else { return false };
    subject.device_ids.iter().for_each(|device| world.add_device(place, device));
    if let Some(id) = &subject.braze_id {
        world.set_braze_id(place, id);
    }
    if let Some(email) = &subject.email {
        world.set_email(place, Some(email), now_ms);
    }
    if let Some(phone) = &subject.phone {
        world.set_phone(place, Some(phone), now_ms);
    }
    for alias in &subject.aliases {
        world.add_alias(place, alias.stored());
    }
    true
}
