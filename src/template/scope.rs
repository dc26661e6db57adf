//! What the texts of a run may read.
//!
//! A scope owns the data of one run and is read in place: rendering copies what it puts into a body
//! and nothing else.

use std::fmt;

use serde_json::{Map, Value};

/// `request`, `subject`, `consents`, `fields`, `vars`, `steps`, … by name.
#[derive(Default, Clone)]
pub struct Scope {
    data: Map<String, Value>,
}

impl Scope {
    /// Takes the data over.
    pub fn new(data: Map<String, Value>) -> Scope {
        Scope { data }
    }

    /// Everything in it.
    pub fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// Everything in it, to be changed in place.
    pub fn data_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.data
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
