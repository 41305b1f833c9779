//! Claiming a payment, unless something older goes first: what the same buyer has paid for the same request and not got.

use std::time::Duration;

use super::admit::{Good, Paying, Step, unavailable};
use super::guard::Claim;
use super::known::{self, Claimant, Known};
use super::payer::Payer;
use super::refusal::Refusal;
use super::take::{self, Taken};
use super::verify::verify;
use crate::clock::timeout;
use crate::facilitator::Expected;
use crate::ledger::{self, ATTENDED_FOR};
use crate::scheme::Key;
use crate::till::Till;

pub(super) enum First {
    /// This payment.
    Claim(Claim),
    /// What is known, of this payment or of something older.
    Step(Step),
}

pub(super) async fn claim(
    paying: &Paying,
    good: &Good,
    expected: &Expected<'_>,
) -> Result<First, Refusal> {
    let policy = &paying.asked.policy;
    let till = &policy.till;
    let identified = &good.identified;
    let mut request = ledger::Claim::new(
        identified.identity.clone(),
        good.usable_until.saturating_sub(till.now()),
        good.usable_until,
    );
    request.owed = policy.owed;
    let same_payer = Payer {
        paying,
        identified,
        claimant: Claimant::SamePayer,
    };
    let mut payer_proved = false;
    let mut watch = None;
    loop {
        let taken = take::claim(till, &request)
            .await
            .map_err(|error| unavailable(&error))?;
        let passed = match taken {
            Taken::Ours(claim) => return Ok(First::Claim(claim)),
            Taken::Exhausted => return Err(Refusal::TooManyAborted),
            Taken::Known(found) => {
                let same_payment = Payer {
                    claimant: Claimant::SamePayment,
                    ..same_payer
                };
                let answer = same_payment.answer(&identified.identity, found);
                if let Some(step) = Box::pin(answer).await? {
                    return Ok(First::Step(step));
                }
                continue;
            }
            // This process attends to it, and lives.
            Taken::Owed(older) | Taken::Attended(older, _)
                if till.attendance.has(&older, till.now()) =>
            {
                older
            }
            // The buyer signs anew for what was paid for and not delivered, or may have been. Anybody can say that.
            Taken::Owed(_) | Taken::Attended(..) if !payer_proved => {
                match Box::pin(verify(till, &good.call, expected)).await {
                    Err(rejected) if !rejected.payer_proved => return Err(rejected.refusal),
                    _ => payer_proved = true,
                }
                continue;
            }
            Taken::Owed(older) => {
                if let Some(step) = Box::pin(same_payer.answer_older(older)).await? {
                    return Ok(First::Step(step));
                }
                older
            }
            Taken::Attended(older, body) => match known::compare(body, &paying.body) {
                Some(Known::CompareBody(first)) => {
                    return Ok(First::Step(Step::CompareBody(first)));
                }
                Some(_) => older,
                None => {
                    let watch = Watch::of(older, &mut watch, till.now());
                    if Box::pin(watch.look_away(till)).await? {
                        continue;
                    }
                    older
                }
            },
        };
        // There may be more of it. It ends, even if the ledger does not listen.
        request.passed.push(passed);
        request.owed = request.passed.len() < MOST_PASSED;
    }
}

/// Something that a process elsewhere attends to. If it is attended to for longer than one word of that lasts, they live.
#[derive(Clone, Copy)]
struct Watch {
    older: Key,
    until: Duration,
}

impl Watch {
    fn of(older: Key, last: &mut Option<Self>, now: Duration) -> Self {
        match last {
            Some(watch) if watch.older == older => *watch,
            _ => *last.insert(Self {
                older,
                until: now + ATTENDED_FOR + A_BIT,
            }),
        }
    }

    /// Lets some time pass. Says whether there was any left.
    async fn look_away(self, till: &Till) -> Result<bool, Refusal> {
        let left = self.until.saturating_sub(till.now());
        if left.is_zero() {
            return Ok(false);
        }
        let listener = till.flights.listen(self.older).ok_or(Refusal::InFlight)?;
        // What happens elsewhere is not heard.
        let _ = timeout(&*till.clock, left.min(PAUSE), listener.changed()).await;
        Ok(true)
    }
}

/// How many older payments a new one passes by, until it is one more purchase.
const MOST_PASSED: usize = 8;
const PAUSE: Duration = Duration::from_millis(500);
/// Ledgers may count in whole seconds.
const A_BIT: Duration = Duration::from_secs(1);
