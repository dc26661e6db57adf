//! Settings files, good and broken, and what people read about them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::source::{Colour, Severity, Source, render};

const WHOLE: &str = r#"
workflows: flows/
store: { path: .privaflow }
server: { listen: 127.0.0.1:9090 }
profiles:
  braze-production:
    system: braze
    workspace: eu-crm
    host: rest.fra-01.braze.eu
    headers: { Authorization: "Bearer {{ token }}", Content-Type: application/json }
    token: { env: BRAZE_API_KEY }
    share: 0.5
    limits: { users.track: { requests: 3000, per: 3s } }
    ca_file: corp-ca.pem
    proxy: http://proxy.corp:3128
  onetrust-production:
    system: onetrust
    host: acme.my.onetrust.com
    oauth2: { client_id: { env: ONETRUST_CLIENT_ID }, client_secret: { command: [op, read, "op://x/y"] } }
  onetrust-key: { system: onetrust, host: acme.onetrust.com, token: { file: secrets/key } }
retention: { subjects: 30d }
telemetry: [anything]
"#;

fn read(text: &str) -> Settings {
    let reading = Settings::read(text, Path::new("/etc/pf"));
    assert_eq!(reading.mistakes, []);
    reading.settings.unwrap()
}

fn shown(text: &str) -> String {
    let Reading { settings, mistakes, text } = Settings::read(text, Path::new(""));
    let is_error = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
    assert_eq!(settings.is_none(), is_error);
    render(&mistakes, &Source::new("privaflow.yaml", text), Colour::Plain)
}

/// The one thing wrong with the profile `p` of Braze that has these lines.
fn mistake(lines: &str) -> (String, String, String) {
    let lines = lines.replace('\n', "\n    ");
    let text = format!("profiles:\n  p:\n    system: braze\n    {lines}\n");
    let mut mistakes = Settings::read(&text, Path::new("")).mistakes;
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    let mistake = mistakes.remove(0);
    (mistake.code.to_owned(), text[mistake.at].to_owned(), mistake.help.unwrap_or_default())
}

const HOST: &str = "host: rest.fra-01.braze.eu\n";
const TOKEN: &str = "token: { env: KEY }\n";

#[test]
fn a_whole_file_is_read_with_paths_beside_it() {
    let settings = read(WHOLE);

    assert_eq!(settings.workflows, PathBuf::from("/etc/pf/flows/"));
    assert_eq!(settings.store, PathBuf::from("/etc/pf/.privaflow"));
    assert_eq!(settings.listen.port(), 9090);
    let braze = &settings.profiles["braze-production"];
    assert_eq!((braze.system, braze.workspace.as_str(), braze.share), (System::Braze, "eu-crm", 0.5));
    assert_eq!(braze.connection().unwrap().base().as_str(), "https://rest.fra-01.braze.eu/");
    assert_eq!(braze.connection().unwrap().ca_file, Some(PathBuf::from("/etc/pf/corp-ca.pem")));
    assert_eq!(braze.connection().unwrap().proxy.as_ref().unwrap().as_str(), "http://proxy.corp:3128/");
    assert_eq!(braze.limits["users.track"], Limit { requests: 3000, per: Duration::from_secs(3) });
    let onetrust = &settings.profiles["onetrust-production"];
    assert_eq!((onetrust.workspace.as_str(), onetrust.share), ("onetrust-production", Profile::SHARE));
    assert!(matches!(onetrust.credential(), Some(Credential::OAuth2 { .. })));
}

