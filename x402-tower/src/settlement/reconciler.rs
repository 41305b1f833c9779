//! Finds out later what could not be found out at once.

use std::iter;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ask::{Found, LEASE_MARGIN, longest_try};
use super::attempt::{Attempt, give_up, park, put_off};
use super::charge::Job;
use crate::clock::timeout;
use crate::facilitator::Open;
use crate::ledger::{Delivery, Due, Intent, Ledger as _, Parked, Settled, Token};
use crate::log::{self, Chain};
use crate::panics;
use crate::scheme::Scheme;
use crate::telemetry::Event;
use crate::till::Till;

/// Looks after what is parked, as long as the till exists.
pub(crate) fn start(till: &Arc<Till>) {
    let weak = Arc::downgrade(till);
    let reconcile = Arc::clone(&till.reconcile);
    let clock = Arc::clone(&till.clock);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    till.home.spawn(async move {
        let mut pause = IDLE;
        loop {
            // Woken by whatever is parked, and now and then.
            let _ = timeout(&*clock, pause, reconcile.notified()).await;
            let Some(till) = Weak::upgrade(&weak) else {
                return;
            };
            let more = panics::caught_in("the ledger", look_after(&till, &places)).await;
            pause = if more.unwrap_or(true) { BUSY } else { IDLE };
        }
    });
}

/// Begins to look after everything that is due, a few at once; says whether there may be more soon.
async fn look_after(till: &Arc<Till>, places: &Arc<Semaphore>) -> bool {
    loop {
        // No more is asked for than can be begun: what waits loses its lease, and is nobody's meanwhile.
        let free = free(places).await;
        let lease = longest_try(&till.limits) + LEASE_MARGIN;
        let now = till.now();
        let until = now + lease;
        let seller = till.origin.name().map(|name| &**name);
        let due = match till.ledger.due(seller, free.len(), lease).await {
            Ok(due) => due,
            Err(error) => {
                log::warning!("the ledger does not say what is due"; error = Chain(&error));
                return true;
            }
        };
        let is_all = due.len() < free.len();
        for (due, place) in due.into_iter().zip(free) {
            match due {
                Due::Attempt(token, parked) => begin(till, token, parked, until, place),
                Due::Refund(settled) => tell_refund(till, &settled),
            }
        }
        if is_all {
            till.tasks.all_given(now);
            return till.tasks.how_many_parked() > 0;
        }
    }
}

/// Waits until a place is free, and takes all that are.
async fn free(places: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
    // Nobody closes it.
    let first = Arc::clone(places).acquire_owned().await.ok();
    let more = iter::from_fn(|| Arc::clone(places).try_acquire_owned().ok());
    first.into_iter().chain(more).collect()
}

/// Looks after one payment in a task of its own, so that it holds up no other.
fn begin(
    till: &Arc<Till>,
    token: Token,
    parked: Arc<Parked>,
    until: Duration,
    place: OwnedSemaphorePermit,
) {
    // In this order, so that whoever drains sees it as one of both.
    let (till, task) = (Arc::clone(till), till.tasks.begin());
    till.tasks.unparked(token.key());
    let home = till.home.clone();
    home.spawn(async move {
        attempt(&till, token, parked, until).await;
        drop((task, place));
    });
}

fn tell_refund(till: &Till, settled: &Settled) {
    log::error!("a payment was charged and never served, and its time is over"; transaction = settled.receipt.transaction());
    let (receipt, amount) = (&settled.receipt, settled.amount);
    till.tell(&Event::OwedRefund { receipt, amount });
}

async fn attempt(till: &Arc<Till>, token: Token, parked: Arc<Parked>, until: Duration) {
    let tries = parked.attempts.saturating_add(1);
    let Some(scheme) = scheme(till, &parked.intent) else {
        log::error!("a parked payment is of a scheme that is not known any more"; scheme = parked.intent.scheme);
        // Another server of this seller may know it, and in the end somebody has to look.
        return if is_over(till, &parked.intent) {
            give_up(till, token, &parked).await;
        } else {
            park(till, token, Arc::new(put_off(till, &parked, tries))).await;
        };
    };
    let open = parked
        .transaction
        .clone()
        .map_or(Open::Unknown, Open::Pending);
    let job = Job {
        usable_until: Duration::from_secs(parked.intent.valid_before),
        scheme,
        parked,
    };
    let mut attempt = Attempt::resume(Arc::clone(till), token, until, job, open, tries);
    if !attempt.is_ours() {
        return attempt.park().await;
    }
    // Whoever panics has said nothing.
    let found = panics::caught_in("whoever knows of settlements", attempt.ask()).await;
    match found.unwrap_or(Found::Nothing) {
        Found::Settled(receipt) => {
            // Nobody waits for it: whoever asks next gets it.
            drop(attempt.commit(&receipt, Delivery::Undelivered).await);
        }
        Found::Refused(_) | Found::AlreadyUsed => {
            attempt.release().await;
        }
        Found::Nothing if is_over(till, attempt.intent()) => attempt.give_up().await,
        Found::Nothing => attempt.park().await,
    }
}

/// Whether nothing more can happen to a payment.
fn is_over(till: &Till, intent: &Intent) -> bool {
    let ended = Duration::from_secs(intent.valid_before);
    till.now() > ended.saturating_add(AFTER_THE_END)
}

fn scheme(till: &Till, intent: &Intent) -> Option<Arc<dyn Scheme>> {
    let mut assets = till.list.registry.assets(&intent.network);
    assets.find_map(|asset| till.list.scheme(Some(&intent.scheme), asset))
}

/// How many payments are looked after at the same time.
const AT_ONCE: usize = 8;
const IDLE: Duration = Duration::from_secs(30);
/// Unlike the pauses of settlements in their requests, so that tests can tell who sleeps.
const BUSY: Duration = Duration::from_millis(1500);
/// How long after a payment has ended its transaction may still turn up.
const AFTER_THE_END: Duration = Duration::from_secs(600);
