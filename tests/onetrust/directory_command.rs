//! `privaflow directory`: the real binary against the look-alike, with settings as people write them.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use privaflow::sandbox::OneTrust;
use privaflow::sandbox::onetrust::{Credential, Limits, Options, StaffChange};
use serde_json::{Value, json};

/// A folder with settings, and a tenant.
struct Desk {
    folder: tempfile::TempDir,
    onetrust: OneTrust,
}

impl Desk {
    async fn new(scopes: &[&str]) -> Desk {
        let options = Options {
            credentials: vec![Credential::new("id", "secret", scopes)],
            limits: Limits::off(),
            staff: 60,
            ..Options::default()
        };
        let onetrust = OneTrust::start(options).await.unwrap();
        let desk = Desk { folder: tempfile::tempdir().unwrap(), onetrust };
        desk.settings("host: \"ADDRESS\", scheme: http", "");
        desk
    }

    fn settings(&self, host: &str, more: &str) {
        let host = host.replace("ADDRESS", &self.onetrust.address().to_string());
        let client = "oauth2: { client_id: { env: T_ID }, client_secret: { env: T_SECRET } }";
        let text = format!("profiles:\n  ot: {{ system: onetrust, {host}, {client} }}\n{more}");
        std::fs::write(self.folder.path().join("privaflow.yaml"), text).unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.with_secret("secret", arguments).await
    }

