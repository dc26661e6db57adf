//! Tokens: asked for once, kept, renewed early, and asked for once more after a 401.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use privaflow::wire::{Broken, Client, Exchange, GrantError, NotSent};
use tokio::sync::Notify;

use crate::fake::{Asked, Fake, Reply, TOKEN};

/// Lines of a profile that asks for tokens, with a client named `id` and a password that is `marker`.
fn oauth2(folder: &tempfile::TempDir, more: &str) -> String {
    let (id, secret) = (folder.path().join("id"), folder.path().join("secret"));
    std::fs::write(&id, "id").unwrap();
    std::fs::write(&secret, "marker-secret").unwrap();
    format!(
        "oauth2: {{ client_id: {{ file: {} }}, client_secret: {{ file: {} }}{more} }}",
        id.display(),
        secret.display()
    )
}

fn get(path: &str) -> Exchange {
    Exchange { path_and_query: path.to_owned(), ..Exchange::default() }
}

async fn status(client: &Client) -> u16 {
    client.send(get("/x")).await.unwrap().status
}

/// Gives tokens `t1`, `t2`, … of so many seconds, and takes those that `takes` says.
async fn server(seconds: u32, takes: fn(&str) -> bool) -> Fake {
    let given = Arc::new(AtomicU32::new(0));
    Fake::start(move |asked: &Asked| {
        let reply = match asked.path.as_str() {
            TOKEN => Reply::token(&format!("t{}", given.fetch_add(1, Ordering::SeqCst) + 1), seconds),
            _ if takes(asked.token()) => Reply::new(200, "{}"),
            _ => Reply::new(401, "\"Unauthorized\""),
        };
        async move { reply }
    })
    .await
}

fn grant_error(broken: Broken) -> Arc<GrantError> {
    match broken {
        Broken::NotSent { why: NotSent::Grant(error), .. } => error,
        other => panic!("another failure: {other}"),
    }
}

#[tokio::test]
async fn a_token_is_asked_for_by_a_form_of_parts_unless_the_settings_say_otherwise() {
    let fake = server(3600, |_| true).await;
    let folder = tempfile::tempdir().unwrap();

    status(&fake.client(&oauth2(&folder, ""))).await;
    status(&fake.client(&oauth2(&folder, ", form: urlencoded"))).await;

    let asked = fake.asked(TOKEN);
    let kinds: Vec<_> = asked.iter().map(|asked| asked.header("content-type")).collect();
    assert!(kinds[0].starts_with("multipart/form-data; boundary="), "{kinds:?}");
    assert_eq!(kinds[1], "application/x-www-form-urlencoded");
    assert!(asked[0].text().contains("name=\"client_secret\"\r\n\r\nmarker-secret\r\n"));
    assert_eq!(asked[1].text(), "grant_type=client_credentials&client_id=id&client_secret=marker-secret");
    assert!(asked.iter().all(|asked| asked.header("authorization").is_empty()));
    assert_eq!(fake.asked("/x").iter().map(Asked::token).collect::<Vec<_>>(), ["t1", "t2"]);
}

#[tokio::test]
async fn however_many_need_a_token_one_is_asked_for() {
    let fake = server(3600, |_| true).await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));

    let sent: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { status(&client).await })
        })
        .collect();

    for status in sent {
        assert_eq!(status.await.unwrap(), 200);
    }
    assert_eq!((fake.asked(TOKEN).len(), fake.asked("/x").len()), (1, 20));
}

#[tokio::test]
async fn after_a_401_a_new_token_is_asked_for_and_the_request_made_once_more() {
    let fake = server(3600, |token| token == "t2").await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));

    let first = client.send(get("/x")).await.unwrap();
    let second = client.send(get("/x")).await.unwrap();

    assert_eq!((first.status, first.requests, second.status, second.requests), (200, 2, 200, 1));
    assert_eq!(fake.asked(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_the_end() {
    let fake = server(3600, |_| false).await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));

    let first = client.send(get("/x")).await.unwrap();
    let second = client.send(get("/x")).await.unwrap();

    assert_eq!((first.status, first.requests, second.status, second.requests), (401, 2, 401, 1));
    assert_eq!(fake.asked(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let fake = server(3600, |_| true).await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));

    for minutes in [0, 53, 2] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(minutes * 60)).await;
        tokio::time::resume();
        assert_eq!(status(&client).await, 200);
    }

    assert_eq!(fake.asked("/x").iter().map(Asked::token).collect::<Vec<_>>(), ["t1", "t1", "t2"]);
}

#[tokio::test]
async fn a_token_that_could_not_be_renewed_early_is_used_to_its_end_and_no_longer() {
    let asked = Arc::new(AtomicU32::new(0));
    let fake = Fake::start(move |request: &Asked| {
        let reply = match request.path.as_str() {
            TOKEN if asked.fetch_add(1, Ordering::SeqCst) == 0 => Reply::token("t1", 3600),
            TOKEN => Reply::new(503, "<html>maintenance</html>"),
            _ => Reply::new(200, "{}"),
        };
        async move { reply }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));
    let later = async |minutes: u64| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(minutes * 60)).await;
        tokio::time::resume();
    };
    assert_eq!(status(&client).await, 200);

    later(55).await;
    assert_eq!((status(&client).await, status(&client).await), (200, 200));
    assert_eq!(fake.asked(TOKEN).len(), 2);
    later(6).await;
    let error = grant_error(client.send(get("/x")).await.unwrap_err());

    assert!(matches!(*error, GrantError::Unavailable { status: 503 }), "{error}");
    assert_eq!(fake.asked("/x").len(), 3);
}

