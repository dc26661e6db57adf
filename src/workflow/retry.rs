//! How often and how long a call is tried again: what a step says, and the policies it may name.
//!
//! Policies stand in the settings under `retries`; a step names one of them or says it itself. What is
//! not said is as in the policy `default`, and what that does not say is built in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reader::Reader;
use crate::source::{Content, Mistake, Node};

/// Attempts, time and pauses of a call that is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Most attempts, the first included; a 429 is none.
    pub attempts: u32,
    /// From the first attempt; beyond it the request is left waiting.
    pub at_most: Duration,
    /// Ceiling of the pause after the first failed attempt; it doubles with each one.
    pub base: Duration,
    /// The ceiling never grows beyond this.
    pub cap: Duration,
}

impl Default for Policy {
    /// As often as it takes within an hour. Half a second doubles to a minute in seven attempts: short
    /// enough for a hiccup, and an outage is asked once in thirty seconds on average.
    fn default() -> Policy {
        Policy {
            attempts: u32::MAX,
            at_most: Duration::from_secs(3600),
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
        }
    }
}

/// What is said of a policy; the rest is as in another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// See [`Policy::attempts`].
    pub attempts: Option<u32>,
    /// See [`Policy::at_most`].
    pub at_most: Option<Duration>,
    /// See [`Policy::base`].
    pub base: Option<Duration>,
    /// See [`Policy::cap`].
    pub cap: Option<Duration>,
}

impl Said {
    /// The keys of a policy, in the settings and in a step.
    pub const KEYS: [&'static str; 4] = ["attempts", "at_most", "base", "cap"];

    /// What is said, and of the rest what another policy has. A ceiling below the first pause cuts it.
    pub fn over(self, other: Policy) -> Policy {
        let base = self.base.unwrap_or(other.base);
        Policy {
            attempts: self.attempts.unwrap_or(other.attempts),
            at_most: self.at_most.unwrap_or(other.at_most),
            base,
            // A base alone that is above the other's cap is meant as it is written.
            cap: self.cap.unwrap_or(other.cap.max(base)),
        }
    }
}

/// What a step says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// A policy of the settings, by name.
    Named(String),
    /// Nothing, or some of it.
    Said(Said),
}

impl Default for Retry {
    fn default() -> Retry {
        Retry::Said(Said::default())
    }
}

/// The policies of the settings.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    default: Policy,
    named: BTreeMap<String, Policy>,
}

impl Policies {
    /// The policy that holds where nothing is said, and whose name is always known.
    pub const DEFAULT: &'static str = "default";

    /// From what the settings say of each, by name.
    pub fn of(said: impl IntoIterator<Item = (String, Said)>) -> Policies {
        let said: BTreeMap<String, Said> = said.into_iter().collect();
        let default = said.get(Policies::DEFAULT).copied().unwrap_or_default().over(Policy::default());
        let named = said.into_iter().map(|(name, said)| (name, said.over(default))).collect();
        Policies { default, named }
    }

    /// The names a step may use.
    pub fn names(&self) -> Vec<String> {
        let others = self.named.keys().filter(|name| *name != Policies::DEFAULT).cloned();
        std::iter::once(Policies::DEFAULT.to_owned()).chain(others).collect()
    }

    /// What holds for a step. A name that is not known, as only the sandbox accepts it, is the default.
    pub fn policy(&self, retry: &Retry) -> Policy {
        match retry {
            Retry::Named(name) => self.named.get(name).copied().unwrap_or(self.default),
            Retry::Said(said) => said.over(self.default),
        }
    }
}

/// Reads a step's `retry`: a name, a number of attempts, or a map.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Retry> {
    let mut said = Said::default();
    match &node.content {
        Content::Number(_) => said.attempts = Some(attempts(reader, "retry", node)?),
        Content::Text(name, _) => {
            check_name(reader, name, node);
            return Some(Retry::Named(name.clone()));
        }
        _ => {
            for entry in reader.map("retry", node, &Said::KEYS)? {
                let value = &entry.value;
                match entry.key.as_str() {
                    "attempts" => said.attempts = Some(attempts(reader, "retry.attempts", value)?),
                    "at_most" => said.at_most = Some(reader.duration("retry.at_most", value)?),
                    "base" => said.base = Some(reader.pause("retry.base", value)?),
                    "cap" => said.cap = Some(reader.pause("retry.cap", value)?),
                    _ => {}
                }
            }
        }
    }
    Some(Retry::Said(said))
}

