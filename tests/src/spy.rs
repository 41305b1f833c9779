use std::fmt;
use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use x402_tower::ledger::{
    Claim, Claimed, Delivery, Due, Fenced, Found, Handed, Identity, Ledger, LedgerError,
    MemoryLedger, Parked, Release, Rerun, Settled, Token, Unresolved,
};
use x402_tower::scheme::Key;

/// A ledger that tells what is written down, and fails on demand; as one server sees it.
#[derive(Clone)]
pub struct Spy(Arc<Inner>, Arc<AtomicBool>);

struct Inner {
    ledger: MemoryLedger,
    seen: Mutex<Vec<Verb>>,
    more: Notify,
    broken: AtomicBool,
    /// What goes wrong next, and how often.
    trouble: Mutex<Option<(Verb, usize, Trouble)>>,
    /// Whose answers are held back.
    held: Mutex<Option<Verb>>,
    let_go: Notify,
    /// How many of those who asked for what is held back have left.
    left: AtomicUsize,
}

/// What was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It was looked up how a payment stands. This is noted only if it is held back.
    Find,
    /// A payment was claimed.
    Claim,
    /// Its settlement began.
    Begin,
    /// Somebody still settles, or still gives an answer.
    Attend,
    /// The buyer did not wait for the outcome.
    Abandon,
    /// The money has moved.
    Commit,
    /// It is not known whether the money has moved.
    Park,
    /// The payment was given back after an answer.
    Release,
    /// The payment was given back without an answer.
    Abort,
    /// Its answer is produced again.
    Rerun,
    /// Its answer was handed over.
    Delivered,
    /// Its answer was not handed over.
    Undelivered,
    /// It will not be known whether the money has moved.
    GiveUp,
    /// It was asked what is due. This is never noted.
    Due,
}

#[derive(Clone, Copy)]
enum Trouble {
    Fails,
    Lost,
    Panics,
}

impl Spy {
    /// Watches a ledger.
    pub fn new(ledger: MemoryLedger) -> Self {
        let inner = Inner {
            ledger,
            seen: Mutex::default(),
            more: Notify::new(),
            broken: AtomicBool::new(false),
            trouble: Mutex::default(),
            held: Mutex::default(),
            let_go: Notify::new(),
            left: AtomicUsize::new(0),
        };
        Self(Arc::new(inner), Arc::default())
    }

