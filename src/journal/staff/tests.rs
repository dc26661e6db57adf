//! What is kept of staff: with its pages, after a crash, in backups, and not for ever.

use zeroize::Zeroizing;

use super::*;
use crate::journal::{Reader, Store};

const DAY_MS: i64 = 86_400_000;

fn row(id: &str, text: &str) -> StaffRow {
    let plain = Zeroizing::new(text.as_bytes().to_vec());
    StaffRow { kind: StaffKind::User, id: id.to_owned(), plain }
}

fn put(store: &Store, rows: &[(&str, &str)], now_ms: i64) -> StaffWritten {
    let rows = rows.iter().map(|(id, text)| row(id, text)).collect();
    store.put_staff("acme", rows, "page".to_owned(), now_ms).unwrap()
}

fn texts(reader: &Reader) -> Vec<String> {
    let rows = reader.staff("acme", StaffKind::User).unwrap();
    let mut texts: Vec<String> =
        rows.iter().map(|row| String::from_utf8(row.plain.to_vec()).unwrap()).collect();
    texts.sort();
    texts
}

#[test]
fn a_page_is_written_with_how_far_was_read_and_only_what_changed_counts() {
    let store = Store::temporary().unwrap();
    store.begin_staff("acme", "start".to_owned(), 1).unwrap();

    let first = put(&store, &[("u-1", "ada"), ("u-2", "bob")], 2);
    let second = put(&store, &[("u-1", "ada"), ("u-2", "bea"), ("u-3", "cyd")], 3);

    assert_eq!((first.new, first.changed), (2, 0));
    assert_eq!((second.new, second.changed), (1, 1));
    assert_eq!(texts(store.reader()), ["ada", "bea", "cyd"]);
    assert_eq!(store.staff_sync("acme").unwrap().unwrap().cursor.as_deref(), Some("page"));
}

#[test]
fn who_was_not_seen_is_told_and_is_gone_only_when_somebody_says_so() {
    let store = Store::temporary().unwrap();
    store.begin_staff("acme", String::new(), 1).unwrap();
    put(&store, &[("u-1", "ada"), ("u-2", "bob")], 2);
    store.finish_staff("acme", "{}".to_owned(), 3).unwrap();

    let sync = store.begin_staff("acme", String::new(), 4).unwrap();
    put(&store, &[("u-1", "ada")], 5);
    let unseen = store.unseen_staff("acme", StaffKind::User, sync.number).unwrap();
    store.staff_is_gone("acme", StaffKind::User, "u-2", 6).unwrap();

    assert_eq!(unseen.len(), 1);
    assert_eq!(unseen[0].plain.as_slice(), b"bob");
    assert_eq!(store.seen_staff("acme", StaffKind::User, sync.number).unwrap(), 1);
    assert!(store.unseen_staff("acme", StaffKind::User, sync.number).unwrap().is_empty());
    let gone = store.staff_record("acme", StaffKind::User, "u-2").unwrap().unwrap();
    assert_eq!((gone.gone_ms, sync.number), (Some(6), 2));
    assert_eq!(put(&store, &[("u-2", "bob")], 7).changed, 1, "who comes back is there again");
}

#[test]
fn nobody_who_was_removed_can_be_read_in_an_older_backup() {
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    let store = Store::open(&folder.path().join("store")).unwrap();
    store.begin_staff("acme", String::new(), 1).unwrap();
    put(&store, &[("u-1", "ada"), ("u-2", "bob")], 2);
    store.finish_staff("acme", "{}".to_owned(), DAY_MS * 10).unwrap();
    store.reader().backup(&backup).unwrap();

    store.staff_is_gone("acme", StaffKind::User, "u-2", DAY_MS).unwrap();
    let removed = store.forget_staff(DAY_MS * 2).unwrap();

    assert_eq!((removed.rows, texts(store.reader())), (1, vec!["ada".to_owned()]));
    let folder_of_old = folder.path().join("old");
    std::fs::create_dir_all(folder_of_old.join("keys")).unwrap();
    std::fs::copy(&backup, folder_of_old.join("journal.db")).unwrap();
    for name in ["keys.db", "master.key"] {
        let from = folder.path().join("store/keys").join(name);
        std::fs::copy(from, folder_of_old.join("keys").join(name)).unwrap();
    }
    let error = Reader::open(&folder_of_old).unwrap().staff("acme", StaffKind::User).unwrap_err();
    assert!(error.to_string().contains("directory sync"), "{error}");
}

#[test]
fn a_tenant_that_nobody_reads_any_more_is_forgotten_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.begin_staff("acme", String::new(), 1).unwrap();
    put(&store, &[("u-1", "ada")], 2);
    store.finish_staff("acme", "{}".to_owned(), DAY_MS).unwrap();

    assert_eq!(store.forget_staff(DAY_MS).unwrap(), StaffRemoved::default());
    let removed = store.forget_staff(DAY_MS + 1).unwrap();

    assert_eq!(removed, StaffRemoved { rows: 1, tenants: 1 });
    assert!(texts(store.reader()).is_empty() && store.staff_sync("acme").unwrap().is_none());
}

#[test]
fn a_key_that_is_gone_is_told_and_the_next_sync_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.begin_staff("acme", String::new(), 1).unwrap();
    put(&store, &[("u-1", "ada")], 2);
    drop(store);
    std::fs::remove_file(folder.path().join("keys/keys.db")).unwrap();

    let store = Store::open(folder.path()).unwrap();
    let error = store.staff("acme", StaffKind::User).unwrap_err();
    store.begin_staff("acme", String::new(), 3).unwrap();
    put(&store, &[("u-1", "ada")], 4);

    assert!(error.to_string().contains("directory sync"), "{error}");
    assert_eq!(texts(store.reader()), ["ada"]);
}

#[test]
fn the_key_outlives_a_restart_and_other_readers_find_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.begin_staff("acme", String::new(), 1).unwrap();
    put(&store, &[("u-1", "ada")], 2);
    assert_eq!(texts(&Reader::open(folder.path()).unwrap()), ["ada"]);
    drop(store);

    let store = Store::open(folder.path()).unwrap();
    store.rotate_keys().unwrap();

    assert_eq!(texts(store.reader()), ["ada"]);
}
