use std::sync::Arc;
use std::time::Duration;

use crate::checkout::{Facts, Meter, Payment};
use crate::ledger::Receipt;
use crate::money::{Address, Amount, Asset, Network, Registry};
use crate::proto::{SettleResponse, Version};
use crate::scheme::{ExactEvm, UptoEvm};

/// A payment out of nothing, for calling handlers in tests: a cent of USDC on Base Sepolia, unless said otherwise.
///
/// ```
/// use x402_tower::Payment;
/// use x402_tower::money::Address;
/// use x402_tower::testing::TestPayment;
///
/// fn thank(payment: &Payment) -> String {
///     format!("Thank you, {}!", payment.payer())
/// }
///
/// let payment = TestPayment::new().payer(Address::evm([0x11; 20])).build();
/// assert_eq!(thank(&payment), "Thank you, 0x1111111111111111111111111111111111111111!");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TestPayment {
    facts: Facts,
    is_limit: bool,
}

impl TestPayment {
    /// A cent of USDC on Base Sepolia.
    pub fn new() -> Self {
        let registry = Registry::new();
        let usdc = registry.dollar(&Network::BASE_SEPOLIA);
        #[expect(clippy::expect_used, reason = "a test of the table says so")]
        let asset = Arc::clone(usdc.expect("it is well-known"));
        Self {
            facts: Facts {
                payer: Address::evm([0xaa; 20]),
                asset,
                amount: Amount::from(10_000u64),
                pay_to: Address::evm([0xbb; 20]),
                scheme: Arc::new(ExactEvm),
                version: Version::V2,
                settle_before: Duration::MAX,
                receipt: None,
                meter: None,
            },
            is_limit: false,
        }
    }

    /// Paid by this account.
    pub fn payer(mut self, payer: Address) -> Self {
        self.facts.payer = payer;
        self
    }

    /// Paid to this account.
    pub fn pay_to(mut self, payee: Address) -> Self {
        self.facts.pay_to = payee;
        self
    }

    /// So much of this token, in its smallest unit.
    pub fn amount(mut self, amount: Amount, asset: impl Into<Arc<Asset>>) -> Self {
        self.facts.amount = amount;
        self.facts.asset = asset.into();
        self
    }

    /// Up to its amount: with a meter, as if its price were only a limit.
    ///
    /// ```
    /// use x402_tower::money::Amount;
    /// use x402_tower::testing::TestPayment;
    /// use x402_tower::{Meter, MeterError};
    ///
    /// fn count(meter: &Meter, text: &str) -> Result<usize, MeterError> {
    ///     let words = text.split(' ').count();
    ///     meter.add_times(words as u64, "$0.001")?;
    ///     Ok(words)
    /// }
    ///
    /// let payment = TestPayment::new().upto().build();
    /// let meter = payment.meter().unwrap();
    /// assert_eq!(count(meter, "four words and more"), Ok(4));
    /// assert_eq!(meter.used(), Amount::from(4_000u64));
    /// assert!(count(meter, "more words than a cent is good for").unwrap_err().is_over_limit());
    /// ```
    pub const fn upto(mut self) -> Self {
        self.is_limit = true;
        self
    }

    /// Settled already, by this transaction.
    pub fn settled(mut self, transaction: impl Into<String>) -> Self {
        let network = self.facts.asset.network.to_string();
        let payer = self.facts.payer.to_string();
        let answer = SettleResponse::settled(network, payer, transaction);
        self.facts.receipt = Some(Receipt::new(answer));
        self
    }

    /// The payment.
    pub fn build(self) -> Payment {
        let mut facts = self.facts;
        if self.is_limit {
            let asset = Arc::clone(&facts.asset);
            facts.meter = Some(Meter::new(asset, facts.amount, &Registry::new()));
            facts.scheme = Arc::new(UptoEvm);
        }
        Payment::new(facts)
    }
}

impl Default for TestPayment {
    fn default() -> Self {
        Self::new()
    }
}
