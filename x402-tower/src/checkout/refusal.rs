use crate::facilitator::Reason;
use crate::ledger::Receipt;

/// Why a request is not served. Every exit but the served one is one of these, and [`reply`](super::reply) is the one
/// table that says what each of them looks like.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no payment.
    PaymentRequired,
    /// The payment header is no payment; what it is instead, in our words.
    Unreadable(&'static str),
    /// The payment header is too large.
    HeaderTooLarge,
    /// The body is too large to be bound to the payment, or compared with an earlier one.
    BodyTooLarge,
    /// The payment does not do for this request.
    NotAccepted(Reason),
    /// The buyer has to allow Permit2 first.
    AllowanceRequired(Reason),
    /// The facilitator or the ledger does not answer, and nothing has happened.
    Unavailable,
    /// There is too much to do.
    Busy,
    /// The server is about to stop.
    Stopping,
    /// There is too much to do for this payer.
    TooManyOfPayer,
    /// Somebody else is working on this payment.
    InFlight,
    /// Other bytes claim to be a payment that is known.
    Conflict(Option<Receipt>),
    /// The payment was made for another request.
    OtherRequest(Option<Receipt>),
    /// The payment is settled, and who asks has not shown to be who paid; or it has been delivered.
    AlreadySettled(Receipt),
    /// The payment is used up, and not by us.
    AlreadyUsed,
    /// Too many runs for this payment ended without an answer.
    TooManyAborted,
    /// The money may have moved; it is being found out.
    Parked(Receipt),
    /// The money may have moved, and it will not be found out.
    Unresolved(Receipt),
    /// The payment is settled, and there is nothing any more that could be delivered for it.
    Gone(Receipt),
    /// The settlement was refused.
    SettlementRefused(Reason, Receipt),
    /// The seller has made a mistake.
    Misconfigured,
}
