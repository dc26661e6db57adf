//! Events of the journal: any bytes are an event or refused, an event is written as it was read, and
//! any events in any order can be folded.

use privaflow::job::State;
use privaflow::journal::{decode, encode};

/// Bodies, each behind two bytes that say how long it is.
pub fn check(data: &[u8]) {
    let mut state = State::default();
    let mut rest = data;
    while let Some(([high, low], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (body, behind) = behind.split_at(length);
        rest = behind;
        let Ok(event) = decode(body) else { continue };
        let mut written = Vec::new();
        encode(&event, &mut written);
        assert_eq!(decode(&written).as_ref(), Ok(&event), "an event changes when it is written");
        state.apply(&event);
        assert!(!format!("{event:?}").is_empty());
        let _status = state.status();
        assert!(state.totals().requests() >= state.finished());
    }
}
