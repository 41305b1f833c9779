//! One try to move the money, or to find out whether it has moved.

use std::time::Duration;

use super::attempt::Attempt;
use super::witness::Testimony;
use crate::checkout::failed_receipt;
use crate::clock::{Elapsed, timeout};
use crate::facilitator::{
    Expected, Facilitator as _, FacilitatorError, Open, Reason, Settlement, Verification,
};
use crate::ledger::Receipt;
use crate::log::{self, Chain};
use crate::proto::SettleResponse;
use crate::telemetry::Event;
use crate::till::Limits;

/// What a try has brought.
#[derive(Debug)]
pub(super) enum Found {
    /// The money has moved.
    Settled(Receipt),
    /// The money has not moved and will not, for this reason.
    Refused(Reason),
    /// What may be used once is used up, and not by us.
    AlreadyUsed,
    /// Nothing yet. What is open is in the attempt.
    Nothing,
}

/// What the facilitator alone has brought.
enum Noted {
    Found(Found),
    /// Somebody else may know. It may be probable that the money has moved.
    Open {
        is_probable: bool,
    },
}

impl Attempt {
    /// Asks the facilitator, and whoever else may know.
    pub(super) async fn ask(&mut self) -> Found {
        let settlement = match self.judge(self.settle().await) {
            Some(settlement) => settlement,
            None => Box::pin(self.verify_and_settle()).await,
        };
        let is_probable = match self.take_note(settlement) {
            Noted::Found(found) => return found,
            Noted::Open { is_probable } => is_probable,
        };
        match Box::pin(self.witnessed()).await {
            Some(found) => found,
            None if is_probable => self.believe(),
            None => Found::Nothing,
        }
    }

    /// What an answer proves; nothing if it is that the payment has to be verified first. Some facilitators settle only
    /// what they have just verified, a repeat as well.
    fn judge(&self, answer: Result<SettleResponse, FacilitatorError>) -> Option<Settlement> {
        match &answer {
            Ok(answer) if self.open != Open::Nothing && wants_verification(answer) => None,
            _ => Some(Settlement::judge(answer, &self.expected(), &self.open)),
        }
    }

    fn take_note(&mut self, settlement: Settlement) -> Noted {
        match settlement {
            Settlement::Settled(answer) => {
                return Noted::Found(Found::Settled(self.receipt(answer)));
            }
            Settlement::Refused(reason) => return Noted::Found(Found::Refused(reason)),
            Settlement::AlreadyUsed => return Noted::Found(Found::AlreadyUsed),
            Settlement::NotSent(error) => {
                log::warning!("a settlement could not be asked for"; error = Chain(&error));
                return Noted::Found(Found::Nothing);
            }
            Settlement::ProbablySettled => return Noted::Open { is_probable: true },
            Settlement::Pending(transaction) => self.open = Open::Pending(transaction),
            Settlement::Unknown(error) => {
                if let Some(error) = &error {
                    log::warning!("the outcome of a settlement is unknown"; error = Chain(error));
                }
                if self.open == Open::Nothing {
                    self.open = Open::Unknown;
                }
            }
        }
        Noted::Open { is_probable: false }
    }

    async fn verify_and_settle(&self) -> Settlement {
        match self.verify().await {
            Verification::Valid if self.is_ours() => {
                Settlement::judge(self.settle().await, &self.expected(), &self.open)
            }
            Verification::Valid => Settlement::Unknown(None),
            Verification::AlreadyUsed => Settlement::ProbablySettled,
            // After a try of ours, no refusal proves anything.
            Verification::Invalid { .. } => Settlement::Unknown(None),
            Verification::Unavailable(error) => Settlement::Unknown(Some(error)),
        }
    }

    async fn settle(&self) -> Result<SettleResponse, FacilitatorError> {
        let till = &self.till;
        let asked = till.facilitator.settle(&self.intent().call);
        timeout(&*till.clock, till.limits.settle, asked)
            .await
            .unwrap_or_else(|Elapsed| Err(FacilitatorError::timed_out()))
    }

