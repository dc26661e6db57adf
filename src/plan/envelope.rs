//! What must be equal for two calls to share a body.
//!
//! That is everything but the items that are gathered: the other members, byte for byte as written,
//! which arrays are used, and whether the body may be repeated, so that one call that may not be
//! repeated never takes that from the others.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::own::Own;
use crate::catalogue::Action;

/// What must be equal for two calls to share a body. Cheap to hash and compare.
#[derive(Clone)]
pub struct Envelope {
    action: &'static Action,
    /// Members of the body that are no items, as JSON without the braces; of a GET, its query.
    text: Box<[u8]>,
    /// One bit for each array of the batch that is used.
    arrays: u32,
    repeatable: bool,
    hash: u64,
    /// Of a call that shares its exchange with no other; then `text` is the whole body.
    own: Option<Box<Own>>,
}

impl Envelope {
    pub(super) fn new(action: &'static Action, text: Vec<u8>, arrays: u32, repeatable: bool) -> Envelope {
        let mut hasher = DefaultHasher::new();
        (&action.id, &text, arrays, repeatable).hash(&mut hasher);
        Envelope {
            action,
            text: text.into_boxed_slice(),
            arrays,
            repeatable,
            hash: hasher.finish(),
            own: None,
        }
    }

    /// Of a call with an address of its own; two of them share nothing.
    pub(super) fn own(action: &'static Action, body: Vec<u8>, own: Own) -> Envelope {
        let own = Some(Box::new(own));
        Envelope { own, ..Envelope::new(action, body, 0, action.repeatable) }
    }

    /// What such a call has of its own.
    pub(super) fn own_parts(&self) -> Option<&Own> {
        self.own.as_deref()
    }

    /// The action all calls in it share.
    pub fn action(&self) -> &'static Action {
        self.action
    }

    /// Whether a body of such calls may be sent again after an unknown outcome.
    pub fn repeatable(&self) -> bool {
        self.repeatable
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn uses(&self, array: usize) -> bool {
        self.arrays & (1 << array) != 0
    }
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Envelope) -> bool {
        self.hash == other.hash
            && self.arrays == other.arrays
            && self.repeatable == other.repeatable
            && self.text == other.text
            && is_same(self.action, other.action)
            && self.own.as_ref().map(|own| &own.address) == other.own.as_ref().map(|own| &own.address)
    }
}

impl Eq for Envelope {}

/// Whether two actions are one. The catalogue holds each once, so their places mostly say it.
pub(super) fn is_same(one: &'static Action, other: &'static Action) -> bool {
    std::ptr::eq(one, other) || one.id == other.id
}

impl Hash for Envelope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("action", &self.action.id).finish_non_exhaustive()
    }
}
