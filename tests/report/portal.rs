//! Stand-ins for Braze and OneTrust that share one record of what was asked, in its order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::server::{Gate, Reply, Request, Server, answer};

/// Finds a person, erases them, and looks until nobody is found.
pub const ERASE: &str = r#"
workflow: erase
on:
  file: {}
  onetrust_subtask: { profile: portal, names: [Delete from Braze], kind: deletion }
report: default
profiles: { braze: braze-production }
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

/// What goes wrong with a request to OneTrust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out, and its answer is lost.
    LoseAnswer,
    /// It is lost.
    Lose,
    /// It is carried out, and answered when the gate is opened.
    Hold,
    /// It is refused with this status.
    Refuse(u16),
    /// It must come back in a second.
    Limit,
}

/// What is known of both services.
#[derive(Default)]
pub struct World {
    /// What was asked, in order: `braze /users/delete`, `PUT complete`.
    pub asked: Mutex<Vec<String>>,
    /// Status of the subtask, after each change.
    pub statuses: Mutex<Vec<String>>,
    /// Comments, on the subtask and on the request.
    pub comments: Mutex<Vec<String>>,
    /// By the name of a request: what goes wrong with the next ones.
    pub faults: Mutex<BTreeMap<&'static str, Vec<Fault>>>,
    /// The next erasures are refused.
    pub refuses_erasure: Mutex<bool>,
    /// How often somebody is still found after the erasure.
    pub still_found: Mutex<usize>,
    is_erased: Mutex<bool>,
    pub gate: Gate,
}

/// Both services, and the folder in which jobs run.
pub struct Stage {
    pub world: Arc<World>,
    pub portal: Server,
    pub folder: Folder,
    _braze: Server,
}

impl Stage {
    pub fn new(workflow: &str) -> Stage {
        let world = Arc::new(World::default());
        let seen = Arc::clone(&world);
        let braze = Server::start(move |request, _| seen.braze(request));
        let seen = Arc::clone(&world);
        let portal = Server::start(move |request, _| seen.portal(request));
        let folder = Folder::with(workflow);
        let rest = format!(
            "token: {{ env: PRIVAFLOW_TEST_KEY }}\n  portal:\n    system: onetrust\n    scheme: http\n    host: {}\n    token: {{ env: PRIVAFLOW_TEST_KEY }}\nretries: {{ default: {{ base: 10ms, cap: 50ms }} }}",
            portal.address
        );
        folder.settings(braze.address, &rest);
        folder.requests([subtask()]);
        Stage { world, portal, folder, _braze: braze }
    }

    pub fn fault(self, name: &'static str, faults: &[Fault]) -> Stage {
        self.world.faults.lock().unwrap().insert(name, faults.to_vec());
        self
    }

    pub fn asked(&self) -> Vec<String> {
        self.world.asked.lock().unwrap().clone()
    }

    /// How often it was asked for.
    pub fn times(&self, name: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == name).count()
    }

    pub fn statuses(&self) -> Vec<String> {
        self.world.statuses.lock().unwrap().clone()
    }

    pub fn comments(&self) -> Vec<String> {
        self.world.comments.lock().unwrap().clone()
    }

    /// What the journal has of the run, an object a line.
    pub fn story(&self) -> Vec<Value> {
        let shown = self.folder.run(&["runs", "show", "job-1:0", "--output", "json"]).json();
        shown["events"].as_array().unwrap_or_else(|| panic!("{shown}")).clone()
    }
}

/// A request that came from a subtask.
pub fn subtask() -> Value {
    json!({"id": "7f3c", "kind": "deletion", "subject": {"email": "marker@example.com"},
        "source": {"system": "onetrust", "ref": "SL244HWD6D", "subtask_id": "7f3c"}})
}

impl World {
    fn ask(&self, name: &str) {
        self.asked.lock().unwrap().push(name.to_owned());
    }

    fn braze(&self, request: &Request) -> Reply {
        self.ask(&format!("braze {}", request.path));
        match request.path.as_str() {
            "/users/delete" if *self.refuses_erasure.lock().unwrap() => {
                answer(400, r#"{"message":"marker@example.com is not valid"}"#)
            }
            "/users/delete" => {
                *self.is_erased.lock().unwrap() = true;
                answer(201, r#"{"message":"success","deleted":1}"#)
            }
            _ => {
                let mut still = self.still_found.lock().unwrap();
                let is_found = !*self.is_erased.lock().unwrap() || *still > 0;
                *still = still.saturating_sub(usize::from(*self.is_erased.lock().unwrap()));
                let users = if is_found { json!([{"braze_id": "b-1"}]) } else { json!([]) };
                answer(200, json!({"users": users, "message": "success"}).to_string())
            }
        }
    }

    fn portal(&self, request: &Request) -> Reply {
        let method = request.head.split(' ').next().unwrap();
        let last = request.path.split('?').next().unwrap().rsplit('/').next().unwrap();
        let name = format!("{method} {last}");
        self.ask(&name);
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let of = faults.iter_mut().find(|(of, left)| **of == name && !left.is_empty());
            of.map(|(_, left)| left.remove(0))
        };
        match fault {
            Some(Fault::Lose) => return Reply::Cut,
            Some(Fault::Refuse(status)) => return answer(status, "\"marker@example.com\""),
            Some(Fault::Limit) => {
                let headers = "retry-after: 1\r\not-period: MINUTE\r\not-requests-allowed: 1000\r\n";
                return Reply::Answer { status: 429, headers, body: String::new() };
            }
            Some(Fault::LoseAnswer | Fault::Hold) | None => {}
        }
        let reply = self.carry_out(&name, request);
        match fault {
            Some(Fault::LoseAnswer) => Reply::Cut,
            Some(Fault::Hold) => {
                self.gate.pass();
                reply
            }
            _ => reply,
        }
    }

    fn carry_out(&self, name: &str, request: &Request) -> Reply {
        let set = |status: &str| self.statuses.lock().unwrap().push(status.to_owned());
        let body = || request.json();
        let comment = || self.comments.lock().unwrap().extend(body()["comment"].as_str().map(str::to_owned));
        match name {
            "PUT status" => {
                set(body()["status"].as_str().unwrap());
                comment();
                answer(200, "true")
            }
            "PUT complete" => {
                comment();
                if body()["markAsComplete"] == true {
                    set("COMPLETED");
                }
                answer(200, "")
            }
            "PUT comments" => {
                comment();
                answer(200, "")
            }
            "GET 7f3c" => {
                let statuses = self.statuses.lock().unwrap();
                let status = statuses.last().map_or("OPEN", String::as_str);
                answer(200, json!({"subTaskId": "7f3c", "status": status}).to_string())
            }
            "GET en-us" => {
                let comments = self.comments.lock().unwrap();
                let listed: Vec<_> =
                    comments.iter().map(|text| json!({"commentString": format!("<p>{text}</p>")})).collect();
                answer(200, json!({"status": "In Progress", "requestV2CommentDtos": listed}).to_string())
            }
            "POST attachments" => answer(201, r#"{"Id":"f-1","FileName":"data.txt"}"#),
            _ => answer(404, "<html>not here</html>"),
        }
    }
}
