//! What look-ups have shown so far of the person of a request: whether an identifier is theirs.
//!
//! As `find_profiles` tells people apart: a profile is the person's that has nobody's external id, or that the request
//! names; so is what the first look-up found where nothing that was shown is named, since it asked for what the
//! request names (an external id that was renamed, a device). What stands on a profile of somebody else, too, an
//! address of the household, is not the person's alone, and nothing is done to their request for it.
//! Only digests are held.

use std::collections::HashSet;

use serde_json::Value;

use super::composed::Identifier;
use crate::workflow::{Kind, Others, Rules, Step, StepKind, Workflow};

/// The profiles that look-ups of one request showed.
#[derive(Debug, Default)]
pub struct Revealed {
    profiles: Vec<Profile>,
    /// Answers so far.
    answers: usize,
}

#[derive(Debug, Default)]
struct Profile {
    identifiers: Vec<(Kind, u128)>,
    /// The first answer that showed it.
    answer: usize,
}

/// Whose an identifier is, by what look-ups of one request showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// That of the request's person, and of nobody else.
    Theirs,
    /// Also on a profile that is not theirs.
    Shared,
    /// Only on profiles that are not theirs.
    Another,
    /// It was not shown.
    Nobody,
}

/// By which rules a workflow tells people apart.
#[derive(Debug, Clone)]
pub struct Trusted {
    kinds: Vec<Kind>,
    takes_others: bool,
    /// The steps that look people up; `None` where that is not known.
    look_ups: Option<HashSet<String>>,
}

impl Revealed {
    /// Takes in what a step was answered, as it is kept.
    pub fn hear(&mut self, kept: &[u8]) {
        let Ok(kept) = serde_json::from_slice::<Value>(kept) else { return };
        let users = kept.get("output").and_then(|output| output.get("users")).and_then(Value::as_array);
        let Some(users) = users else { return };
        users.iter().for_each(|person| self.see(person));
        self.answers += 1;
    }

    fn see(&mut self, person: &Value) {
        let all = Identifier::of_profile(person).chain(Identifier::devices_of(person));
        let identifiers: Vec<(Kind, u128)> = all
            .flat_map(|identifier| {
                let kind = identifier.kind();
                identifier.digests().into_iter().map(move |digest| (kind, digest))
            })
            .collect();
        if identifiers.is_empty() {
            return;
        }
        let is_own = |one: &&(Kind, u128)| !Kind::SHARED.contains(&one.0);
        let same = |known: &&mut Profile| {
            identifiers.iter().filter(is_own).any(|own| known.identifiers.contains(own))
        };
        match self.profiles.iter_mut().find(same) {
            Some(known) => {
                let new = identifiers.into_iter().filter(|one| !known.identifiers.contains(one));
                let new: Vec<_> = new.collect();
                known.identifiers.extend(new);
            }
            None => self.profiles.push(Profile { identifiers, answer: self.answers }),
        }
    }

    /// Whether one of these identifiers was shown at all, by digests.
    pub fn shows(&self, like: &[u128]) -> bool {
        self.profiles.iter().any(|profile| profile.has(like))
    }

    /// Whose one of these identifiers is; `is_named` tells what the request names, by digests.
    pub fn whose(&self, like: &[u128], is_named: impl Fn(u128) -> bool, trusted: &Trusted) -> Whose {
        let is_trusted = |(kind, digest): &(Kind, u128)| trusted.kinds.contains(kind) && is_named(*digest);
        let named = |profile: &Profile| profile.identifiers.iter().any(is_trusted);
        let none_is_named = !self.profiles.iter().any(named);
        let is_theirs = |profile: &Profile| {
            let is_somebody = profile.identifiers.iter().any(|(kind, _)| *kind == Kind::ExternalId);
            trusted.takes_others || !is_somebody || named(profile) || (none_is_named && profile.answer == 0)
        };
        let shown = |theirs: bool| {
            self.profiles.iter().any(|profile| is_theirs(profile) == theirs && profile.has(like))
        };
        match (shown(true), shown(false)) {
            (true, false) => Whose::Theirs,
            (true, true) => Whose::Shared,
            (false, true) => Whose::Another,
            (false, false) => Whose::Nobody,
        }
    }
}

impl Profile {
    fn has(&self, like: &[u128]) -> bool {
        self.identifiers.iter().any(|(_, digest)| like.contains(digest))
    }
}

impl Trusted {
    /// By the searches of a workflow; without one a person's is whatever the request names.
    pub fn by(workflow: &Workflow) -> Trusted {
        let (mut found, mut look_ups) = (None, HashSet::new());
        workflow.lists().for_each(|steps| gather(steps, &mut found, &mut look_ups));
        Trusted { look_ups: Some(look_ups), ..found.unwrap_or_default() }
    }

    /// Whether people of the workspace stand in the answers of a step, by its path: nobody of the customer's own staff
    /// does whom another system names.
    pub fn is_look_up(&self, path: &str) -> bool {
        let last = path.rsplit('.').next().unwrap_or(path);
        let label = last.split(['#', '[']).next().unwrap_or(last);
        self.look_ups.as_ref().is_none_or(|known| known.contains(label))
    }
}

impl Default for Trusted {
    fn default() -> Trusted {
        Trusted { kinds: Kind::ALL.to_vec(), takes_others: false, look_ups: None }
    }
}

