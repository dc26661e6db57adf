//! What machines ask, and how the program ends.

use serde_json::json;

use crate::folder::{ERASE, Folder};
use crate::server::Server;
use crate::serving::Serving;

#[test]
fn who_asks_hears_whether_the_process_lives_and_whether_it_is_ready() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    let nobody = folder.run(&["serve", "--probe", "--listen", "127.0.0.1:9"]);
    let serving = Serving::start(&folder);
    let address = serving.address.to_string();

    let probed = folder.run(&["serve", "--probe", "--listen", &address]);

    assert_eq!((nobody.code, probed.code), (1, 0), "{}", probed.stderr);
    assert_eq!(serving.get("/healthz"), (200, "ok\n".to_owned()));
    let (status, ready) = serving.ready();
    assert_eq!((status, ready["ready"].as_bool()), (200, Some(true)), "{ready}");
    assert_eq!(serving.get("/other").0, 404);
    assert_eq!(serving.stop().0, 0);
}

#[test]
fn a_server_that_cannot_begin_says_why_and_does_nothing() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, "workflow: [");
    let broken = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
    folder.write("flow.yaml", ERASE);
    let taken = folder.run(&["serve", "--listen", &server.address.to_string()]);

    for (shot, why) in [(&broken, "there is no workflow that can be used"), (&taken, "cannot listen on")] {
        assert_eq!(shot.code, 2, "{}", shot.stderr);
        assert!(shot.stderr.contains(why), "{}", shot.stderr);
    }
    let new = folder.run(&["workflows", "list", "--output", "json"]).json();
    assert_eq!((&new["workflow"], &new["state"]), (&"erase".into(), &"ready".into()), "{new}");
}

#[test]
fn the_sandbox_is_served_without_settings() {
    let folder = Folder::with(ERASE);
    std::fs::remove_file(folder.path("flow.yaml")).unwrap();

    let serving = Serving::with(&folder, &["--sandbox"]);
    let (status, ready) = serving.ready();
    let (code, said) = serving.stop();

    assert_eq!((status, ready["ready"].as_bool(), code), (200, Some(true), 0), "{said}");
    assert!(said.contains("the shipped workflows are served"), "{said}");
    assert!(!folder.path(".privaflow").exists());
}

#[test]
fn the_shipped_workflows_show_the_whole_loop_in_the_sandbox_with_and_without_a_folder_of_them() {
    let empty = Folder::with(ERASE);
    std::fs::remove_file(empty.path("flow.yaml")).unwrap();
    let made = Folder::with(ERASE);
    std::fs::remove_file(made.path("flow.yaml")).unwrap();
    assert_eq!(made.run(&["init"]).code, 0);
    for folder in [empty, made] {
        let serving = Serving::with(&folder, &["--sandbox"]);
        serving.running.says("new requests for workflow user-deletion from subtask:onetrust-production");
        serving.running.says("is IN_PROGRESS");
        serving.running.says("is COMPLETED: Carried out and verified. Reference: subtask:");
        serving.running.says("workflow consent-groups, is over: ");

        let (_, said) = serving.stop();

        let erased = said.find("is IN_PROGRESS").unwrap();
        assert!(erased < said.find("is COMPLETED").unwrap(), "{said}");
        assert!(!said.contains("ERROR") && !said.contains("WARN"), "{said}");
        assert!(!folder.path(".privaflow").exists());
    }
}

#[test]
fn a_trigger_whose_profile_is_misspelt_is_told_of_and_stops_nobody() {
    let workflow = "workflow: erase\non: { file: {}, onetrust_subtask: { profile: portal, names: [Erase], kind: deletion } }\nsteps:\n  - id: erase\n    uses: braze/users.delete\n    with: { external_ids: [u-1] }\n";
    let braze = Server::accepting();
    let other = "  portals: { system: onetrust, host: h.invalid, token: { env: PRIVAFLOW_TEST_KEY } }";
    for (profiles, is_ready) in [("", true), (other, false)] {
        let folder = Folder::with(workflow);
        folder.settings(braze.address, &format!("token: {{ env: PRIVAFLOW_TEST_KEY }}\n{profiles}"));
        let serving = Serving::start(&folder);
        serving.running.says("`onetrust_subtask` of workflow erase starts nothing");

        let (status, ready) = serving.ready();
        let listed = folder.run(&["workflows", "list", "--output", "json"]).json();
        serving.stop();

        let idle = json!([{"workflow": "erase", "trigger": "onetrust_subtask", "profile": "portal"}]);
        assert_eq!(
            (status == 200, &ready["parts"]["workflows"]["idle_triggers"]),
            (is_ready, &idle),
            "{ready}"
        );
        assert_eq!((&listed["state"], &listed["idle_triggers"]), (&json!("ready"), &idle));
    }
}

#[test]
fn the_sandbox_is_alive_by_itself_from_onetrust_to_the_report() {
    let folder = Folder::with("");
    std::fs::create_dir(folder.path("workflows")).unwrap();
    let workflow = r#"
workflow: erase
on: { onetrust_subtask: { profile: onetrust, names: [Delete from Braze], kind: deletion, every: 1s } }
steps:
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.email }}"] }
"#;
    folder.write("workflows/erase.yaml", workflow);

    let serving = Serving::with(&folder, &["--sandbox"]);
    serving.running.says("new requests for workflow erase from subtask:onetrust");
    serving.running.says("of inbox:1, workflow erase, is over: ");

    let (_, said) = serving.stop();
    assert!(!said.contains("ERROR"), "{said}");
}
