mod aborted;
mod agenda;
mod entry;
mod owed;
mod sellers;
mod settled;
mod shelf;
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
/// A full ledger refuses new payments ([`LedgerError::is_full`]). It never forgets one to make room. Only the runs that ended
/// without an answer are counted apart, and of the latest payments only: of as many as an eighth of
/// [`most_entries`](MemoryLedgerBuilder::most_entries). Whoever has that many runs broken off has an old payment's counted
/// anew. Another signature would do the same for them.
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
    /// How many payments are remembered at the most: 100,000 unless said otherwise.
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
            most_entries: 100_000,
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
        let identity = &claim.identity;
        let mut attended = None;
        for older in self.owed.find(identity, &claim.passed) {
            let half = half(&older);
            let shard = self.shard(half);
            let Some(entry) = shard.entries.get(&half) else {
                continue;
            };
            if let Some(body) = entry.attended(now) {
                attended = Some(Claimed::Attended(older, body));
            } else if entry.is_owed(now)
                && let Some(found) = entry.found(identity, now)
            {
                return Some(Claimed::Owed(older, found));
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::facilitator::PaymentCall;
    use crate::ledger::{Intent, Receipt};
    use crate::money::{Address, Amount, Network};
    use crate::proto::{Object, SettleResponse, Version};
    use crate::testing::ManualClock;

    const NOW: Duration = Duration::from_secs(1_790_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn claim(key: u8, request: u8) -> Claim {
        let request = crate::Digest::from_bytes([request; 32]);
        let identity = Identity::new(Key::from_bytes([key; 32]), request, request, None);
        let mut claim = Claim::new(identity, MINUTE, NOW + MINUTE);
        claim.owed = true;
        claim
    }

    fn intent() -> Intent {
        let payer = Address::evm([1; 20]);
        let call = PaymentCall::new(Version::V2, "{}", "{}");
        Intent::new(call, "exact", Network::BASE, payer, Amount::ZERO, 0)
    }

    async fn begin(ledger: &MemoryLedger, claim: &Claim) -> Token {
        let Claimed::Fresh(token) = ledger.claim(claim).await.unwrap() else {
            panic!("not fresh")
        };
        let parked = Arc::new(Parked::new(intent(), Duration::ZERO));
        let begun = ledger.begin_settlement(&token, &parked, MINUTE).await;
        assert_eq!(begun.unwrap(), Fenced::Done);
        token
    }

    async fn settle(ledger: &MemoryLedger, claim: &Claim, receipt: SettleResponse) {
        let token = begin(ledger, claim).await;
        let now = ledger.clock.now();
        let mut settled = Settled::new(Receipt::new(receipt), 2_500u64.into(), now + MINUTE);
        settled.delivery = Delivery::Undelivered;
        let committed = ledger.commit(&token, &settled).await;
        assert_eq!(committed.unwrap(), Fenced::Done);
    }

    fn receipt() -> SettleResponse {
        SettleResponse::settled("eip155:8453", "0xAbcd", "0x00ff")
    }

    #[tokio::test]
    async fn what_has_expired_owes_nothing_when_its_payment_comes_again() {
        let clock = Arc::new(ManualClock::new(NOW));
        let ledger = MemoryLedger::builder().clock(clock.clone()).build();
        settle(&ledger, &claim(1, 1), receipt()).await;
        assert!(matches!(
            ledger.claim(&claim(2, 1)).await.unwrap(),
            Claimed::Owed(..)
        ));
        clock.advance(MINUTE);
        settle(&ledger, &claim(1, 2), receipt()).await;
        assert!(matches!(
            ledger.claim(&claim(2, 1)).await.unwrap(),
            Claimed::Fresh(_)
        ));
        assert!(matches!(
            ledger.claim(&claim(3, 2)).await.unwrap(),
            Claimed::Owed(..)
        ));
    }

    /// The index of what is owed is only as large as what may be owed.
    #[tokio::test]
    async fn what_is_owed_to_nobody_is_in_no_index() {
        let clock = Arc::new(ManualClock::new(NOW));
        let ledger = MemoryLedger::builder().clock(clock.clone()).build();
        let mut tokens = Vec::new();
        for key in 1..=5 {
            let mut claim = claim(key, 1);
            claim.owed = false;
            let token = begin(&ledger, &claim).await;
            ledger.attend(&[token]).await.unwrap();
            tokens.push(token);
        }
        let request = claim(9, 1).identity;
        assert_eq!(ledger.owed.find(&request, &[]).len(), tokens.len());
        // Delivered, refused, never found out, and expired before or while it is handed over.
        for token in [tokens[0], tokens[3], tokens[4]] {
            let receipt = Receipt::new(receipt());
            let settled = Settled::new(receipt, Amount::ZERO, NOW + MINUTE);
            let _ = ledger.commit(&token, &settled).await.unwrap();
        }
        let handed = Handed::new(Delivery::Delivered);
        let _ = ledger.deliver(&tokens[0], &handed).await.unwrap();
        let _ = ledger.release(&tokens[1], Release::Aborted).await.unwrap();
        let unresolved = Unresolved::new(intent(), None, NOW + MINUTE);
        let _ = ledger.give_up(&tokens[2], &unresolved).await.unwrap();
        assert_eq!(
            ledger.owed.find(&request, &[]),
            [*tokens[3].key(), *tokens[4].key()]
        );
        clock.advance(MINUTE);
        let handed = Handed::new(Delivery::Undelivered);
        let _ = ledger.deliver(&tokens[4], &handed).await.unwrap();
        ledger.due(None, 10, MINUTE).await.unwrap();
        assert!(ledger.owed.is_empty());
    }

    #[tokio::test]
    async fn what_is_parked_is_due_when_that_was_said_last() {
        let clock = Arc::new(ManualClock::new(NOW));
        let ledger = MemoryLedger::builder().clock(clock.clone()).build();
        let claim = claim(1, 1);
        let token = begin(&ledger, &claim).await;
        let parked = Arc::new(Parked::new(intent(), NOW));
        let _ = ledger.park(&token, &parked).await.unwrap();
        // Whoever looks after it takes too long.
        let due = ledger.due(None, 1, MINUTE).await.unwrap();
        let [Due::Attempt(token, _)] = &due[..] else {
            panic!("it is due")
        };
        clock.advance(MINUTE);
        let found = ledger.find(&claim.identity).await.unwrap().unwrap();
        let standing = found.standing;
        assert!(matches!(standing, crate::ledger::Standing::Parked(_)));
        for minutes in [1, 2] {
            let parked = Arc::new(Parked::new(intent(), clock.now() + MINUTE * minutes));
            let _ = ledger.park(token, &parked).await.unwrap();
        }
        clock.advance(MINUTE);
        assert!(ledger.due(None, 1, MINUTE).await.unwrap().is_empty());
        clock.advance(MINUTE);
        assert_eq!(ledger.due(None, 1, MINUTE).await.unwrap().len(), 1);
    }

    /// Says and does anything at any time, with whatever token there has ever been.
    async fn do_anything(
        ledger: &MemoryLedger,
        tokens: &mut Vec<Token>,
        next: &mut impl FnMut(u32) -> u32,
    ) {
        let now = ledger.clock.now();
        let seconds = |n: u32| Duration::from_secs(n.into());
        let answer = |length: u32| {
            let headers = http::HeaderMap::new();
            let body = vec![0; length as usize * 100];
            let answer = crate::ledger::KeptAnswer::new(http::StatusCode::OK, &headers, &body, now);
            (length > 0).then_some(answer)
        };
        let token = match tokens.len() as u32 {
            0 => None,
            many => Some(tokens[next(many) as usize]),
        };
        let mut parked = Parked::new(intent(), now + seconds(next(100)));
        parked.intent.seller = SELLERS[next(3) as usize].map(Into::into);
        parked.answer = answer(next(4));
        parked.attempts = next(2);
        let parked = Arc::new(parked);
        let delivery = [
            Delivery::Running,
            Delivery::Delivered,
            Delivery::Undelivered,
        ][next(3) as usize];
        let most = next(5) as usize;
        match (next(11), token) {
            (0 | 1, _) | (_, None) => {
                let mut claim = claim(next(20) as u8, next(5) as u8);
                claim.lease = seconds(next(60));
                claim.owed = next(2) == 0;
                if let Claimed::Fresh(token) = ledger.claim(&claim).await.unwrap() {
                    tokens.push(token);
                }
            }
            (2, Some(token)) => {
                let lease = seconds(next(60));
                let _ = ledger
                    .begin_settlement(&token, &parked, lease)
                    .await
                    .unwrap();
            }
            (3, Some(token)) => {
                let mut settled = Settled::new(
                    Receipt::new(receipt()),
                    Amount::ZERO,
                    now + seconds(next(60)),
                );
                settled.answer = answer(next(4));
                settled.delivery = delivery;
                let _ = ledger.commit(&token, &settled).await.unwrap();
            }
            (4, Some(token)) => drop(ledger.park(&token, &parked).await.unwrap()),
            (5, Some(token)) => {
                let release = [Release::Answered, Release::Aborted][next(2) as usize];
                let _ = ledger.release(&token, release).await.unwrap();
            }
            (6, Some(token)) if next(4) == 0 => {
                let unresolved = Unresolved::new(intent(), None, now + seconds(next(60)));
                let _ = ledger.give_up(&token, &unresolved).await.unwrap();
            }
            (7, Some(token)) => {
                let delivered = next(2) == 0;
                if let Rerun::Granted(token) =
                    ledger.rerun(token.key(), 3, delivered).await.unwrap()
                {
                    tokens.push(token);
                }
            }
            (8, Some(token)) => {
                let mut handed = Handed::new(delivery);
                handed.answer = answer(next(4));
                let _ = ledger.deliver(&token, &handed).await.unwrap();
            }
            (9, _) => {
                let due = ledger
                    .due(SELLERS[next(3) as usize], most, seconds(next(60)))
                    .await
                    .unwrap();
                assert!(due.len() <= most);
                tokens.extend(due.iter().filter_map(|due| match due {
                    Due::Attempt(token, _) => Some(*token),
                    Due::Refund(_) => None,
                }));
            }
            (_, Some(token)) => match next(2) {
                0 => ledger.attend(&[token]).await.unwrap(),
                _ => drop(ledger.abandon(&token).await.unwrap()),
            },
        }
    }

    /// Whatever is done by several at once, the books are empty in the end: no place is lost, and no room for answers.
    #[test]
    fn nothing_is_left_in_the_end() {
        let clock = Arc::new(ManualClock::new(NOW));
        let ledger = MemoryLedger::builder()
            .clock(clock.clone())
            .most_answer_bytes(1000);
        let ledger = ledger.most_entries(1000).build();
        let work = |seed: u64| {
            let mut state = seed;
            let mut next = move |below: u32| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u32 % below
            };
            let mut tokens = Vec::new();
            for _ in 0..20_000 {
                if next(20) == 0 {
                    clock.advance(Duration::from_millis(next(9000).into()));
                }
                if next(100) == 0 {
                    tokens.clear();
                }
                now(do_anything(&ledger, &mut tokens, &mut next));
            }
        };
        std::thread::scope(|threads| {
            for seed in 1..=4 {
                threads.spawn(move || work(seed));
            }
        });
        let kept = |shard: MutexGuard<'_, Shard>| {
            let answers = shard.entries.values().map(|entry| entry.answer_bytes());
            let kept: Vec<usize> = answers.flatten().collect();
            (kept.len(), kept.iter().sum::<usize>())
        };
        let kept = ledger.shards_from(0).map(kept);
        let kept = kept.fold((0, 0), |all, some| (all.0 + some.0, all.1 + some.1));
        assert_eq!(ledger.shelf.is_full_of(), kept);
        for _ in 0..5 {
            clock.advance(MINUTE * 60);
            for seller in SELLERS {
                let due = now(ledger.due(seller, 1000, MINUTE)).unwrap();
                for due in due {
                    if let Due::Attempt(token, _) = due {
                        let unresolved = Unresolved::new(intent(), None, clock.now());
                        let _ = now(ledger.give_up(&token, &unresolved)).unwrap();
                    }
                }
            }
        }
        assert_eq!((ledger.len(), ledger.shelf.is_full_of()), (0, (0, 0)));
        assert!(ledger.owed.is_empty());
        assert!(ledger.shards_from(0).all(|shard| {
            shard.entries.is_empty() && shard.parked.is_empty() && shard.refunds.is_empty()
        }));
    }

    const SELLERS: [Option<&str>; 3] = [None, Some("a"), Some("b")];

    /// What a ledger answers that never waits.
    fn now<T>(telling: impl Future<Output = T>) -> T {
        let mut cx = Context::from_waker(Waker::noop());
        match pin!(telling).poll(&mut cx) {
            Poll::Ready(told) => told,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[tokio::test]
    async fn a_settled_payment_is_remembered_as_it_was() {
        let ledger = MemoryLedger::builder()
            .clock(Arc::new(ManualClock::new(NOW)))
            .build();
        let mut extended = receipt();
        extended.extensions = Some(Object::new().with_text("note", "thanks"));
        let refused = SettleResponse::failed("eip155:8453", Some("unconfirmed".to_owned()));
        let solana = SettleResponse::settled("solana:x", "9WzD", "5VERv8");
        let mut more = receipt();
        more.rest = Object::new().with_text("gasUsed", "21000");
        let mut receipts = vec![receipt(), extended, refused, solana, more];
        // Up to where the amount has no room beside them, and then they themselves.
        receipts
            .extend((200..260).map(|length| {
                SettleResponse::settled("eip155:8453", "0xAbcd", "x".repeat(length))
            }));
        for (key, receipt) in (1..).zip(receipts) {
            let claim = claim(key, key);
            settle(&ledger, &claim, receipt.clone()).await;
            let found = ledger.find(&claim.identity).await.unwrap().unwrap();
            let crate::ledger::Standing::Settled(settled) = found.standing else {
                panic!("{:?}", found.standing)
            };
            assert_eq!(*settled.receipt.message(), receipt);
            assert_eq!(settled.amount, Amount::from(2_500u64));
            assert_eq!(settled.keep_until, NOW + MINUTE);
        }
    }
}
