mod aborted;
mod agenda;
mod entry;
mod owed;
mod sellers;
mod settled;
mod shelf;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use self::aborted::Aborted;
use self::agenda::Agenda;
use self::entry::{ABANDONED, Entry, Half, Open, State, half};
use self::owed::Owed;
use self::sellers::Sellers;
use self::settled::{Remembered, Seconds};
use self::shelf::Shelf;
use super::{
    Claim, Claimed, Delivery, Due, Fenced, Found, Handed, Identity, Ledger, LedgerError, Parked,
    Release, Rerun, Settled, Token, Unresolved,
};
use crate::clock::{Clock, SystemClock};
use crate::lock::lock;
use crate::scheme::Key;

/// A ledger in the memory of one process: bounded, sharded, and as fast as a hash map.
///
/// **A restart forgets everything.** A payment that was settling then may have moved money that nobody remembers, and one
/// that was settled can be presented again: the facilitator refuses to charge it a second time, but its answer is lost.
/// Two processes with a ledger each do not see one another's claims. Both is fine for development and for goods that can
/// be given twice.
///
/// A full ledger refuses new payments ([`LedgerError::is_full`]). It never forgets one to make room, so it needs room for all
/// that is sold while a payment is remembered: unless said otherwise that is a thousand a second for a quarter of an hour, at
/// 200 bytes each beside the answers that are kept. Only the runs that ended without an answer are counted apart, and of the
/// latest payments only: of as many as an eighth of [`most_entries`](MemoryLedgerBuilder::most_entries). Whoever has that many
/// runs broken off has an old payment's counted anew. Another signature would do the same for them.
pub struct MemoryLedger {
    shards: Box<[Mutex<Shard>]>,
    owed: Owed,
    sellers: Sellers,
    shelf: Shelf,
    clock: Arc<dyn Clock>,
    entries: AtomicUsize,
    most_entries: usize,
    fence: AtomicU64,
    /// Which shard is asked first for what is due.
    next_due: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    /// A tree: nobody can flood it with keys that collide, and it does not stop to grow.
    entries: BTreeMap<Half, Box<Entry>>,
    agenda: Agenda,
    aborted: Aborted,
    swept: Duration,
}

/// Sets up a [`MemoryLedger`].
#[derive(Clone, Debug)]
pub struct MemoryLedgerBuilder {
    clock: Arc<dyn Clock>,
    most_entries: usize,
    most_answer_bytes: usize,
}

impl MemoryLedgerBuilder {
    /// How many payments are remembered at the most: a million unless said otherwise.
    #[must_use]
    pub const fn most_entries(mut self, most: usize) -> Self {
        self.most_entries = most;
        self
    }

    /// How many bytes of answers are kept at the most: 64 MiB unless said otherwise. The oldest go first; their payments
    /// stay.
    #[must_use]
    pub const fn most_answer_bytes(mut self, most: usize) -> Self {
        self.most_answer_bytes = most;
        self
    }

    /// The clock that leases end by.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The ledger.
    pub fn build(self) -> MemoryLedger {
        MemoryLedger {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            owed: Owed::new(),
            sellers: Sellers::default(),
            shelf: Shelf::new(self.most_answer_bytes),
            clock: self.clock,
            entries: AtomicUsize::new(0),
            most_entries: self.most_entries,
            fence: AtomicU64::new(0),
            next_due: AtomicUsize::new(0),
        }
    }
}

const SHARDS: usize = 64;