#[test]
fn without_a_file_the_defaults_hold() {
    let settings = read("");

    assert_eq!(settings.workflows, PathBuf::from("/etc/pf/workflows"));
    assert_eq!(settings.store, PathBuf::from("/etc/pf/.privaflow"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert!(settings.profiles.is_empty());
}

#[test]
fn a_list_tells_how_a_credential_is_found_and_never_what_it_is() {
    let settings = read(WHOLE);

    let listed: Vec<_> = settings.profiles.values().map(Profile::listed).collect();

    assert_eq!(listed[0].token, "env BRAZE_API_KEY");
    assert_eq!(listed[1].token, "env ONETRUST_CLIENT_ID + command op");
    assert_eq!(listed[1].missing.as_deref(), Some("ONETRUST_CLIENT_ID is not set"));
    assert_eq!(listed[2].token, "file /etc/pf/secrets/key");
    assert!(!listed[2].present);
    assert!(!format!("{:?}", settings.profiles).contains("op://"));
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    insta::assert_snapshot!(shown(
        r#"workflow: flows/
server: { listen: 8080 }
profiles:
  braze-production:
    sytem: braze
    host: https://rest.fra-01.braze.eu/
    token: "abcd-secret"
    share: 80
    limits: { users.trak: { requests: 0, per: 3 } }
  other: { system: braz, host: rest.fra-03.braze.eu, scheme: http, token: { env: A, file: b } }
"#
    ));
}

#[test]
fn a_host_is_a_name_with_an_optional_port() {
    let host = |host: &str| mistake(&format!("host: {host}\n{TOKEN}"));

    let (code, at, help) = host("https://rest.fra-01.braze.eu");
    assert_eq!((code.as_str(), at.as_str()), ("bad_host", "https://rest.fra-01.braze.eu"));
    assert_eq!(help, "write `rest.fra-01.braze.eu`, without `https://`");
    assert_eq!(host("rest.fra-01.braze.eu/users/track").2, "write `rest.fra-01.braze.eu`, without a path");
    assert_eq!(host("rest.fra-01.braze.eu/").0, "bad_host");
    assert_eq!(host("12").0, "wrong_type");
}

#[test]
fn a_host_that_is_not_known_is_a_warning_and_stays_as_written() {
    let text = "profiles: { p: { system: braze, host: rest.fra-1.braze.eu, token: { env: KEY } } }";

    let Reading { settings, mistakes, .. } = Settings::read(text, Path::new(""));

    assert_eq!(mistakes.len(), 1);
    assert_eq!((mistakes[0].code, mistakes[0].severity), ("unknown_host", Severity::Warning));
    assert_eq!(
        mistakes[0].help.as_deref(),
        Some("near are `rest.fra-01.braze.eu`, `rest.fra-02.braze.eu`; it is used as written")
    );
    assert_eq!(
        settings.unwrap().profiles["p"].connection().unwrap().host().to_string(),
        "rest.fra-1.braze.eu"
    );
}

#[test]
fn plain_http_is_refused_but_for_this_machine() {
    let (code, at, _) = mistake(&format!("{HOST}scheme: http\n{TOKEN}"));
    assert_eq!((code.as_str(), at.as_str()), ("bad_scheme", "http"));

    let settings =
        read("profiles: { p: { system: braze, host: \"127.0.0.1:9\", scheme: http, token: { env: K } } }");
    assert_eq!(settings.profiles["p"].connection().unwrap().base().as_str(), "http://127.0.0.1:9/");
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    for lines in [
        "token: marker-4711",
        "token: 4711",
        "token: { env: marker-4711 }",
        "headers: { Authorization: Bearer marker-4711 }\ntoken: { env: KEY }",
        "headers: { X-Api-Key: marker-4711, Authorization: \"{{ token }}\" }\ntoken: { env: KEY }",
        "tokn: marker-4711\ntoken: { env: KEY }",
        "proxy: http://me:marker-4711@proxy.corp:3128\ntoken: { env: KEY }",
    ] {
        let text =
            format!("profiles:\n  p:\n    system: braze\n    {HOST}    {}\n", lines.replace('\n', "\n    "));
        let Reading { mistakes, text: masked, .. } = Settings::read(&text, Path::new(""));

        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
        let said = format!("{} {} {:?}", mistakes[0].message, mistakes[0].label, mistakes[0].help);
        assert!(mistakes[0].severity == Severity::Error && !said.contains("4711"), "{said}");
        assert!(!masked.contains("4711") && masked.len() == text.len(), "{masked}");
    }
}

#[test]
fn a_token_is_found_in_exactly_one_place() {
    let token = |token: &str| mistake(&format!("{HOST}{token}\n"));

    assert_eq!(token("share: 1").0, "missing_key");
    assert_eq!(token("token: {}").0, "missing_key");
    assert_eq!(token("token: { env: A, file: b }").0, "bad_value");
    assert_eq!(token("token: { command: op read }").0, "wrong_type");
    assert_eq!(token("token: { command: [] }").0, "wrong_type");
    assert_eq!(token("token: { env: '' }").0, "bad_value");
    assert_eq!(token("oauth2: { client_id: { env: A }, client_secret: { env: B } }").0, "bad_value");
}

#[test]
fn what_a_header_may_hold_is_checked() {
    let header = |header: &str| mistake(&format!("{HOST}{TOKEN}headers: {{ {header} }}"));

    assert_eq!(header("Authorization: \"Bearer {{ tokn }}\"").0, "unknown_name");
    assert_eq!(header("X-A: \"{{ token\"").0, "bad_header");
    assert_eq!(header("Host: \"{{ token }}\"").0, "bad_header");
    assert_eq!(header("X-Tenant: acme").0, "token_unused");
}

#[test]
fn a_limit_has_requests_and_a_window() {
    let limit = |limit: &str| mistake(&format!("{HOST}{TOKEN}limits: {{ {limit} }}"));

    assert_eq!(limit("users.track: { requests: 5 }").0, "missing_key");
    assert_eq!(limit("users.track: { requests: 5, per: 3 }").0, "bad_duration");
    assert_eq!(limit("users.track: { requests: 1.5, per: 3s }").0, "bad_value");
    let (code, at, help) = limit("users.trak: { requests: 5, per: 3s }");
    assert_eq!((code.as_str(), at.as_str()), ("unknown_action", "users.trak"));
    assert_eq!(help, "did you mean `users.track`?");
}

#[test]
fn broken_yaml_and_keys_that_stand_twice_are_told_once() {
    let broken = Settings::read("profiles: [\n", Path::new("")).mistakes;
    assert_eq!(broken.iter().map(|mistake| mistake.code).collect::<Vec<_>>(), ["bad_yaml"]);
    let mistakes = Settings::read("store: { path: a }\nstore: { path: b }\n", Path::new("")).mistakes;

    assert_eq!(mistakes.iter().map(|mistake| mistake.code).collect::<Vec<_>>(), ["duplicate_key"]);
}

#[test]
fn a_named_file_that_is_not_there_is_an_error_and_the_default_one_is_not() {
    let error = Settings::load(Some(Path::new("nowhere/privaflow.yaml"))).unwrap_err();

    assert_eq!(error.to_string(), "cannot read the settings nowhere/privaflow.yaml: it is not there");
    // The tests run in the crate's folder, which has no settings.
    assert!(Settings::load(None).unwrap().source.is_none());
}

async fn token(source: TokenSource) -> Result<String, TokenError> {
    Ok(Token::new("the token of profile `p`", source).read().await?.1.expose().to_owned())
}

fn shell(script: &str) -> TokenSource {
    TokenSource::Command { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), script.to_owned()] }
}

