//! Which reads are looked at more closely: one in sixteen, by chance. Refresh ahead and the popularity of keys share them.
//!
//! Invariant: each read is sampled with the same chance, whatever was read before it. A plain "every sixteenth" would always
//! meet the same key of a page that reads sixteen. The gap to the next sampled read is drawn from the geometric
//! distribution, which is the same as a toss for every read, at the cost of a decrement.

use std::cell::Cell;

/// One in so many reads is sampled.
pub(crate) const ONE_IN: f64 = 16.0;

/// Whether a read is one of the sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampled {
    Yes,
    No,
}

/// Whether this read is sampled.
pub(crate) fn toss() -> Sampled {
    thread_local!(static TO_SKIP: Cell<u32> = Cell::new(gap()));
    TO_SKIP.with(|to_skip| match to_skip.get().checked_sub(1) {
        Some(left) => {
            to_skip.set(left);
            Sampled::No
        }
        None => {
            to_skip.set(gap());
            Sampled::Yes
        }
    })
}

/// How many reads are passed over before the next sampled one.
#[cold]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap is between 0 and some hundreds")]
fn gap() -> u32 {
    ((1.0 - rand::random::<f64>()).ln() / (1.0 - 1.0 / ONE_IN).ln()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_sixteen_is_sampled_wherever_it_stands_in_a_row() {
        let mut sampled = [0_u32; 16];
        for place in (0..16).cycle().take(320_000) {
            sampled[place] += u32::from(toss() == Sampled::Yes);
        }
        // 20,000 tosses a place: 1,250 expected, standard deviation 34.
        assert!(sampled.iter().all(|count| (1_000..1_500).contains(count)), "{sampled:?}");
    }
}
