//! The question that is asked when nobody knows whether a call took effect, and what its answer says.
//!
//! Made with the call, so that the question is about the same subtask and the answer is held against the
//! same text. How things stand is compared by letters and digits: a service writes `In Progress` in one
//! place and `IN_PROGRESS` in another, and gives back as HTML what it was given.

use std::fmt;

use serde_json::{Map, Value};

use super::Call;
use super::own::on_wire;
use crate::catalogue::{Action, Done, Refusal, find};

/// How to find out whether a call took effect.
#[derive(Clone)]
pub struct Look {
    call: Call,
    sign: Sign,
}

/// What an answer holds when the call took effect.
#[derive(Clone)]
enum Sign {
    /// A member says this, by its letters.
    Says { member: &'static str, letters: String },
    /// An object of a list holds this, by its letters.
    Lists { list: &'static str, member: &'static str, letters: String },
}

impl Look {
    /// The question for a call of this action with these members, if there is one.
    pub(super) fn of(action: &'static Action, members: &Map<String, Value>) -> Result<Option<Look>, Refusal> {
        let Some(reread) = &action.reread else { return Ok(None) };
        let Some(asked) = find(&format!("{}/{}", action.system, reread.action)) else { return Ok(None) };
        let given = |name: &String| {
            let field = action.fields.get(name)?;
            let value = members.get(name).or(field.default.as_ref())?;
            Some(on_wire(field, value).into_owned())
        };
        let of_question = |(theirs, ours): (&String, &String)| Some((theirs.clone(), given(ours)?));
        let with = reread.with.iter().filter_map(of_question).collect();
        let call = Call::new(asked, &Value::Object(with))?;
        let letters_of = |name: &String| given(name).as_ref().and_then(Value::as_str).map(letters);
        let sign = match &reread.done {
            Done::Is { member, word } => Some(Sign::Says { member, letters: letters(word) }),
            Done::Asked { member, by } => letters_of(by).map(|letters| Sign::Says { member, letters }),
            Done::Listed { list, member, by } => {
                letters_of(by).map(|letters| Sign::Lists { list, member, letters })
            }
        };
        Ok(sign.map(|sign| Look { call, sign }))
    }

    /// The question.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Whether the answer to it says that the call took effect.
    pub fn took_effect(&self, answer: &Value) -> bool {
        let says = |value: &Value| value.as_str().map(letters);
        match &self.sign {
            Sign::Says { member, letters } => answer.get(member).and_then(says).as_ref() == Some(letters),
            Sign::Lists { list, member, letters } => {
                let items = answer.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let mut said = items.iter().filter_map(|item| item.get(member).and_then(says));
                said.any(|said| !letters.is_empty() && said == *letters)
            }
        }
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("action", &self.call.action().id).finish_non_exhaustive()
    }
}

/// The letters and digits of a text, without the tags and entities of HTML and without regard to case.
fn letters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '<' => drop(rest.by_ref().find(|letter| *letter == '>')),
            '&' => {
                let mut ahead = rest.clone().take(10);
                let name = ahead.by_ref().take_while(|letter| *letter != ';').collect::<String>();
                let is_entity =
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#');
                if is_entity && rest.clone().nth(name.chars().count()) == Some(';') {
                    rest.nth(name.chars().count());
                }
            }
            letter if letter.is_alphanumeric() => out.extend(letter.to_lowercase()),
            _ => {}
        }
    }
    out
}
