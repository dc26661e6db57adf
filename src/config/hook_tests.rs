//! Hooks and channels of settings files, good and broken, and what people read about them.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::source::{Colour, Source, render};

const PROFILES: &str = "
profiles:
  braze: { system: braze, host: rest.fra-01.braze.eu, token: { env: KEY } }
  onetrust: { system: onetrust, host: acme.my.onetrust.com, token: { env: KEY } }
";

fn read(text: &str) -> Reading {
    Settings::read(&format!("{PROFILES}{text}"), Path::new("/etc/pf"))
}

fn good(text: &str) -> Settings {
    let reading = read(text);
    assert_eq!(reading.mistakes, []);
    reading.settings.unwrap()
}

fn shown(text: &str) -> String {
    let Reading { mistakes, text, .. } = read(text);
    render(&mistakes, &Source::new("privaflow.yaml", text), Colour::Plain)
}

/// The codes of what is wrong with a hook that has this `auth`.
fn wrong_auth(auth: &str) -> Vec<&'static str> {
    let reading = read(&format!("hooks: {{ h: {{ shape: record, auth: {auth} }} }}"));
    reading.mistakes.iter().map(|mistake| mistake.code).collect()
}

#[test]
fn a_whole_hook_is_read() {
    let settings = good(
        r#"
server: { listen: 0.0.0.0:8080, trusted_proxies: [10.1.0.0/16, 192.0.2.7] }
hooks:
  consent-events:
    shape: event
    profile: onetrust
    auth:
      hmac:
        secret: { file: secrets/hook }
        header: X-Hub-Signature-256
        encoding: base64
        prefix: "sha256="
        timestamp: { header: X-Time, tolerance: 2m, signed: "v0:{timestamp}:{body}" }
    max_bytes: 64kb
    per_minute: 60
    allow: [203.0.113.0/24, "2001:db8::1"]
"#,
    );

    let hook = &settings.hooks["consent-events"];
    assert_eq!((hook.shape, hook.profile.as_deref()), (Shape::Event, Some("onetrust")));
    assert_eq!((hook.max_bytes, hook.per_minute), (64_000, 60));
    assert_eq!(
        hook.allow.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["203.0.113.0/24", "2001:db8::1/128"]
    );
    assert_eq!(settings.trusted_proxies.len(), 2);
    let Auth::Hmac(hmac) = &hook.auth else { panic!("{:?}", hook.auth) };
    assert_eq!((hmac.header.as_str(), hmac.encoding), ("x-hub-signature-256", Encoding::Base64));
    assert_eq!(hmac.secret.source().describe(), "file /etc/pf/secrets/hook");
    let signed = hmac.timestamp.as_ref().unwrap();
    assert_eq!(signed.tolerance, Duration::from_secs(120));
    assert_eq!(signed.before_body, [Some("v0:".to_owned()), None, Some(":".to_owned())]);
}

#[test]
fn a_hook_is_small_where_the_settings_say_little() {
    let settings = good("hooks: { a: { shape: record, auth: { bearer: { env: X } } } }");

    let hook = &settings.hooks["a"];
    assert_eq!((hook.max_bytes, hook.per_minute, hook.allow.len()), (1_000_000, 3_000, 0));
    assert!(matches!(&hook.auth, Auth::Bearer(_)));
}

