//! Answering with a payment that is known, to whoever has shown to have paid it.

use std::sync::Arc;
use std::time::Duration;

use super::admit::{Delivered, Paying, Step, meter, payment, unavailable};
use super::identify::Identified;
use super::known::{self, Claimant, Known};
use super::refusal::Refusal;
use super::reply::Reply;
use super::take::{self, Again};
use crate::clock::timeout;
use crate::ledger::{Found, Identity, Ledger as _, Standing};
use crate::scheme::Key;
use crate::till::Till;

/// Somebody who asks for something that is known, and how they have shown to have paid for it.
#[derive(Clone, Copy)]
pub(super) struct Payer<'a> {
    pub(super) paying: &'a Paying,
    pub(super) identified: &'a Identified,
    pub(super) claimant: Claimant,
}

impl Payer<'_> {
    /// Answers with something older; nothing if it is not owed any more.
    pub(super) async fn answer_older(&self, older: Key) -> Result<Option<Step>, Refusal> {
        let identity = Identity {
            key: older,
            ..self.identified.identity.clone()
        };
        // It took a while to prove who asks, and much can have happened.
        let found = self
            .till()
            .ledger
            .find(&identity)
            .await
            .map_err(|error| unavailable(&error))?;
        let Some(found) = found else { return Ok(None) };
        match self.answer(&identity, found).await {
            // It has been delivered by now, or another body makes another request: this is a new purchase.
            Err(Refusal::AlreadySettled(_) | Refusal::OtherRequest(_)) => Ok(None),
            other => other,
        }
    }

    /// Answers with what is known of a payment; nothing if it has become free to claim.
    pub(super) async fn answer(
        &self,
        identity: &Identity,
        found: Found,
    ) -> Result<Option<Step>, Refusal> {
        let till = self.till();
        let deadline = till.now() + till.limits.wait;
        let mut found = found;
        let mut denied = false;
        loop {
            match known::decide(
                &found,
                self.claimant,
                &self.paying.body,
                self.paying.asked.is_safe(),
            ) {
                Known::Refuse(refusal) => return Err(refusal),
                Known::CompareBody(first) => return Ok(Some(Step::CompareBody(first))),
                Known::Answer(answer, receipt) => {
                    let age = till.now().saturating_sub(answer.given_at()).as_secs();
                    let mut reply = Reply::kept(&answer, &receipt, self.paying.version, age);
                    match self.take(identity.key).await? {
                        // If this is the first time that it arrives, that has to be noted.
                        Again::Granted(handover) => reply.handover = Some(handover),
                        // Another request of theirs is getting it, so this one is a new purchase.
                        Again::Busy | Again::Denied if self.claimant == Claimant::SamePayer => {
                            return Ok(None);
                        }
                        Again::Busy | Again::Denied => {}
                    }
                    return Ok(Some(Step::Reply(Box::new(reply))));
                }
                Known::Rerun(receipt, amount) => {
                    // Before it is taken, or a run would be lost that nobody had.
                    let seat = till.flights.board(&self.identified.authorization.payer);
                    let seat = seat.ok_or(Refusal::TooManyOfPayer)?;
                    match self.take(identity.key).await? {
                        Again::Granted(handover) => {
                            let meter = meter(self.paying, self.identified);
                            let told = Some(receipt.clone());
                            let payment =
                                payment(self.paying, self.identified, amount, told, meter);
                            let delivered = Delivered {
                                receipt,
                                handover: *handover,
                                payment,
                                seat,
                            };
                            return Ok(Some(Step::Deliver(Box::new(delivered))));
                        }
                        Again::Denied if denied => return Err(Refusal::Gone(receipt)),
                        // Another request of theirs may have got it since this was looked up.
                        Again::Denied => denied = true,
                        Again::Busy => {}
                    }
                }
                Known::Wait => {}
            }
            match self.wait(identity, deadline).await? {
                Some(changed) => found = changed,
                None => return Ok(None),
            }
        }
    }

    async fn take(&self, key: Key) -> Result<Again, Refusal> {
        let delivered = self.claimant == Claimant::SamePayment;
        take::rerun(self.till(), key, delivered)
            .await
            .map_err(|error| unavailable(&error))
    }

    /// Waits until nobody works on a payment any more, and says how it stands then.
    async fn wait(
        &self,
        identity: &Identity,
        deadline: Duration,
    ) -> Result<Option<Found>, Refusal> {
        let till = self.till();
        let listener = till.flights.listen(identity.key).ok_or(Refusal::InFlight)?;
        loop {
            let changed = listener.changed();
            let found = till
                .ledger
                .find(identity)
                .await
                .map_err(|error| unavailable(&error))?;
            let is_in_flight = |found: &Found| {
                matches!(found.standing, Standing::InFlight)
                    || till.attendance.has(&identity.key, till.now())
            };
            if !found.as_ref().is_some_and(is_in_flight) {
                return Ok(found);
            }
            let left = deadline.saturating_sub(till.now());
            if left.is_zero() {
                return Err(Refusal::InFlight);
            }
            // Changes in other processes are not heard.
            let _ = timeout(&*till.clock, left.min(POLL), changed).await;
        }
    }

    fn till(&self) -> &Arc<Till> {
        &self.paying.asked.policy.till
    }
}

const POLL: Duration = Duration::from_millis(500);
