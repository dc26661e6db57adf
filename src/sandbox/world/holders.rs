//! Which profiles hold an address: nearly always one, sometimes many, never none.

/// The place of a profile in the world; never reused.
pub(in crate::sandbox) type Place = u32;

/// The holders of one e-mail address or phone number.
pub(super) enum Holders {
    /// The usual case, without an allocation.
    One(Place),
    /// A shared address.
    #[expect(clippy::box_collection, reason = "a third less memory for the usual case, a million times")]
    Many(Box<Vec<Place>>),
}

impl Holders {
    /// The holders, in the order in which they got the address.
    pub fn places(&self) -> &[Place] {
        match self {
            Holders::One(place) => std::slice::from_ref(place),
            Holders::Many(places) => places,
        }
    }

    /// One more holder.
    pub fn add(&mut self, place: Place) {
        match self {
            Holders::One(first) => *self = Holders::Many(Box::new(vec![*first, place])),
            Holders::Many(places) => places.push(place),
        }
    }

    /// One holder less; whether any is left.
    pub fn remove(&mut self, place: Place) -> bool {
        match self {
            Holders::One(only) => *only != place,
            Holders::Many(places) => {
                places.retain(|held| *held != place);
                !places.is_empty()
            }
        }
    }
}
