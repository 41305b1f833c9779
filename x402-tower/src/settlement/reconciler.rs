//! Finds out later what could not be found out at once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::ask::Found;
use super::attempt::Attempt;
use super::charge::Job;
use crate::clock::timeout;
use crate::facilitator::Open;
use crate::ledger::{Delivery, Due, Intent, Ledger as _, Parked, Token};
use crate::log::{self, Chain};
use crate::scheme::Scheme;
use crate::telemetry::Event;
use crate::till::Till;

/// Looks after what is parked, as long as the till exists.
pub(crate) fn start(till: &Arc<Till>) {
    let weak = Arc::downgrade(till);
    let reconcile = Arc::clone(&till.reconcile);
    let clock = Arc::clone(&till.clock);
    till.home.spawn(async move {
        let mut pause = IDLE;
        loop {
            // Woken by whatever is parked, and now and then.
            let _ = timeout(&*clock, pause, reconcile.notified()).await;
            let Some(till) = Weak::upgrade(&weak) else {
                return;
            };
            pause = look_after(&till).await;
        }
    });
}

/// Looks after what is due; says how soon there may be more.
async fn look_after(till: &Arc<Till>) -> Duration {
    let due = match till.ledger.due(AT_ONCE, LEASE).await {
        Ok(due) => due,
        Err(error) => {
            log::warning!("the ledger does not say what is due"; error = Chain(&error));
            return BUSY;
        }
    };
    let is_all = due.len() < AT_ONCE;
    for due in due {
        let _task = till.tasks.begin();
        match due {
            Due::Attempt(token, parked) => {
                till.tasks.unparked();
                attempt(till, token, parked).await;
            }
            Due::Refund(settled) => {
                log::error!("a payment was charged and never served, and its time is over"; transaction = settled.receipt.transaction());
                let (receipt, amount) = (&settled.receipt, settled.amount);
                till.tell(&Event::OwedRefund { receipt, amount });
            }
        }
    }
    match till.tasks.how_many_parked() {
        _ if !is_all => Duration::ZERO,
        0 => IDLE,
        _ => BUSY,
    }
}

async fn attempt(till: &Arc<Till>, token: Token, parked: Arc<Parked>) {
    let Some(scheme) = scheme(till, &parked.intent) else {
        log::error!("a parked payment is of a scheme that is not known any more"; scheme = parked.intent.scheme);
        return;
    };
    let tries = parked.attempts.saturating_add(1);
    let open = parked
        .transaction
        .clone()
        .map_or(Open::Unknown, Open::Pending);
    let job = Job {
        usable_until: Duration::from_secs(parked.intent.valid_before),
        scheme,
        parked,
    };
    let mut attempt = Attempt::resume(Arc::clone(till), token, job, open, tries);
    match attempt.ask().await {
        Found::Settled(receipt) => {
            // Nobody waits for it: whoever asks next gets it.
            if attempt
                .commit(&receipt, Delivery::Undelivered)
                .await
                .is_none()
            {
                log::warning!("a parked payment was taken over while it was settled"; key = token.key());
            }
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

const AT_ONCE: usize = 64;
const LEASE: Duration = Duration::from_secs(120);
const IDLE: Duration = Duration::from_secs(30);
/// Unlike the pauses of settlements in their requests, so that tests can tell who sleeps.
const BUSY: Duration = Duration::from_millis(1500);
/// How long after a payment has ended its transaction may still turn up.
const AFTER_THE_END: Duration = Duration::from_secs(600);
