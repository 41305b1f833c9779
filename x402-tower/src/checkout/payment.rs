use std::sync::Arc;
use std::time::Duration;

use super::meter::Meter;
use crate::ledger::Receipt;
use crate::money::{Address, Amount, Asset, Network};
use crate::proto::Version;
use crate::scheme::Scheme;

/// The payment that a request was served for. The handler finds it in the extensions of the request.
///
/// ```
/// use http::Request;
/// use x402_tower::Payment;
///
/// fn greeting<B>(request: &Request<B>) -> String {
///     match request.extensions().get::<Payment>() {
///         Some(payment) => format!("thank you, {}", payment.payer()),
///         None => "this one is on the house".to_owned(),
///     }
/// }
/// # assert_eq!(greeting(&Request::new(())), "this one is on the house");
/// ```
#[derive(Clone, Debug)]
pub struct Payment(Facts);

#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) payer: Address,
    pub(crate) asset: Arc<Asset>,
    pub(crate) amount: Amount,
    pub(crate) pay_to: Address,
    pub(crate) scheme: Arc<dyn Scheme>,
    pub(crate) version: Version,
    pub(crate) settle_before: Duration,
    pub(crate) receipt: Option<Receipt>,
    pub(crate) meter: Option<Meter>,
}

impl Payment {
    pub(crate) const fn new(facts: Facts) -> Self {
        Self(facts)
    }

    /// The same payment, now that it has moved money.
    pub(crate) fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.0.receipt = Some(receipt);
        self
    }

    /// Who pays. The payer's signature has been checked.
    pub fn payer(&self) -> &Address {
        &self.0.payer
    }

    /// The network on which is paid.
    pub fn network(&self) -> &Network {
        &self.0.asset.network
    }

    /// The token with which is paid.
    pub fn asset(&self) -> &Asset {
        &self.0.asset
    }

    /// How much is paid, in the smallest unit of the token; if there is a [`Payment::meter`], no more than this.
    pub fn amount(&self) -> Amount {
        self.0.amount
    }

    /// Who is paid.
    pub fn pay_to(&self) -> &Address {
        &self.0.pay_to
    }

    /// The name of the payment scheme.
    pub fn scheme(&self) -> &str {
        self.0.scheme.name()
    }

    /// The version of the protocol that the buyer speaks.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The facilitator's word that the money has moved. There is one if the route settles before it serves, or if this
    /// answer is given again.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.0.receipt.as_ref()
    }

    /// Says how much is charged, where the price was only a limit. The handler finds it in the extensions of the request
    /// too. If this answer is given again the money has moved, and nothing that is said counts.
    pub fn meter(&self) -> Option<&Meter> {
        self.0.meter.as_ref()
    }

    /// When, since 1970, it becomes too late to settle: an answer that comes later is not paid for, and not given out.
    pub fn settle_before(&self) -> Duration {
        self.0.settle_before
    }
}
