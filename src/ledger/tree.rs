//! Merkle trees as RFC 6962 (section 2.1) has them: a root over many leaves, and the path that leads a
//! single leaf to it.
//!
//! A leaf comes as the digest it is; who makes it puts a zero byte before what it covers, and inner nodes
//! are made with a one, so that neither can be taken for the other.

use sha2::{Digest, Sha256};

use super::chain::Hash;

/// What an inner node is made with.
const INNER: [u8; 1] = [1];

/// A tree that grows leaf by leaf and keeps only the roots of its whole parts.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Height and root of each part, the highest first.
    parts: Vec<(u32, Hash)>,
    leaves: u64,
}

impl Tree {
    /// Adds a leaf behind the others.
    pub fn push(&mut self, leaf: Hash) {
        let (mut height, mut node) = (0, leaf);
        while let Some((_, left)) = self.parts.pop_if(|(other, _)| *other == height) {
            node = inner(&left, &node);
            height += 1;
        }
        self.parts.push((height, node));
        self.leaves += 1;
    }

    /// How many leaves it has.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root over all leaves; of none, the digest of nothing.
    pub fn root(&self) -> Hash {
        let mut parts = self.parts.iter().rev().map(|(_, root)| *root);
        let last = parts.next();
        let joined = last.map(|last| parts.fold(last, |right, left| inner(&left, &right)));
        joined.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<T: IntoIterator<Item = Hash>>(leaves: T) -> Tree {
        let mut tree = Tree::default();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }
}

/// What stands beside a leaf on its way to the root, from the bottom up.
pub(super) fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 || index >= leaves.len() {
        return Vec::new();
    }
    // The left part is the largest power of two that leaves something on the right.
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let root = |leaves: &[Hash]| leaves.iter().copied().collect::<Tree>().root();
    let (mut path, beside) = match index.checked_sub(half) {
        None => (path(left, index), root(right)),
        Some(index) => (path(right, index), root(left)),
    };
    path.push(beside);
    path
}

/// The root that a leaf leads to (RFC 9162, section 2.1.3.2); `None` when the path has another length.
pub(super) fn climb(leaf: Hash, index: u64, leaves: u64, path: &[Hash]) -> Option<Hash> {
    let (mut at, mut last, mut node) = (index, leaves.checked_sub(1)?, leaf);
    if at > last {
        return None;
    }
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            node = inner(beside, &node);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            node = inner(&node, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(node)
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(INNER).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u8) -> Hash {
        Sha256::digest([0, number]).into()
    }

    #[test]
    fn every_leaf_of_every_tree_leads_to_its_root_and_to_no_other() {
        for count in 1_u8..40 {
            let leaves: Vec<Hash> = (0..count).map(leaf).collect();
            let root = leaves.iter().copied().collect::<Tree>().root();
            for index in 0..count {
                let path = path(&leaves, index.into());
                let climbed = |leaf, index| climb(leaf, index, count.into(), &path);
                assert_eq!(climbed(leaf(index), index.into()), Some(root), "{index} of {count}");
                assert_ne!(climbed(leaf(200), index.into()), Some(root));
                assert_ne!(climbed(leaf(index), u64::from(index) + 1), Some(root));
            }
        }
        assert_eq!(climb(leaf(1), 0, 0, &[]), None);
        assert_eq!(climb(leaf(1), 0, 1, &[leaf(2)]), None);
    }

    #[test]
    fn the_root_is_that_of_the_standard() {
        // The last of the known trees of RFC 6962's reference implementation has eight leaves.
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaf =
            |input: &[u8]| -> Hash { Sha256::new().chain_update([0]).chain_update(input).finalize().into() };

        let tree: Tree = inputs.into_iter().map(leaf).collect();

        let root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
        assert_eq!((super::super::to_hex(&tree.root()).as_str(), tree.leaves()), (root, 8));
    }
}
