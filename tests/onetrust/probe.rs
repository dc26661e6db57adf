//! `profiles test`: what stands in the way is told apart, and nobody is touched.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use privaflow::config::Settings;
use privaflow::host::Clients;
use privaflow::host::probe::{Needs, Report, Verdict, look};
use privaflow::sandbox::onetrust::{ALL_SCOPES, Credential, Options};
use privaflow::sandbox::{self, OneTrust, Sandbox};
use privaflow::source::Source;
use privaflow::workflow::{Known, Workflow, load};
use serde_json::Value;

use crate::fake::{Asked, Fake, Reply};

/// A workflow that needs reading of consents and requests, and writing of subtasks.
const WORKFLOW: &str = "
workflow: w
on: { onetrust_subtask: { profile: p, names: [Delete], kind: deletion }, onetrust_consent: { profile: p, feed: profiles } }
report: none
steps:
  - uses: braze/users.delete
    with: { external_ids: [\"{{ subject.external_id }}\"] }
  - uses: onetrust/subtask.status
    with: { subtask_id: \"{{ request.source.subtask_id }}\", status: IN_PROGRESS }
";

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("id", "id"), ("secret", "secret"), ("key", "marker-key")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Desk { folder }
    }

    /// Settings with one profile `p`.
    fn settings(&self, system: &str, lines: &str) -> Settings {
        let text = format!("profiles:\n  p:\n    system: {system}\n    {}\n", lines.replace('\n', "\n    "));
        let reading = Settings::read(&text, self.folder.path());
        reading.settings.unwrap_or_else(|| panic!("{:?}", reading.mistakes))
    }

    async fn look(&self, settings: &Settings, workflow: Option<&Workflow>) -> Report {
        let profile = &settings.profiles["p"];
        let needs = workflow.map(|workflow| Needs::of(workflow, profile, settings)).unwrap_or_default();
        look(&Clients::new(settings.clone()), profile, &needs).await.unwrap()
    }

    /// A profile of this system, at an address of this machine.
    async fn at(&self, system: &str, address: SocketAddr, workflow: Option<&Workflow>) -> Report {
        let credential = match system {
            "onetrust" => "oauth2: { client_id: { file: id }, client_secret: { file: secret } }",
            _ => "token: { file: key }",
        };
        let settings = self.settings(system, &format!("host: {address}\nscheme: http\n{credential}"));
        self.look(&settings, workflow).await
    }
}

fn workflow() -> std::sync::Arc<Workflow> {
    workflow_of(WORKFLOW)
}

fn workflow_of(text: &str) -> std::sync::Arc<Workflow> {
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    std::sync::Arc::new(workflow.unwrap_or_else(|| panic!("{mistakes:?}")))
}

async fn onetrust(scopes: &[&str]) -> OneTrust {
    let credentials = vec![Credential::new("id", "secret", scopes)];
    OneTrust::start(Options { credentials, ..Options::default() }).await.unwrap()
}

async fn braze() -> Sandbox {
    let options = sandbox::Options { token: Some("marker-key".to_owned()), ..sandbox::Options::default() };
    Sandbox::start(options).await.unwrap()
}

#[tokio::test]
async fn a_profile_that_works_tells_who_we_are_and_touches_nobody() {
    let (desk, onetrust, braze) = (Desk::new(), onetrust(&ALL_SCOPES).await, braze().await);
    let people = format!("{:?}", braze.profiles());

    let of_onetrust = desk.at("onetrust", onetrust.address(), Some(&workflow())).await;
    let of_braze = desk.at("braze", braze.address(), Some(&workflow())).await;

    assert_eq!(of_onetrust.verdict, Verdict::Fine, "{of_onetrust:?}");
    assert!(of_onetrust.who.is_some() && of_onetrust.tenant.is_some(), "{of_onetrust:?}");
    assert!(of_onetrust.scopes.unwrap().contains(&"DSAR_WRITE".to_owned()));
    assert!((3500..=3600).contains(&of_onetrust.token_ends_in_s.unwrap()));
    assert_eq!(of_braze.verdict, Verdict::Fine, "{of_braze:?}");
    assert!(onetrust.changes().is_empty());
    assert_eq!(format!("{:?}", braze.profiles()), people);
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named_with_what_needs_it() {
    let (desk, onetrust) = (Desk::new(), onetrust(&["DSAR_READ", "CONSENT_READ"]).await);

    let without_workflow = desk.at("onetrust", onetrust.address(), None).await;
    let with_workflow = desk.at("onetrust", onetrust.address(), Some(&workflow())).await;

    assert_eq!(without_workflow.verdict, Verdict::Fine);
    assert_eq!(with_workflow.verdict, Verdict::ScopeMissing);
    assert_eq!(
        with_workflow.message,
        "the action `onetrust/subtask.status` needs DSAR or DSAR_WRITE: give the credential what is missing"
    );
}

#[tokio::test]
async fn of_a_key_that_names_no_scopes_the_answers_tell() {
    let desk = Desk::new();
    let keys = vec![("marker-key".to_owned(), vec!["CONSENT".to_owned()])];
    let onetrust = OneTrust::start(Options { api_keys: keys, ..Options::default() }).await.unwrap();
    let lines = format!("host: {}\nscheme: http\ntoken: {{ file: key }}", onetrust.address());

    let report = desk.look(&desk.settings("onetrust", &lines), Some(&workflow())).await;

    assert_eq!((report.verdict, report.scopes.as_ref()), (Verdict::ScopeMissing, None));
    let missing: Vec<&str> = report.missing.iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(missing, ["the trigger `onetrust_subtask`", "the action `onetrust/subtask.status`"]);
}

#[tokio::test]
async fn credentials_that_are_refused_and_those_that_are_not_there_are_told_apart() {
    let (desk, onetrust, braze) = (Desk::new(), onetrust(&ALL_SCOPES).await, braze().await);
    std::fs::write(desk.folder.path().join("secret"), "marker-wrong").unwrap();
    std::fs::write(desk.folder.path().join("key"), "marker-wrong").unwrap();

    for (system, address) in [("onetrust", onetrust.address()), ("braze", braze.address())] {
        let report = desk.at(system, address, Some(&workflow())).await;

        assert_eq!(report.verdict, Verdict::CredentialsRejected, "{report:?}");
        assert!(!format!("{report:?}").contains("marker"), "{report:?}");
    }
    std::fs::remove_file(desk.folder.path().join("secret")).unwrap();
    let report = desk.at("onetrust", onetrust.address(), None).await;
    assert_eq!(report.verdict, Verdict::NoCredential);
    assert!(report.message.contains("which holds the client_secret of profile `p`"), "{}", report.message);
}

#[tokio::test]
async fn another_system_at_the_host_is_told_as_such() {
    let (desk, onetrust, braze) = (Desk::new(), onetrust(&ALL_SCOPES).await, braze().await);
    let page = Fake::start(|_: &Asked| async {
        Reply::new(200, "<!DOCTYPE html><html>Sign in</html>").with("content-type", "text/html")
    })
    .await;

    for (system, address) in [
        ("onetrust", braze.address()),
        ("braze", onetrust.address()),
        ("onetrust", page.address),
        ("braze", page.address),
    ] {
        let report = desk.at(system, address, None).await;

        assert_eq!(report.verdict, Verdict::WrongSystem, "{system}: {report:?}");
    }
}

#[tokio::test]
async fn a_host_is_not_known_does_not_answer_or_is_not_trusted() {
    let desk = Desk::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let plain = Fake::start(|_: &Asked| async { Reply::new(200, "{}") }).await;
    std::fs::write(desk.folder.path().join("ca.pem"), crate::fake::CERTIFICATE).unwrap();
    let verdict = async |host: &str, more: &str| {
        let lines = format!("host: \"{host}\"\n{more}ca_file: ca.pem\n");
        let oauth2 = "oauth2: { client_id: { file: id }, client_secret: { file: secret } }";
        let onetrust = desk.look(&desk.settings("onetrust", &format!("{lines}{oauth2}")), None).await;
        let braze = desk.look(&desk.settings("braze", &format!("{lines}token: {{ file: key }}")), None).await;
        assert_eq!(onetrust.verdict, braze.verdict, "{onetrust:?} {braze:?}");
        onetrust.verdict
    };

    assert_eq!(verdict("nowhere.invalid", "").await, Verdict::NameUnknown);
    assert_eq!(verdict(&closed.to_string(), "").await, Verdict::NotReached);
    assert_eq!(verdict(&plain.address.to_string(), "").await, Verdict::NoTrust);
    let lines = format!("host: {}\ntoken: {{ file: key }}", plain.address);
    let report = desk.look(&desk.settings("braze", &lines), None).await;
    assert!(report.message.contains("does not speak TLS"), "{}", report.message);
    let proxy = format!("proxy: http://{}\n", plain.address);
    let refusing = Fake::start(|_: &Asked| async { Reply::new(407, "") }).await;
    let proxy = proxy.replace(&plain.address.to_string(), &refusing.address.to_string());
    assert_eq!(verdict("rest.example.com", &proxy).await, Verdict::ProxyRefused);
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_told_when_all_else_is_fine() {
    let desk = Desk::new();
    let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let date = hour_ago.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let fake = Fake::start(move |asked: &Asked| {
        let reply = match asked.path.as_str() {
            crate::fake::TOKEN => Reply::token("t", 3600),
            _ => Reply::new(200, "[]"),
        };
        let reply = reply.with("date", &date);
        async move { reply }
    })
    .await;

    let report = desk.at("onetrust", fake.address, None).await;

    assert_eq!(report.verdict, Verdict::ClockWrong);
    assert!(
        report.message.contains("60 minutes ahead of") || report.message.contains("59 minutes"),
        "{}",
        report.message
    );
}

#[tokio::test]
async fn a_list_that_the_account_does_not_have_is_told_with_the_way_out() {
    let desk = Desk::new();
    let fake = Fake::start(|asked: &Asked| {
        let reply = match asked.path.split('?').next().unwrap_or_default() {
            crate::fake::TOKEN => Reply::token("t", 3600),
            "/rest/api/consent/v4/datasubjects/profiles/unordered" => Reply::new(404, "\"not found\""),
            "/api/datasubject/v3/subtasks" => {
                Reply::new(404, "<!DOCTYPE html><html></html>").with("content-type", "text/html")
            }
            _ => Reply::new(200, "[]"),
        };
        async move { reply }
    })
    .await;
    let unordered = WORKFLOW.replace("feed: profiles", "feed: unordered");
    let systems = WORKFLOW.replace("names: [Delete]", "systems: [Braze]");

    for (text, help) in [(unordered, "write `feed: profiles`"), (systems, "leave `systems` out")] {
        let report = desk.at("onetrust", fake.address, Some(&workflow_of(&text))).await;

        assert_eq!(report.verdict, Verdict::ScopeMissing, "{report:?}");
        assert!(report.message.contains(help), "{}", report.message);
    }
    assert_eq!(desk.at("onetrust", fake.address, Some(&workflow())).await.verdict, Verdict::Fine);
}

#[tokio::test]
async fn a_hook_that_names_subtasks_needs_the_scope_that_reads_them() {
    let (desk, onetrust) = (Desk::new(), onetrust(&["CONSENT_READ"]).await);
    let text = "workflow: w\non: { webhook: { hook: subtasks } }\nreport: none\nsteps: [stop: x]\n";
    let credential = "oauth2: { client_id: { file: id }, client_secret: { file: secret } }";
    let connection = format!("host: {}\nscheme: http\n{credential}", onetrust.address());
    let alone = desk.settings("onetrust", &connection);
    let hook = "\nhooks: { subtasks: { shape: subtask, profile: p, auth: { bearer: { file: key } } } }";
    let lines = connection.replace('\n', "\n    ");
    let text_of_settings = format!("profiles:\n  p:\n    system: onetrust\n    {lines}{hook}\n");
    let hooked = Settings::read(&text_of_settings, desk.folder.path()).settings.unwrap();

    let without = desk.look(&alone, Some(&workflow_of(text))).await;
    let with = desk.look(&hooked, Some(&workflow_of(text))).await;

    assert_eq!(without.verdict, Verdict::Fine, "{without:?}");
    assert_eq!(with.verdict, Verdict::ScopeMissing, "{with:?}");
    assert!(with.message.starts_with("the hook `subtasks` needs DSAR"), "{}", with.message);
}

#[tokio::test]
async fn a_permission_that_a_key_lacks_is_named() {
    let desk = Desk::new();
    let fake = Fake::start(|asked: &Asked| {
        let status = if asked.path == "/users/delete" { 401 } else { 400 };
        async move { Reply::new(status, "{\"message\":\"marker\"}") }
    })
    .await;

    let report = desk.at("braze", fake.address, Some(&workflow())).await;

    assert_eq!(report.verdict, Verdict::ScopeMissing);
    assert_eq!(
        report.message,
        "the action `braze/users.delete` needs users.delete: give the credential what is missing"
    );
    assert!(report.preconditions.iter().any(|look| look.contains("Security Settings")), "{report:?}");
    assert!(fake.asked("").iter().all(|asked| asked.body.is_empty() || asked.text() == "{}"));
}

/// Which permissions are missing of a key that has none but the one to find people, with what needs them.
async fn missing(workflow: &str) -> Vec<(String, String)> {
    let desk = Desk::new();
    let fake = Fake::start(|asked: &Asked| {
        let status = if asked.path == "/users/export/ids" { 400 } else { 401 };
        async move { Reply::new(status, "{}") }
    })
    .await;
    let report = desk.at("braze", fake.address, Some(&workflow_of(workflow))).await;
    report.missing.into_iter().map(|missing| (missing.what, missing.any_of.concat())).collect()
}

#[tokio::test]
async fn what_a_switch_of_the_workflow_keeps_off_needs_no_permission() {
    const SEARCH: &str = "  - id: find\n";
    let shipped = include_str!("../../workflows/user-deletion.yaml");
    let on = shipped.replace("unsubscribe_address: false", "unsubscribe_address: true");
    let set_later = shipped.replace(SEARCH, &format!("  - set: {{ unsubscribe_address: true }}\n{SEARCH}"));
    assert!(on != shipped && set_later != shipped);
    let delete = || ("the action `braze/users.delete`".to_owned(), "users.delete".to_owned());
    let words = "(only when the condition of the step";
    let erase = (format!("{} {words} `erase` holds)", delete().0), delete().1);
    let keep_out =
        (format!("the action `braze/email.status` {words} `keep_out` holds)"), "email.status".to_owned());

    assert_eq!(missing(shipped).await, std::slice::from_ref(&erase));
    for workflow in [on, set_later] {
        assert_eq!(missing(&workflow).await, [erase.clone(), keep_out.clone()]);
    }
    let always = shipped.replace("    if: size(steps.find.output.braze_ids) > 0\n", "");
    let always = always.replace("watch: { after: [1d, 7d, 30d], again: report }\n", "");
    assert_eq!(missing(&always).await, [delete()]);
}

fn privaflow(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_privaflow")).current_dir(folder).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_command_tells_it_a_line_each_and_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.yaml"), WORKFLOW).unwrap();
    let json = ["--output", "json"];
    let sandbox = ["profiles", "test", "--sandbox", "--for", "w.yaml"];

    let (code, said) = privaflow(folder.path(), &[&sandbox[..], &json[..]].concat());
    let (of_text, text) = privaflow(folder.path(), &sandbox);

    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = lines.iter().map(|line| (&line["system"], &line["verdict"])).collect();
    assert_eq!(verdicts, [(&Value::from("braze"), &"fine".into()), (&"onetrust".into(), &"fine".into())]);
    assert_eq!((code, of_text), (Some(0), Some(0)));
    assert!(text.contains("p (onetrust, 127.0.0.1:") && text.contains("): fine\n"), "{text}");

    let settings =
        "profiles: { p: { system: braze, scheme: http, host: \"127.0.0.1:9\", token: { file: key } } }";
    std::fs::write(folder.path().join("privaflow.yaml"), settings).unwrap();
    let (missing, said) = privaflow(folder.path(), &["profiles", "test", "--output", "json"]);
    assert!(said.contains("\"verdict\":\"no_credential\""), "{said}");
    std::fs::write(folder.path().join("key"), "k").unwrap();
    let (closed, said) = privaflow(folder.path(), &["profiles", "test", "p", "--output", "json"]);
    assert!(said.contains("\"verdict\":\"not_reached\""), "{said}");
    let (unknown, said) = privaflow(folder.path(), &["profiles", "test", "q"]);
    assert_eq!((missing, closed, unknown, said.as_str()), (Some(2), Some(3), Some(2), ""));
}