    async fn verify(&self) -> Verification {
        let answer = match self.intent().verification() {
            Ok(call) => self.till.verify(&call).await,
            Err(error) => Err(FacilitatorError::not_sent(error)),
        };
        Verification::judge(answer, &self.expected())
    }

    fn expected(&self) -> Expected<'_> {
        let intent = self.intent();
        Expected::new(
            &*self.job.scheme,
            &intent.network,
            &intent.payer,
            intent.amount,
        )
    }

    /// What the chain itself says, if there is somebody to look.
    async fn witnessed(&self) -> Option<Found> {
        let till = &self.till;
        let looking = till
            .witness
            .as_ref()?
            .look(self.intent(), self.transaction());
        // Who never answers must not hold up what others may know.
        let testimony = timeout(&*till.clock, till.limits.verify, looking)
            .await
            .unwrap_or_else(|Elapsed| Err("it took too long".into()));
        match testimony {
            Ok(Testimony::Charged { transaction }) => {
                let network = self.intent().network.to_string();
                let payer = self.intent().payer.to_string();
                let answer = SettleResponse::settled(network, payer, transaction);
                Some(Found::Settled(self.receipt(answer)))
            }
            Ok(Testimony::NeverCharged) => Some(Found::AlreadyUsed),
            Ok(Testimony::Unknown) => None,
            Err(error) => {
                log::warning!("the chain could not be looked at"; error = Chain(&*error));
                None
            }
        }
    }

    /// It is probable that our own try has used the payment up. A buyer who cancelled it in time looks the same. Small
    /// amounts are served on that belief, once for each payer.
    fn believe(&self) -> Found {
        let till = &self.till;
        if !self.job.parked.may_be_unconfirmed
            || !till.beliefs.believe(&self.intent().payer, till.now())
        {
            return Found::Nothing;
        }
        till.tell(&Event::Unconfirmed {
            intent: self.intent(),
        });
        Found::Settled(failed_receipt(
            self.intent(),
            "settlement_unconfirmed",
            self.transaction(),
        ))
    }

    /// The facilitator's word, as it is passed on: complete, and without what is only for the seller.
    fn receipt(&self, mut answer: SettleResponse) -> Receipt {
        answer.error_message = None;
        answer.rest.remove("extensionResponses");
        let network = &self.intent().network;
        if !network.is_spelled(&answer.network) {
            answer.network = network.to_string();
        }
        answer
            .payer
            .get_or_insert_with(|| self.intent().payer.to_string());
        if self.job.scheme.is_metered() {
            answer.amount.get_or_insert(self.intent().amount);
        }
        Receipt::new(answer)
    }
}

/// How much longer somebody has a settlement than it can take.
pub(super) const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// How long it takes at the most to ask once: to settle, verify, settle again, and look at the chain.
pub(super) fn longest_try(limits: &Limits) -> Duration {
    (limits.settle + limits.verify) * 2
}

fn wants_verification(answer: &SettleResponse) -> bool {
    let says = |text: &Option<String>| {
        text.as_deref().is_some_and(|text| {
            let text = text.to_ascii_lowercase();
            text.contains("must be verified") || text.contains("verified before")
        })
    };
    !answer.success && (says(&answer.error_reason) || says(&answer.error_message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_a_verification_says_so_as_a_reason_or_in_a_message() {
        let failed = |text: &str| SettleResponse::failed("base", Some(text.to_owned()));
        for (text, wants) in [
            ("Payment must be verified before settlement", true),
            ("the payment MUST BE VERIFIED first", true),
            ("not verified before", true),
            ("the payment was verified", false),
            ("", false),
        ] {
            assert_eq!(wants_verification(&failed(text)), wants, "{text}");
            let mut message = failed("unexpected_settle_error");
            message.error_message = Some(text.to_owned());
            assert_eq!(wants_verification(&message), wants, "{text}");
            message.success = true;
            assert!(!wants_verification(&message));
        }
    }
}
