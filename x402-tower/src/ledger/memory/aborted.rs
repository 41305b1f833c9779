use std::collections::{BTreeMap, VecDeque, btree_map};
use std::time::Duration;

use super::entry::Half;
use super::settled::Seconds;

/// How many runs for a payment ended without an answer. These cost the buyer nothing, so they take no room from what has: of
/// too many payments the oldest are forgotten.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    counts: BTreeMap<Half, Count>,
    /// Whose they are, in the order in which they came.
    order: VecDeque<Half>,
}

#[derive(Debug)]
struct Count {
    runs: u8,
    /// When the payment cannot be used any more.
    until: Seconds,
}

impl Aborted {
    /// How many runs ended so, if any did.
    pub(super) fn runs(&self, payment: Half, now: Duration) -> Option<u8> {
        let count = self.counts.get(&payment)?;
        (!count.until.is_over(now)).then_some(count.runs)
    }

    /// One more did. Counts are kept of `most` payments.
    pub(super) fn add(&mut self, payment: Half, until: Seconds, most: usize) {
        match self.counts.entry(payment) {
            btree_map::Entry::Occupied(count) => {
                let count = count.into_mut();
                count.runs = count.runs.saturating_add(1);
                count.until = until;
            }
            btree_map::Entry::Vacant(place) => {
                place.insert(Count { runs: 1, until });
                self.order.push_back(payment);
            }
        }
        if self.order.len() > most
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
    }

    /// Forgets payments that cannot be used any more.
    pub(super) fn forget(&mut self, now: Duration) {
        self.counts.retain(|_, count| !count.until.is_over(now));
        self.order
            .retain(|payment| self.counts.contains_key(payment));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::memory::entry::half;
    use crate::scheme::Key;

    const NOW: Duration = Duration::from_secs(1_790_000_000);

    fn payment(number: u8) -> Half {
        half(&Key::from_bytes([number; 32]))
    }

    #[test]
    fn the_oldest_make_room() {
        let mut aborted = Aborted::default();
        let until = Seconds::after(NOW + Duration::from_secs(1));
        for number in [1, 2, 1, 3, 1, 4, 5] {
            aborted.add(payment(number), until, 4);
        }
        let runs = [1, 2, 3, 4, 5].map(|number| aborted.runs(payment(number), NOW));
        assert_eq!(runs, [None, Some(1), Some(1), Some(1), Some(1)]);
        assert_eq!(aborted.order.len(), aborted.counts.len());
    }

    #[test]
    fn what_cannot_be_used_any_more_is_forgotten() {
        let mut aborted = Aborted::default();
        for number in [1, 2] {
            let until = NOW + Duration::from_secs(number.into());
            aborted.add(payment(number), Seconds::after(until), 4);
        }
        let now = NOW + Duration::from_secs(1);
        assert_eq!(
            [1, 2].map(|number| aborted.runs(payment(number), now)),
            [None, Some(1)]
        );
        aborted.forget(now);
        assert_eq!(aborted.order, [payment(2)]);
        assert_eq!(aborted.counts.len(), 1);
    }
}
