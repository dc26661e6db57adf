//! Every input that fuzzing was given or ever found, once more.
//!
//! `fuzz/` says what must hold and looks for inputs that break it; here the same checks read the seeds
//! in `fuzz/corpus` and what was found, in `fuzz/found`, so that nothing found comes back unseen.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
mod checks;

#[test]
fn every_input_that_fuzzing_knows_passes_its_check() {
    for (target, check) in checks::TARGETS {
        let (seeds, found) = (inputs("corpus", target), inputs("found", target));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for path in seeds.into_iter().chain(found) {
            // A check that fails says what does not hold; the name of the input stands above it.
            println!("{}", path.display());
            check(&fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_folder_of_inputs_belongs_to_a_target() {
    let targets = checks::TARGETS.map(|(target, _)| target);
    for kind in ["corpus", "found", "fuzz_targets"] {
        for entry in fs::read_dir(folder(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(name == ".gitkeep" || targets.contains(&name), "{} belongs to no target", path.display());
        }
    }
}

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind)
}

/// The inputs of a target, in the order of their names.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(kind).join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
