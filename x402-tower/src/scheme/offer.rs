use std::fmt;
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

impl fmt::Display for Offer {
    /// For people: `0.01 USDC on eip155:8453`, or `up to 0.05 USDC on eip155:8453`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asset {
            network,
            symbol,
            decimals,
            ..
        } = &*self.asset;
        if self.scheme.is_metered() {
            f.write_str("up to ")?;
        }
        match self.amount.to_money(*decimals) {
            Some(money) => write!(f, "{money} {symbol}")?,
            None => write!(f, "{} units of {symbol}", self.amount)?,
        }
        write!(f, " on {network}")
    }
}
