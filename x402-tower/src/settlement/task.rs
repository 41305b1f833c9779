use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::ask::{Found, LEASE_MARGIN, longest_try};
use super::attempt::Attempt;
use super::charge::{Answered, Charge};
use crate::checkout::{
    self, Admission, Handover, LastWord, Paid, Paying, Refusal, Reply, Room, Sale, Settle,
    can_settle, failed_receipt, open_receipt,
};
use crate::facilitator::{Open, Reason};
use crate::ledger::{Delivery, Fenced, Ledger as _, Receipt, Release, Token};
use crate::log::{self, Chain};
use crate::panics;
use crate::scheme::Flaw;
use crate::telemetry::Event;
use crate::till::{Limits, Till};

/// The money has moved, and its answer may go out. Only a settlement can make one.
#[derive(Debug)]
pub(crate) struct Charged {
    receipt: Receipt,
    handover: Handover,
    room: Room,
}

impl Charged {
    pub(crate) fn into_parts(self) -> (Receipt, Handover) {
        (self.receipt, self.handover)
    }
}

/// A settlement that cannot be dropped: it is part of its request as long as somebody waits for it, which saves a task, and
/// becomes a task of the home runtime when nobody does any more.
pub(crate) struct Settling(Option<Running>);

struct Running {
    settling: Pin<Box<dyn Future<Output = Result<Charged, Box<Reply>>> + Send>>,
    till: Arc<Till>,
    token: Token,
}

/// Moves the money of a sale: after the handler has answered, or before it is called.
pub(crate) fn settle(sale: Sale, answered: Option<Answered>) -> Settling {
    let Sale {
        paying,
        good,
        verified,
        claim,
        meter: _,
    } = sale;
    let till = Arc::clone(&paying.asked.policy.till);
    let terms = Arc::clone(&good.terms);
    let token = claim.token();
    let charge = Charge::new(&paying.asked.policy, verified, claim, good, answered);
    let task = till.tasks.begin();
    // Before anybody can leave: whoever has left attends to nothing any more, however far it has come.
    till.attendance
        .begin_to_settle(token, till.now() + lease(&till.limits));
    let settling = async move {
        let refusal = match run(&paying.asked.policy.till, charge).await {
            Ok((receipt, handover)) => {
                return Ok(Charged {
                    receipt,
                    handover,
                    room: paying.room,
                });
            }
            Err(refusal) => refusal,
        };
        drop((paying.room, task));
        let refused = Box::pin(paying.asked.refuse(refusal, Some(&terms)));
        Err(Box::new(refused.await))
    };
    Settling(Some(Running {
        settling: Box::pin(settling),
        till,
        token,
    }))
}

/// Admits a request that brings a payment, with the money moved already where the route wants that.
pub(crate) async fn admit(paying: Box<Paying>) -> Admission {
    let sale = match checkout::admit(paying).await {
        Admission::Serve(sale) if sale.paying.asked.policy.settle == Settle::Before => sale,
        admission => return admission,
    };
    Box::pin(settle_first(sale)).await
}

async fn settle_first(sale: Sale) -> Admission {
    let policy = Arc::clone(&sale.paying.asked.policy);
    let method = sale.paying.asked.method.clone();
    let payment = sale.payment();
    match settle(sale, None).await {
        Ok(Charged {
            receipt,
            handover,
            room,
        }) => {
            let payment = payment.with_receipt(receipt.clone());
            let task = policy.till.tasks.begin();
            Admission::Deliver(Box::new(Paid {
                policy,
                method,
                payment,
                receipt,
                handover,
                room: Some(room),
                task,
            }))
        }
        Err(reply) => Admission::Reply(reply),
    }
}

impl Future for Settling {
    type Output = Result<Charged, Box<Reply>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out, so that nothing goes on with a settlement that has panicked; it was parked on the way.
        let Some(mut running) = self.0.take() else {
            return Poll::Ready(Err(Box::new(Reply::cut_off())));
        };
        let settled = running.till.home.poll(running.settling.as_mut(), cx);
        if settled.is_pending() {
            self.0 = Some(running);
        }
        settled
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            let home = running.till.home.clone();
            // At once: whoever comes before the ledger knows must not take it for attended here.
            running.till.attendance.end(&running.token);
            home.spawn(running.go_on());
        }
    }
}

