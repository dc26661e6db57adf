//! Round trips of any event, and no panic on any bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::bytes::put_varint;
use super::event::VERSION;
use super::*;
use crate::job::{
    Answered, Attempted, Ended, Event, Fail, Failure, IdEntry, Identified, Intended, Mark, MarkKind, Pause,
    Presumed, Reopened, Skip, StepAnswer, Stopped, Verdict,
};
use crate::request::{Order, OrderParts};

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Done),
        proptest::sample::select(Skip::ALL).prop_map(Verdict::Skipped),
        proptest::sample::select(Fail::ALL).prop_map(Verdict::Failed),
        proptest::sample::select(Pause::ALL).prop_map(Verdict::Waiting),
    ]
}

prop_compose! {
    fn failure()(
        request in option::of(".{0,8}"), line: u64, step in option::of("[a-z]{1,6}"),
        code in "[a-z_]{0,9}", message in ".{0,20}",
    ) -> Failure {
        Failure { request, line, step, code, message }
    }
}

prop_compose! {
    fn ended()(
        position: u64, verdict in verdict(), accepted: bool, verified: bool, key: [u8; 16], content: u64,
        failure in option::of(failure()),
    ) -> Ended {
        Ended { position, verdict, accepted, verified, id: IdEntry { key, content }, failure }
    }
}

prop_compose! {
    fn step()(
        position: u64, step in "[a-z]{1,3}(#[0-9])?", accepted: bool, output in vec(any::<u8>(), 0..40), at_ms: i64,
    ) -> StepAnswer {
        StepAnswer { position, step, accepted, output, at_ms }
    }
}

