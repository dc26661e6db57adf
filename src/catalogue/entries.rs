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
    hosts: IndexMap<String, String>,
    /// Places for YAML anchors; read only by the YAML decoder.
    #[serde(rename = "anchors")]
    _anchors: serde::de::IgnoredAny,
    actions: Vec<Action>,
}

static BRAZE: LazyLock<File> = LazyLock::new(|| {
    serde_yaml::from_str(include_str!("../braze/catalogue.yaml"))
        .expect("the catalogue is part of the program and a test reads it")
});

/// Every action, in the order of the catalogue.
pub fn all() -> &'static [Action] {
    &BRAZE.actions
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
    use crate::catalogue::Method;

    #[test]
    fn every_pool_has_one_limit() {
        let mut pools = IndexMap::new();

        for action in all() {
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
        assert_eq!(all().len(), 10);
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
    fn reads_by_query_take_no_objects() {
        for action in all().iter().filter(|action| action.method == Method::Get) {
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