    /// The same ledger, as another server sees it.
    pub fn beside(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::default())
    }

    /// Nothing that this server says reaches the ledger any more, as if it had been killed.
    pub fn die(&self) {
        self.1.store(true, Ordering::SeqCst);
    }

    /// What was written down so far.
    pub fn seen(&self) -> Vec<Verb> {
        self.0.seen.lock().unwrap().clone()
    }

    /// How often something was written down.
    pub fn count(&self, verb: Verb) -> usize {
        self.seen().iter().filter(|seen| **seen == verb).count()
    }

    /// Waits until something has been written down so many times.
    pub async fn wait_for(&self, verb: Verb, times: usize) {
        self.wait_for_any(&[verb], times).await;
    }

    /// Waits until any of this has been written down so many times.
    pub async fn wait_for_any(&self, verbs: &[Verb], times: usize) {
        let counted = |seen: &[Verb]| seen.iter().filter(|seen| verbs.contains(seen)).count();
        self.wait(|| counted(&self.seen()) >= times).await;
    }

    async fn wait(&self, until: impl Fn() -> bool) {
        loop {
            let more = self.0.more.notified();
            if until() {
                return;
            }
            more.await;
        }
    }

    /// Answers nothing from now on, or does again.
    pub fn break_down(&self, broken: bool) {
        self.0.broken.store(broken, Ordering::SeqCst);
    }

    /// Fails to write down this the next so many times.
    pub fn fail(&self, verb: Verb, times: usize) {
        *self.0.trouble.lock().unwrap() = Some((verb, times, Trouble::Fails));
    }

    /// Has given the payment to somebody else, when the next settlement begins or is committed.
    pub fn lose(&self, verb: Verb) {
        *self.0.trouble.lock().unwrap() = Some((verb, 1, Trouble::Lost));
    }

    /// Panics when it is to write down this the next time.
    pub fn panic(&self, verb: Verb) {
        *self.0.trouble.lock().unwrap() = Some((verb, 1, Trouble::Panics));
    }

    /// Waits until all is over that was to go wrong.
    pub async fn wait_for_trouble(&self) {
        let is_over = |trouble: &Option<(Verb, usize, Trouble)>| {
            trouble.is_none_or(|(_, times, _)| times == 0)
        };
        self.wait(|| is_over(&self.0.trouble.lock().unwrap())).await;
    }

    /// Does what it is asked and holds back the answer: for claims, reruns, deliveries, and what settlements begin and end
    /// with. How a payment stands is held back once, and a release of any kind is not even begun.
    pub fn hold(&self, verb: Verb) {
        *self.0.held.lock().unwrap() = Some(verb);
    }

    /// Lets go what is held back.
    pub fn let_go(&self) {
        *self.0.held.lock().unwrap() = None;
        self.0.let_go.notify_waiters();
    }

    /// Waits until so many of those who asked for what is held back have left.
    pub async fn wait_left(&self, times: usize) {
        self.wait(|| self.0.left.load(Ordering::SeqCst) >= times)
            .await;
    }

    async fn answer(&self, verb: Verb) {
        let go = self.0.let_go.notified();
        self.note(verb);
        self.hold_back(verb, go).await;
    }

    async fn hold_back(&self, verb: Verb, go: Notified<'_>) {
        let mut go = pin!(go);
        if *self.0.held.lock().unwrap() != Some(verb) {
            return;
        }
        // Whoever asked has left when somebody else waits for the answer, or nobody does.
        let asked = tokio::task::try_id();
        let mut asking = Asking(Some(self));
        std::future::poll_fn(|cx| {
            if tokio::task::try_id() != asked {
                drop(Asking(asking.0.take()));
            }
            go.as_mut().poll(cx)
        })
        .await;
        asking.0 = None;
    }

    async fn check(&self) -> Result<(), LedgerError> {
        if self.1.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        match self.0.broken.load(Ordering::SeqCst) {
            true => Err(LedgerError::unavailable("the database at 10.0.0.7 is down")),
            false => Ok(()),
        }
    }

    fn trouble(&self, with: Verb) -> Result<Option<Fenced>, LedgerError> {
        let trouble = match &mut *self.0.trouble.lock().unwrap() {
            Some((verb, times @ 1.., trouble)) if *verb == with => {
                *times -= 1;
                self.0.more.notify_waiters();
                *trouble
            }
            _ => return Ok(None),
        };
        match trouble {
            Trouble::Fails => Err(LedgerError::unavailable("the disk is full")),
            Trouble::Lost => Ok(Some(Fenced::Lost)),
            Trouble::Panics => panic!("there is no such table"),
        }
    }

    fn note(&self, verb: Verb) {
        self.0.seen.lock().unwrap().push(verb);
        self.0.more.notify_waiters();
    }

    fn note_done(&self, fenced: Fenced, verb: Verb) -> Fenced {
        if fenced == Fenced::Done {
            self.note(verb);
        }
        fenced
    }
}

/// Somebody who waits for what is held back.
struct Asking<'a>(Option<&'a Spy>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(Spy(inner, _)) = self.0 {
            inner.left.fetch_add(1, Ordering::SeqCst);
            inner.more.notify_waiters();
        }
    }
}

impl fmt::Debug for Spy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spy").field(&self.seen()).finish()
    }
}

