use std::time::Duration;

/// How a facilitator misbehaves, on the next call of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It answers late.
    Delay(Duration),
    /// It says no, for this reason, and does nothing.
    Refuse(String),
    /// It acts, and the answer gets lost.
    LoseAnswer,
    /// The request gets lost: it does not act, and nobody knows.
    LoseRequest,
    /// It cannot be reached.
    Unreachable,
    /// It moves the money, and then reports an exception as a failure without a transaction.
    FailAfterBroadcast,
    /// It sends the transaction, and reports it as pending so many times before it reports it as settled.
    Pending(u32),
    /// It sends the transaction, and the chain undoes it.
    Revert,
    /// The buyer cancels the payment just before.
    CancelFirst,
    /// It acts, and answers for another network.
    WrongNetwork,
    /// It acts, and answers with something that is no answer.
    Garbage,
    /// It acts, and a proxy in front of it answers with a page.
    Html,
    /// It never answers, and does not act.
    Hang,
}
