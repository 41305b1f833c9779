use std::sync::Arc;

use super::Scheme;
use crate::money::{Address, Amount, Asset};
use crate::proto::Object;

/// One way to pay for something, resolved and checked: everything but what only the facilitator knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Offer {
    /// How.
    pub scheme: Arc<dyn Scheme>,
    /// With which token, and on which network.
    pub asset: Arc<Asset>,
    /// How much of it.
    pub amount: Amount,
    /// To whom.
    pub pay_to: Address,
    /// For how long a payment that is signed now should be valid.
    pub max_timeout_seconds: u64,
    /// What the seller adds to `extra`.
    pub extra: Object,
}