impl Running {
    /// Goes on without the request that it was for.
    async fn go_on(self) {
        let Self {
            settling,
            till,
            token,
        } = self;
        // Whatever it brings is owed from now on.
        if let Err(error) = panics::heard(till.ledger.abandon(&token)).await {
            log::warning!("a buyer left, and it could not be noted"; error = Chain(&error), key = token.key());
        }
        // A refusal has nobody to go to any more, and a handover that is dropped says that nothing has arrived.
        drop(settling.await);
    }
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.0.as_ref().map(|running| &running.token);
        f.debug_tuple("Settling").field(&token).finish()
    }
}

/// What happens rarely is boxed, so that it takes no room in what happens always.
async fn run(till: &Arc<Till>, charge: Charge) -> Result<(Receipt, Handover), Refusal> {
    let mut attempt = begin(till, charge).await?;
    let deadline = till.now() + till.limits.outcome;
    let mut pause = FIRST_PAUSE;
    // It may not be polled for so long that somebody else takes over.
    while attempt.is_ours() {
        match attempt.ask().await {
            Found::Settled(receipt) => {
                return match attempt.commit(&receipt, Delivery::Running).await {
                    Some(handover) => Ok((receipt, handover)),
                    None => Err(Refusal::InFlight),
                };
            }
            Found::Refused(reason) => return Err(Box::pin(refuse(attempt, reason)).await),
            Found::AlreadyUsed => {
                Box::pin(attempt.release()).await;
                return Err(Refusal::AlreadyUsed);
            }
            Found::Nothing => {}
        }
        if till.now() + pause > deadline {
            break;
        }
        till.clock.sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
    if attempt.open == Open::Nothing {
        Box::pin(attempt.release()).await;
        return Err(Refusal::Unavailable);
    }
    let receipt = open_receipt(attempt.intent(), attempt.transaction());
    Box::pin(attempt.park()).await;
    Err(Refusal::Parked(receipt))
}

/// Writes down that the money may move from now on, if there is time left for it.
async fn begin(till: &Arc<Till>, charge: Charge) -> Result<Attempt, Refusal> {
    let Charge {
        token,
        job,
        budgets,
    } = charge;
    let now = till.now();
    if !can_settle(job.parked.intent.valid_before, now, budgets) {
        log::warning!("a handler took so long that its answer cannot be paid for any more");
        let reason = Reason::new(job.scheme.name_flaw(Flaw::Expired));
        Box::pin(LastWord::Release(Release::Answered).say(till, token)).await;
        return Err(Refusal::NotAccepted(reason));
    }
    let lease = lease(&till.limits);
    let begun = till.ledger.begin_settlement(&token, &job.parked, lease);
    match panics::heard(begun).await {
        Ok(Fenced::Done) => Ok(Attempt::new(Arc::clone(till), token, now + lease, job)),
        Ok(Fenced::Lost) => {
            till.attendance.end(&token);
            Err(Refusal::InFlight)
        }
        Err(error) => {
            log::error!("a settlement could not be written down before it begins"; error = Chain(&error));
            Box::pin(LastWord::Release(Release::Answered).say(till, token)).await;
            Err(Refusal::Unavailable)
        }
    }
}

/// The money has not moved. Whoever is told so pays again, so the ledger has to know it: before that, whoever takes the
/// settlement over if this process dies goes on with it.
async fn refuse(attempt: Attempt, reason: Reason) -> Refusal {
    let (till, parked) = (Arc::clone(&attempt.till), Arc::clone(&attempt.job.parked));
    let intent = &parked.intent;
    let heard = attempt.release().await;
    if heard != Some(Fenced::Lost) {
        till.tell(&Event::SettlementRefused {
            intent,
            reason: &reason,
        });
    }
    if heard == Some(Fenced::Done) {
        let receipt = failed_receipt(intent, reason.as_str(), None);
        Refusal::SettlementRefused(reason, receipt)
    } else {
        Refusal::Parked(open_receipt(intent, None))
    }
}

/// For how long a settlement is this request's.
fn lease(limits: &Limits) -> Duration {
    limits.outcome + longest_try(limits) + LEASE_MARGIN
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(5);
