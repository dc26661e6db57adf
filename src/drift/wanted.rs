//! What Braze should hold for one record: the states that the workflow would write for it.
//!
//! The workflow is planned for the record; a state that is not one of the words of a subscription is told
//! as not compared. Which consents ask for a state is found by planning each of them alone, so that it
//! holds whatever expressions stand between a consent and a state.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::catalogue::Effect;
use crate::job::Position;
use crate::plan::{Setting, What};
use crate::request::{Order, changed_at};
use crate::run::{Known, Program, preview};
use crate::template::member;

/// The system whose states are compared.
const BRAZE: &str = "braze";

/// Attributes whose values are states of a subscription (Braze docs, "User attributes object").
const STATES: [&str; 2] = ["email_subscribe", "push_subscribe"];

/// The words of a subscription, of groups and of global states.
const WORDS: [&str; 3] = ["subscribed", "opted_in", "unsubscribed"];

/// A state that Braze should hold.
#[derive(Clone)]
pub struct Want {
    /// Whose, which, and to what it would be set.
    pub setting: Setting,
    /// One of Braze's words of a subscription.
    pub word: &'static str,
    /// The profile the call goes to, when step or workflow name one.
    pub profile: Option<Arc<str>>,
    /// Which consents of the record ask for it, by their place there.
    pub consents: Vec<usize>,
    /// How new the newest of them is.
    pub order: Order,
}

// The setting says whose it is.
impl fmt::Debug for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Want")
            .field("what", &self.setting.what)
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}

/// Why something that the workflow would write cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uncompared {
    /// It depends on the answer of an earlier step.
    NeedsAnswer,
    /// It is another attribute than the states of e-mail and push.
    OtherAttribute,
    /// It is no state: an event, a purchase, an operation.
    NoState,
    /// Braze did not answer, or not with what was asked for.
    Unread,
    /// The profile has nothing by which its groups can be asked for.
    NoAddress,
    /// More profiles share the address than one answer shows.
    TooManyProfiles,
}

impl Uncompared {
    /// As results name it.
    pub fn word(self) -> &'static str {
        match self {
            Uncompared::NeedsAnswer => "needs_answer",
            Uncompared::OtherAttribute => "other_attribute",
            Uncompared::NoState => "no_state",
            Uncompared::Unread => "unread",
            Uncompared::NoAddress => "no_address",
            Uncompared::TooManyProfiles => "too_many_profiles",
        }
    }
}

/// What Braze should hold for one record.
#[derive(Debug, Default)]
pub struct Wanted {
    /// State by state; none of them twice.
    pub wants: Vec<Want>,
    /// What else would be written.
    pub uncompared: Vec<Uncompared>,
    /// Why the workflow would fail for it: the code of the failure.
    pub trouble: Option<String>,
}

/// What the workflow would write for a record whose members (`request`, `subject`, `consents`, …) these are.
pub fn wanted(program: &Program, position: Position, scope: &Map<String, Value>) -> Wanted {
    let mut wanted = planned(program, position, scope);
    let consents = member(scope, "consents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match consents.len() {
        0 => {}
        1 => wanted.wants.iter_mut().for_each(|want| want.consents.push(0)),
        count => {
            for at in 0..count {
                let alone = planned(program, position, &with_consents(scope, &[at]));
                for want in &mut wanted.wants {
                    let same = |other: &Want| other.is_of(want) && other.word == want.word;
                    if alone.wants.iter().any(same) {
                        want.consents.push(at);
                    }
                }
            }
        }
    }
    let record = member(scope, "request");
    for want in &mut wanted.wants {
        let of = |at: &usize| changed_at(consents.get(*at), record);
        let mut moments: Vec<Order> = want.consents.iter().filter_map(of).map(Order::of).collect();
        moments.extend(changed_at(None, record).filter(|_| want.consents.is_empty()).map(Order::of));
        moments.sort_by(Order::compare);
        want.order = moments.pop().unwrap_or(want.order).opting(want.is_opt_out());
    }
    wanted
}

/// The states that the workflow would write for a record, by [`Setting::target`]: what can be told of it
/// fastest.
pub fn targets(program: &Program, position: Position, scope: &Map<String, Value>) -> Vec<u128> {
    let planned = planned(program, position, scope);
    let wants = planned.wants.iter().filter(|_| planned.trouble.is_none());
    wants.map(|want| want.setting.target).collect()
}

/// The same record with some of its consents.
pub(super) fn with_consents(scope: &Map<String, Value>, places: &[usize]) -> Map<String, Value> {
    let mut scope = scope.clone();
    if let Some(Value::Array(consents)) = scope.get_mut("consents") {
        let all = std::mem::take(consents).into_iter().enumerate();
        consents.extend(all.filter(|(place, _)| places.contains(place)).map(|(_, consent)| consent));
    }
    scope
}

/// What the plan of a record sets, without saying which consents ask for it.
pub(super) fn planned(program: &Program, position: Position, scope: &Map<String, Value>) -> Wanted {
    let previewed = preview(program, position, scope.clone());
    let mut wanted = Wanted { trouble: previewed.trouble.map(|trouble| trouble.code), ..Wanted::default() };
    for call in previewed.calls {
        if call.action.system != BRAZE || call.action.effect == Effect::Read {
            continue;
        }
        let rendered = match call.known {
            Known::Call(rendered) => rendered,
            Known::Needs(_) => {
                wanted.uncompared.push(Uncompared::NeedsAnswer);
                continue;
            }
            Known::Skipped => continue,
        };
        let (settings, besides) = rendered.settings();
        wanted.uncompared.extend(besides.then_some(Uncompared::NoState));
        for setting in settings {
            let Some(word) = word(&setting) else {
                wanted.uncompared.push(Uncompared::OtherAttribute);
                continue;
            };
            let order = Order::placed(0, position);
            let want = Want { setting, word, profile: call.profile.clone(), consents: Vec::new(), order };
            // The later of two calls is what stays.
            wanted.wants.retain(|earlier| !earlier.is_of(&want));
            wanted.wants.push(want);
        }
    }
    wanted
}

impl Want {
    /// Whether both are about one state of one person.
    pub fn is_of(&self, other: &Want) -> bool {
        self.setting.target == other.setting.target && self.profile == other.profile
    }

    /// Whether it takes a permission away.
    pub fn is_opt_out(&self) -> bool {
        self.word == crate::catalogue::OPTS_OUT
    }
}

/// The word of a subscription that a setting says.
fn word(setting: &Setting) -> Option<&'static str> {
    let is_state = match &setting.what {
        What::Group(_) => true,
        What::Attribute(name) => STATES.contains(&name.as_str()),
    };
    let said = setting.value.as_str().filter(|_| is_state)?;
    WORDS.into_iter().find(|word| *word == said)
}
