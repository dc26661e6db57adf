//! A store whose database is gone is not taken for one that was never made.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::folder::{ERASE, Folder, Shot, deletion, end};
use crate::server::Server;

/// A way in which a database goes away.
type Way = (&'static str, fn(&Folder));

const WAYS: [Way; 4] = [
    ("empty", |folder| folder.write("store/journal.db", "")),
    ("empty beside its log", |folder| {
        folder.write("store/journal.db", "");
        folder.write("store/journal.db-wal", [7; 64]);
    }),
    ("gone", |folder| std::fs::remove_file(folder.path("store/journal.db")).unwrap()),
    ("another one that was never set up", |folder| {
        let path = folder.path("store/journal.db");
        std::fs::remove_file(&path).unwrap();
        rusqlite::Connection::open(path).unwrap().pragma_update(None, "application_id", 1).unwrap();
    }),
];

/// A folder whose store has somebody on hold and a job that is over, and a backup of it.
fn used(server: &Server) -> Folder {
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1)]);
    let hold = folder.run(&["hold", "add", "external_id=u-2", "--reason", "case 1"]);
    assert_eq!(hold.code, 0, "{}", hold.stderr);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    folder
}

fn is_refused(shot: &Shot) -> bool {
    shot.code == 2 && shot.stderr.contains("restore it from a backup (`privaflow store restore FILE`)")
}

#[test]
fn every_command_refuses_a_store_whose_database_is_gone_until_a_backup_is_put_back() {
    for (way, take) in WAYS {
        // Given a store that was in use, and whose database is lost
        let server = Server::accepting();
        let folder = used(&server);
        take(&folder);
        folder.requests([deletion(2)]);

        let shots = [
            &["run", "flow.yaml", "--input", "requests.ndjson"][..],
            &["serve", "--listen", "127.0.0.1:0"],
            &["hold", "add", "external_id=u-3", "--reason", "case 2"],
            &["hold", "list"],
            &["gate", "list"],
            &["jobs", "list"],
            &["runs", "list"],
            &["workflows", "list"],
            &["store", "prune"],
            &["store", "backup", "another"],
            &["hold", "list"],
        ]
        .map(|words| (words, folder.run(words)));

        // Then nothing is made in its place, and nobody who was on hold is erased
        for (words, shot) in &shots {
            assert!(is_refused(shot), "{way}, {words:?}: {} {}{}", shot.code, shot.stdout, shot.stderr);
        }
        let told = &shots[0].1.stderr;
        assert!(told.contains("to begin anew") && told.contains("move the whole folder away"), "{told}");
        assert_eq!(server.people(), ["u-1"], "{way}");

        // And a backup that is put back says that it is not known who was erased since, and goes on
        let restored = folder.run(&["store", "restore", "copy", "--output", "json"]);
        assert_eq!(restored.code, 0, "{way}: {}", restored.stderr);
        let why = if way == "gone" { "nothing_there" } else { "unreadable" };
        assert_eq!(restored.json()["unknown"], json!(why), "{way}: {}", restored.stdout);
        assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]), "{way}: they are on hold again");
        assert_eq!(server.people(), ["u-1"], "{way}");
    }
}

#[test]
fn who_moves_the_folder_away_begins_anew_and_who_puts_its_keys_elsewhere_restores_there() {
    let server = Server::accepting();
    let folder = used(&server);
    let (store, away) = (folder.path("store"), folder.path("away"));
    std::fs::rename(&store, &away).unwrap();

    let begun_anew = folder.run(&["hold", "list"]);
    assert_eq!((begun_anew.code, folder.job().code), (0, 0), "{}", begun_anew.stderr);

    // On another machine only the keys are there first
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    copy_all(&away.join("keys"), &store.join("keys"));
    let too_early = folder.job();
    let restored = folder.run(&["store", "restore", "copy"]);

    assert!(is_refused(&too_early), "{}", too_early.stderr);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    let holds = folder.run(&["hold", "list"]);
    assert!(holds.code == 0 && holds.stdout.contains("case 1"), "{}{}", holds.stdout, holds.stderr);
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Puts somebody on hold, killed by the first file that would grow beyond so many half kilobytes.
fn killed_at(folder: &Folder, half_kilobytes: usize) -> Shot {
    let limits = format!("ulimit -c 0; ulimit -f {half_kilobytes}; exec \"$0\" \"$@\"");
    let limited = Command::new("sh")
        .args(["-c", &limits, env!("CARGO_BIN_EXE_privaflow")])
        .args(["hold", "add", "external_id=u-2", "--reason", "case 1"])
        .current_dir(folder.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    end(limited.unwrap())
}

#[test]
fn a_first_start_that_was_killed_anywhere_is_gone_on_with() {
    let mut killed = 0;
    for step in 0.. {
        // A page of the log is a little more than sixteen half kilobytes.
        let folder = Folder::to("127.0.0.1:9", ERASE);
        let first = killed_at(&folder, step * 7);

        let again = folder.run(&["hold", "add", "external_id=u-2", "--reason", "case 1"]);

        assert_eq!(again.code, 0, "{step}: {}", again.stderr);
        assert!(folder.run(&["hold", "list"]).stdout.contains("case 1"), "{step}");
        if first.code == 0 {
            break;
        }
        killed += 1;
    }
    assert!(killed > 20, "{killed}");
}