#[test]
fn a_hook_without_proof_is_refused_unless_only_this_machine_can_call() {
    let with = |listen: &str| {
        let reading = read(&format!(
            "server: {{ listen: '{listen}' }}\nhooks: {{ a: {{ shape: record, auth: none }} }}"
        ));
        reading.mistakes.iter().map(|mistake| mistake.code).collect::<Vec<_>>()
    };
    assert_eq!(with("127.0.0.1:1"), [] as [&str; 0]);
    assert_eq!(with("[::1]:1"), [] as [&str; 0]);
    assert_eq!(with("0.0.0.0:1"), ["no_auth"]);
    assert_eq!(read("hooks: { a: { shape: record } }").mistakes[0].code, "missing_key");
    assert_eq!(wrong_auth("{}"), ["no_auth"]);
    assert_eq!(wrong_auth(""), ["no_auth"]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    for auth in [
        "s3cret",
        "{ bearer: s3cret }",
        "{ header: { name: X-Key, value: s3cret } }",
        "{ basic: { username: u, password: s3cret } }",
        "{ hmac: { secret: s3cret } }",
        "{ baerer: s3cret }",
        "{ bearer: { env: s3-cret } }",
    ] {
        let text = format!("hooks: {{ h: {{ shape: record, auth: {auth} }} }}");
        assert!(read(&text).settings.is_none(), "{auth}");
        assert!(!shown(&text).contains("s3"), "{}", shown(&text));
    }
}

#[test]
fn a_time_that_is_not_signed_is_warned_of() {
    let auth =
        |more: &str| format!("{{ hmac: {{ secret: {{ env: X }}, timestamp: {{ header: T{more} }} }} }}");
    assert_eq!(wrong_auth(&auth("")), ["unsigned_time"]);
    assert_eq!(wrong_auth(&auth(", signed: '{timestamp}.{body}'")), [] as [&str; 0]);
    assert_eq!(wrong_auth(&auth(", signed: '{body}.{timestamp}'")), ["bad_value"]);
    assert_eq!(wrong_auth(&auth(", signed: '{time}{body}'")), ["bad_value"]);
}

#[test]
fn all_mistakes_of_hooks_are_told_at_once() {
    insta::assert_snapshot!(shown(
        r#"server: { listen: 0.0.0.0:80, trusted_proxies: [proxy.corp] }
hooks:
  Consent: { shape: evnt, auth: none }
  subtasks: { shape: subtask, auth: { bearer: { env: A }, basic: {} }, max_bytes: 1gb, per_minute: 0 }
  records:
    shape: record
    profile: onetrst
    auth: { hmac: { secret: { env: A }, header: "X Y", encoding: base32 } }
    allow: [10.0.0.0/33]
  other: { shape: record, profile: braze, auth: { basic: { username: "a:b" } }, allow: [], rate: 7 }
"#
    ));
}

#[test]
fn whole_channels_are_read() {
    let settings = good(
        r#"
notify:
  mail:
    smtp:
      host: smtp.example.com
      username: privaflow
      password: { env: SMTP_PASSWORD }
      from: "privaflow <privaflow@example.com>"
      to: [dpo@example.com, "Team <team@example.com>"]
    window: 5m
    per_hour: 4
  pager: { webhook: { url: "https://pager.example.com/v1", bearer: { env: PAGER } } }
  chat: { slack: { url: { env: SLACK_WEBHOOK } } }
"#,
    );

    let mail = &settings.channels["mail"];
    assert_eq!((mail.window, mail.per_hour), (Duration::from_secs(300), 4));
    let Way::Smtp(smtp) = &mail.way else { panic!("{:?}", mail.way) };
    assert_eq!((smtp.tls, smtp.tls.port(), smtp.to.len()), (Tls::StartTls, 587, 2));
    assert!(matches!(&settings.channels["pager"].way, Way::Webhook(hook) if hook.header.is_some()));
    assert!(matches!(&settings.channels["chat"].way, Way::Slack(hook) if hook.header.is_none()));
    assert_eq!(settings.channels["chat"].per_hour, Channel::PER_HOUR);
}

#[test]
fn all_mistakes_of_channels_are_told_at_once() {
    let shown = shown(
        r#"notify:
  Mail: { smtp: { host: "smtp://a", tls: ssl, username: u, from: nobody, to: [] } }
  plain:
    smtp: { host: a.example, tls: never, username: u, password: { env: P }, from: a@b.c, to: d@e.f }
  pager: { webhook: { url: "http://pager.example.com", header: { value: { env: X } } }, window: 0s }
  chat: { slack: { url: "https://hooks.slack.com/services/T0/s3cret" } }
  both: { slack: { url: { env: X } }, webhook: { url: "https://a.example" } }
  none: { per_hour: 3 }
"#,
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    insta::assert_snapshot!(shown);
}
