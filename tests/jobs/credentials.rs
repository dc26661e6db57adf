//! Keys that are refused, found elsewhere or changed, and hosts that are not what they should be.

use crate::folder::{Folder, KEY, TAG, request};
use crate::server::{Reply, Server, accepted, answer};

fn folder(address: impl std::fmt::Display) -> Folder {
    let folder = Folder::to(address, TAG);
    folder.requests((0..3).map(|number| request("other", &format!("r-{number}"), &format!("u-{number}"))));
    folder
}

#[test]
fn a_refused_key_stops_the_profile_and_appears_nowhere() {
    let server = Server::start(|request, _| {
        answer(401, format!("{{\"message\":\"Invalid API key: {KEY}\",\"head\":{:?}}}", request.head))
    });
    let folder = folder(server.address);

    let log = ["--log", "trace", "--log-format", "json"];
    let mut arguments = vec!["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"];
    arguments.extend(log);
    let shot = folder.run(&arguments);

    assert_eq!(shot.counts(), (3, [0, 0, 0, 3]));
    assert!(shot.stderr.contains("check the token"), "{}", shot.stderr);
    assert!(shot.stderr.contains("braze-production"));
    for (place, text) in
        [("stdout", &shot.stdout), ("stderr", &shot.stderr), ("store", &folder.store_bytes())]
    {
        assert!(!text.contains(KEY), "the key stands in {place}");
    }
}

#[test]
fn a_refused_permission_stops_the_profile_and_the_job_goes_on_when_it_is_given() {
    let refusing = Server::start(|_, _| answer(403, "Forbidden"));
    let folder = folder(refusing.address);

    let refused = folder.job();
    assert_eq!(refused.counts(), (3, [0, 0, 0, 3]));
    assert!(refused.stderr.contains("check its permissions"), "{}", refused.stderr);

    let server = Server::accepting();
    folder.settings(server.address, "token: { env: PRIVAFLOW_TEST_KEY }");
    assert_eq!(folder.job().counts(), (0, [3, 0, 0, 0]));
    assert_eq!(server.people().len(), 3);
}

#[test]
fn a_host_that_cannot_be_reached_ends_with_3_and_says_which() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = folder(nobody);

    let shot = folder.job();

    assert_eq!(shot.counts(), (3, [0, 0, 0, 3]));
    assert!(shot.stderr.contains(&nobody.to_string()), "{}", shot.stderr);
}

#[test]
fn a_host_without_an_address_ends_with_3_and_says_which() {
    let folder = folder("127.0.0.1:9");
    folder.write(
        "privaflow.yaml",
        "profiles: { braze-production: { system: braze, host: no-such-host.invalid, token: { env: PRIVAFLOW_TEST_KEY } } }\n",
    );

    let shot = folder.job();

    assert_eq!(shot.counts(), (3, [0, 0, 0, 3]));
    assert!(shot.stderr.contains("no-such-host.invalid"), "{}", shot.stderr);
}

#[test]
fn a_host_that_answers_with_a_page_is_told_apart_from_the_service() {
    for status in [200, 301, 404] {
        let server = Server::start(move |_, _| Reply::Answer {
            status,
            headers: "content-type: text/html\r\nlocation: http://127.0.0.1:9/elsewhere\r\n",
            body: "<html><body>Welcome to marker-page</body></html>".to_owned(),
        });
        let folder = folder(server.address);

        let shot = folder.job();

        assert_eq!(shot.counts(), (3, [0, 0, 0, 3]), "{status}: nobody's request is to blame");
        assert!(shot.stderr.contains("host"), "{status}: {}", shot.stderr);
        assert!(!shot.stderr.contains("marker-page"));
    }
}

#[test]
fn a_key_that_changed_is_read_again_after_a_401() {
    let folder = folder("127.0.0.1:9");
    let file = folder.path("key");
    std::fs::write(&file, "old-key\n").unwrap();
    let server = Server::start(move |request, _| {
        if request.head.contains("Bearer new-key\r\n") {
            return accepted();
        }
        std::fs::write(&file, "new-key\n").unwrap();
        answer(401, "{}")
    });
    folder.settings(server.address, "token: { file: key }");

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [3, 0, 0, 0]));
    assert_eq!(shot.json()["http_requests"], server.requests().len(), "the refused request was one too");
    assert_eq!(shot.json()["retries"], 1);
}

#[test]
fn a_key_comes_from_a_command() {
    let server = Server::start(|request, _| match request.head.contains("Bearer printed-key\r\n") {
        true => accepted(),
        false => answer(401, "{}"),
    });
    let folder = folder(server.address);
    folder.settings(server.address, "token: { command: [printf, printed-key] }");

    assert_eq!(folder.job().counts(), (0, [3, 0, 0, 0]));
}

#[test]
fn a_key_that_is_nowhere_is_told_before_anything_is_done() {
    let server = Server::accepting();
    let folder = folder(server.address);
    for (token, says) in [
        ("token: { env: PRIVAFLOW_UNSET }", "`PRIVAFLOW_UNSET` is not set"),
        ("token: { file: nowhere }", "nowhere"),
        ("token: { command: [no-such-program] }", "cannot run `no-such-program`"),
        ("token: { command: [\"false\"] }", "ended with"),
    ] {
        folder.settings(server.address, token);

        let shot = folder.job();

        assert_eq!((shot.code, shot.stdout.as_str()), (2, ""), "{token}");
        assert!(shot.stderr.contains(says), "{}", shot.stderr);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn headers_of_the_profile_are_sent_with_the_key_in_its_place() {
    let server = Server::accepting();
    let folder = folder(server.address);
    folder.settings(
        server.address,
        "token: { env: PRIVAFLOW_TEST_KEY }\n    headers: { X-Key: \"k={{ token }}\", Content-Type: application/json }",
    );

    assert_eq!(folder.job().code, 0);

    let head = &server.requests()[0].head;
    assert!(head.contains(&format!("x-key: k={KEY}\r\n")) && !head.contains("authorization"), "{head}");
}
