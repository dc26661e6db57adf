//! Stores for tests of what is kept of people: with one event on the disk, and as an earlier release began them.

use std::path::Path;

use crate::job::Event;
use crate::journal::{NewJob, Store};

/// Begins a job, and returns once an event of it is on the disk.
pub(super) async fn keep(store: &Store, event: Event) {
    let job = NewJob {
        workflow_name: "w".into(),
        workflow_digest: [0; 32],
        workflow_text: String::new(),
        input_path: "-".into(),
        input_digest: [0; 32],
        format: serde_json::Value::Null,
        started_ms: 1_800_000_000_000,
        sandbox: true,
        window: None,
    };
    let job = store.create_job(job).unwrap();
    let (sender, mut durable) = tokio::sync::mpsc::unbounded_channel();
    let mut writer = store.writer(job, sender);
    writer.append(event);
    durable.recv().await.unwrap();
}

/// Makes a store one that a release with this version of how identifiers are compared began.
pub(super) fn as_if_begun_by(folder: &Path, version: u32) {
    let database = rusqlite::Connection::open(folder.join("journal.db")).unwrap();
    let changed = database.execute("UPDATE gate_keys SET version = ?1", [version]).unwrap();
    assert_eq!(changed, 1);
}
