//! Nobody's name in anything that the program says, tells or writes down.
//!
//! Every identifier, name, custom field and secret of these people has the same odd word in it, which is then
//! looked for in every byte that leaves the program: with everything logged that any library logs, by jobs
//! that end well, fail in every way or are killed, and by a server. Only calls to the services may have it,
//! and plans, which show calls.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::both::{Both, call};
use crate::folder::{Folder, Shot};
use crate::running::Running;
use crate::server::{Gate, Reply, Request, Server, accepted, answer};
use crate::serving::{Serving, is_all_over, until};

/// Stands in everything about a person and in every secret; `%` and case do not hide it.
const WORD: &str = "qzxmark";
/// The same for what has only digits.
const DIGITS: &str = "15799977711";

/// Looks a person up, changes their state, says something, and erases them, unless they are refused on the way.
const FLOW: &str = r#"
workflow: erase
on:
  file: {}
  webhook: { hook: requests }
notify: { on: [failure, waiting], to: [chat] }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id, external_id, email] }
  - id: state
    uses: braze/subscription.status.get
    with: { subscription_group_id: "group-1", email: ["{{ subject.email }}"] }
    continue_on_error: true
  - log: "{{ subject.email }} of {{ request.id }} is {{ steps.find.status }}"
  - set: { found: "steps.find.output.users.map(u, u.braze_id)" }
  - assert: '!fields.Wish.startsWith("assert")'
  - id: say
    if: 'fields.Wish.startsWith("fail")'
    fail: "not {{ subject.first_name }}"
  - id: tag
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          _update_existing_only: true
          wish: "{{ fields.Wish }}"
  - wait: 20ms
  - id: erase
    uses: braze/users.delete
    with: { braze_ids: "{{ vars.found }}" }
"#;

/// A request of a person; `number` tells them apart.
fn person(number: usize, wish: &str) -> Value {
    json!({
        "id": format!("{WORD} {number} <of@example.com>"), "kind": "deletion",
        "subject": {
            "external_id": format!("{WORD}-ext-{number}"), "email": format!("{WORD}.{number}@example.com"),
            "phone": format!("+{DIGITS}"), "first_name": format!("{WORD}First"), "last_name": format!("{WORD}Last"),
            "aliases": [{ "alias_name": format!("{WORD}-alias"), "alias_label": "crm" }],
        },
        "fields": { "Wish": wish, "Note": format!("a {WORD} note") },
    })
}

/// Knows everybody, repeats in its refusals what it was asked, and holds the erasure of the ninth person.
fn braze(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::start(move |request: &Request, _| -> Reply {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let refused = |status| {
            answer(status, json!({ "message": "Invalid", "errors": [format!("no such {body}")] }).to_string())
        };
        match request.path.split('?').next().unwrap() {
            "/users/export/ids" if body.contains(&format!("{WORD}.2@")) => refused(400),
            "/users/export/ids" => {
                let email = request.json()["email_address"].as_str().unwrap().to_owned();
                let id = format!("{WORD}-braze-{email}");
                answer(
                    201,
                    json!({ "users": [{ "braze_id": id, "email": email }], "message": "success" })
                        .to_string(),
                )
            }
            "/subscription/status/get" => refused(400),
            "/users/track" if body.contains(&format!("{WORD}-ext-3")) => refused(400),
            "/users/delete" => {
                if body.contains(&format!("{WORD}.9@")) {
                    gate.pass();
                }
                accepted()
            }
            _ => accepted(),
        }
    })
}

/// A folder in which everything is logged; secrets stand in the environment and in files beside the store.
fn folder(braze: &Server, chat: &Server) -> Folder {
    let folder = Folder::to(braze.address, FLOW);
    folder.write("hook.secret", format!("{WORD}-hook-secret"));
    folder.write("chat.url", format!("http://{}/{WORD}-chat", chat.address));
    let settings = folder.read("privaflow.yaml");
    folder.write(
        "privaflow.yaml",
        format!(
            "{settings}retries: {{ default: {{ base: 10ms, cap: 20ms }} }}\n\
             keys: {{ master: {{ env: MARKER_MASTER }} }}\n\
             hooks: {{ requests: {{ shape: record, auth: {{ bearer: {{ file: hook.secret }} }} }} }}\n\
             notify: {{ chat: {{ slack: {{ url: {{ file: chat.url }} }}, window: 1ms, per_hour: 1000 }} }}\n"
        ),
    );
    folder
}

/// Any command of the folder, with everything logged.
fn command(folder: &Folder, words: &[&str]) -> std::process::Command {
    let mut command = folder.command(words);
    command
        .env("PRIVAFLOW_LOG", "trace")
        .env("RUST_LOG", "trace")
        .env("PRIVAFLOW_TEST_KEY", format!("{WORD}-token"))
        .env("MARKER_MASTER", format!("{WORD}-master-key-of-enough-characters"));
    command
}

fn run(folder: &Folder, words: &[&str]) -> Shot {
    Running::of(command(folder, words)).end()
}

