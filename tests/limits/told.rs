//! A service that says when to come back is not asked earlier, in whichever way it says so.

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
