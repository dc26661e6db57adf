//! The profiles as NDJSON, a piece at a time: a million of them never stand in memory as text, and
//! the world is locked only while a piece is written.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use http_body::Frame;

use super::Profile;
use super::shared::Shared;
use super::world::{Place, World};

/// Places looked at for one piece: some hundred kilobytes, some milliseconds.
const PLACES_A_PIECE: Place = 1_000;

/// Which profiles are wanted: all, or those that agree with everything that is set.
#[derive(Default)]
pub(super) struct Wanted {
    external_id: Option<String>,
    email: Option<String>,
}

impl Wanted {
    /// Reads `external_id=` and `email=`.
    pub fn of(query: &str) -> Wanted {
        let mut wanted = Wanted::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "external_id" => wanted.external_id = Some(value.into_owned()),
                "email" => wanted.email = Some(value.into_owned()),
                _ => {}
            }
        }
        wanted
    }

    fn wants(&self, world: &World, place: Place) -> bool {
        let agrees =
            |wanted: &Option<String>, held: Option<&str>| wanted.is_none() || wanted.as_deref() == held;
        world.profile(place).is_some_and(|profile| {
            agrees(&self.external_id, profile.external_id.as_deref())
                && agrees(&self.email, profile.email.as_deref())
        })
    }
}

/// The body of the answer.
pub(super) struct Listing {
    shared: Arc<Shared>,
    wanted: Wanted,
    next: Place,
}

impl Listing {
    /// A listing that starts at the first profile.
    pub fn new(shared: Arc<Shared>, wanted: Wanted) -> Listing {
        Listing { shared, wanted, next: 0 }
    }

    /// The next lines; `None` at the end.
    fn piece(&mut self) -> Option<Bytes> {
        let mut lines = Vec::new();
        while lines.is_empty() {
            let world = self.shared.world_now();
            if self.next >= world.places() {
                return None;
            }
            let end = world.places().min(self.next.saturating_add(PLACES_A_PIECE));
            for place in self.next..end {
                if self.wanted.wants(&world, place)
                    && let Some(profile) = Profile::at(&world, place)
                {
                    lines.extend_from_slice(profile.to_json().to_string().as_bytes());
                    lines.push(b'\n');
                }
            }
            self.next = end;
        }
        Some(Bytes::from(lines))
    }
}

impl HttpBody for Listing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.piece().map(|lines| Ok(Frame::data(lines))))
    }
}
