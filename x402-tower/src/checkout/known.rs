//! What to do with a payment that is known. Pure: from what the ledger says to what happens next.

use super::refusal::Refusal;
use crate::ledger::{
    BodyDigest, Delivery, Found, Intent, KeptAnswer, Parked, Receipt, Settled, Standing, Unresolved,
};
use crate::money::Amount;
use crate::proto::SettleResponse;

/// What to do with a payment that is known.
#[derive(Debug)]
pub(super) enum Known {
    /// Wait for whoever is working on it.
    Wait,
    /// Refuse.
    Refuse(Refusal),
    /// Compare the body of the request with this first.
    CompareBody(BodyDigest),
    /// Give the kept answer.
    Answer(KeptAnswer, Receipt),
    /// Produce the answer once more.
    Rerun(Receipt, Amount),
}

/// How the one who asks has shown to be the one who paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claimant {
    /// By the payment itself, with the reference of the challenge.
    SamePayment,
    /// By another signature of the same payer.
    SamePayer,
}

/// What is known of the request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// There is none.
    Empty,
    /// It is part of what is asked for, and what is asked for has been compared.
    Bound,
    /// There is one, and this is what it has been compared with: usually nothing, once if a payment comes again, and more
    /// often only if several are owed.
    There(Vec<Compared>),
}

/// A body that was compared with an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) first: BodyDigest,
    /// Whether it begins with that, or is that if that is complete.
    pub(crate) is_same: bool,
}

pub(super) fn decide(found: &Found, claimant: Claimant, body: &Body, safe: bool) -> Known {
    let receipt = match &found.standing {
        Standing::Settled(settled) => Some(settled.receipt.clone()),
        Standing::InFlight | Standing::Parked(_) | Standing::Unresolved(_) => None,
    };
    if claimant == Claimant::SamePayment && !found.same_proof {
        return Known::Refuse(Refusal::Conflict(receipt));
    }
    if !found.same_request {
        return Known::Refuse(Refusal::OtherRequest(receipt));
    }
    match &found.standing {
        Standing::InFlight => Known::Wait,
        Standing::Parked(parked) => match compare(parked.body, body) {
            Some(next) => next,
            None => Known::Refuse(Refusal::Parked(receipt_of_parked(parked))),
        },
        Standing::Unresolved(unresolved) => {
            Known::Refuse(Refusal::Unresolved(receipt_of_unresolved(unresolved)))
        }
        Standing::Settled(settled) => {
            if claimant == Claimant::SamePayment && !found.same_reference {
                return Known::Refuse(Refusal::AlreadySettled(settled.receipt.clone()));
            }
            match compare(settled.body, body) {
                Some(Known::Refuse(_)) => {
                    Known::Refuse(Refusal::OtherRequest(Some(settled.receipt.clone())))
                }
                Some(next) => next,
                None => answer(settled, claimant, safe),
            }
        }
    }
}

/// What has to happen before two bodies count as one.
pub(super) fn compare(first: BodyDigest, body: &Body) -> Option<Known> {
    let compared = match body {
        Body::Bound => return None,
        Body::Empty => {
            return (first.length > 0).then_some(Known::Refuse(Refusal::OtherRequest(None)));
        }
        Body::There(compared) => compared,
    };
    match compared.iter().find(|compared| compared.first == first) {
        Some(Compared { is_same: true, .. }) => None,
        Some(Compared { is_same: false, .. }) => Some(Known::Refuse(Refusal::OtherRequest(None))),
        // A handler that has read nothing does not care.
        None if first.length == 0 && !first.complete => None,
        None => Some(Known::CompareBody(first)),
    }
}

/// What a buyer gets who has paid and shown it.
fn answer(settled: &Settled, claimant: Claimant, safe: bool) -> Known {
    let receipt = settled.receipt.clone();
    match (&settled.answer, settled.delivery) {
        // Handed over to a connection is not arrived. Whoever comes with the very same payment may have lost it on the
        // way; whoever signs anew wants it anew.
        (_, Delivery::Delivered) if claimant == Claimant::SamePayer => {
            Known::Refuse(Refusal::AlreadySettled(receipt))
        }
        (Some(answer), _) => Known::Answer(answer.clone(), receipt),
        (None, Delivery::Delivered) if safe => Known::Rerun(receipt, settled.amount),
        (None, Delivery::Delivered) => Known::Refuse(Refusal::AlreadySettled(receipt)),
        // A handler that changes things runs once, and once more only if it has not finished the first time.
        (None, Delivery::Running | Delivery::Undelivered) if safe || !settled.answered => {
            Known::Rerun(receipt, settled.amount)
        }
        (None, Delivery::Running | Delivery::Undelivered) => Known::Refuse(Refusal::Gone(receipt)),
    }
}

/// What a buyer is told while the outcome is unknown.
fn receipt_of_parked(parked: &Parked) -> Receipt {
    open_receipt(&parked.intent, parked.transaction.as_deref())
}

fn receipt_of_unresolved(unresolved: &Unresolved) -> Receipt {
    let Unresolved {
        intent,
        transaction,
        ..
    } = unresolved;
    failed_receipt(intent, "settlement_unresolved", transaction.as_deref())
}

/// The receipt of a settlement of which nobody knows yet how it ends.
pub(crate) fn open_receipt(intent: &Intent, transaction: Option<&str>) -> Receipt {
    let reason = if transaction.is_some() {
        "settlement_pending"
    } else {
        "settlement_unknown"
    };
    failed_receipt(intent, reason, transaction)
}

/// The receipt of a settlement that has not succeeded, or not yet.
pub(crate) fn failed_receipt(intent: &Intent, reason: &str, transaction: Option<&str>) -> Receipt {
    let mut answer = SettleResponse::failed(intent.network.to_string(), Some(reason.to_owned()));
    answer.payer = Some(intent.payer.to_string());
    answer.transaction = transaction.unwrap_or_default().to_owned();
    Receipt::new(answer)
}
