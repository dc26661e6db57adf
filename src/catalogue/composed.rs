//! Actions that are made of others: what privaflow itself knows how to do with a few calls.
//!
//! A workflow writes `uses: privaflow/find_profiles`. What it sends are ordinary calls of the catalogue, one
//! at a time, so limits, batches, the journal and the ledger need to know nothing of it. Here stands what
//! such an action takes and gives; deciding which call comes next is the work of `run`.

use super::{Action, Effect, find};

/// An action made of others.
#[derive(Debug)]
pub struct Composed {
    /// `find_profiles`; written `privaflow/find_profiles` in a workflow.
    pub id: &'static str,
    /// Which of them it is.
    pub kind: Compound,
    /// One line for people.
    pub summary: &'static str,
    /// The system of every call in it.
    pub system: &'static str,
    /// The actions it calls, the one it begins with first; those that write only when its options say so
    /// stand last.
    pub calls: &'static [&'static str],
    /// What its `with` may hold.
    pub options: &'static [Choice],
    /// The members of its output.
    pub output: &'static [&'static str],
}

/// Which composed action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compound {
    /// Finds every profile of a person.
    FindProfiles,
    /// Finds whoever is there again of a person who was erased.
    FindAgain,
    /// Looks again until what was found and erased is gone.
    VerifyErased,
    /// Looks again until what was set is so.
    VerifyConsent,
}

/// One member of the `with` of a composed action.
#[derive(Debug)]
pub struct Choice {
    /// Its name.
    pub name: &'static str,
    /// What is written there, for people.
    pub shape: &'static str,
    /// What it means, and what holds without it.
    pub meaning: &'static str,
    /// It must stand.
    pub required: bool,
}

/// What workflows write before the `/` of a composed action.
pub const OWN: &str = "privaflow";

const fn choice(name: &'static str, shape: &'static str, meaning: &'static str) -> Choice {
    Choice { name, shape, meaning, required: false }
}

static ALL: [Composed; 4] = [
    Composed {
        id: "find_profiles",
        kind: Compound::FindProfiles,
        summary: "Find every profile of a person, following what each answer reveals",
        system: "braze",
        calls: &["braze/users.export.ids"],
        options: &[
            choice(
                "subject",
                "map",
                "whom to look for instead of the request's `subject`, with the same members",
            ),
            choice("device_id", "string", "a device of the person; requests have no member for it"),
            choice(
                "follow",
                "list of email, phone, device_id",
                "what is followed when a profile reveals it; default all three",
            ),
            choice(
                "trust",
                "list of external_id, user_alias, braze_id, email, phone, device_id",
                "given identifiers that make a profile with an external id of its own the person's; default all",
            ),
            choice(
                "others",
                "leave or take",
                "profiles that may be somebody else's: kept apart as `others`, or taken for the person's; default leave",
            ),
            choice("at_most", "number from 1 to 50", "more profiles fail as too_many_profiles; default 50"),
        ],
        output: &["braze_ids", "profiles", "others", "identifiers", "seen", "looks"],
    },
    Composed {
        id: "find_again",
        kind: Compound::FindAgain,
        summary: "Find whoever is there again of an erased person; what a look of `watch` asks beside the file's own steps",
        system: "braze",
        calls: &["braze/users.export.ids"],
        options: &[],
        output: &["braze_ids", "profiles", "others", "identifiers", "seen", "looks"],
    },
    Composed {
        id: "verify_erased",
        kind: Compound::VerifyErased,
        summary: "Look again until what was found and erased is gone",
        system: "braze",
        calls: &["braze/users.export.ids", "braze/users.delete"],
        options: &[
            Choice {
                name: "found",
                shape: "template",
                meaning: "the output of privaflow/find_profiles",
                required: true,
            },
            choice(
                "first_after",
                "duration",
                "from the deletion to the first look; doubles from look to look; default 5m",
            ),
            choice(
                "at_most",
                "duration",
                "from the deletion; then a person must look (still_there); default 24h",
            ),
            choice(
                "erase_again",
                "true or false",
                "deletes again what is still there, twice at most, and nobody who gave a newer consent; default true",
            ),
        ],
        output: &["gone", "looks", "erased_again"],
    },
    Composed {
        id: "verify_consent",
        kind: Compound::VerifyConsent,
        summary: "Read back what was set, until it is so, and say what it comes to",
        system: "braze",
        calls: &["braze/users.export.ids", "braze/subscription.user.status"],
        options: &[
            choice("subject", "map", "whose states, instead of those of the request's `subject`"),
            choice("email_subscribe", "template", "the global e-mail state that was set"),
            choice("push_subscribe", "template", "the global push state that was set"),
            choice(
                "groups",
                "template or list",
                "the groups that were set, as users.track takes them; also asks their effective state",
            ),
            choice(
                "first_after",
                "duration",
                "from the write to the first look; doubles from look to look; default 5m",
            ),
            choice(
                "at_most",
                "duration",
                "from the write; then the request fails (not_effective); default 1h",
            ),
        ],
        output: &["confirmed", "profiles", "email_subscribe", "push_subscribe", "groups"],
    },
];

impl Composed {
    /// As a workflow writes it: `privaflow/find_profiles`.
    pub fn name(&self) -> String {
        format!("{OWN}/{}", self.id)
    }

    /// The actions it may call.
    pub fn actions(&self) -> impl Iterator<Item = &'static Action> {
        self.calls.iter().filter_map(|name| find(name))
    }

    /// The action it begins with.
    pub fn first(&self) -> Option<&'static Action> {
        self.actions().next()
    }

    /// Whether some call of it cannot be undone.
    pub fn may_erase(&self) -> bool {
        self.actions().any(|action| action.effect == Effect::Irreversible)
    }
}

/// Every composed action.
pub fn composed() -> &'static [Composed] {
    &ALL
}

/// The composed action that a workflow calls by this name, such as `privaflow/find_profiles`.
pub fn find_composed(name: &str) -> Option<&'static Composed> {
    let (own, id) = name.split_once('/')?;
    composed().iter().find(|composed| own == OWN && composed.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_a_composed_action_is_an_action_of_its_system() {
        for composed in composed() {
            assert_eq!(composed.actions().count(), composed.calls.len(), "{}", composed.id);
            assert!(composed.actions().all(|action| action.system == composed.system), "{}", composed.id);
            assert_eq!(find_composed(&composed.name()).map(|found| found.id), Some(composed.id));
        }
    }

    #[test]
    fn a_composed_action_begins_with_a_look() {
        assert!(composed().iter().all(|composed| composed.first().unwrap().effect == Effect::Read));
    }
}