/// How often a shard is searched for what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// And how often if there is no room: whoever comes then must not have to search all of it each time.
const SWEEP_FULL_EVERY: Duration = Duration::from_secs(1);

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl MemoryLedger {
    /// Sets up a ledger.
    pub fn builder() -> MemoryLedgerBuilder {
        MemoryLedgerBuilder {
            clock: Arc::new(SystemClock),
            most_entries: 1_000_000,
            most_answer_bytes: 64 << 20,
        }
    }

    /// How many payments are remembered, those included of which somebody has still to be told that they are to be refunded.
    pub fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether no payment is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, half: Half) -> MutexGuard<'_, Shard> {
        lock(&self.shards[half.place_of(SHARDS)])
    }

    fn next_fence(&self) -> u64 {
        self.fence.fetch_add(1, Ordering::Relaxed)
    }

    /// Drops what has expired from a shard, unless somebody has done so not long ago.
    fn sweep(&self, shard: &mut Shard, now: Duration, every: Duration) {
        if now < shard.swept + every {
            return;
        }
        shard.swept = now;
        shard.aborted.forget(now);
        let Shard {
            entries, agenda, ..
        } = shard;
        entries.retain(|half, entry| {
            entry.park_if_lapsed(*half, agenda, now);
            let keep = !entry.is_expired(now);
            if !keep {
                self.bury(*half, entry, agenda);
            }
            keep
        });
    }

    /// An expired entry goes, and what is left of it is a refund if it owes one.
    fn bury(&self, half: Half, entry: &mut Entry, agenda: &mut Agenda) {
        self.owed.remove(entry.request(), half);
        self.shelf.change(half, entry.answer_bytes(), None);
        match entry.take_refund() {
            Some(refund) => agenda.refund(entry.seller, refund),
            None => self.free_place(),
        }
    }

    fn free_place(&self) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
    }

    /// Of how many payments a shard counts the aborted runs.
    const fn most_aborted(&self) -> usize {
        self.most_entries.div_ceil(8 * SHARDS)
    }

    /// Makes sure that there is room for one more; `shard` is the one it will be in.
    fn reserve(&self, shard: &mut Shard, now: Duration) -> Result<(), LedgerError> {
        self.sweep(shard, now, SWEEP_EVERY);
        let take = || {
            self.entries
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |entries| {
                    (entries < self.most_entries).then_some(entries + 1)
                })
                .is_ok()
        };
        if take() {
            return Ok(());
        }
        self.sweep(shard, now, SWEEP_FULL_EVERY);
        if take() {
            Ok(())
        } else {
            Err(LedgerError::full())
        }
    }

    /// What goes before a claim: something that is owed, or else something that may be soon. The index may name what is
    /// neither any more.
    fn before(&self, claim: &Claim, now: Duration) -> Option<Claimed> {
        let mut attended = None;
        for older in self.owed.find(&claim.identity, &claim.passed) {
            let half = half(&older);
            let shard = self.shard(half);
            let Some(entry) = shard.entries.get(&half) else {
                continue;
            };
            if let Some(body) = entry.attended(now) {
                attended = Some(Claimed::Attended(older, body));
            } else if entry.is_owed(now) && !entry.is_expired(now) {
                return Some(Claimed::Owed(older));
            }
        }
        attended
    }

    /// Changes the entry of a token, unless the token is old.
    fn change(&self, token: &Token, change: impl FnOnce(&mut Entry, &mut Change<'_>)) -> Fenced {
        let now = self.clock.now();
        let half = half(token.key());
        let mut locked = self.shard(half);
        let shard = &mut *locked;
        let Some(entry) = shard.entries.get_mut(&half) else {
            return Fenced::Lost;
        };
        entry.park_if_lapsed(half, &mut shard.agenda, now);
        if entry.fence != token.fence() {
            return Fenced::Lost;
        }
        let answer = entry.answer_bytes();
        change(
            entry,
            &mut Change {
                half,
                agenda: &mut shard.agenda,
                aborted: &mut shard.aborted,
                ledger: self,
                now,
            },
        );
        let gone = self.shelf.change(half, answer, entry.answer_bytes());
        if entry.is_expired(now) {
            self.remove(shard, half);
        }
        drop(locked);
        for half in gone {
            self.drop_answer(half);
        }
        Fenced::Done
    }

    /// Forgets what has expired.
    fn remove(&self, shard: &mut Shard, half: Half) {
        if let Some(mut entry) = shard.entries.remove(&half) {
            self.bury(half, &mut entry, &mut shard.agenda);
        }
    }

    /// Drops an answer that had to go, unless there is another one by now.
    fn drop_answer(&self, half: Half) {
        let mut shard = self.shard(half);
        if let Some(entry) = shard.entries.get_mut(&half)
            && !self.shelf.has(half)
        {
            entry.drop_answer();
        }
    }
}

/// What changing an entry may touch beside.
struct Change<'a> {
    half: Half,
    agenda: &'a mut Agenda,
    aborted: &'a mut Aborted,
    ledger: &'a MemoryLedger,
    now: Duration,
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger")
            .field("entries", &self.len())
            .field("most_entries", &self.most_entries)
            .finish_non_exhaustive()
    }
}

