//! The ledger: one that survives, and what one server sees of it until it dies.

use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use x402_tower::ledger::{
    Claim, Claimed, Due, Fenced, Found, Handed, Identity, Ledger, LedgerError, MemoryLedger,
    Parked, Release, Rerun, Settled, Token, Unresolved,
};
use x402_tower::scheme::Key;

use crate::history::{History, Verb};

/// What one server sees of the ledger. It can die before and after everything that it writes down.
#[derive(Clone)]
pub struct Books {
    ledger: Arc<MemoryLedger>,
    history: History,
    life: Arc<Life>,
}

struct Life {
    server: usize,
    slow: bool,
    dead: AtomicBool,
    /// At how many more boundaries of verbs it lives, if that is known.
    left: AtomicUsize,
    failing: AtomicUsize,
    /// Whether verbs that fail are done all the same.
    failing_done: AtomicBool,
    /// Whether they panic.
    panics: AtomicBool,
}

impl Books {
    pub fn open(ledger: Arc<MemoryLedger>, history: History, server: usize, slow: bool) -> Self {
        let life = Life {
            server,
            slow,
            dead: AtomicBool::new(false),
            left: AtomicUsize::new(usize::MAX),
            failing: AtomicUsize::new(0),
            failing_done: AtomicBool::new(false),
            panics: AtomicBool::new(false),
        };
        Self {
            ledger,
            history,
            life: Arc::new(life),
        }
    }

    /// Nothing of this server reaches the ledger any more.
    pub fn die(&self) {
        self.life.dead.store(true, SeqCst);
    }

    pub fn is_dead(&self) -> bool {
        self.life.dead.load(SeqCst)
    }

    pub fn die_after(&self, boundaries: usize) {
        self.life.left.store(boundaries, SeqCst);
    }

    pub fn fail(&self, verbs: usize, done: bool, panics: bool) {
        self.life.failing.store(verbs, SeqCst);
        self.life.failing_done.store(done, SeqCst);
        self.life.panics.store(panics, SeqCst);
    }

    /// Where a request can be dropped, and a server can die.
    async fn boundary(&self) {
        if self.life.slow {
            once_pending().await;
        }
        match self.life.left.load(SeqCst) {
            usize::MAX => {}
            0 => self.die(),
            left => self.life.left.store(left - 1, SeqCst),
        }
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    async fn verb<T>(
        &self,
        act: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        self.boundary().await;
        let failing = self
            .life
            .failing
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok();
        let down = || {
            assert!(!self.life.panics.load(SeqCst), "it is down");
            LedgerError::unavailable("it is down")
        };
        if failing && !self.life.failing_done.load(SeqCst) {
            return Err(down());
        }
        let done = act.await;
        self.boundary().await;
        if failing { Err(down()) } else { done }
    }

    fn fenced(
        &self,
        token: &Token,
        verb: Verb,
    ) -> impl FnOnce(Result<Fenced, LedgerError>) -> Result<Fenced, LedgerError> {
        let (history, server, key) = (self.history.clone(), self.life.server, *token.key());
        move |fenced| {
            if let Ok(Fenced::Done) = fenced {
                history.wrote(server, &key, verb);
            }
            fenced
        }
    }
}

thread_local! {
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

/// How often something was pending of its own will, so that it is known when nothing goes on any more.
pub fn pauses() -> usize {
    PAUSES.get()
}

pub fn note_pause() {
    PAUSES.set(PAUSES.get() + 1);
}

/// Is pending once.
pub async fn once_pending() {
    let mut was = false;
    note_pause();
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut was, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl Ledger for Books {
    async fn find(&self, identity: &Identity) -> Result<Option<Found>, LedgerError> {
        self.verb(self.ledger.find(identity)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, LedgerError> {
        // It may be heard out at home, when the request is gone.
        let request = self
            .history
            .current()
            .expect("only requests claim payments");
        self.verb(async {
            let claimed = self.ledger.claim(claim).await?;
            if let Claimed::Fresh(_) = claimed {
                let server = self.life.server;
                self.history
                    .claimed(server, request, &claim.identity, claim.lease);
            }
            Ok(claimed)
        })
        .await
    }

    async fn begin_settlement(
        &self,
        token: &Token,
        parked: &Arc<Parked>,
        lease: Duration,
    ) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let request = self.history.current();
            let noted = self.fenced(token, Verb::Begin { request });
            noted(self.ledger.begin_settlement(token, parked, lease).await)
        })
        .await
    }

    async fn attend(&self, tokens: &[Token]) -> Result<(), LedgerError> {
        self.verb(async {
            self.ledger.attend(tokens).await?;
            for token in tokens {
                self.history.attends(self.life.server, token.key());
            }
            Ok(())
        })
        .await
    }

    async fn abandon(&self, token: &Token) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let noted = self.fenced(token, Verb::Abandon);
            noted(self.ledger.abandon(token).await)
        })
        .await
    }

    async fn commit(&self, token: &Token, settled: &Settled) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let delivery = settled.delivery;
            let noted = self.fenced(token, Verb::Commit { delivery });
            noted(self.ledger.commit(token, settled).await)
        })
        .await
    }

    async fn park(&self, token: &Token, parked: &Arc<Parked>) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let noted = self.fenced(token, Verb::Park);
            noted(self.ledger.park(token, parked).await)
        })
        .await
    }

    async fn release(&self, token: &Token, release: Release) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let noted = self.fenced(token, Verb::Release(release));
            noted(self.ledger.release(token, release).await)
        })
        .await
    }

    async fn give_up(&self, token: &Token, unresolved: &Unresolved) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let noted = self.fenced(token, Verb::GiveUp);
            noted(self.ledger.give_up(token, unresolved).await)
        })
        .await
    }

    async fn rerun(&self, key: &Key, most: u8, delivered: bool) -> Result<Rerun, LedgerError> {
        // It may be heard out at home, when the request is gone.
        let request = self.history.current();
        self.verb(async {
            let rerun = self.ledger.rerun(key, most, delivered).await?;
            if let Rerun::Granted(_) = rerun {
                let verb = Verb::Rerun { request };
                self.history.wrote(self.life.server, key, verb);
            }
            Ok(rerun)
        })
        .await
    }

    async fn deliver(&self, token: &Token, handed: &Handed) -> Result<Fenced, LedgerError> {
        self.verb(async {
            let noted = self.fenced(token, Verb::Deliver(handed.delivery));
            noted(self.ledger.deliver(token, handed).await)
        })
        .await
    }

    async fn due(
        &self,
        seller: Option<&str>,
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Due>, LedgerError> {
        self.verb(async {
            let due = self.ledger.due(seller, most, lease).await?;
            for due in &due {
                if let Due::Attempt(token, _) = due {
                    self.history.wrote(self.life.server, token.key(), Verb::Due);
                }
            }
            Ok(due)
        })
        .await
    }
}
