/// What is wrong with a payment that has the right shape, found without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// Another amount than the offer's.
    Amount,
    /// Another payee than the offer's.
    Recipient,
    /// Another token than the offer's.
    Asset,
    /// Moved in another way than the offer's.
    Transfer,
    /// Signed for another contract than the one that settles.
    Spender,
    /// Signed for another facilitator than the one that was offered.
    Facilitator,
    /// Not valid yet.
    NotYetValid,
    /// Not valid any more, or not for long enough to be served and settled.
    Expired,
    /// Valid for longer than a seller wants to remember it.
    TooLong,
    /// Without a signature that could be one.
    Signature,
}
