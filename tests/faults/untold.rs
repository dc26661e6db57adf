//! A service whose limit is lower than is documented, and which says no more than 429.

use privaflow::sandbox::{Limit, Limits, Pool};
use serde_json::{Value, json};

use crate::rig::Rig;

/// An HTTP request for each record.
const ALONE: &str = r#"
workflow: alone
on: { file: {} }
steps:
  - uses: braze/users.track
    with:
      group_id: "{{ request.id }}"
      attributes: [{ external_id: "{{ subject.external_id }}", seen: true }]
"#;

#[test]
fn a_limit_that_nobody_tells_costs_less_than_a_refusal_for_three_calls_and_half_of_it_is_used() {
    const RECORDS: u32 = 600;
    for limit in [Limit { requests: 4, per_seconds: 1 }, Limit { requests: 120, per_seconds: 60 }] {
        let limits = Limits::documented().with(Pool::Track, limit).untold();
        let record = |number: u32| json!({ "id": format!("r-{number}"), "kind": "other", "subject": { "external_id": format!("u-{number}") } });
        let records: Vec<Value> = (0..RECORDS).map(record).collect();
        let rig = Rig::under(ALONE, &records, limits);

        let summary = rig.live().summary;

        let what = format!("{limit:?}: {summary:?}");
        assert_eq!((summary.done, summary.waiting), (u64::from(RECORDS), 0), "{what}");
        let refused = rig.braze.sandbox.requests().too_many_requests;
        // A refusal now and then may be anything and slows nobody down; only many of them tell of a limit.
        assert!(refused < u64::from(RECORDS / 3), "{refused} refused, {what}");
        let allowed_s = f64::from(RECORDS) * f64::from(limit.per_seconds) / f64::from(limit.requests);
        let took_s = rig.passed().as_secs_f64();
        assert!(took_s < allowed_s * 1.8 + 20.0, "{took_s} s where {allowed_s} s are needed, {what}");
    }
}