#[tokio::test]
async fn a_token_is_read_from_a_file_or_a_command_without_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "k-1\r\n").unwrap();

    assert_eq!(token(TokenSource::File(file)).await.unwrap(), "k-1");
    assert_eq!(token(shell("echo '  k-2 '; echo noise >&2")).await.unwrap(), "k-2");
    assert!(!token(TokenSource::Env("PATH".to_owned())).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_sent_is_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    for (text, is_empty) in [("", true), ("\n\n", true), ("a\nX-Evil: b", false), ("clé", false)] {
        std::fs::write(&file, text).unwrap();

        let error = token(TokenSource::File(file.clone())).await.unwrap_err();

        assert_eq!(matches!(error, TokenError::Empty { .. }), is_empty, "{text:?}: {error}");
        assert!(!error.to_string().contains("Evil"));
    }
    assert!(matches!(
        token(shell("yes")).await.unwrap_err(),
        TokenError::Failed { .. } | TokenError::NotText { .. }
    ));
}

#[tokio::test]
async fn a_token_that_is_missing_is_named_with_its_profile() {
    let unset = token(TokenSource::Env("PRIVAFLOW_NOT_SET".to_owned())).await.unwrap_err();
    let gone = token(TokenSource::File("nowhere/key".into())).await.unwrap_err();
    let failed = token(shell("echo marker >&2; exit 3")).await.unwrap_err();
    let program =
        token(TokenSource::Command { program: "no-such-program".to_owned(), arguments: Vec::new() })
            .await
            .unwrap_err();

    assert_eq!(
        unset.to_string(),
        "the environment variable `PRIVAFLOW_NOT_SET` is not set; it holds the token of profile `p`"
    );
    assert_eq!(
        gone.to_string(),
        "cannot read nowhere/key, which holds the token of profile `p`: it is not there"
    );
    assert_eq!(
        failed.to_string(),
        "`sh`, which prints the token of profile `p`, ended with exit status: 3; run it by hand to see why"
    );
    assert_eq!(
        program.to_string(),
        "cannot run `no-such-program`, which prints the token of profile `p`: it is not there"
    );
}

