//! The master key: where it comes from, what a wrong one does, and how it is changed.

use std::fs;
use std::path::Path;

use super::*;
use crate::secret::Secret;

fn master(text: &'static str) -> Option<MasterSource> {
    Some(MasterSource::new("env MASTER".to_owned(), move || Ok(Secret::new(text.to_owned()))))
}

const ONE: &str = "00000000000000000000000000000001";
const TWO: &str = "00000000000000000000000000000002";

fn arrival(number: u8) -> Arrival {
    Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [number; 32],
        turn: None,
        due_ms: None,
        received_ms: 0,
        record: format!(r#"{{"id":"{number}"}}"#).into_bytes(),
    }
}

/// A store with a record that waits.
fn begun(path: &Path, wanted: Option<MasterSource>) {
    let store = Store::open_with(path, Masters { wanted, previous: None }).unwrap();
    store.accept(vec![arrival(1)], None).unwrap();
    store.take_window("erase", Most { records: 9, bytes: 1 << 20 }, 0).unwrap().unwrap();
}

/// Whether what waits can be read with these, by the owner and beside it.
fn opens(
    path: &Path,
    wanted: Option<MasterSource>,
    previous: Option<MasterSource>,
) -> Result<(), StoreError> {
    let masters = Masters { wanted, previous };
    let store = Store::open_with(path, masters.clone())?;
    let window = store.open_windows()?[0].id;
    let text = store.window_text(window)?;
    assert_eq!(text, Reader::open_with(path, masters)?.window_text(window)?);
    assert_eq!(text.as_slice(), b"{\"id\":\"1\"}\n");
    Ok(())
}

#[test]
fn a_wrong_or_missing_master_key_opens_nothing_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    begun(directory.path(), master(ONE));
    let unset = || MasterSource::new("env MASTER".to_owned(), || Err("MASTER is not set".into()));

    let wrong = opens(directory.path(), master(TWO), None).unwrap_err();
    let none = opens(directory.path(), None, None).unwrap_err();
    let short = opens(directory.path(), master("short"), None).unwrap_err();
    let unread = opens(directory.path(), Some(unset()), None).unwrap_err();

    assert!(matches!(wrong, StoreError::MasterOther { .. }), "{wrong}");
    assert!(matches!(none, StoreError::MasterOther { .. }), "{none}");
    assert!(matches!(short, StoreError::MasterShort { .. }), "{short}");
    assert!(matches!(unread, StoreError::MasterUnread { .. }), "{unread}");
    assert!(!directory.path().join("keys/master.key").exists(), "none is made in its place");
    opens(directory.path(), master(ONE), None).unwrap();
}

#[test]
fn a_rotation_changes_the_master_key_of_the_settings() {
    let directory = tempfile::tempdir().unwrap();
    begun(directory.path(), master(ONE));
    let masters = Masters { wanted: master(TWO), previous: master(ONE) };
    opens(directory.path(), master(TWO), master(ONE)).unwrap();

    let store = Store::open_with(directory.path(), masters).unwrap();
    let rotated = store.rotate_keys().unwrap();
    let again = store.rotate_keys().unwrap_err();
    store.accept(vec![arrival(2)], None).unwrap();
    drop(store);

    assert_eq!(rotated, Rotated { keys: 1, to: Some("env MASTER".to_owned()) });
    assert!(matches!(again, StoreError::NothingToRotate { .. }), "{again}");
    assert!(matches!(opens(directory.path(), master(ONE), None), Err(StoreError::MasterOther { .. })));
    opens(directory.path(), master(TWO), None).unwrap();
}

#[test]
fn the_key_file_of_a_store_is_replaced_and_its_text_can_move_into_the_settings() {
    let directory = tempfile::tempdir().unwrap();
    begun(directory.path(), None);
    let text = || fs::read_to_string(directory.path().join("keys/master.key")).unwrap();
    let before = text();

    let rotated = Store::open(directory.path()).unwrap().rotate_keys().unwrap();
    let after = text();

    assert_eq!(rotated, Rotated { keys: 1, to: None });
    assert_ne!(before, after);
    let source =
        |text: String| Some(MasterSource::new("file".to_owned(), move || Ok(Secret::new(text.clone()))));
    opens(directory.path(), source(after.clone()), None).unwrap();
    let masters = Masters { wanted: master(ONE), previous: None };
    Store::open_with(directory.path(), masters).unwrap().rotate_keys().unwrap();
    assert!(!directory.path().join("keys/master.key").exists());
    opens(directory.path(), master(ONE), None).unwrap();
    assert!(opens(directory.path(), source(after), None).is_err());
}

#[test]
fn a_rotation_that_a_crash_cut_short_is_finished_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    begun(directory.path(), None);
    let keys = directory.path().join("keys");
    let before = fs::read(keys.join("master.key")).unwrap();
    Store::open(directory.path()).unwrap().rotate_keys().unwrap();
    // As it is before the new key has taken the place of the old one.
    fs::rename(keys.join("master.key"), keys.join("master.key.next")).unwrap();
    fs::write(keys.join("master.key"), &before).unwrap();

    opens(directory.path(), None, None).unwrap();

    assert!(!keys.join("master.key.next").exists());
    // And as it is when it never came to that.
    fs::write(keys.join("master.key.next"), ONE).unwrap();
    opens(directory.path(), None, None).unwrap();
}

#[test]
fn a_file_of_keys_that_a_crash_left_without_a_name_is_named_and_one_with_keys_is_damaged() {
    let (young, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    begun(old.path(), None);
    drop(Store::open(young.path()).unwrap());
    let tables = |path: &Path| rusqlite::Connection::open(path.join("keys/keys.db")).unwrap();
    let made: Vec<String> = {
        let old = tables(old.path());
        let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
        let mut statement = old.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    tables(young.path()).execute_batch(&format!("{}; PRAGMA user_version = 1", made.join(";"))).unwrap();
    tables(old.path()).execute("DELETE FROM about WHERE name = 'identity'", []).unwrap();

    drop(Reader::open(young.path()).unwrap());
    begun(young.path(), None);

    opens(young.path(), None, None).unwrap();
    assert!(matches!(Store::open(old.path()), Err(StoreError::Damaged { .. })));
}
