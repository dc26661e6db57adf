//! Several jobs that were killed with requests in the air, and that one process goes on with at once.

use crate::folder::{ERASE, Folder};
use crate::running::{Running, deletions};
use crate::server::{Gate, Server, accepted};
use crate::serving::{Serving, is_all_over, jobs, until};

#[test]
fn what_two_killed_jobs_left_in_the_air_is_asked_for_by_one_engine_each() {
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |_, _| {
            gate.pass();
            accepted()
        }
    });
    let folder = Folder::to(server.address, ERASE);
    for (number, name) in ["one.ndjson", "two.ndjson"].into_iter().enumerate() {
        deletions(&folder, name, number + 1..=number + 1);
        let before = server.requests().len();
        let running = Running::job(&folder, name);
        // The second one has what the first one left asked for, too.
        server.wait_for(before + number + 1);
        running.kill();
    }

    let serving = Serving::start(&folder);
    // While nothing is answered, one of them waits until the other is asked.
    server.wait_for(4);
    gate.open();
    until("all is over", || is_all_over(&folder));

    let came_to: Vec<_> =
        jobs(&folder).iter().map(|job| (job["done"].as_u64(), job["skipped"].as_u64())).collect();
    assert_eq!(came_to, [(Some(1), Some(0)), (Some(1), Some(0))], "{}", serving.running.said());
    assert_eq!(serving.stop().0, 0);
}
