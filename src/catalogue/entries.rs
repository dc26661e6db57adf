//! The catalogue itself: the entries that come with this program.
//!
//! Read once, on first use. The file is part of the program, so a mistake in it is a mistake in the
//! program, and a test reads all of it.

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::Action;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    hosts: IndexMap<String, String>,
    /// Places for YAML anchors; read only by the YAML decoder.
    #[serde(rename = "anchors")]
    _anchors: serde::de::IgnoredAny,
    actions: Vec<Action>,
}

static BRAZE: LazyLock<File> = LazyLock::new(|| read(include_str!("../braze/catalogue.yaml")));

static ALL: LazyLock<Vec<Action>> = LazyLock::new(|| {
    let onetrust = read(include_str!("../onetrust/catalogue.yaml"));
    let folder = read(include_str!("../folder/catalogue.yaml"));
    BRAZE.actions.iter().cloned().chain(onetrust.actions).chain(folder.actions).collect()
});

fn read(text: &str) -> File {
    serde_yaml::from_str(text).expect("the catalogue is part of the program and a test reads it")
}

/// Every action of every system, in the order of the catalogues.
pub fn all() -> &'static [Action] {
    &ALL
}

/// The action that a workflow calls by this name, such as `braze/users.delete`.
pub fn find(name: &str) -> Option<&'static Action> {
    let (system, id) = name.split_once('/')?;
    all().iter().find(|action| action.system == system && action.id == id)
}

/// Name and REST host of every Braze instance (Braze docs, API overview).
pub fn braze_hosts() -> impl Iterator<Item = (&'static str, &'static str)> {
    BRAZE.hosts.iter().map(|(instance, host)| (instance.as_str(), host.as_str()))
}

/// Whether a host, with or without a port, is the REST host of a Braze instance.
pub fn is_known_host(host: &str) -> bool {
    let name = host.split_once(':').map_or(host, |(name, _port)| name);
    braze_hosts().any(|(_instance, known)| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Effect, Field, Format, Method, Place};

    #[test]
    fn every_pool_has_one_limit() {
        let mut pools = IndexMap::new();

        for action in all().iter().filter(|action| action.system == "braze") {
            let limit = *pools.entry(action.pool.as_str()).or_insert(action.limit);
            assert_eq!(limit, action.limit, "{}", action.id);
        }

        let per_second = |pool: &str| pools[pool].requests / pools[pool].per_seconds;
        assert_eq!(pools.len(), 5);
        assert_eq!(per_second("users.track"), 1000);
        assert_eq!(per_second("user_identity"), 333);
        assert_eq!(per_second("subscription_set"), 83);
        assert_eq!(per_second("default_hourly"), 69);
        assert_eq!(per_second("users.export.ids"), 4);
    }

    #[test]
    fn an_action_is_found_by_system_and_id() {
        assert_eq!(all().iter().filter(|action| action.system == "braze").count(), 10);
        for action in all() {
            assert_eq!(find(&action.name()).map(|found| found.path.as_str()), Some(action.path.as_str()));
        }
        assert!(find("users.delete").is_none());
        assert!(find("onetrust/users.delete").is_none());
    }

    #[test]
    fn every_rule_of_an_entry_names_members_that_exist() {
        for action in all() {
            let known = |name: &String| assert!(action.fields.contains_key(name), "{}: {name}", action.id);
            action.once.iter().for_each(known);
            action.exactly_one_of.iter().for_each(known);
            action.at_least_one_of.iter().for_each(known);
            action.not_together.iter().flatten().for_each(known);
            let Some(batch) = &action.batch else { continue };
            batch.not_with.iter().for_each(known);
            for (name, array) in &batch.arrays {
                array.needs.keys().for_each(known);
                assert_ne!(array.person.is_empty(), array.identifier.is_none(), "{}: {name}", action.id);
                match &batch.groups {
                    Some(groups) => assert!(action.fields[&groups.list].fields.contains_key(name)),
                    None => known(name),
                }
            }
            action.reply.answers.keys().for_each(known);
        }
    }

    #[test]
    fn what_an_entry_says_of_the_wire_names_members_that_exist() {
        for action in all() {
            let names: Vec<&str> =
                action.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            for (name, field) in &action.fields {
                let is_in_path = field.place == Place::Path;
                assert_eq!(is_in_path, names.contains(&name.as_str()), "{}: {name}", action.id);
                assert!(!is_in_path || field.format == Some(Format::Id), "{}: {name}", action.id);
                assert!(!is_in_path || field.required || field.default.is_some(), "{}: {name}", action.id);
                assert!(field.place != Place::Body || action.method.has_body(), "{}: {name}", action.id);
                let is_whole =
                    field.default.as_ref().is_none_or(|value| crate::catalogue::fits(action, field, value));
                assert!(is_whole, "{}: {name}", action.id);
            }
            assert!(names.iter().all(|name| action.fields.contains_key(*name)), "{}", action.id);
            // Calls that merge are written in another way, which knows none of this.
            let is_plain = |field: &Field| {
                field.place == Place::Arguments && field.wire.is_none() && field.default.is_none()
            };
            let is_merged = action.batch.is_some();
            assert!(!is_merged || action.fields.values().all(is_plain), "{}", action.id);
            assert!(
                !is_merged || (action.method != Method::Put && action.method != Method::Delete),
                "{}",
                action.id
            );
        }
    }

    #[test]
    fn what_is_read_again_can_be_asked_with_what_the_call_has() {
        for action in all() {
            let Some(reread) = &action.reread else { continue };
            let asked = find(&format!("{}/{}", action.system, reread.action)).unwrap();
            assert!(asked.effect == Effect::Read && asked.repeatable && asked.reply.object, "{}", action.id);
            for (theirs, ours) in &reread.with {
                assert!(
                    asked.fields.contains_key(theirs) && action.fields.contains_key(ours),
                    "{}",
                    action.id
                );
            }
            let is_asked = |name: &String| asked.fields[name].required && !reread.with.contains_key(name);
            assert!(!asked.fields.keys().any(is_asked), "{}", action.id);
            assert!(!action.repeatable, "{}", action.id);
        }
    }

    #[test]
    fn reads_by_query_take_no_objects() {
        for action in all().iter().filter(|action| !action.method.has_body()) {
            for field in action.fields.values() {
                assert!(field.fields.is_empty(), "{}", action.id);
            }
        }
    }

    #[test]
    fn hosts_are_known_with_and_without_a_port_and_never_by_pattern() {
        assert!(is_known_host("rest.fra-01.braze.eu"));
        assert!(is_known_host("REST.us-10.braze.com:443"));
        assert!(!is_known_host("rest.iad-10.braze.com"));
        assert!(!is_known_host("rest.fra-01.braze.eu.example.com"));
        assert_eq!(braze_hosts().count(), 15);
    }
}
