//! What the calls of an action set, so that an older change never undoes a newer one.
//!
//! Facts only: taking a call apart is the work of `plan`, deciding what is newer that of `engine`.

use indexmap::IndexMap;
use serde::Deserialize;

/// The value of a state that takes a permission away (Braze docs, "Manage user subscriptions").
pub const OPTS_OUT: &str = "unsubscribed";

/// Where a call of an action says which states it sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targets {
    /// Every member of an item sets a state of the person.
    Members(Members),
    /// A call, or an object of its list, sets one state of everybody in it.
    State(State),
}

/// Items whose members each set a state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// The array of these items. What other arrays hold sets no state.
    pub array: String,
    /// Members that say how the item is taken and set nothing.
    pub switches: Vec<String>,
    /// The switch with which an item makes no profile.
    pub existing_only: String,
    /// Members whose value can take a permission away.
    pub states: Vec<String>,
    /// Members that are lists of states.
    pub lists: IndexMap<String, State>,
}

/// Where an object names a state and says its value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The member that names the state, such as the id of a group.
    #[serde(default)]
    pub named_by: Option<String>,
    /// Its name where no member says it.
    #[serde(default)]
    pub named: Option<String>,
    /// The member that holds its value.
    pub value: String,
}