fn mark() -> impl Strategy<Value = Mark> {
    let kind = proptest::sample::select([MarkKind::Target, MarkKind::Erased].as_slice());
    // Some moments are as their precision says, some are finer, and some are the farthest there are.
    let moment = prop_oneof![any::<i64>(), (0_i64..9_000_000_000).prop_map(|second| second * 1_000_000_000)];
    (kind, any::<[u8; 16]>(), moment, 0_u8..=9, option::of(0_u64..1 << 46), any::<bool>()).prop_map(
        |(kind, key, nanoseconds, digits, place, opts_out)| {
            let order = Order::from(OrderParts { nanoseconds, digits, place, opts_out });
            Mark { kind, key, order }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let positions = prop_oneof![
        vec(any::<u64>(), 0..20),
        (any::<u64>(), 0_u64..90)
            .prop_map(|(start, n)| { (0..n).map(|step| start.wrapping_add(step)).collect() })
    ];
    let intended = (any::<(u64, u32, bool, u32, u32)>(), positions).prop_map(
        |((batch, attempt, repeatable, step, calls), positions)| {
            Event::Intended(Intended { batch, attempt, repeatable, step, positions, calls })
        },
    );
    let lists = (vec(step(), 0..9), vec(ended(), 0..9), vec(mark(), 0..9));
    let answered = (any::<(u64, i64, u16)>(), option::of(".{0,9}"), lists).prop_map(
        |((batch, at_ms, status), request_id, (steps, ended, marks))| {
            Event::Answered(Answered { batch, at_ms, status, request_id, steps, ended, marks })
        },
    );
    let stopped = (any::<(i64, u64, bool)>(), option::of(any::<u64>()), vec((".{0,9}", any::<u64>()), 0..4))
        .prop_map(|((at_ms, elapsed_ms, finished), records, unmapped)| {
            Event::Stopped(Stopped { at_ms, elapsed_ms, finished, records, unmapped })
        });
    prop_oneof![
        any::<i64>().prop_map(|at_ms| Event::Opened { at_ms }),
        intended,
        answered,
        vec(ended(), 0..9).prop_map(|ended| Event::Ended { ended }),
        (any::<(u64, i64)>(), ".{0,9}").prop_map(|((position, until_ms), step)| Event::Waiting {
            position,
            step,
            until_ms
        }),
        any::<(u64, u64, Option<u64>)>().prop_map(|(subjects, limit, max_change)| Event::Held {
            subjects,
            limit,
            max_change
        }),
        (any::<i64>(), ".{0,9}").prop_map(|(at_ms, by)| Event::Approved { at_ms, by }),
        (any::<i64>(), ".{0,9}").prop_map(|(at_ms, by)| Event::Cancelled { at_ms, by }),
        vec(step(), 0..9).prop_map(|steps| Event::Passed { steps }),
        vec(any::<u64>(), 0..9).prop_map(|positions| Event::Erased { positions }),
        (any::<(u64, u64)>(), vec(any::<(u64, [u8; 16])>(), 0..9))
            .prop_map(|((batch, tag), people)| Event::Attempted(Attempted { batch, tag, people })),
        (any::<i64>(), vec(any::<u64>(), 0..9), vec(mark(), 0..9))
            .prop_map(|(at_ms, positions, marks)| Event::Presumed(Presumed { at_ms, positions, marks })),
        vec((any::<u64>(), vec(any::<[u8; 16]>(), 0..4)), 0..9).prop_map(|all| {
            let one = |(position, identifiers)| Identified { position, identifiers };
            Event::Identified { identified: all.into_iter().map(one).collect() }
        }),
        (any::<(i64, bool)>(), ".{0,9}", vec(any::<u64>(), 0..9)).prop_map(
            |((at_ms, even_if_sent), by, positions)| {
                Event::Reopened(Reopened { at_ms, by, positions, even_if_sent })
            }
        ),
        stopped,
    ]
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut body = Vec::new();
    encode(event, &mut body);
    body
}

proptest! {
    #[test]
    fn every_event_comes_back_as_it_was(event in event()) {
        prop_assert_eq!(decode(&encoded(&event)), Ok(event));
    }

    #[test]
    fn a_compact_event_says_the_same_but_for_ids_marks_and_outputs_that_nobody_needs(
        event in event(), needed: bool,
    ) {
        let body = encoded(&event);
        // Some outputs are needed still, or none is.
        let is_needed = |output: &[u8]| needed && output.first().is_some_and(|byte| byte % 2 == 0);

        let compact = compact(&body, is_needed).unwrap();

        let forgetful = |ended: Vec<Ended>| {
            ended.into_iter().map(|ended| Ended { id: IdEntry::of_kept(ended.id.kept()), ..ended }).collect::<Vec<_>>()
        };
        let slim = |steps: Vec<StepAnswer>, is_needed: &dyn Fn(&[u8]) -> bool| {
            let left = |step: StepAnswer| {
                let output = if is_needed(&step.output) { step.output } else { Vec::new() };
                StepAnswer { output, ..step }
            };
            steps.into_iter().map(left).collect::<Vec<_>>()
        };
        let said = |is_needed: &dyn Fn(&[u8]) -> bool| match event.clone() {
            Event::Answered(it) => Event::Answered(Answered {
                ended: forgetful(it.ended), marks: Vec::new(), steps: slim(it.steps, is_needed), ..it
            }),
            Event::Ended { ended } => Event::Ended { ended: forgetful(ended) },
            Event::Passed { steps } => Event::Passed { steps: slim(steps, is_needed) },
            Event::Attempted(it) => Event::Attempted(Attempted { people: Vec::new(), ..it }),
            other => other,
        };
        let expected = said(&is_needed);
        if let Some(compact) = compact {
            prop_assert!(compact.len() < body.len());
            prop_assert_eq!(decode(&compact), Ok(expected));
            prop_assert_eq!(super::compact(&compact, is_needed), Ok(None));
            for cut in 0..compact.len() {
                prop_assert!(decode(&compact[..cut]).is_err());
            }
            // When keys are let go later, what they open goes too.
            let smaller = super::compact(&compact, |_| false).unwrap().unwrap_or(compact);
            prop_assert_eq!(decode(&smaller), Ok(said(&|_| false)));
        } else {
            prop_assert_eq!(decode(&body), Ok(expected));
        }
    }

    #[test]
    fn an_event_that_is_cut_or_longer_is_refused(event in event(), cut: prop::sample::Index) {
        let body = encoded(&event);

        let longer = decode(&[body.as_slice(), b" x"].concat());

        prop_assert!(decode(&body[..cut.index(body.len())]).is_err());
        prop_assert!(longer.is_err());
    }

    #[test]
    fn damaged_bytes_never_panic(event in event(), at: prop::sample::Index, to: u8, noise in vec(any::<u8>(), 0..200)) {
        let mut body = encoded(&event);
        let at = at.index(body.len());

        body[at] = to;
        let kind = noise.first().map_or(1, |byte| byte % 12);

        drop(decode(&body));
        drop(decode(&noise));
        for version in VERSION..=bulk::SMALL_ANSWERED {
            drop(decode(&[[kind, version].as_slice(), &noise].concat()));
        }
        drop(pack::unpack(&noise));
        drop(unbundle(&[[kind::BUNDLE, VERSION].as_slice(), &noise].concat()));
    }

    #[test]
    fn events_that_are_put_together_come_back_each_as_it_was(
        events in vec((any::<(i64, i64)>(), event()), 1..12), at: prop::sample::Index, to: u8,
    ) {
        let bundled = |((id, at_ms), event): ((i64, i64), Event)| Packed { id, at_ms, body: encoded(&event) };
        let events: Vec<Packed> = events.into_iter().map(bundled).collect();
        let together: Vec<Packed> = events.iter().filter(|one| may_be_bundled(one.body[0])).cloned().collect();

        let body = bundle(&together);

        if together.is_empty() {
            prop_assert!(unbundle(&body).is_err());
        } else {
            prop_assert_eq!(unbundle(&body), Ok(together.clone()));
        }
        prop_assert_eq!(events_in(&body[..body.len().min(16)]), Ok(together.len()));
        prop_assert_eq!(unbundle(&bundle(&events)).is_ok(), together.len() == events.len());
        prop_assert!(unbundle(&body[..body.len() - 1]).is_err());
        prop_assert!(decode(&body).is_err());
        let mut damaged = body.clone();
        damaged[at.index(body.len())] = to;
        drop(unbundle(&damaged));
    }
}

#[test]
fn what_a_later_release_wrote_is_refused_by_name() {
    let mut body = encoded(&Event::Held { subjects: 501, limit: 500, max_change: None });

    body[1] = 2;
    let version = decode(&body).unwrap_err();
    body[0] = 99;
    let kind = decode(&body).unwrap_err();

    assert_eq!(version, CodecError::UnknownVersion { kind: 6, version: 2 });
    assert_eq!(
        kind.to_string(),
        "its kind is 99, which this release does not know; use the release that wrote it"
    );
}

#[test]
fn a_person_in_a_full_batch_costs_their_id_and_less_than_half_a_byte() {
    let size = encoded(&full_batch(Vec::new())).len();

    assert!(size < 75 * 24 + 75 / 2 + 18, "{size} bytes");
}

#[test]
fn a_mark_costs_its_key_and_five_bytes_or_two_when_there_is_only_a_place() {
    let order = |number: i64| OrderParts {
        nanoseconds: 1_799_000_000_000_000_000,
        digits: 3,
        place: None,
        opts_out: number % 75 > 40,
    };
    let spread = |number: i64| OrderParts {
        nanoseconds: order(number).nanoseconds - number * 86_400_123_000_000 % 3_000_000_000_000_000,
        ..order(number)
    };
    let placed = |number: i64| OrderParts { place: Some(number as u64), digits: 9, ..order(0) };
    let marks = |parts: &dyn Fn(i64) -> OrderParts| -> Vec<Mark> {
        let mark = |number| Mark { kind: MarkKind::Target, key: [3; 16], order: parts(number).into() };
        (0..75).map(mark).collect()
    };
    let bare = encoded(&full_batch(Vec::new())).len();

    let sizes = [marks(&spread), marks(&placed)].map(|marks| encoded(&full_batch(marks)).len() - bare);

    assert!(sizes[0] <= 75 * 22 && sizes[1] <= 75 * 18 + 16, "{sizes:?}");
}

#[test]
fn a_person_who_was_looked_for_alone_costs_a_few_bytes_once_many_are_put_together() {
    let step = |position| StepAnswer {
        position,
        step: "find".to_owned(),
        accepted: true,
        output: vec![7; 180],
        at_ms: 1_800_000_000_000 + position as i64 / 13,
    };
    let answer = |position: u64| {
        Event::Answered(Answered {
            batch: position,
            at_ms: step(position).at_ms,
            status: 200,
            request_id: None,
            steps: vec![step(position)],
            ended: Vec::new(),
            marks: Vec::new(),
        })
    };
    let packed = |position: u64| Packed {
        id: position as i64 * 2,
        at_ms: step(position).at_ms,
        body: compact(&encoded(&answer(position)), |_| false).unwrap().unwrap(),
    };
    let events: Vec<Packed> = (0..2000).map(packed).collect();

    let bytes = bundle(&events).len();

    assert!(events[1000].body.len() < 32, "{}", events[1000].body.len());
    assert!(bytes < 2000 * 8, "{bytes} bytes");
}

fn full_batch(marks: Vec<Mark>) -> Event {
    let ended = (0..75).map(|position| Ended {
        position: 1_000_000 + position,
        verdict: Verdict::Done,
        accepted: true,
        verified: false,
        id: IdEntry { key: [7; 16], content: 9 },
        failure: None,
    });
    Event::Answered(Answered {
        batch: 13_000,
        at_ms: 1_800_000_000_000,
        status: 201,
        request_id: Some("0193f0c2-77aa-7d34".to_owned()),
        steps: Vec::new(),
        ended: ended.collect(),
        marks,
    })
}

#[test]
fn a_damaged_count_takes_no_memory() {
    let mut body = vec![kind::INTENDED, VERSION, 0, 0, 0, 0, 0];
    put_varint(u64::MAX, &mut body);

    assert_eq!(decode(&body), Err(CodecError::NotValid("number of records")));
}
