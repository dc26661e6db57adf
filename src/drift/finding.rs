//! One state: what Braze should hold against what it holds.

use super::{Uncompared, Want};
use crate::catalogue::OPTS_OUT;
use crate::plan::What;

/// What an attribute is that nobody ever set (Braze docs, "User attributes object").
const NEVER_SET: &str = "subscribed";
/// A choice that somebody made, where `subscribed` is also what everybody begins with.
const CHOSEN: &str = "opted_in";

/// What one comparison came to, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The person said no, and Braze holds a yes.
    LostOptOut,
    /// The person said no, and Braze holds neither no nor yes.
    NotRecorded,
    /// The person said yes, and Braze holds a no, or no choice.
    LostOptIn,
    /// Nobody can say.
    NotCompared(Uncompared),
    /// Braze has no profile of the person.
    NoProfile,
    /// Both say the same.
    Agrees,
}

impl Finding {
    /// Whether Braze holds something else than OneTrust.
    pub fn is_drift(self) -> bool {
        match self {
            Finding::LostOptOut | Finding::NotRecorded | Finding::LostOptIn => true,
            Finding::NotCompared(_) | Finding::NoProfile | Finding::Agrees => false,
        }
    }
}

/// What Braze holds of one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// In each profile that the person's identifier leads to; none: nobody has it.
    Profiles(Vec<Holding>),
    /// It was not found out.
    Unread(Uncompared),
}

/// What one profile holds of one state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding {
    /// Braze's word in whatever case; `None`: it was never set.
    pub word: Option<String>,
    /// It is of a group of the e-mail channel, and the profile is unsubscribed from all e-mail: what the
    /// group holds has no effect until that ends.
    pub is_muted: bool,
}

impl Holding {
    /// Whether the group says yes and nothing is sent all the same.
    pub fn is_silenced(&self) -> bool {
        self.is_muted && self.word.as_ref().is_some_and(|word| !word.eq_ignore_ascii_case(OPTS_OUT))
    }
}

/// Compares one state. Of several profiles behind one address an opt-out must be held by every one; a yes
/// is kept where one of them holds it.
pub fn judge(want: &Want, held: &Held) -> Finding {
    let profiles = match held {
        Held::Profiles(profiles) => profiles,
        Held::Unread(why) => return Finding::NotCompared(*why),
    };
    let each = profiles.iter().map(|holding| of_one(want, holding));
    let found = if want.is_opt_out() { each.min() } else { each.max() };
    found.unwrap_or(Finding::NoProfile)
}

fn of_one(want: &Want, holding: &Holding) -> Finding {
    let word = holding.word.as_deref().map(str::to_ascii_lowercase);
    let held = match (&want.setting.what, word) {
        (_, Some(word)) => Some(word),
        (What::Attribute(_), None) => Some(NEVER_SET.to_owned()),
        (What::Group(_), None) => None,
    };
    match held.as_deref() {
        Some(OPTS_OUT) if want.is_opt_out() => Finding::Agrees,
        Some(NEVER_SET | CHOSEN) if want.is_opt_out() => Finding::LostOptOut,
        Some(OPTS_OUT) => Finding::LostOptIn,
        // Everybody begins with `subscribed`: it proves no choice.
        Some(NEVER_SET) if want.word == CHOSEN => Finding::LostOptIn,
        Some(NEVER_SET | CHOSEN) => Finding::Agrees,
        None if want.is_opt_out() => Finding::NotRecorded,
        None => Finding::LostOptIn,
        // `unknown`, and any word that is not documented.
        Some("unknown") if want.is_opt_out() => Finding::NotRecorded,
        Some("unknown") => Finding::LostOptIn,
        Some(_) => Finding::NotCompared(Uncompared::Unread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Identifier;
    use crate::plan::{Setting, Who};
    use crate::request::Order;

    fn want(what: What, word: &'static str) -> Want {
        let who = Who { kind: Identifier::ExternalId, value: "u".into() };
        let setting = Setting { who, what, value: word.into(), target: 1 };
        Want { setting, word, profile: None, consents: Vec::new(), order: Order::placed(0, 0) }
    }

    fn global(word: &'static str, held: &[Option<&str>]) -> Finding {
        judged(&want(What::Attribute("email_subscribe".into()), word), held)
    }

    fn group(word: &'static str, held: &[Option<&str>]) -> Finding {
        judged(&want(What::Group("g".into()), word), held)
    }

    fn judged(want: &Want, held: &[Option<&str>]) -> Finding {
        let holding = |word: &Option<&str>| Holding { word: word.map(str::to_owned), is_muted: false };
        judge(want, &Held::Profiles(held.iter().map(holding).collect()))
    }

    #[test]
    fn a_no_that_braze_does_not_hold_is_lost() {
        assert_eq!(global("unsubscribed", &[Some("opted_in")]), Finding::LostOptOut);
        assert_eq!(global("unsubscribed", &[None]), Finding::LostOptOut);
        assert_eq!(global("unsubscribed", &[Some("unsubscribed")]), Finding::Agrees);
        assert_eq!(group("unsubscribed", &[Some("Subscribed")]), Finding::LostOptOut);
        assert_eq!(group("unsubscribed", &[None]), Finding::NotRecorded);
        assert_eq!(group("unsubscribed", &[Some("Unsubscribed")]), Finding::Agrees);
    }

    #[test]
    fn a_yes_is_lost_where_braze_holds_a_no_or_only_what_everybody_begins_with() {
        assert_eq!(global("opted_in", &[Some("unsubscribed")]), Finding::LostOptIn);
        assert_eq!(global("opted_in", &[Some("subscribed")]), Finding::LostOptIn);
        assert_eq!(global("subscribed", &[Some("opted_in")]), Finding::Agrees);
        assert_eq!(group("subscribed", &[Some("unknown")]), Finding::LostOptIn);
    }

    #[test]
    fn of_several_profiles_each_must_hold_a_no_and_one_a_yes() {
        let both = [Some("subscribed"), Some("unsubscribed")];

        assert_eq!(group("unsubscribed", &both), Finding::LostOptOut);
        assert_eq!(group("subscribed", &both), Finding::Agrees);
        assert_eq!(group("unsubscribed", &[]), Finding::NoProfile);
    }

    #[test]
    fn what_was_not_read_never_agrees() {
        let want = want(What::Group("g".into()), "unsubscribed");

        let found = judge(&want, &Held::Unread(Uncompared::Unread));

        assert_eq!(found, Finding::NotCompared(Uncompared::Unread));
        assert_eq!(group("unsubscribed", &[Some("paused")]), Finding::NotCompared(Uncompared::Unread));
    }
}