/// The least that any search trusts, and which steps look people up.
fn gather(steps: &[Step], found: &mut Option<Trusted>, look_ups: &mut HashSet<String>) {
    for step in steps {
        match &step.kind {
            StepKind::Action { action, .. } if action.reply.people.is_some() => {
                look_ups.insert(step.label.clone());
            }
            StepKind::Composed(composed) => {
                look_ups.insert(step.label.clone());
                let Rules::Find(rules) = &composed.rules else { continue };
                let takes_others = rules.others == Others::Take;
                let before = found.take();
                let kinds = rules.trust.iter().copied();
                let is_known = |kind: &Kind| before.as_ref().is_none_or(|before| before.kinds.contains(kind));
                let takes_others = takes_others && before.as_ref().is_none_or(|before| before.takes_others);
                let kinds = kinds.filter(is_known).collect();
                *found = Some(Trusted { kinds, takes_others, look_ups: None });
            }
            StepKind::ForEach { steps, .. } => gather(steps, found, look_ups),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::{Named, identifiers};

    fn shown(answers: &[Value]) -> Revealed {
        let mut revealed = Revealed::default();
        for users in answers {
            revealed.hear(json!({ "status": 201, "output": { "users": users } }).to_string().as_bytes());
        }
        revealed
    }

    fn whose(typed: &str, revealed: &Revealed, subject: Value, kinds: &[Kind]) -> Whose {
        let named = identifiers(json!({ "subject": subject }).as_object().unwrap());
        let trusted = Trusted { kinds: kinds.to_vec(), ..Trusted::default() };
        revealed.whose(
            &Named::parse(typed).unwrap().identifiers(),
            |digest| named.contains(&digest),
            &trusted,
        )
    }

    #[test]
    fn what_stands_on_the_profile_of_a_person_is_theirs() {
        let revealed = shown(&[json!([{ "braze_id": "b-1", "external_id": "u-1", "email": "A@example.com",
            "user_aliases": [{ "alias_name": "n", "alias_label": "l" }], "devices": [{ "device_id": "d-1" }] }])]);
        let of = |typed| whose(typed, &revealed, json!({ "external_id": "u-1" }), &Kind::ALL);

        for typed in ["a@example.com", "b-1", "alias=l/n", "n", "device_id=d-1", "d-1"] {
            assert_eq!(of(typed), Whose::Theirs, "{typed}");
        }
        for typed in ["b@example.com", "alias=m/n", "email=b-1"] {
            assert_eq!(of(typed), Whose::Nobody, "{typed}");
        }
    }

    #[test]
    fn an_address_of_the_household_is_nobodys_alone_and_the_others_have_what_is_theirs() {
        let one = json!({ "braze_id": "b-1", "external_id": "u-1", "email": "home@example.com" });
        let other = json!({ "braze_id": "b-2", "external_id": "u-2", "email": "home@example.com", "phone": "+15557770002" });
        let nobody = json!({ "braze_id": "b-3", "phone": "+15557770003", "email": "home@example.com" });
        let revealed = shown(&[json!([one]), json!([one, other, nobody])]);
        let of = |typed| whose(typed, &revealed, json!({ "external_id": "u-1" }), &Kind::ALL);

        assert_eq!(
            (of("home@example.com"), of("u-1"), of("b-1")),
            (Whose::Shared, Whose::Theirs, Whose::Theirs)
        );
        assert_eq!(
            (of("u-2"), of("+15557770002"), of("b-2")),
            (Whose::Another, Whose::Another, Whose::Another)
        );
        assert_eq!(of("+15557770003"), Whose::Theirs);
    }

    #[test]
    fn a_request_that_names_an_address_means_everybody_who_has_it_unless_the_search_does_not_trust_it() {
        let users = json!([{ "braze_id": "b-1", "external_id": "u-1", "email": "home@example.com" },
            { "braze_id": "b-2", "external_id": "u-2", "email": "home@example.com" }]);
        let revealed = shown(&[users]);
        let subject = || json!({ "email": "home@example.com", "external_id": "u-1" });

        assert_eq!(whose("u-2", &revealed, subject(), &Kind::ALL), Whose::Theirs);
        assert_eq!(whose("u-2", &revealed, subject(), &[Kind::ExternalId]), Whose::Another);
    }

    #[test]
    fn whoever_the_first_look_up_found_is_meant_where_the_request_names_an_id_that_was_renamed() {
        let one = json!({ "braze_id": "b-1", "external_id": "new", "email": "a@example.com" });
        let revealed = shown(&[json!([one]), json!([one, { "braze_id": "b-2", "external_id": "u-2" }])]);

        let of = |typed| whose(typed, &revealed, json!({ "external_id": "old" }), &Kind::ALL);

        assert_eq!((of("a@example.com"), of("u-2")), (Whose::Theirs, Whose::Another));
        // What only a later look-up found, by an address that is not trusted, is not meant.
        let revealed = shown(&[json!([]), json!([{ "braze_id": "b-2", "external_id": "u-2" }])]);
        assert_eq!(whose("u-2", &revealed, json!({ "external_id": "old" }), &Kind::ALL), Whose::Another);
    }

    #[test]
    fn only_steps_that_look_people_up_show_them() {
        let trusted =
            Trusted { look_ups: Some(["find".to_owned()].into_iter().collect()), ..Trusted::default() };

        assert!(
            trusted.is_look_up("find") && trusted.is_look_up("find#3") && trusted.is_look_up("all[2].find")
        );
        assert!(!trusted.is_look_up("who#1") && !trusted.is_look_up("find[1].who"));
        assert!(Trusted::default().is_look_up("who"));
    }
}
