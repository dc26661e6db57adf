//! Somebody else uses the same limit: the job takes what is left and still comes to its end.

use std::time::Duration;

use crate::counter::{Counting, Others};
use crate::used::carry_out;

#[test]
fn a_job_takes_what_others_leave_and_finishes() {
    let cases = [("at once", Others::AtOnce(0.5)), ("evenly", Others::Evenly(0.5))];
    let jobs = cases.map(|(how, others)| {
        std::thread::spawn(move || {
            let profile = "limits: { users.track: { requests: 100, per: 2s } }";
            let per = Duration::from_secs(2);
            let counting = Counting { others, per, ahead_ms: 123_456, ..Counting::default() };
            (how, carry_out("users.track", 150, counting, profile))
        })
    });
    for job in jobs {
        let (how, counter) = job.join().unwrap();
        let windows = counter.windows();
        eprintln!("{how}: {windows:?}");
        // Those that were on their way when nothing was left any more.
        let refused = windows.iter().map(|window| window.refused).max();
        assert!(refused.is_some_and(|refused| refused <= 12), "{how}: {windows:?}");
        assert!(windows.len() <= 6, "{how}: {windows:?}");
    }
}
