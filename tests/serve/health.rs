//! What machines ask, and how the program ends.

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