fn attempts(reader: &mut Reader<'_>, what: &str, node: &Node) -> Option<u32> {
    reader.count(what, node).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn check_name(reader: &mut Reader<'_>, name: &str, node: &Node) {
    let Some(known) = &reader.known.retries else { return };
    if known.iter().any(|known| known == name) {
        return;
    }
    let mistake = Mistake::error("unknown_retry", node.at.clone(), format!("unknown retry policy `{name}`"))
        .label("not in the settings");
    let suggested = mistake.clone().suggest(name, known.iter().map(String::as_str));
    reader.add(if suggested.help.is_some() {
        suggested
    } else {
        mistake.help(format!(
            "add it to `retries` of `privaflow.yaml`, which has {}",
            known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ")
        ))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::workflow::{Known, load};

    const SECOND: Duration = Duration::from_secs(1);

    fn retry_of(written: &str, known: &Known) -> Result<Retry, Vec<Mistake>> {
        let text = format!(
            "workflow: w\non: {{ file: {{}} }}\nsteps:\n  - uses: braze/users.delete\n    retry: {written}\n    with: {{ external_ids: [a] }}\n"
        );
        let (workflow, mistakes) = load(&Source::new("w.yaml", text), known);
        workflow.map(|workflow| workflow.steps[0].retry.clone()).ok_or(mistakes)
    }

    #[test]
    fn what_a_step_does_not_say_is_as_in_the_default_and_else_built_in() {
        let said = Said { attempts: Some(9), base: Some(SECOND), ..Said::default() };
        let policies = Policies::of([("default".to_owned(), said)]);

        let silent = policies.policy(&Retry::default());
        let own = policies.policy(&retry_of("{ attempts: 2, cap: 7s }", &Known::default()).unwrap());

        assert_eq!(silent, Policy { attempts: 9, base: SECOND, ..Policy::default() });
        assert_eq!(own, Policy { attempts: 2, cap: SECOND * 7, ..silent });
        assert_eq!(policies.policy(&retry_of("3", &Known::default()).unwrap()).attempts, 3);
        assert_eq!(Policies::default().policy(&Retry::default()), Policy::default());
    }

    #[test]
    fn a_step_that_names_a_policy_gets_it_and_what_it_leaves_out_from_the_default() {
        let default = Said { at_most: Some(SECOND * 60), ..Said::default() };
        let patient = Said { base: Some(SECOND * 90), ..Said::default() };
        let policies = Policies::of([("patient".to_owned(), patient), ("default".to_owned(), default)]);
        let known = Known { retries: Some(policies.names()), ..Known::default() };

        let patient = policies.policy(&retry_of("patient", &known).unwrap());

        assert_eq!((patient.at_most, patient.base, patient.cap), (SECOND * 60, SECOND * 90, SECOND * 90));
        assert_eq!(policies.policy(&retry_of("default", &known).unwrap()).at_most, SECOND * 60);
    }

    #[test]
    fn a_policy_that_the_settings_do_not_have_is_a_mistake_with_the_nearest_name() {
        let known = |names: &[&str]| {
            let retries = names.iter().map(|name| (*name).to_owned()).collect();
            Known { retries: Some(retries), ..Known::default() }
        };

        let near = retry_of("pateint", &known(&["default", "patient"])).unwrap_err();
        let none = retry_of("forever", &known(&["default"])).unwrap_err();

        assert_eq!(
            (near[0].code, near[0].help.as_deref()),
            ("unknown_retry", Some("did you mean `patient`?"))
        );
        assert!(none[0].help.as_deref().is_some_and(|help| help.contains("`retries`")));
        assert_eq!(retry_of("anything", &Known::default()), Ok(Retry::Named("anything".to_owned())));
    }
}