#[tokio::test]
async fn while_a_token_is_asked_for_again_nobody_leaves_with_the_old_one() {
    let (given, go, is_asked) = (AtomicU32::new(0), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (may_go, tells) = (Arc::clone(&go), Arc::clone(&is_asked));
    let fake = Fake::start(move |asked: &Asked| {
        let number = if asked.path == TOKEN { given.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let takes = asked.token() == "t2";
        let (may_go, tells) = (Arc::clone(&may_go), Arc::clone(&tells));
        async move {
            match (number, takes) {
                (0, true) => Reply::new(200, "{}"),
                (0, false) => Reply::new(401, ""),
                (1, _) => Reply::token("t1", 3600),
                (_, _) => {
                    tells.notify_one();
                    may_go.notified().await;
                    Reply::token("t2", 3600)
                }
            }
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));
    let send = || {
        let client = client.clone();
        tokio::spawn(async move { status(&client).await })
    };

    let first = send();
    is_asked.notified().await;
    let others = [send(), send()];
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    go.notify_one();

    assert_eq!(first.await.unwrap(), 200);
    for other in others {
        assert_eq!(other.await.unwrap(), 200);
    }
    assert_eq!(fake.asked("/x").iter().map(Asked::token).collect::<Vec<_>>(), ["t1", "t2", "t2", "t2"]);
}

#[tokio::test]
async fn a_client_that_is_refused_is_told_once_to_all_who_wait_and_nothing_is_sent() {
    let fake = Fake::start(|asked: &Asked| {
        let reply = match asked.path.as_str() {
            TOKEN => Reply::new(401, "{\"error\":\"invalid_client\",\"hint\":\"marker-secret\"}"),
            _ => Reply::new(200, ""),
        };
        async move { reply }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));

    let sent: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(get("/x")).await.unwrap_err() })
        })
        .collect();

    for broken in sent {
        let broken = broken.await.unwrap();
        let said = format!("{broken} {broken:?} {client:?}");
        assert!(!said.contains("marker"), "{said}");
        let error = grant_error(broken);
        assert!(
            error.is_final() && error.to_string().contains("client id with the client secret"),
            "{error}"
        );
    }
    assert_eq!((fake.asked(TOKEN).len(), fake.asked("/x").len()), (1, 0));
}

#[tokio::test]
async fn a_password_that_changed_is_read_again_when_the_old_one_is_refused() {
    let fake = Fake::start(|asked: &Asked| {
        let reply = match asked.path.as_str() {
            TOKEN if asked.text().contains("\r\nrotated\r\n") => Reply::token("t", 3600),
            TOKEN => Reply::new(400, "{\"error\":\"invalid_client\"}"),
            _ => Reply::new(200, ""),
        };
        async move { reply }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let lines = oauth2(&folder, "");
    let profile = crate::fake::profile(fake.address, &lines);
    profile.check().await.unwrap();
    let client = crate::fake::client_of(&profile);
    std::fs::write(folder.path().join("secret"), "rotated\n").unwrap();

    assert_eq!(status(&client).await, 200);
    assert_eq!(fake.asked(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_token_service_that_asks_to_wait_is_left_alone_and_the_reason_shared() {
    let fake = Fake::start(|_: &Asked| async { Reply::new(429, "").with("retry-after", "1800") }).await;
    let folder = tempfile::tempdir().unwrap();
    let client = fake.client(&oauth2(&folder, ""));

    for _ in 0..3 {
        let error = grant_error(client.send(get("/x")).await.unwrap_err());
        let GrantError::Limited { until } = *error else { panic!("{error}") };
        let rest = until.duration_since(tokio::time::Instant::now());
        assert!(rest > Duration::from_secs(1700) && rest <= Duration::from_secs(1800), "{rest:?}");
    }
    assert_eq!(fake.asked(TOKEN).len(), 1);
}

#[tokio::test]
async fn a_token_service_that_cannot_be_reached_is_told_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let profile = crate::fake::profile(closed, &oauth2(&folder, ""));
    let client = crate::fake::client_of(&profile);

    let broken = client.send(get("/x")).await.unwrap_err();

    assert_eq!(
        broken.to_string(),
        format!("nothing was sent to {closed}: no token could be asked for: the connection was refused")
    );
    let Broken::NotSent { why, .. } = broken else { panic!("{broken}") };
    assert!(matches!(why.first(), NotSent::Refused));
}

#[tokio::test]
async fn what_was_said_of_us_with_a_token_can_be_asked_for() {
    let fake = Fake::start(|_: &Asked| async {
        Reply::new(200, "{\"access_token\":\"t\",\"expires_in\":60,\"ot-scopes\":\"DSAR_READ,DSAR_WRITE\"}")
    })
    .await;
    let folder = tempfile::tempdir().unwrap();

    let granted = fake.client(&oauth2(&folder, "")).granted().await.unwrap().unwrap();
    let of_a_key = fake.client("token: { file: tests/onetrust/key }").granted().await.unwrap();

    assert_eq!(granted.members["ot-scopes"], "DSAR_READ,DSAR_WRITE");
    assert!(granted.left() <= Duration::from_secs(60) && of_a_key.is_none());
}
