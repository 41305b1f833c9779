//! What all routes of one seller share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::checkout::Flights;
use crate::clock::{Clock, Elapsed, timeout};
use crate::facilitator::{
    Facilitator as _, FacilitatorError, PaymentCall, SharedFacilitator, Supported,
};
use crate::home::Home;
use crate::ledger::SharedLedger;
use crate::lock::lock;
use crate::panics;
use crate::price::{Accept, Listing, PriceList, Seal, Terms};
use crate::proto::VerifyResponse;
use crate::settlement::{Attendance, Beliefs, SharedWitness};
use crate::tasks::Tasks;
use crate::telemetry::{Event, Observer};

/// All that the routes of one seller share.
pub(crate) struct Till {
    pub(crate) list: PriceList,
    pub(crate) facilitator: SharedFacilitator,
    pub(crate) supported: Arc<Supported>,
    pub(crate) ledger: SharedLedger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) home: Home,
    pub(crate) seal: Seal,
    pub(crate) origin: Origin,
    pub(crate) limits: Limits,
    pub(crate) flights: Arc<Flights>,
    pub(crate) observer: Box<dyn Observer>,
    /// Terms that are encoded anew when the facilitator changes what it says.
    pub(crate) all_terms: Arc<AllTerms>,
    pub(crate) witness: Option<SharedWitness>,
    pub(crate) beliefs: Beliefs,
    /// What is being settled or delivered here.
    pub(crate) attendance: Attendance,
    /// What must not be cut off when the server stops.
    pub(crate) tasks: Arc<Tasks>,
    /// Wakes the reconciler.
    pub(crate) reconcile: Arc<Notify>,
}

/// Where the server is, as its clients see it.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Scheme and authority, and perhaps a path that a proxy takes off; without a slash at its end.
    Fixed(Arc<str>),
    /// What the client says in `Host`, behind this scheme. A client can say anything there.
    Host(&'static str),
}

impl Origin {
    /// What sellers who share a ledger are told apart by. Those who are called by whatever a client says have no name.
    pub(crate) const fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Fixed(url) => Some(url),
            Self::Host(_) => None,
        }
    }
}

/// Bounds that a client has no say in.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of a payment header.
    pub(crate) header: usize,
    /// How long `/verify` may take.
    pub(crate) verify: Duration,
    /// How long one `/settle` may take.
    pub(crate) settle: Duration,
    /// How long a request waits for the outcome of a settlement that is pending or unknown.
    pub(crate) outcome: Duration,
    /// How long a request waits for another one that has the same payment.
    pub(crate) wait: Duration,
    /// Bytes of one answer that is kept.
    pub(crate) answer: usize,
    /// Bytes of a request body that is read to compare it with an earlier one.
    pub(crate) body: u64,
    /// How long a settled payment is remembered at least.
    pub(crate) remember: Duration,
    /// How long an answer that was not delivered goes before a new payment.
    pub(crate) owed: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: crate::proto::header::DEFAULT_LIMIT,
            verify: Duration::from_secs(10),
            settle: Duration::from_secs(30),
            outcome: Duration::from_secs(20),
            wait: Duration::from_secs(10),
            answer: 64 << 10,
            body: 1 << 20,
            remember: Duration::from_secs(15 * 60),
            owed: Duration::from_secs(10 * 60),
        }
    }
}

/// The terms of all routes that still exist.
#[derive(Debug, Default)]
pub(crate) struct AllTerms(Mutex<Vec<Weak<Terms>>>);

impl AllTerms {
    pub(crate) fn add(&self, terms: &Arc<Terms>) {
        let mut all = lock(&self.0);
        all.retain(|terms| terms.strong_count() > 0);
        all.push(Arc::downgrade(terms));
    }

    pub(crate) fn each(&self, act: impl Fn(&Terms)) {
        let all = lock(&self.0).clone();
        all.iter()
            .filter_map(Weak::upgrade)
            .for_each(|terms| act(&terms));
    }
}

impl Till {
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// What the facilitator says of a payment, if it does so in time.
    pub(crate) async fn verify(
        &self,
        call: &PaymentCall,
    ) -> Result<VerifyResponse, FacilitatorError> {
        timeout(
            &*self.clock,
            self.limits.verify,
            self.facilitator.verify(call),
        )
        .await
        .unwrap_or_else(|Elapsed| Err(FacilitatorError::timed_out()))
    }

    /// Waits at home, wherever this is polled: there may be no timers there.
    pub(crate) fn pass(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = Arc::clone(&self.clock);
        Box::pin(self.home.within(async move { clock.sleep(time).await }))
    }

    /// Runs something to its end that must not be cut off, for code that cannot wait for it.
    pub(crate) fn finish(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.begin();
        self.home.finish(async move {
            future.await;
            drop(task);
        });
    }

    /// The terms of what is accepted, kept up to date from now on; or all that is wrong with it.
    pub(crate) fn terms(
        &self,
        accepts: &[Accept],
        max_timeout_seconds: u64,
        listing: &Arc<Listing>,
    ) -> Result<Arc<Terms>, Vec<String>> {
        let offers = self.list.resolve(accepts, max_timeout_seconds)?;
        let mut heard = self.supported.heard();
        let terms = Terms::new(offers, Arc::clone(listing), heard.as_deref())?;
        let terms = Arc::new(terms);
        self.all_terms.add(&terms);
        // Something else may have been heard while nobody knew of them.
        while let Some(now) = self.supported.heard()
            && !heard.is_some_and(|before| Arc::ptr_eq(&before, &now))
        {
            terms.prepare(&now)?;
            heard = Some(now);
        }
        Ok(terms)
    }

    /// Tells whoever keeps the books. It is told on the way of the money, and in drops, where a panic would do harm.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        panics::caught("the observer", || self.observer.observe(event));
    }
}

impl fmt::Debug for Till {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Till")
            .field("list", &self.list)
            .field("origin", &self.origin)
            .field("ledger", &self.ledger)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