    async fn with_secret(&self, secret: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
        command.current_dir(self.folder.path()).arg("directory").args(arguments);
        command.env("T_ID", "id").env("T_SECRET", secret);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--output", "json"]].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

const ALL: [&str; 3] = ["ORGANIZATION", "SCIM", "USER"];

#[tokio::test]
async fn what_was_read_is_listed_reviewed_and_exported() {
    let desk = Desk::new(&ALL).await;
    let before = desk.run(&["list"]).await;
    assert_eq!(before.status.code(), Some(2), "{before:?}");
    assert!(said(&before).contains("privaflow directory sync"));

    let synced = desk.lines(&["sync"]).await;
    let all = desk.lines(&["list"]).await;
    let officers = desk.lines(&["list", "--role", "privacy officer", "--active"]).await;
    let approvers = desk.lines(&["list", "--can-approve"]).await;
    let review = desk.lines(&["review", "--dormant", "30d"]).await;

    assert_eq!((&synced[0]["users"], &synced[0]["users_from"]), (&json!(60), &json!("access")));
    assert_eq!((synced[0]["gaps"].as_array().unwrap().len(), all.len()), (0, 60));
    assert!(officers.iter().any(|user| user["email"] == "robin.approver@example.com"));
    assert!(approvers.iter().all(|user| user["state"] == "active" && user["touches_requests"] == true));
    assert!(!approvers.is_empty() && approvers.len() < all.len());
    let sections: std::collections::BTreeSet<&str> =
        review.iter().map(|finding| finding["section"].as_str().unwrap()).collect();
    assert!(sections.contains("dormant") && sections.contains("api_credential"), "{sections:?}");
    let own = review.iter().find(|finding| finding["subject"] == "profile ot").unwrap();
    assert!(own["why"].as_str().unwrap().contains("scopes: ORGANIZATION, SCIM, USER"), "{own}");

    let table = desk.folder.path().join("users.csv");
    assert_eq!(desk.run(&["export", "users.csv"]).await.status.code(), Some(0));
    let text = std::fs::read_to_string(&table).unwrap();
    assert_eq!(text.lines().count(), 61);
    assert!(text.starts_with("\"tenant\",\"id\",\"email\""));
    assert_eq!(std::fs::metadata(&table).unwrap().permissions().mode() & 0o777, 0o600);
    let written = desk.run(&["export", "-", "--format", "json", "--inactive"]).await;
    let first: Value =
        serde_json::from_slice(written.stdout.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert!(["disabled", "expired"].contains(&first["state"].as_str().unwrap()), "{first}");
}

#[tokio::test]
async fn activity_shows_sign_ins_and_changes_of_one_user_and_of_nobody_else() {
    let desk = Desk::new(&ALL).await;
    desk.run(&["sync"]).await;
    let change: StaffChange = serde_json::from_value(
        json!({ "email": "kim.analyst@example.com", "sign_in": true, "active": true }),
    )
    .unwrap();
    desk.onetrust.change_staff(change);

    let live = desk.lines(&["activity", "Kim Analyst"]).await;
    let stored = desk.lines(&["activity", "KIM.analyst@example.com", "--stored"]).await;
    let nobody = desk.run(&["activity", "nobody@example.com"]).await;

    assert_eq!(live[0]["activity"]["sign_ins"][0]["success"], true);
    assert_eq!(live[0]["activity"]["changes"][0]["field"], "Active");
    assert_eq!(stored[0]["activity"]["sign_ins"], Value::Null);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(!said(&nobody).contains("nobody@example.com"), "{}", said(&nobody));
}

#[tokio::test]
async fn the_test_of_a_connection_tells_people_what_to_do() {
    let desk = Desk::new(&["SCIM"]).await;

    let partly = desk.run(&["test"]).await;
    assert_eq!(partly.status.code(), Some(0), "{}", said(&partly));
    for word in
        ["needs the scope USER", "needs the scope ORGANIZATION", "by SCIM", "licences: OneTrust tells none"]
    {
        assert!(said(&partly).contains(word), "{word}: {}", said(&partly));
    }

    let rotated = desk.with_secret("rotated", &["test"]).await;
    assert_eq!(rotated.status.code(), Some(3));
    assert!(said(&rotated).contains("client id with the client secret"), "{}", said(&rotated));
    assert!(!said(&rotated).contains("rotated"));

    let nothing = Desk::new(&["DSAR"]).await;
    let refused = nothing.run(&["test"]).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(said(&refused).contains("users cannot be read: give the credential the scope USER"));

    let address = desk.onetrust.address();
    for (host, word) in [
        ("host: \"127.0.0.1:1\", scheme: http".to_owned(), "check `host` and its port"),
        (format!("host: \"http://{address}\""), "without"),
        ("host: \"https://acme.onetrust.com\"".to_owned(), "write `acme.onetrust.com`, without"),
        ("host: acme.onetrust.com/api".to_owned(), "write `acme.onetrust.com`, without"),
    ] {
        desk.settings(&host, "");
        let output = desk.run(&["test"]).await;
        assert!(output.status.code() != Some(0) && said(&output).contains(word), "{host}: {}", said(&output));
    }
}

#[tokio::test]
async fn a_credential_without_any_scope_that_tells_users_is_refused_with_the_scopes_that_would() {
    let desk = Desk::new(&["ORGANIZATION"]).await;

    let output = desk.run(&["sync"]).await;

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(said(&output).contains("give its credential the scope USER"), "{}", said(&output));
}

#[tokio::test]
async fn nobody_of_the_staff_is_in_a_log_or_in_the_bytes_of_the_store() {
    let desk = Desk::new(&ALL).await;
    let change: StaffChange = serde_json::from_value(
        json!({ "email": "marker.person@example.com", "name": "Marker Personsson", "group": "Legal" }),
    )
    .unwrap();
    desk.onetrust.change_staff(change);

    let synced = desk.run(&["sync", "--log", "trace"]).await;
    let again = desk.run(&["sync", "--log", "trace", "--output", "json"]).await;
    let refused = desk.with_secret("marker-secret", &["sync", "--log", "trace"]).await;

    assert_eq!((synced.status.code(), again.status.code()), (Some(0), Some(0)), "{}", said(&synced));
    for output in [&synced, &again, &refused] {
        assert!(!said(output).to_lowercase().contains("marker"), "{}", said(output));
    }
    let lawyers = desk.lines(&["list", "--group", "legal"]).await;
    assert!(lawyers.iter().any(|user| user["name"] == "Marker Personsson"));
    let backup = desk.folder.path().join("copy.db");
    let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
    let made = command.current_dir(desk.folder.path()).args(["store", "backup", "copy.db"]).output().unwrap();
    assert!(made.status.success() && backup.exists(), "{made:?}");
    let mut looked = 0;
    for folder in [
        desk.folder.path().to_owned(),
        desk.folder.path().join(".privaflow"),
        desk.folder.path().join(".privaflow/keys"),
    ] {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let bytes = std::fs::read(entry.path()).unwrap().to_ascii_lowercase();
                for word in ["marker.person", "personsson", "robin.approver", "@example.com"] {
                    let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
                    assert!(!found, "{word} stands in {}", entry.path().display());
                }
                looked += 1;
            }
        }
    }
    assert!(looked >= 4, "{looked}");
}

const ASKS: &str = "workflow: careful\non: { file: {} }\nprofiles: { braze: br }\nsteps:\n  \
                    - id: ask\n    approve: { approvers: [APPROVERS] }\n  - log: Said yes.\n";

#[tokio::test]
async fn an_approval_is_given_by_whom_onetrust_knows_as_an_active_approver_and_by_nobody_else() {
    let desk = Desk::new(&ALL).await;
    let more = |identities: &str| {
        format!(
            "  br: {{ system: braze, host: \"127.0.0.1:1\", scheme: http, token: {{ env: T_ID }} }}\n\
             directory: {{ profiles: [ot], identities: {{ {identities} }} }}\n"
        )
    };
    let set = |identities: &str| desk.settings("host: \"ADDRESS\", scheme: http", &more(identities));
    let any = |order: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
        command.current_dir(desk.folder.path()).args(order).env("T_ID", "id").env("T_SECRET", "secret");
        tokio::task::spawn_blocking(move || command.env("USER", "ana").output().unwrap())
    };
    let change = |change: Value| assert!(desk.onetrust.change_staff(serde_json::from_value(change).unwrap()));
    let flow = ASKS.replace("APPROVERS", "\"group:Gatekeepers\"");
    std::fs::create_dir(desk.folder.path().join("workflows")).unwrap();
    std::fs::write(desk.folder.path().join("workflows/flow.yaml"), flow).unwrap();
    std::fs::write(
        desk.folder.path().join("in.ndjson"),
        "{\"id\":\"1\",\"kind\":\"other\",\"subject\":{}}\n{\"id\":\"2\",\"kind\":\"other\",\"subject\":{}}\n",
    )
    .unwrap();
    change(json!({ "email": "kim.analyst@example.com", "group": "Gatekeepers" }));
    set("");
    let asked = any(&["run", "workflows/flow.yaml", "--input", "in.ndjson"]).await.unwrap();
    assert_eq!(asked.status.code(), Some(1), "{}", said(&asked));

