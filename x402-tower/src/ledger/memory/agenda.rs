//! What is left to be done about payments that nobody waits for any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::entry::{ABANDONED, Half, State};
use super::sellers::Seller;
use super::settled::{Remembered, Seconds};
use super::{MemoryLedger, SHARDS, SWEEP_EVERY, Shard};
use crate::ledger::{Due, Token};
use crate::lock::lock;

/// What sellers have to do about the payments of one shard. No seller is held up by what others leave undone.
#[derive(Default)]
pub(super) struct Agenda {
    /// What is parked, by the time of the next attempt.
    parked: BTreeSet<(Seller, Duration, Half)>,
    /// What expired undelivered, until somebody has been told. Each still takes the place of a payment.
    refunds: BTreeMap<Seller, VecDeque<Remembered>>,
}

impl Agenda {
    pub(super) fn park(&mut self, seller: Seller, next_attempt: Duration, half: Half) {
        self.parked.insert((seller, next_attempt, half));
    }

    pub(super) fn unpark(&mut self, seller: Seller, next_attempt: Duration, half: Half) {
        self.parked.remove(&(seller, next_attempt, half));
    }

    pub(super) fn refund(&mut self, seller: Seller, refund: Remembered) {
        self.refunds.entry(seller).or_default().push_back(refund);
    }

    /// Takes off what a seller has parked for the longest time, if it is due.
    fn take_parked(&mut self, seller: Seller, now: Duration) -> Option<Half> {
        let mut theirs = self.parked.range((seller, Duration::ZERO, Half::NONE)..);
        let next = *theirs.next()?;
        let (whose, at, half) = next;
        (whose == seller && at <= now).then(|| {
            self.parked.remove(&next);
            half
        })
    }

    fn take_refund(&mut self, seller: Seller) -> Option<Remembered> {
        self.refunds.get_mut(&seller)?.pop_front()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.parked.is_empty() && self.refunds.values().all(VecDeque::is_empty)
    }
}

/// A seller asks what there is to do.
struct Round {
    seller: Seller,
    /// The shard that is asked first.
    first: usize,
    now: Duration,
    lease: Duration,
}

impl MemoryLedger {
    /// Takes what is due, until there is so much.
    pub(super) fn take_due(&self, seller: Option<&str>, most: usize, lease: Duration) -> Vec<Due> {
        let number = self.next_due.fetch_add(1, Ordering::Relaxed);
        let round = Round {
            seller: self.sellers.number(seller),
            // Each shard is the first one once, so that none waits for ever for those that have much to do.
            first: number % SHARDS,
            now: self.clock.now(),
            lease,
        };
        let mut due = Vec::new();
        // Money that has moved can wait for money that may be moving, but not for ever either: it has a quarter of each round,
        // or of all the rounds if they are too short for that.
        let share = if most < 4 && number % 4 == 3 {
            most
        } else {
            most / 4
        };
        self.take_attempts(&mut due, most - share, &round);
        self.take_refunds(&mut due, most, &round);
        self.take_attempts(&mut due, most, &round);
        due
    }

    /// Takes what is parked and whose time has come, until there is so much.
    fn take_attempts(&self, due: &mut Vec<Due>, most: usize, round: &Round) {
        for mut shard in self.shards_from(round.first) {
            self.sweep(&mut shard, round.now, SWEEP_EVERY);
            while due.len() < most
                && let Some(attempt) = self.next_attempt(&mut shard, round)
            {
                due.push(attempt);
            }
        }
    }

    fn next_attempt(&self, shard: &mut Shard, round: &Round) -> Option<Due> {
        while let Some(half) = shard.agenda.take_parked(round.seller, round.now) {
            let Some(entry) = shard.entries.get_mut(&half) else {
                continue;
            };
            let State::Parked(open) = &entry.state else {
                continue;
            };
            let open = open.clone();
            let parked = Arc::clone(&open.parked);
            entry.fence = self.next_fence();
            let token = Token::new(open.key(half), entry.fence);
            entry.state = State::Settling {
                until: Seconds::after(round.now + round.lease),
                open,
                attended: ABANDONED,
            };
            return Some(Due::Attempt(token, parked));
        }
        None
    }

    /// Takes what somebody has to be told of, until there is so much.
    fn take_refunds(&self, due: &mut Vec<Due>, most: usize, round: &Round) {
        for mut shard in self.shards_from(round.first) {
            while due.len() < most
                && let Some(refund) = shard.agenda.take_refund(round.seller)
            {
                self.free_place();
                due.push(Due::Refund(refund.settled()));
            }
        }
    }

    fn shards_from(&self, first: usize) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        let (before, after) = self.shards.split_at(first);
        after.iter().chain(before).map(lock)
    }
}
