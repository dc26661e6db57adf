//! `POST /users/track`: attributes, events and purchases, at most 75 objects in all.
//!
//! Objects are judged one by one: a bad one stands in `errors` and the others are still applied; only
//! when all are bad is the request refused, with the same list (Braze docs, "Track users"). The body
//! is decoded before the world is locked.

mod answer;
mod apply;
mod change;
mod object;

pub(super) use answer::answer;
pub(super) use object::is_email;