impl Ledger for MemoryLedger {
    async fn find(&self, identity: &Identity) -> Result<Option<Found>, LedgerError> {
        let now = self.clock.now();
        let half = half(&identity.key);
        let mut shard = self.shard(half);
        let shard = &mut *shard;
        let Some(entry) = shard.entries.get_mut(&half) else {
            return Ok(None);
        };
        entry.park_if_lapsed(half, &mut shard.agenda, now);
        Ok(entry.found(identity, now))
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, LedgerError> {
        let now = self.clock.now();
        let identity = &claim.identity;
        if claim.owed
            && let Some(before) = self.before(claim, now)
        {
            return Ok(before);
        }
        let half = half(&identity.key);
        let mut shard = self.shard(half);
        let shard = &mut *shard;
        if let Some(entry) = shard.entries.get_mut(&half) {
            entry.park_if_lapsed(half, &mut shard.agenda, now);
            if let Some(found) = entry.found(identity, now) {
                return Ok(Claimed::Known(found));
            }
            // It has expired, and nobody has swept it out yet.
            self.remove(shard, half);
        }
        let aborted = shard.aborted.runs(half, now);
        if aborted.is_some_and(|runs| runs >= claim.most_aborted) {
            return Ok(Claimed::Exhausted);
        }
        self.reserve(shard, now)?;
        let fence = self.next_fence();
        let entry = Entry::new(claim, fence, now + claim.lease);
        shard.entries.insert(half, Box::new(entry));
        Ok(Claimed::Fresh(Token::new(identity.key, fence)))
    }

    async fn begin_settlement(
        &self,
        token: &Token,
        parked: &Arc<Parked>,
        lease: Duration,
    ) -> Result<Fenced, LedgerError> {
        let mut lost = false;
        let fenced = self.change(token, |entry, change| {
            // A claim whose lease has ended may be somebody else's idea of free already.
            lost = !entry.is_claimed(change.now);
            if !lost {
                let seller = parked.intent.seller.as_deref();
                entry.seller = change.ledger.sellers.number(seller);
                entry.state = State::Settling {
                    until: Seconds::after(change.now + lease),
                    open: Open::new(token.key(), parked),
                    attended: Seconds::attended_from(change.now),
                };
                change.ledger.owed.update(entry, token.key());
            }
        });
        Ok(if lost { Fenced::Lost } else { fenced })
    }

    async fn attend(&self, tokens: &[Token]) -> Result<(), LedgerError> {
        for token in tokens {
            // Nothing is to be done about what somebody else has.
            let _ = self.change(token, |entry, change| {
                entry.attend(change.now);
            });
        }
        Ok(())
    }

    async fn abandon(&self, token: &Token) -> Result<Fenced, LedgerError> {
        Ok(self.change(token, |entry, _| {
            if let State::Settling { attended, .. } = &mut entry.state {
                *attended = ABANDONED;
            }
        }))
    }

    async fn commit(&self, token: &Token, settled: &Settled) -> Result<Fenced, LedgerError> {
        Ok(self.change(token, |entry, change| {
            let mut remembered = Remembered::new(settled, change.now);
            if matches!(
                entry.state,
                State::Settling {
                    attended: ABANDONED,
                    ..
                }
            ) {
                remembered.delivery = Delivery::Undelivered;
            }
            entry.unpark(change.half, change.agenda);
            entry.state = State::Settled(remembered);
            change.ledger.owed.update(entry, token.key());
        }))
    }

    async fn park(&self, token: &Token, parked: &Arc<Parked>) -> Result<Fenced, LedgerError> {
        Ok(self.change(token, |entry, change| {
            entry.unpark(change.half, change.agenda);
            change
                .agenda
                .park(entry.seller, parked.next_attempt, change.half);
            let mut open = Open::new(token.key(), parked);
            // What had to go while somebody looked after it does not come back.
            if parked.attempts > 0 && entry.answer_bytes().is_none() {
                open.drop_answer();
            }
            entry.state = State::Parked(open);
        }))
    }

    async fn release(&self, token: &Token, release: Release) -> Result<Fenced, LedgerError> {
        Ok(self.change(token, |entry, change| {
            entry.unpark(change.half, change.agenda);
            entry.state = State::Released;
            if release == Release::Aborted {
                let most = change.ledger.most_aborted();
                change.aborted.add(change.half, entry.usable_until, most);
            }
            change.ledger.owed.remove(entry.request(), change.half);
        }))
    }

    async fn give_up(&self, token: &Token, unresolved: &Unresolved) -> Result<Fenced, LedgerError> {
        Ok(self.change(token, |entry, change| {
            entry.unpark(change.half, change.agenda);
            entry.state = State::Unresolved(Arc::new(unresolved.clone()));
            change.ledger.owed.update(entry, token.key());
        }))
    }

    async fn rerun(&self, key: &Key, most: u8, delivered: bool) -> Result<Rerun, LedgerError> {
        let now = self.clock.now();
        let half = half(key);
        let mut shard = self.shard(half);
        let Some(entry) = shard.entries.get_mut(&half) else {
            return Ok(Rerun::Denied);
        };
        let State::Settled(settled) = &mut entry.state else {
            return Ok(Rerun::Denied);
        };
        if settled.is_attended(now) {
            return Ok(Rerun::Busy);
        }
        let kept = settled.answer().is_some();
        let allowed = settled.may_be_owed() || delivered && !kept;
        if !allowed || !kept && entry.reruns >= most {
            return Ok(Rerun::Denied);
        }
        settled.begin_again(now);
        entry.reruns += u8::from(!kept);
        entry.fence = self.next_fence();
        let fence = entry.fence;
        self.owed.update(entry, key);
        Ok(Rerun::Granted(Token::new(*key, fence)))
    }

    async fn deliver(&self, token: &Token, handed: &Handed) -> Result<Fenced, LedgerError> {
        Ok(self.change(token, |entry, change| {
            if let State::Settled(settled) = &mut entry.state {
                settled.end(handed.delivery, change.now);
                if handed.answered {
                    settled.answered();
                }
                if let Some(body) = handed.body {
                    settled.set_body(body);
                }
                if handed.answer.is_some() {
                    settled.set_answer(handed.answer.as_ref());
                }
                change.ledger.owed.update(entry, token.key());
            }
        }))
    }

    async fn due(
        &self,
        seller: Option<&str>,
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Due>, LedgerError> {
        Ok(self.take_due(seller, most, lease))
    }
}
