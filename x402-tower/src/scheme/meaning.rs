/// What it proves when a facilitator says that a settlement has failed for some reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Meaning {
    /// It was decided before anything was sent to the chain.
    NotSent,
    /// It was sent, included and undone; only if a transaction is named.
    Reverted,
    /// What may be used once is used up: by a charge, or because the buyer cancelled it. Which of the two is not said.
    AlreadyUsed,
    /// Nothing: the money may have moved.
    Nothing,
}
