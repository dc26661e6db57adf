//! How new a change is, so that an older one never undoes a newer one.
//!
//! A change is as new as the consent that made it: its own `updated_at`, else the record's
//! `occurred_at`, else `received_at`, else its place in an input that was received when its job began.
//! Moments are compared at the coarser precision of the two; when that cannot tell them apart, the
//! one that opts out stays. Where orders are kept is the work of `journal`.

use std::cmp::Ordering;

use super::Moment;

/// How new a change is, and whether it takes a permission away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    nanoseconds: i64,
    /// Digits of the second's fraction that count, 0 to 9.
    digits: u8,
    /// Where the record stands in its input, if that is all there is.
    place: Option<u64>,
    opts_out: bool,
}

/// Bits of a place; inputs are shorter than 2^47 records.
const PLACE_BITS: u32 = 47;
const NOT_PLACED: u64 = (1 << PLACE_BITS) - 1;
const SECOND: i64 = 1_000_000_000;

impl Order {
    /// A change of a known moment. Moments beyond the years 1678 to 2262 count as those years' ends.
    pub fn of(moment: Moment) -> Order {
        let whole = moment.seconds.saturating_mul(SECOND);
        let nanoseconds = whole.saturating_add(i64::from(moment.nanoseconds));
        Order { nanoseconds, digits: moment.digits.min(9), place: None, opts_out: false }
    }

    /// A change of which nothing is known but when its input was received (Unix milliseconds) and
    /// where it stands there.
    pub fn placed(received_ms: i64, position: u64) -> Order {
        let nanoseconds = received_ms.saturating_mul(1_000_000);
        Order { nanoseconds, digits: 9, place: Some(position.min(NOT_PLACED - 1)), opts_out: false }
    }

    /// The same, of a change that opts out or does not.
    #[must_use]
    pub fn opting(self, opts_out: bool) -> Order {
        Order { opts_out, ..self }
    }

    /// Whether the change takes a permission away.
    pub fn opts_out(&self) -> bool {
        self.opts_out
    }

    /// Whether it says when it was made; else only when its input was received is known.
    pub fn is_dated(&self) -> bool {
        self.place.is_none()
    }

    /// When the change was made, in Unix milliseconds.
    pub fn at_ms(&self) -> i64 {
        self.nanoseconds.div_euclid(1_000_000)
    }

    /// Which of two changes is newer, as far as their precision tells.
    pub fn compare(&self, other: &Order) -> Ordering {
        if let (Some(place), Some(others)) = (self.place, other.place) {
            return (self.nanoseconds, place).cmp(&(other.nanoseconds, others));
        }
        let unit = 10_i64.pow(9 - u32::from(self.digits.min(other.digits)));
        self.nanoseconds.div_euclid(unit).cmp(&other.nanoseconds.div_euclid(unit))
    }

    /// Whether this change must not be made where `held` was: it is older, or as old and would undo
    /// an opt-out.
    pub fn yields_to(&self, held: &Order) -> bool {
        match self.compare(held) {
            Ordering::Less => true,
            Ordering::Equal => held.opts_out && !self.opts_out,
            Ordering::Greater => false,
        }
    }

    /// Which of two accepted changes of one state stands for both where later ones are compared: the one
    /// to which more of them yield.
    ///
    /// Comparing at the coarser precision is no order of more than two: an opt-out of 10:00:00 is as
    /// old as one of 10:00:00.5 and as a permission of 10:00:00.9, which is newer than the second
    /// opt-out. So an opt-out reaches to the end of the unit it was written in and anything else
    /// stands at its beginning; a permission then yields exactly to what reaches as far.
    #[must_use]
    pub fn lasting(self, other: Order) -> Order {
        let reach = |order: &Order| (order.reach(), order.place, order.opts_out);
        if reach(&self) < reach(&other) { other } else { self }
    }

    /// Up to which Unix nanosecond a permission yields to the change.
    pub(super) fn reach(&self) -> i64 {
        let unit = 10_i64.pow(9 - u32::from(self.digits));
        let start = self.nanoseconds.div_euclid(unit).saturating_mul(unit);
        if self.opts_out { start.saturating_add(unit - 1) } else { start }
    }

    /// The same change made no later than a moment in Unix milliseconds.
    #[must_use]
    pub fn at_most(self, ms: i64) -> Order {
        let latest = ms.saturating_mul(1_000_000);
        if self.nanoseconds <= latest { self } else { Order { nanoseconds: latest, digits: 9, ..self } }
    }

    /// The same change made no earlier than a moment in Unix milliseconds.
    #[must_use]
    pub fn at_least(self, ms: i64) -> Order {
        let earliest = ms.saturating_mul(1_000_000);
        match self.nanoseconds >= earliest {
            true => self,
            false => Order { nanoseconds: earliest, digits: 9, place: None, ..self },
        }
    }

    /// As it is stored.
    pub fn to_bytes(self) -> [u8; 16] {
        let place = self.place.unwrap_or(NOT_PLACED);
        let low = place << 17 | u64::from(self.digits) << 8 | u64::from(self.opts_out);
        let high = u128::from(self.nanoseconds.cast_unsigned()) << 64;
        (high | u128::from(low)).to_le_bytes()
    }

