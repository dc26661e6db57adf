//! `keys:`: where the master key is found that wraps the keys of a store.
//!
//! Without it the store makes one and keeps it in a file of its own. What wraps which key is the work of
//! `journal`.

use std::path::Path;

use super::Token;
use super::credential::secret;
use super::section::Mistakes;
use crate::source::Node;

/// Where master keys are found.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The one to use; `None`: a file that the store makes.
    pub master: Option<Token>,
    /// The one that was used before, until `privaflow keys rotate`.
    pub previous: Option<Token>,
}

pub(super) fn read(node: &Node, folder: &Path, mistakes: &mut Mistakes) -> Keys {
    let section = mistakes.section(node, "keys", &["master", "previous"]);
    let mut one = |key: &'static str, owner: &str| {
        section.get(key).and_then(|node| secret(node, key, owner.to_owned(), folder, mistakes))
    };
    let (master, previous) = (one("master", "the master key"), one("previous", "the master key before"));
    Keys { master, previous }
}