/// What of a text may name somebody.
fn traces(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let found = |word: &str| lower.match_indices(word).map(|(at, _)| at).collect::<Vec<_>>();
    let all = [WORD, DIGITS].into_iter().flat_map(found);
    let around = |at: usize| {
        let from = (0..=at.saturating_sub(160)).rev().find(|from| lower.is_char_boundary(*from)).unwrap_or(0);
        lower[from..].chars().take(240).collect()
    };
    all.take(5).map(around).collect()
}

#[track_caller]
fn is_silent(what: &str, text: &str) {
    let traces = traces(text);
    assert!(traces.is_empty(), "{what} names somebody:\n{}", traces.join("\n---\n"));
}

/// Looks into every file below a path, whatever it is.
#[track_caller]
fn files_are_silent(path: &Path) -> usize {
    if path.is_file() {
        is_silent(&path.display().to_string(), &String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        return 1;
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir() || path.is_file()).map(|path| files_are_silent(&path)).sum()
}

/// Everything that can be asked about what was done.
#[track_caller]
fn answers_are_silent(folder: &Folder) {
    let backup = folder.path("store-backup");
    drop(std::fs::remove_file(&backup));
    let commands = [
        "store backup store-backup",
        "jobs list",
        "jobs show job-1",
        "runs list --limit 0",
        "runs list --due 30d",
        "runs show job-1:0",
        "runs show job-1:1",
        "ledger export ledger.ndjson",
        "ledger certificate job-1:0 --to certificates",
        "ledger proof job-1:0",
        "ledger verify ledger.ndjson",
        "profiles test",
        "workflows list",
        "gate list",
        "hold list",
        "watch list",
        "canary show",
        "profiles list",
        "actions list",
    ];
    std::fs::create_dir_all(folder.path("certificates")).unwrap();
    let mut answered = 0;
    drop(std::fs::remove_file(folder.path("ledger.ndjson")));
    for words in commands {
        for form in ["text", "json"] {
            drop(std::fs::remove_file(&backup));
            let words: Vec<&str> = words.split(' ').chain(["--output", form]).collect();
            let shot = run(folder, &words);
            answered += usize::from(shot.code == 0);
            is_silent(&words.join(" "), &shot.stdout);
            is_silent(&format!("the log of {}", words.join(" ")), &shot.stderr);
            for file in ["store-backup", "ledger.ndjson", "certificates"] {
                if folder.path(file).exists() {
                    files_are_silent(&folder.path(file));
                }
            }
        }
    }
    assert!(answered >= 24, "only {answered} of these commands answered");
    assert!(files_are_silent(&folder.path("store")) > 3);
}

fn requests() -> String {
    let wishes = [
        (1, "nothing qzxmark"),
        (2, "nothing qzxmark"),
        (3, "nothing qzxmark"),
        (4, "assert qzxmark"),
        (5, "fail qzxmark"),
        (6, "nothing qzxmark"),
    ];
    let mut lines: Vec<String> =
        wishes.iter().map(|(number, wish)| person(*number, wish).to_string()).collect();
    let mut changed = person(1, "another qzxmark");
    lines.push(changed.to_string());
    changed["id"] = json!(format!("{WORD} wrong"));
    changed["subject"]["email"] = json!(15_799_977_711_u64);
    lines.push(changed.to_string());
    // Not for this workflow, not complete, with members nobody knows, and no record at all.
    lines.push(
        json!({ "id": "qzxmark a", "kind": "rectification", "subject": { "email": "qzxmark@a.example" } })
            .to_string(),
    );
    lines.push(
        json!({ "id": "qzxmark b", "kind": "deletion", "subject": { "external_id": "qzxmark" } }).to_string(),
    );
    lines.push(json!({ "id": "qzxmark c", "qzxmark@a.example": "qzxmark", "kind": "qzxmark" }).to_string());
    lines.push(format!("{{\"id\": \"{WORD}\", \"email\": {WORD}@example.com"));
    lines.push(WORD.to_owned());
    lines.join("\n") + "\n"
}

#[test]
fn a_job_in_which_everything_goes_wrong_names_nobody() {
    let gate = Gate::default();
    gate.open();
    let (braze, chat) = (braze(&gate), Server::accepting());
    let folder = folder(&braze, &chat);
    folder.write("requests.ndjson", requests());

    let shot = run(&folder, &["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]);

    let (code, counts) = shot.counts();
    let loud = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    let loud: Vec<&str> = shot.stderr.lines().filter(loud).collect();
    assert!(code == 1 && counts[0] >= 2 && counts[2] >= 8, "{} {loud:#?}", shot.stdout);
    assert!(shot.stderr.contains(" TRACE "), "not everything is logged");
    is_silent("the summary", &shot.stdout);
    is_silent("the log", &shot.stderr);
    answers_are_silent(&folder);
    let mail = |number: usize| format!("{WORD}.{number}@example.com");
    for words in [
        &["hold", "add", &mail(8), "--reason", "a lawsuit"][..],
        &["runs", "list", "--subject", &mail(2)],
        &["forget", &mail(3)],
        &["hold", "remove", &mail(8)],
    ] {
        let shot = run(&folder, words);
        assert_eq!(shot.code, 0, "{}", shot.stderr);
        is_silent(words[0], &(shot.stdout + &shot.stderr));
    }
    answers_are_silent(&folder);
    let again = run(&folder, &["runs", "retry", "--job", "job-1", "--state", "failed"]);
    is_silent("the log of another try", &(again.stdout + &again.stderr));
    answers_are_silent(&folder);
    for words in [
        &["run", "flow.yaml", "--input", "requests.ndjson", "--sandbox"][..],
        &["validate", "flow.yaml"],
        &["run", "flow.yaml", "--input", "requests.ndjson", "--shadow"],
    ] {
        let shot = run(&folder, words);
        is_silent(&words.join(" "), &(shot.stdout + &shot.stderr));
    }
}

#[test]
fn a_job_that_is_killed_in_the_middle_leaves_nobody_s_name() {
    let gate = Gate::default();
    let (braze, chat) = (braze(&gate), Server::accepting());
    let folder = folder(&braze, &chat);
    folder.write("requests.ndjson", [6, 9, 7].map(|number| person(number, "x").to_string() + "\n").concat());
    let words = ["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"];
    let running = Running::of(command(&folder, &words));
    let is_held = || braze.requests().iter().any(|request| request.path == "/users/delete");
    until("an erasure is in the air", is_held);

    let log = running.said();
    running.kill();

    is_silent("the log until the kill", &log);
    answers_are_silent(&folder);
    gate.open();
    let shot = run(&folder, &words);
    is_silent("the log of the rest", &shot.stderr);
    is_silent("the summary of the rest", &shot.stdout);
    answers_are_silent(&folder);
}

/// Calls the hook; the answer, head and all.
fn post(serving: &Serving, token: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(serving.address).unwrap();
    let head = format!(
        "POST /hooks/requests?who={WORD} HTTP/1.1\r\nhost: {WORD}.example\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\nx-{WORD}: {WORD}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_names_nobody_to_anybody() {
    let gate = Gate::default();
    let (braze, chat) = (braze(&gate), Server::accepting());
    let folder = folder(&braze, &chat);
    let serving = Serving::of(Running::of(command(&folder, &["serve", "--listen", "127.0.0.1:0"])));
    let secret = format!("{WORD}-hook-secret");

    let mut answers = String::new();
    for body in [
        person(6, "x").to_string(),
        json!([person(2, "x"), person(3, "x"), person(7, "x"), person(9, "x")]).to_string(),
        json!({ "id": "qzxmark wrong", "kind": "deletion", "subject": { "email": 15_799_977_711_u64 } })
            .to_string(),
        json!({ "id": "qzxmark kind", "kind": "qzxmark", "qzxmark@a.example": "qzxmark" }).to_string(),
        format!("{{\"{WORD}\": \"{WORD}"),
        WORD.to_owned(),
    ] {
        answers += &post(&serving, &secret, &body);
        answers += &post(&serving, &format!("{WORD}-not-the-secret"), &body);
    }
    let is_held = || braze.requests().iter().any(|request| request.path == "/users/delete");
    until("an erasure is in the air", is_held);
    for page in ["/healthz", "/readyz", "/metrics", "/", "/qzxother"] {
        answers += &serving.get(page).1.replace("qzxother", "");
    }

    is_silent("an answer", &answers);
    answers_are_silent(&folder);
    gate.open();
    until("all is over", || is_all_over(&folder));
    until("it was told", || !chat.requests().is_empty());
    let (_, log) = serving.stop();
    assert!(log.contains(" TRACE "), "not everything is logged");
    is_silent("the log", &log);
    for told in chat.requests() {
        is_silent("a notification", &String::from_utf8_lossy(&told.body));
    }
    answers_are_silent(&folder);
}

#[test]
fn a_request_of_a_portal_is_carried_out_without_a_name_in_any_log() {
    let both = Both::new(crate::both::ERASE);
    let folder = &both.folder;
    let secrets = ["braze", "first", "second"].map(|name| folder.read(&format!("{name}.key")));
    let serving = Serving::of(Running::of(command(folder, &["serve", "--listen", "127.0.0.1:0"])));
    both.ask(&both.first, &format!("{WORD}.portal@example.com"));
    let subtask = both.ask(&both.second, &format!("{WORD}.hook@example.com"));

    let (status, _) = call(serving.address, &json!({ "subTaskId": subtask }));
    for of in [&both.first, &both.second] {
        until("it is completed", || Both::changes(of).contains(&"subtask.status COMPLETED".to_owned()));
    }
    until("all is over", || is_all_over(folder));
    let (_, log) = serving.stop();

    assert_eq!(status, 202);
    assert!(log.contains(" TRACE "), "not everything is logged");
    is_silent("the log", &log);
    files_are_silent(&folder.path("store"));
    for secret in secrets.iter().map(|secret| secret.trim()).chain(["s3cret"]) {
        assert!(!log.contains(secret), "the log has a secret");
        assert!(!folder.store_bytes().contains(secret), "the store has a secret");
    }
}
