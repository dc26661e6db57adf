//! One process owns a store, and a later release's store is left alone.

use std::process::Command;

use super::*;

const STORE: &str = "PRIVAFLOW_TEST_STORE";

#[test]
fn a_second_process_hears_which_process_owns_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();

    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::tests::owner::the_second_process", "--ignored", "--nocapture"])
        .env(STORE, directory.path())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    let refused = format!("in use by process {}; wait for it to end, or stop it", std::process::id());
    assert!(said.contains(&refused), "{said}");
    assert!(said.contains(&format!("it can read {job}")), "{said}");
    drop(store);
    assert!(Store::open(directory.path()).is_ok());
}

#[test]
#[ignore = "is run by a_second_process_hears_which_process_owns_the_store"]
fn the_second_process() {
    let Some(path) = std::env::var_os(STORE) else { return };

    println!("{}", Store::open(path.as_ref()).unwrap_err());
    println!("it can read {}", Reader::open(path.as_ref()).unwrap().jobs().unwrap()[0].id);
}

#[test]
fn a_store_of_a_later_release_is_refused_and_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let database = directory.path().join("journal.db");
    rusqlite::Connection::open(&database).unwrap().pragma_update(None, "user_version", 99).unwrap();

    let errors = [
        Store::open(directory.path()).unwrap_err().to_string(),
        Reader::open(directory.path()).unwrap_err().to_string(),
    ];

    for error in errors {
        assert!(error.contains("has format 99 and this release knows formats up to"), "{error}");
    }
}

#[test]
fn a_reader_makes_no_store() {
    let directory = tempfile::tempdir().unwrap();

    let error = Reader::open(&directory.path().join("none")).unwrap_err();

    assert!(matches!(error, StoreError::Missing { .. }));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_look_into_a_store() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/store");

    let _store = Store::open(&path).unwrap();

    for path in [path.clone(), path.join("keys")] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