    /// What [`Order::to_bytes`] gave.
    pub fn of_bytes(bytes: [u8; 16]) -> Order {
        let bits = u128::from_le_bytes(bytes);
        let low = bits as u64;
        let place = low >> 17;
        Order {
            nanoseconds: ((bits >> 64) as u64).cast_signed(),
            digits: ((low >> 8) as u8).min(9),
            place: (place != NOT_PLACED).then_some(place),
            opts_out: low & 1 != 0,
        }
    }
}

/// What an [`Order`] is made of, for those who write many of them in little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderParts {
    /// Unix nanoseconds.
    pub nanoseconds: i64,
    /// Digits of the second's fraction that count, 0 to 9.
    pub digits: u8,
    /// Where the record stands in its input, if that is all there is.
    pub place: Option<u64>,
    /// Whether the change takes a permission away.
    pub opts_out: bool,
}

impl From<Order> for OrderParts {
    fn from(order: Order) -> OrderParts {
        let Order { nanoseconds, digits, place, opts_out } = order;
        OrderParts { nanoseconds, digits, place, opts_out }
    }
}

impl From<OrderParts> for Order {
    fn from(parts: OrderParts) -> Order {
        let OrderParts { nanoseconds, digits, place, opts_out } = parts;
        let place = place.map(|place| place.min(NOT_PLACED - 1));
        Order { nanoseconds, digits: digits.min(9), place, opts_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Order {
        Order::of(Moment::parse(text).unwrap())
    }

    #[test]
    fn the_older_of_two_changes_yields() {
        let (old, new) = (at("2026-11-20T10:00:00Z"), at("2026-11-20T10:00:01Z"));

        assert!(old.yields_to(&new));
        assert!(!new.yields_to(&old));
    }

    #[test]
    fn an_opt_out_stays_where_the_coarser_precision_cannot_tell() {
        let out = at("2026-11-20T10:00:00Z").opting(true);
        let choice = at("2026-11-20T10:00:00.700Z");

        assert!(choice.yields_to(&out));
        assert!(!out.yields_to(&choice));
        assert!(!at("2026-11-20T10:00:01.000Z").yields_to(&out));
    }

    #[test]
    fn an_opt_out_of_a_coarse_clock_is_not_forgotten_for_one_of_a_finer_clock() {
        let coarse = at("2026-11-20T10:00:00Z").opting(true);
        let fine = at("2026-11-20T10:00:00.500Z").opting(true);
        let choice = at("2026-11-20T10:00:00.900Z");

        assert!(!choice.yields_to(&fine) && choice.yields_to(&coarse));
        assert_eq!(fine.lasting(coarse), coarse);
        assert_eq!(coarse.lasting(fine), coarse);
    }

    #[test]
    fn records_without_a_time_are_as_new_as_their_place_says() {
        let (first, second) = (Order::placed(1000, 7), Order::placed(1000, 8));

        assert!(first.opting(true).yields_to(&second));
        assert!(!second.yields_to(&first.opting(true)));
        assert!(first.yields_to(&Order::placed(2000, 0)));
    }

    #[test]
    fn a_change_from_the_future_can_be_dated_back() {
        let change = at("2099-01-01T00:00:00Z").opting(true);

        assert_eq!(change.at_most(5000).at_ms(), 5000);
        assert!(change.at_most(5000).opts_out());
        assert_eq!(at("1999-01-01T00:00:00Z").at_most(i64::MAX), at("1999-01-01T00:00:00Z"));
    }

    #[test]
    fn a_change_can_be_as_new_as_what_it_follows() {
        let asked = Order::placed(1000, 7).opting(true);

        assert_eq!(asked.at_least(5000).at_ms(), 5000);
        assert!(asked.at_least(5000).opts_out() && asked.at_least(5000).is_dated());
        assert_eq!(asked.at_least(1000), asked);
    }

    proptest! {
        #[test]
        fn whichever_comes_first_the_same_change_stays(
            changes in proptest::collection::vec((0_i64..40, 0_u8..=2, any::<bool>()), 2..6).prop_shuffle(),
        ) {
            let order = |(tenths, digits, opts_out): &(i64, u8, bool)| Order {
                nanoseconds: tenths * 100_000_000, digits: *digits, place: None, opts_out: *opts_out,
            };
            let mut held: Option<Order> = None;
            let mut is_out = false;
            for change in changes.iter().map(order) {
                if held.is_none_or(|held| !change.yields_to(&held)) {
                    is_out = change.opts_out;
                    held = Some(held.map_or(change, |held| change.lasting(held)));
                }
            }

            // Nothing is strictly newer than what stays.
            let orders: Vec<Order> = changes.iter().map(order).collect();
            let stays = |one: &&Order| !orders.iter().any(|other| one.compare(other).is_lt());
            prop_assert_eq!(is_out, orders.iter().filter(stays).any(Order::opts_out));
        }

        #[test]
        fn what_is_stored_comes_back(nanoseconds: i64, digits in 0_u8..=9, place in proptest::option::of(0_u64..1 << 46), opts_out: bool) {
            let order = Order { nanoseconds, digits, place, opts_out };

            prop_assert_eq!(Order::of_bytes(order.to_bytes()), order);
            prop_assert_eq!(Order::from(OrderParts::from(order)), order);
        }
    }
}