impl Ledger for Spy {
    async fn find(&self, identity: &Identity) -> Result<Option<Found>, LedgerError> {
        self.check().await?;
        let found = self.0.ledger.find(identity).await;
        let is_first = |held: &mut Option<Verb>| held.take_if(|verb| *verb == Verb::Find).is_some();
        if is_first(&mut self.0.held.lock().unwrap()) {
            let go = self.0.let_go.notified();
            self.note(Verb::Find);
            go.await;
        }
        found
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, LedgerError> {
        self.check().await?;
        let claimed = self.0.ledger.claim(claim).await?;
        if let Claimed::Fresh(_) = claimed {
            self.answer(Verb::Claim).await;
        }
        Ok(claimed)
    }

    async fn begin_settlement(
        &self,
        token: &Token,
        parked: &Arc<Parked>,
        lease: Duration,
    ) -> Result<Fenced, LedgerError> {
        self.check().await?;
        if let Some(fenced) = self.trouble(Verb::Begin)? {
            return Ok(fenced);
        }
        let fenced = self.0.ledger.begin_settlement(token, parked, lease).await?;
        if fenced == Fenced::Done {
            self.answer(Verb::Begin).await;
        }
        Ok(fenced)
    }

    async fn attend(&self, tokens: &[Token]) -> Result<(), LedgerError> {
        self.check().await?;
        self.trouble(Verb::Attend)?;
        self.0.ledger.attend(tokens).await?;
        self.answer(Verb::Attend).await;
        Ok(())
    }

    async fn abandon(&self, token: &Token) -> Result<Fenced, LedgerError> {
        self.check().await?;
        self.trouble(Verb::Abandon)?;
        let fenced = self.0.ledger.abandon(token).await?;
        Ok(self.note_done(fenced, Verb::Abandon))
    }

    async fn commit(&self, token: &Token, settled: &Settled) -> Result<Fenced, LedgerError> {
        self.check().await?;
        if let Some(fenced) = self.trouble(Verb::Commit)? {
            return Ok(fenced);
        }
        let fenced = self.0.ledger.commit(token, settled).await?;
        if fenced == Fenced::Done {
            self.answer(Verb::Commit).await;
        }
        Ok(fenced)
    }

    async fn park(&self, token: &Token, parked: &Arc<Parked>) -> Result<Fenced, LedgerError> {
        self.check().await?;
        self.trouble(Verb::Park)?;
        let fenced = self.0.ledger.park(token, parked).await?;
        Ok(self.note_done(fenced, Verb::Park))
    }

    async fn release(&self, token: &Token, release: Release) -> Result<Fenced, LedgerError> {
        self.check().await?;
        let verb = match release {
            Release::Aborted => Verb::Abort,
            _ => Verb::Release,
        };
        self.trouble(verb)?;
        self.hold_back(Verb::Release, self.0.let_go.notified())
            .await;
        let fenced = self.0.ledger.release(token, release).await?;
        Ok(self.note_done(fenced, verb))
    }

    async fn give_up(&self, token: &Token, unresolved: &Unresolved) -> Result<Fenced, LedgerError> {
        self.check().await?;
        let fenced = self.0.ledger.give_up(token, unresolved).await?;
        Ok(self.note_done(fenced, Verb::GiveUp))
    }

    async fn rerun(&self, key: &Key, most: u8, delivered: bool) -> Result<Rerun, LedgerError> {
        self.check().await?;
        let rerun = self.0.ledger.rerun(key, most, delivered).await?;
        if let Rerun::Granted(_) = rerun {
            self.answer(Verb::Rerun).await;
        }
        Ok(rerun)
    }

    async fn deliver(&self, token: &Token, handed: &Handed) -> Result<Fenced, LedgerError> {
        self.check().await?;
        let verb = match handed.delivery {
            Delivery::Delivered => Verb::Delivered,
            _ => Verb::Undelivered,
        };
        self.trouble(verb)?;
        let fenced = self.0.ledger.deliver(token, handed).await?;
        if fenced == Fenced::Done {
            self.answer(verb).await;
        }
        Ok(fenced)
    }

    async fn due(
        &self,
        seller: Option<&str>,
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Due>, LedgerError> {
        self.check().await?;
        self.trouble(Verb::Due)?;
        self.0.ledger.due(seller, most, lease).await
    }
}
