//! The rules of the house that a compiler does not check: rows of modules, length and headers of
//! files, what may print, and comments on dependencies.
//!
//! The rows are read from the table in `src/lib.rs`, so that there is one truth. This file knows
//! nothing of what the modules do; it reads their text with comments, strings and tests taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "structure/scan.rs"]
mod scan;

use scan::Source;

#[test]
fn a_module_uses_its_own_row_and_the_rows_below_it_only() {
    let rows = rows();
    let mut found = Vec::new();
    for source in sources() {
        let Some(own) = rows.get(&source.module) else { continue };
        for used in &source.uses {
            match rows.get(&used.module) {
                None => found.push(format!("{}: `{}` is in no row", used.at, used.module)),
                Some(row) if row < own => {
                    found.push(format!("{}: `{}` stands above `{}`", used.at, used.module, source.module));
                }
                Some(_) => {}
            }
        }
    }
    assert_none(&found);
}

#[test]
fn modules_do_not_need_each_other_in_a_circle() {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let used = source.uses.iter().map(|used| used.module.clone()).filter(|used| *used != source.module);
        needs.entry(source.module.clone()).or_default().extend(used);
    }
    let circles: Vec<String> = needs
        .keys()
        .filter(|module| reached(&needs, module).contains(*module))
        .map(|module| format!("`{module}` needs itself by way of {:?}", needs[module]))
        .collect();
    assert_none(&circles);
}

#[test]
fn every_module_stands_in_a_row_and_every_row_names_modules_that_exist() {
    let rows: BTreeSet<String> = rows().into_keys().collect();
    let modules: BTreeSet<String> = sources().into_iter().map(|source| source.module).collect();
    assert_eq!(rows, modules, "left: the table in src/lib.rs, right: the folders of src");
}

#[test]
fn a_file_has_a_header_and_at_most_400_lines() {
    let mut found = Vec::new();
    for path in files_below("src", "rs") {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > 400 {
            found.push(format!("{}: {lines} lines; it is two thoughts", path.display()));
        }
    }
    for folder in ["src", "tests", "benches"] {
        for path in files_below(folder, "rs") {
            if !read(&path).starts_with("//! ") {
                found.push(format!("{}: does not open with a `//!` header", path.display()));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn a_mod_file_holds_modules_and_at_most_the_type_it_is_named_after() {
    let mut found = Vec::new();
    for path in files_below("src", "rs").into_iter().filter(|path| path.ends_with("mod.rs")) {
        if scan::is_of_tests(path.parent().unwrap_or(&path)) {
            continue;
        }
        let items = scan::items(&scan::product_code(&read(&path)));
        let is_type = items.iter().all(|item| ["struct", "enum", "trait"].contains(&item.as_str()));
        if items.len() > 1 || !is_type {
            found.push(format!("{}: holds {items:?}", path.display()));
        }
    }
    assert_none(&found);
}

#[test]
fn nothing_unwraps_and_only_the_command_line_prints() {
    let mut found = Vec::new();
    for path in files_below("src", "rs").into_iter().filter(|path| !scan::is_of_tests(path)) {
        let text = scan::product_code(&read(&path));
        let may_print = path.starts_with("src/cli");
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", path.display(), number + 1);
            if line.contains(".unwrap()") {
                found.push(format!("{at}: `.unwrap()`"));
            }
            if line.contains("#[allow(") || line.contains("#![allow(") {
                found.push(format!("{at}: `allow`; use `expect` with a reason"));
            }
            if !may_print && ["print!(", "println!("].iter().any(|print| line.contains(print)) {
                found.push(format!("{at}: prints"));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    let mut is_explained = false;
    for (number, line) in read(Path::new("Cargo.toml")).lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
            is_explained = false;
        } else if line.starts_with('#') {
            is_explained = true;
        } else if line.trim().is_empty() {
            is_explained = false;
        } else if in_dependencies && !is_explained {
            found.push(format!("Cargo.toml:{}: no comment above `{line}`", number + 1));
        }
    }
    assert_none(&found);
}

#[test]
fn the_readme_shows_the_two_commands_and_there_is_a_changelog() {
    let readme = read(Path::new("README.md"));
    let run = "cargo run --release -- run workflows/user-deletion.yaml --input examples/deletion-requests.ndjson --sandbox";
    assert!(readme.contains(run), "README.md lacks `{run}`");
    assert!(readme.contains("tests/run"), "README.md lacks `tests/run`");
    assert!(read(Path::new("CHANGELOG.md")).starts_with("# Changelog"));
    assert!(read(Path::new(".ci/run")).contains("tests/run"));
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    // Written apart, so that this file does not find itself.
    let paths =
        [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("../sha", "red")];
    let mut found = Vec::new();
    for path in files_below(".", "") {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for name in paths.iter().filter(|name| line.contains(**name)) {
                found.push(format!("{}:{}: `{name}`", path.display(), number + 1));
            }
        }
    }
    assert_none(&found);
}

/// Row by module, 0 on top, from the `text` block of the header of `src/lib.rs`: a line is names
/// two or more spaces apart, the last part of it says what they do.
fn rows() -> BTreeMap<String, usize> {
    let text = read(Path::new("src/lib.rs"));
    let table = text.lines().skip_while(|line| *line != "//! ```text").skip(1);
    let mut rows = BTreeMap::new();
    for (row, line) in table.take_while(|line| *line != "//! ```").enumerate() {
        let line = line.trim_start_matches("//!");
        let mut parts: Vec<&str> = line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
        parts.pop();
        rows.extend(parts.into_iter().map(|module| (module.to_owned(), row)));
    }
    assert!(rows.len() > 10, "the table of src/lib.rs was not found");
    rows
}

/// Every file of a module, as its code reads without comments, strings and tests.
fn sources() -> Vec<Source> {
    let files = files_below("src", "rs").into_iter();
    files.filter_map(|path| Source::read(&path, &read(&path))).collect()
}

/// Everything that a module needs, directly or not.
fn reached(needs: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&String> = needs.get(from).into_iter().flatten().collect();
    while let Some(module) = open.pop() {
        if seen.insert(module.clone()) {
            open.extend(needs.get(module).into_iter().flatten());
        }
    }
    seen
}

/// Files of the project below a folder, sorted; `extension` may be empty for all.
fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if ["target", ".git", ".privaflow", "node_modules"].contains(&name) {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if extension.is_empty() || path.extension().is_some_and(|is| is == extension) {
                files.push(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    let text = fs::read_to_string(path);
    assert!(text.is_ok(), "{} cannot be read", path.display());
    text.unwrap_or_default()
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
