//! A service that says when to come back is not asked earlier, in whichever way it says so.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};

use crate::folder::Folder;
use crate::refused::{ALONE, record};
use crate::server::{Reply, Server, accepted};

/// How a service says it, with the seconds it means; its clock is as far ahead of ours as told.
type Says = fn(ahead: SignedDuration, seconds: i64) -> (u16, String);

fn date(moment: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap()
}

const WAYS: [(&str, Says); 7] = [
    ("seconds", |_, seconds| (429, format!("retry-after: {seconds}\r\n"))),
    ("a date", |ahead, seconds| {
        let now = Timestamp::now() + ahead;
        let then = now + SignedDuration::from_secs(seconds);
        (429, format!("date: {}\r\nretry-after: {}\r\n", date(now), date(then)))
    }),
    ("the header of Braze", |_, seconds| (429, format!("x-ratelimit-retry-after: {seconds}\r\n"))),
    ("the end of its window", |ahead, seconds| {
        let now = Timestamp::now() + ahead;
        (429, format!("date: {}\r\nx-ratelimit-reset: {}\r\n", date(now), now.as_second() + seconds + 1))
    }),
    ("what is left of its window", |_, seconds| (429, format!("x-ratelimit-reset: {seconds}\r\n"))),
    ("that it is out of order", |_, seconds| (503, format!("retry-after: {seconds}\r\n"))),
    ("that it is not reached", |_, seconds| (502, format!("retry-after: {seconds}\r\n"))),
];

#[test]
fn nothing_is_asked_earlier_than_told() {
    const SECONDS: i64 = 2;
    let jobs = WAYS.iter().enumerate().map(|(place, (way, says))| {
        // Clocks that go wrong by minutes, in both directions.
        let ahead = SignedDuration::from_secs([0, -300, 0, 200, 0, 0, 0][place]);
        std::thread::spawn(move || {
            let arrivals = Arc::new(Mutex::new(Vec::new()));
            let noted = Arc::clone(&arrivals);
            let server = Server::start(move |_, before| {
                noted.lock().unwrap().push(Instant::now());
                if before > 0 {
                    return accepted();
                }
                let (status, headers) = says(ahead, SECONDS);
                Reply::Answer { status, headers: headers.leak(), body: "{}".to_owned() }
            });
            let folder = Folder::to(server.address, ALONE);
            // One at a time, so that nothing else is on its way when the service speaks.
            let limits = "limits: { users.track: { requests: 1, per: 100ms } }";
            folder.settings(server.address, &format!("token: {{ env: PRIVAFLOW_TEST_KEY }}\n    {limits}"));
            folder.requests((0..3).map(record));

            let shot = folder.job();

            assert_eq!(shot.counts(), (0, [3, 0, 0, 0]), "{way}: {}", shot.stderr);
            let arrivals = arrivals.lock().unwrap().clone();
            (*way, arrivals)
        })
    });
    let jobs: Vec<_> = jobs.collect();
    for job in jobs {
        let (way, arrivals) = job.join().unwrap();
        let after: Vec<Duration> = arrivals[1..].iter().map(|arrival| *arrival - arrivals[0]).collect();
        assert_eq!(after.len(), 3, "{way}");
        // A millisecond for the time between the answer and what was noted.
        let told = Duration::from_secs(SECONDS.unsigned_abs());
        let too_early = after.iter().filter(|after| **after < told - Duration::from_millis(1));
        assert_eq!(too_early.count(), 0, "{way}: {after:?}");
        assert!(after[0] < told + Duration::from_secs(4), "{way}: {after:?}");
    }
}

#[test]
fn what_a_service_asked_for_is_kept_to_by_the_next_process() {
    const SECONDS: u64 = 3;
    let jobs =
        [(429, "retry-after"), (429, "x-ratelimit-reset"), (503, "retry-after")].map(|(status, header)| {
            std::thread::spawn(move || {
                let arrivals = Arc::new(Mutex::new(Vec::new()));
                let noted = Arc::clone(&arrivals);
                let server = Server::start(move |_, before| {
                    noted.lock().unwrap().push(Instant::now());
                    if before > 0 {
                        return accepted();
                    }
                    let headers = format!("{header}: {SECONDS}\r\n");
                    Reply::Answer { status, headers: headers.leak(), body: "{}".to_owned() }
                });
                let folder = Folder::to(server.address, ALONE);
                folder.requests((0..3).map(record));
                // It is stopped while it waits for the first answer, and takes that in.
                let limits = "limits: { users.track: { requests: 1, per: 100ms } }";
                folder
                    .settings(server.address, &format!("token: {{ env: PRIVAFLOW_TEST_KEY }}\n    {limits}"));
                let mut child = folder.start();
                server.wait_for(1);
                let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
                assert!(told.success());
                assert_eq!(child.wait().unwrap().code(), Some(130), "{status} {header}");

                let shot = folder.job();

                assert_eq!(shot.counts(), (0, [3, 0, 0, 0]), "{status} {header}: {}", shot.stderr);
                let arrivals = arrivals.lock().unwrap().clone();
                let after = arrivals[1] - arrivals[0];
                assert!(
                    after >= Duration::from_secs(SECONDS) - Duration::from_millis(5),
                    "{header}: {after:?}"
                );
            })
        });
    for job in jobs {
        job.join().unwrap();
    }
}
