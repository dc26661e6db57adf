//! What comes through the socket that nobody of ours would send.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder};
use crate::running::{Running, deletions, holding};
use crate::server::Gate;

/// Connects, hears the greeting, says something, and gives what comes back until the end.
fn say(folder: &Folder, words: &[u8]) -> (Value, String) {
    let mut stream = UnixStream::connect(folder.path("store/control.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut greeting = String::new();
    reader.read_line(&mut greeting).unwrap();
    // The other side may close before it has heard everything.
    drop(stream.write_all(words));
    drop(stream.shutdown(Shutdown::Write));
    let mut rest = Vec::new();
    // What was not read when the other side closed breaks the connection: what came before counts.
    drop(reader.read_to_end(&mut rest));
    (serde_json::from_str(&greeting).unwrap(), String::from_utf8(rest).unwrap())
}

#[test]
fn nonsense_half_closed_connections_and_other_releases_disturb_nobody() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", [2]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    // They say nothing for as long as the test lasts.
    let path = folder.path("store/control.sock");
    let silent: Vec<_> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();

    let (greeting, nothing) = say(&folder, b"");
    assert_eq!((&greeting["pid"], nothing.as_str()), (&json!(owner.pid()), ""));
    let release = env!("CARGO_PKG_VERSION");
    assert_eq!((&greeting["privaflow"], &greeting["protocol"]), (&json!(release), &json!(4)));
    let long = vec![b'x'; (8 << 20) + 10];
    for words in [b"\0\xff\n".as_slice(), b"{\n", b"{}\n", b"[1,2]\n", b"null\n", b"{\"privaflow\":", &long] {
        let (_, answer) = say(&folder, words);
        assert!(answer.is_empty() || answer.contains("refused"), "{answer}");
    }
    let other = json!({ "privaflow": "9.9.9", "protocol": 7, "command": { "fly": {} } });
    let (_, answer) = say(&folder, format!("{other}\n").as_bytes());
    assert!(answer.contains("of another release"), "{answer}");
    let unknown = json!({ "privaflow": release, "protocol": 4, "command": { "fly": {} } });
    let (_, answer) = say(&folder, format!("{unknown}\n").as_bytes());
    assert!(answer.contains("the command is not known"), "{answer}");
    // Whoever has nothing more to say is still answered.
    let look = json!({ "privaflow": release, "protocol": 4, "command": "look" });
    let (_, answer) = say(&folder, format!("{look}\n").as_bytes());
    assert!(answer.contains("answer"), "{answer}");

    let beside = Running::job(&folder, "b.ndjson").end();
    assert_eq!(beside.counts(), (0, [1, 0, 0, 0]), "{}", beside.stderr);
    gate.open();
    let owner = owner.end();
    assert_eq!(owner.counts(), (0, [1, 0, 0, 0]), "{}", owner.stderr);
    drop(silent);
}

#[test]
fn a_store_with_a_long_path_is_handed_over_to_as_well() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    let settings =
        folder.read("privaflow.yaml").replace("path: store", &format!("path: {}", "s".repeat(150)));
    folder.write("privaflow.yaml", settings);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", [2]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);

    let beside = Running::job(&folder, "b.ndjson").end();

    assert_eq!(beside.counts(), (0, [1, 0, 0, 0]), "{}", beside.stderr);
    assert!(beside.stderr.contains("owns the store"), "{}", beside.stderr);
    gate.open();
    assert_eq!(owner.end().code, 0);
}
