//! A folder whose settings lead to look-alikes of Braze and of two accounts of OneTrust, in this process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use privaflow::sandbox::onetrust::{NewRequest, Options as OfOneTrust};
use privaflow::sandbox::{Identifiers, OneTrust, Options, Sandbox};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::folder::Folder;

/// Finds a person, erases them, and looks until nobody is found.
pub const ERASE: &str = r#"
workflow: erase
on:
  file: {}
  onetrust_subtask: { profile: first, names: [Delete from Braze], kind: deletion, every: 1s }
  webhook: { hook: tasks, names: [Delete from Braze], kind: deletion }
profiles: { braze: braze-production }
notify: { on: [failure], to: [chat] }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { braze_ids: ["{{ steps.find.output.users.0.braze_id }}"] }
  - id: verify
    if: steps.erase.status == "done"
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
    repeat: { every: 20ms, at_most: 10m, until: size(output.users) == 0 }
"#;

/// The three look-alikes, and the folder.
pub struct Both {
    pub braze: Sandbox,
    pub first: OneTrust,
    pub second: OneTrust,
    pub folder: Folder,
    /// They live as long as it does.
    _runtime: Runtime,
}

impl Both {
    pub fn new(workflow: &str) -> Both {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let (braze, first, second) = runtime.block_on(async {
            let onetrust = |seed| OneTrust::start(OfOneTrust { seed, ..OfOneTrust::default() });
            let braze = Sandbox::start(Options::default()).await.unwrap();
            (braze, onetrust(1).await.unwrap(), onetrust(2).await.unwrap())
        });
        let folder = Folder::with(workflow);
        for (name, key) in
            [("braze", braze.token().to_owned()), ("first", first.api_key()), ("second", second.api_key())]
        {
            folder.write(&format!("{name}.key"), key);
        }
        folder.write("hook.key", "s3cret");
        let portal = |name: &str, of: &OneTrust| {
            let address = of.address();
            format!(
                "  {name}: {{ system: onetrust, scheme: http, host: '{address}', token: {{ file: {name}.key }} }}\n"
            )
        };
        let settings = format!(
            "token: {{ file: braze.key }}\n{}{}hooks:\n  tasks: {{ shape: subtask, profile: second, auth: {{ bearer: {{ file: hook.key }} }} }}\n\
             notify: {{ chat: {{ slack: {{ url: 'http://127.0.0.1:9/' }} }} }}\n",
            portal("first", &first),
            portal("second", &second),
        );
        folder.settings(braze.address(), &settings);
        Both { braze, first, second, folder, _runtime: runtime }
    }

    /// Somebody whom Braze knows asks one of the accounts to be erased; the id of the subtask.
    pub fn ask(&self, of: &OneTrust, email: &str) -> String {
        let who = Identifiers { email: Some(email.to_owned()), ..Identifiers::default() };
        self.braze.seed_subject(&who);
        let request = NewRequest { email: Some(email.to_owned()), ..NewRequest::default() };
        let reference = of.add_request(request).unwrap();
        let requests = of.requests();
        let request = requests.iter().find(|request| request["ref"] == reference.as_str()).unwrap();
        request["subtasks"][0]["id"].as_str().unwrap_or_else(|| panic!("{request}")).to_owned()
    }

    /// Who changed what in an account, but for what the test did: `subtask.status IN_PROGRESS`.
    pub fn changes(of: &OneTrust) -> Vec<String> {
        let changes = of.changes().into_iter().filter(|change| change.by != "sandbox");
        changes.map(|change| format!("{} {}", change.what, change.value)).collect()
    }
}

/// Calls the hook `tasks`.
pub fn call(address: SocketAddr, body: &Value) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST /hooks/tasks HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer s3cret\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}