    let unknown = any(&["runs", "approve", "job-1:0", "--no-resume"]).await.unwrap();
    set("ana: kim.analyst@example.com");
    let never_read = any(&["runs", "approve", "job-1:0", "--no-resume"]).await.unwrap();
    desk.run(&["sync"]).await;
    let approved = any(&["runs", "approve", "job-1:0", "--no-resume"]).await.unwrap();
    set("ana: robin.approver@example.com");
    let not_named = any(&["runs", "approve", "job-1:1", "--no-resume"]).await.unwrap();
    change(json!({ "email": "kim.analyst@example.com", "active": false }));
    set("ana: kim.analyst@example.com");
    desk.run(&["sync"]).await;
    let disabled = any(&["runs", "approve", "job-1:1", "--no-resume"]).await.unwrap();

    for (output, word) in [
        (&unknown, "does not say who this is"),
        (&never_read, "directory sync"),
        (&not_named, "not among the approvers"),
        (&disabled, "is disabled"),
    ] {
        assert_eq!(output.status.code(), Some(2), "{}", said(output));
        assert!(said(output).contains(word) && !said(output).contains("@example.com"), "{}", said(output));
    }
    assert_eq!(approved.status.code(), Some(0), "{}", said(&approved));
    let review = desk.lines(&["review"]).await;
    let former: Vec<&Value> = review.iter().filter(|found| found["section"] == "former_approver").collect();
    assert_eq!(former[0]["why"], "disabled, and named in careful as one of the group Gatekeepers");
}

#[test]
fn the_sandbox_needs_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["sync"][..], &["test"], &["list", "--can-approve"], &["review"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
        command.current_dir(folder.path()).arg("directory").args(arguments).arg("--sandbox");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the sandbox leaves nothing behind");
}
