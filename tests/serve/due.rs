//! Deadlines.

use privaflow::journal::Arrival;

use crate::folder::{ERASE, Folder, deletion};
use crate::server::Server;
use crate::serving::{Serving, arrival, is_all_over, jobs, put, until};

const DAY: i64 = 24 * 3_600_000;

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn due(number: usize, due_ms: i64) -> Arrival {
    Arrival { due_ms: Some(due_ms), ..arrival("erase", number, &deletion(number)) }
}

#[test]
fn what_is_due_is_listed_by_deadline_wherever_it_stands() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    let now = now_ms();
    put(&folder, vec![due(1, now + DAY), due(2, now - DAY), due(3, now + 9 * DAY)]);
    let queued = folder.run(&["runs", "list", "--due", "3d", "--output", "json"]).lines();
    let serving = Serving::start(&folder);
    until("there is a job", || jobs(&folder).len() == 1);

    let listed = folder.run(&["runs", "list", "--due", "3d", "--output", "json"]).lines();
    let text = folder.run(&["runs", "list", "--due", "10d"]).stdout;

    let told = |runs: &[serde_json::Value]| -> Vec<(String, bool)> {
        let run = |run: &serde_json::Value| run["run"].as_str().unwrap_or("-").to_owned();
        runs.iter().map(|one| (run(one), one["overdue"].as_bool().unwrap())).collect()
    };
    assert_eq!(told(&queued), [("-".to_owned(), true), ("-".to_owned(), false)]);
    assert_eq!(told(&listed), [("job-1:0".to_owned(), true), ("job-1:1".to_owned(), false)]);
    assert_eq!(listed[0]["request"], "r-2", "{listed:?}");
    assert!(text.contains("overdue by 1d 0h") && text.lines().count() == 4, "{text}");
    serving.running.says("deadlines are in danger");
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    until("all is over", || is_all_over(&folder));
    assert_eq!(folder.run(&["runs", "list", "--due", "10d", "--output", "json"]).lines().len(), 0);
    assert_eq!(serving.stop().0, 0);
}

#[test]
fn the_deadlines_of_a_file_are_read_in_it() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &ERASE.replace("steps:", "steps:\n  - wait: 1h"));
    let mut late = deletion(1);
    late["due_at"] = jiff::Timestamp::from_millisecond(now_ms() - DAY).unwrap().to_string().into();
    folder.requests([late, deletion(2)]);
    assert_eq!(folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--wait", "1s"]).code, 1);

    let listed = folder.run(&["runs", "list", "--due", "3d", "--output", "json"]).json();

    assert_eq!((&listed["run"], &listed["request"]), (&"job-1:0".into(), &"r-1".into()), "{listed}");
    assert_eq!((&listed["overdue"], &listed["reason"]), (&true.into(), &"wait".into()), "{listed}");
}
