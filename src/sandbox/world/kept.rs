//! States kept for addresses that no profile has yet.
//!
//! A profile made later with that address inherits them. Group states are dropped after 30 days; for
//! the global e-mail state no end is documented (Braze docs, "Update user's email subscription
//! status" and "Update user's subscription group status").

use std::collections::HashMap;

use super::profile::{Choice, Membership};

/// How long a group state waits for a profile: 30 days, in milliseconds.
const GROUP_STATE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What is kept for the addresses of one channel.
#[derive(Default)]
pub(in crate::sandbox) struct Kept(HashMap<Box<str>, States>);

/// What is kept for one address.
#[derive(Default)]
pub(in crate::sandbox) struct States {
    /// The global e-mail state.
    pub global: Option<Choice>,
    groups: Vec<(u32, Membership, i64)>,
}

impl States {
    /// The group states that have not run out.
    pub fn groups(&self, now_ms: i64) -> impl Iterator<Item = (u32, Membership)> {
        let fresh = self.groups.iter().filter(move |(_, _, until)| *until > now_ms);
        fresh.map(|(group, state, _)| (*group, *state))
    }
}

impl Kept {
    /// Keeps a global state for an address.
    pub fn keep_global(&mut self, address: &str, state: Choice) {
        self.0.entry(address.into()).or_default().global = Some(state);
    }

    /// Keeps a group state for an address.
    pub fn keep_group(&mut self, address: &str, group: u32, state: Membership, now_ms: i64) {
        let states = self.0.entry(address.into()).or_default();
        states.groups.retain(|(known, _, _)| *known != group);
        states.groups.push((group, state, now_ms.saturating_add(GROUP_STATE_MS)));
    }

    /// What is kept for an address, for reading.
    pub fn of(&self, address: &str) -> Option<&States> {
        self.0.get(address)
    }

    /// Hands over and forgets what is kept for an address.
    pub fn take(&mut self, address: &str) -> Option<States> {
        if self.0.is_empty() {
            return None;
        }
        self.0.remove(address)
    }
}
