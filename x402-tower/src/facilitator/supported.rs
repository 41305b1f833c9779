use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Facilitator as _, FacilitatorError, SharedFacilitator};
use crate::clock::{Clock, Elapsed, timeout};
use crate::home::Home;
use crate::lock::lock;
use crate::log::{self, Chain};
use crate::panics;
use crate::proto::SupportedResponse;

/// What the facilitator can do, as it was last heard.
///
/// Nobody waits for it: what was heard stays good while a single request, in the background, asks again. A facilitator
/// that does not answer is asked less and less often.
pub(crate) struct Supported {
    facilitator: SharedFacilitator,
    clock: Arc<dyn Clock>,
    home: Home,
    heard: Mutex<Option<Arc<SupportedResponse>>>,
    /// When to ask next, in milliseconds since 1970.
    ask_at: AtomicU64,
    asking: AtomicBool,
    failures: AtomicU64,
    changed: Box<dyn Fn(&SupportedResponse) + Send + Sync>,
    /// Somebody waits for the first word.
    news: Notify,
}

const FRESH_FOR: Duration = Duration::from_secs(600);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

impl Supported {
    /// Asks `facilitator` from now on, and says when something has `changed`.
    pub(crate) fn new(
        facilitator: SharedFacilitator,
        clock: Arc<dyn Clock>,
        home: Home,
        changed: impl Fn(&SupportedResponse) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            facilitator,
            clock,
            home,
            heard: Mutex::default(),
            ask_at: AtomicU64::new(0),
            asking: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            changed: Box::new(changed),
            news: Notify::new(),
        })
    }

    /// What was heard last.
    pub(crate) fn heard(&self) -> Option<Arc<SupportedResponse>> {
        lock(&self.heard).clone()
    }

    /// Waits until anything was heard.
    pub(crate) async fn wait(self: &Arc<Self>) {
        loop {
            let news = self.news.notified();
            if self.heard().is_some() {
                return;
            }
            self.refresh(self.clock.now());
            // One that has not answered is asked again.
            let _ = timeout(&*self.clock, FIRST_RETRY, news).await;
        }
    }

    /// Sees to it that what is heard is not too old. Costs nothing while it is not.
    pub(crate) fn refresh(self: &Arc<Self>, now: Duration) {
        if (now.as_millis() as u64) < self.ask_at.load(Ordering::Relaxed)
            || self.asking.swap(true, Ordering::Acquire)
        {
            return;
        }
        let this = Arc::clone(self);
        self.home.spawn(async move { this.ask().await });
    }

    async fn ask(&self) {
        let _asking = Asking(&self.asking);
        let asked = panics::caught_in("the facilitator", self.facilitator.supported());
        let answer = match timeout(&*self.clock, TIMEOUT, asked).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(FacilitatorError::lost("it has panicked")),
            Err(Elapsed) => Err(FacilitatorError::timed_out()),
        };
        let next = match answer {
            Ok(answer) => {
                self.failures.store(0, Ordering::Relaxed);
                self.hear(answer);
                FRESH_FOR
            }
            Err(error) => {
                log::warning!("the facilitator does not say what it supports"; error = Chain(&error));
                let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(16) as u32;
                FIRST_RETRY.saturating_mul(1 << failures).min(LAST_RETRY)
            }
        };
        let at = self.clock.now() + next;
        self.ask_at.store(at.as_millis() as u64, Ordering::Relaxed);
    }

    fn hear(&self, answer: SupportedResponse) {
        if self.heard().as_deref() == Some(&answer) {
            return;
        }
        let answer = Arc::new(answer);
        // First of all, so that whoever begins to listen now has heard it or is told.
        *lock(&self.heard) = Some(Arc::clone(&answer));
        (self.changed)(&answer);
        self.news.notify_waiters();
    }
}

/// Somebody is asking, until this is dropped.
struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supported")
            .field("heard", &self.heard())
            .finish_non_exhaustive()
    }
}