#[test]
fn retry_policies_are_read_and_what_they_leave_out_is_as_in_the_default() {
    let settings =
        read("retries:\n  patient: { attempts: 5, cap: 5m }\n  default: { at_most: 2h, base: 1s }\n");

    let policy = |name: &str| settings.retries.policy(&crate::workflow::Retry::Named(name.to_owned()));
    let seconds = |policy: crate::workflow::Policy| {
        [policy.at_most, policy.base, policy.cap].map(|duration| duration.as_secs())
    };
    assert_eq!((policy("patient").attempts, seconds(policy("patient"))), (5, [7200, 1, 300]));
    assert_eq!((policy("default").attempts, seconds(policy("default"))), (u32::MAX, [7200, 1, 60]));
    assert_eq!(settings.retries.names(), ["default", "patient"]);
    assert_eq!(read("").retries.names(), ["default"]);
}

#[test]
fn mistakes_in_retry_policies_are_told_at_their_places() {
    let text = "retries:\n  Patient: {}\n  a: { attempt: 3 }\n  b: { attempts: 0, at_most: 5 }\n  c: { base: 3s, cap: 2s }\n  d: often\n";

    let mistakes = Settings::read(text, Path::new("")).mistakes;

    let told: Vec<_> = mistakes.iter().map(|mistake| (mistake.code, &text[mistake.at.clone()])).collect();
    let expected = [
        ("bad_name", "Patient"),
        ("unknown_key", "attempt"),
        ("bad_value", "0"),
        ("bad_duration", "5"),
        ("bad_value", "2s"),
        ("wrong_type", "often"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_token_is_asked_for_in_parts_unless_the_profile_says_urlencoded() {
    let form = |form: &str| {
        let lines = format!(
            "profiles: {{ p: {{ system: onetrust, host: h.example, oauth2: {{ client_id: {{ env: A }}, client_secret: {{ env: B }}{form} }} }} }}"
        );
        let reading = Settings::read(&lines, Path::new(""));
        let form = reading.settings.map(|settings| match settings.profiles["p"].credential() {
            Some(Credential::OAuth2 { form, .. }) => *form,
            _ => panic!("a token"),
        });
        (form, reading.mistakes.into_iter().map(|mistake| (mistake.code, mistake.help)).collect::<Vec<_>>())
    };

    assert_eq!(form("").0, Some(TokenForm::Multipart));
    assert_eq!(form(", form: urlencoded").0, Some(TokenForm::Urlencoded));
    let help = Some("did you mean `urlencoded`?".to_owned());
    assert_eq!(form(", form: url-encoded"), (None, vec![("bad_value", help)]));
}

#[test]
fn onetrust_takes_limits_of_the_account_and_of_every_endpoint_and_braze_does_not() {
    let limits = "limits: { account: { requests: 50000, per: 1h }, endpoint: { requests: 250, per: 1m } }";
    let of = |system: &str| {
        let text = format!(
            "profiles: {{ p: {{ system: {system}, host: rest.fra-01.braze.eu, token: {{ env: K }}, {limits} }} }}"
        );
        Settings::read(&text, Path::new(""))
    };

    let profile = &of("onetrust").settings.unwrap().profiles["p"];
    assert_eq!(profile.limits["account"], Limit { requests: 50_000, per: Duration::from_secs(3600) });
    let codes: Vec<_> = of("braze").mistakes.iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, ["unknown_action", "unknown_action"]);
}

#[test]
fn master_keys_are_found_like_credentials_and_never_stand_in_the_file() {
    let settings = |text: &str| Settings::read(text, Path::new(""));
    let keys = settings("keys: { master: { env: NEW }, previous: { file: old.key } }").settings.unwrap().keys;
    let Reading { mistakes, text, .. } =
        settings("keys: { master: a-master-key-of-more-than-32-characters }");

    let found = [keys.master, keys.previous].map(|token| token.unwrap().source().describe());
    assert_eq!(found[0], "env NEW");
    assert!(found[1].ends_with("old.key"), "{found:?}");
    assert_eq!((mistakes.len(), mistakes[0].code), (1, "secret_in_file"));
    assert!(!text.contains("a-master-key"), "{text}");
}
