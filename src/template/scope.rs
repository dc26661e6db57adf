//! What the texts of a run may read.
//!
//! A scope owns the data of one run and is read in place: rendering copies what it puts into a body
//! and nothing else.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// `request`, `subject`, `consents`, `fields`, `vars`, `steps`, … by name.
#[derive(Default, Clone)]
pub struct Scope {
    data: Map<String, Value>,
    /// Members of `vars` that stand behind those in `data`, the same for many scopes.
    shared_vars: Option<Arc<Map<String, Value>>>,
}

impl Scope {
    /// Takes the data over.
    pub fn new(data: Map<String, Value>) -> Scope {
        Scope { data, shared_vars: None }
    }

    /// The same, with members of `vars` that are not copied. A path such as `vars.x` finds them; who
    /// takes `vars` as a whole sees only its own, so that is for texts that never do.
    pub fn sharing(data: Map<String, Value>, vars: Arc<Map<String, Value>>) -> Scope {
        Scope { data, shared_vars: Some(vars) }
    }

    /// Takes a copy of everything that is shared.
    pub fn unshare(&mut self) {
        let Some(shared) = self.shared_vars.take() else { return };
        if let Some(Value::Object(vars)) = self.get_mut("vars") {
            for (name, value) in shared.iter() {
                if !vars.contains_key(name) {
                    vars.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// What is shared of a member of a name of the first level, unless the scope's own hides it.
    pub(crate) fn shared(&self, first: &str, second: &str) -> Option<&Value> {
        let shared = self.shared_vars.as_deref().filter(|_| first == "vars")?;
        let own = self.get(first).and_then(Value::as_object)?;
        if member(own, second).is_some() { None } else { member(shared, second) }
    }

    /// A member of a name of the first level, its own or shared.
    pub(crate) fn member(&self, first: &str, second: &str) -> Option<&Value> {
        let own = self.get(first)?.as_object()?;
        match (member(own, second), &self.shared_vars) {
            (None, Some(shared)) if first == "vars" => member(shared, second),
            (own, _) => own,
        }
    }

    /// Everything in it.
    pub fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// Everything in it, to be changed in place.
    pub fn data_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.data
    }

    /// Gives everything back.
    pub fn into_data(self) -> Map<String, Value> {
        self.data
    }

    /// The value of a name of the first level, such as `vars`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        member(&self.data, name)
    }

    /// Gives a name of the first level a value; the former is gone.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(place) = self.get_mut(name) {
            *place = value;
        } else {
            self.data.insert(name.to_owned(), value);
        }
    }

    /// The value of a name of the first level, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        // There are few names of the first level, and comparing a few is faster than hashing one.
        self.data.iter_mut().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Takes a name of the first level out; the order of the others is not kept.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.data.swap_remove(name)
    }
}

/// A member of a map. Small maps, which nearly all are, are compared faster than hashed.
pub(crate) fn member<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    const SMALL: usize = 16;
    if map.len() <= SMALL {
        map.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    } else {
        map.get(name)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("names", &self.data.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
