//! What happens to the money, told to whoever keeps the books.
//!
//! Events are for operators: they hold no secrets, but names of payers. Everything a client is told is elsewhere.

use crate::facilitator::Reason;
use crate::ledger::{Intent, Receipt};
use crate::money::Amount;

/// Is told what happens to the money.
///
/// It is called on the request path and should only pass the event on; if it panics, that is logged and goes no further. Any
/// function of an [`Event`] is one.
///
/// ```
/// use std::sync::mpsc;
///
/// use x402_tower::X402;
/// use x402_tower::telemetry::Event;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), x402_tower::ConfigError> {
/// let (books, entries) = mpsc::channel();
/// let x402 = X402::local()
///     .observer(move |event: &Event<'_>| {
///         let entry = match event {
///             Event::Settled { intent, receipt, .. } => {
///                 format!("{} paid {} in {}", intent.payer, intent.amount, receipt.transaction())
///             }
///             Event::OwedRefund { receipt, .. } => format!("give back {}", receipt.transaction()),
///             other => format!("{other:?}"),
///         };
///         let _ = books.send(entry);
///     })
///     .build()?;
/// # drop(x402);
/// # assert!(entries.try_recv().is_err());
/// # Ok(())
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something has happened.
    fn observe(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A payment has moved money, and that is written down, unless the ledger was not to be reached for a quarter of an
    /// hour. Then it can come twice.
    #[non_exhaustive]
    Settled {
        /// The payment.
        intent: &'a Intent,
        /// The facilitator's word for it.
        receipt: &'a Receipt,
    },
    /// A settlement was refused; no money has moved, and the handler's answer was not given out.
    #[non_exhaustive]
    SettlementRefused {
        /// The payment.
        intent: &'a Intent,
        /// Why.
        reason: &'a Reason,
    },
    /// The money may have moved; it is being found out.
    #[non_exhaustive]
    Parked {
        /// The payment.
        intent: &'a Intent,
        /// The transaction, if one is known.
        transaction: Option<&'a str>,
    },
    /// A payment has probably moved money, and was served on that belief. Worth a look.
    #[non_exhaustive]
    Unconfirmed {
        /// The payment.
        intent: &'a Intent,
    },
    /// It will not be known whether a payment has moved money. Somebody has to look.
    #[non_exhaustive]
    Unresolved {
        /// The payment.
        intent: &'a Intent,
        /// The transaction, if one is known.
        transaction: Option<&'a str>,
    },
    /// A payment has moved money and nothing was delivered for it; its time is over. Somebody has to give it back.
    #[non_exhaustive]
    OwedRefund {
        /// The facilitator's word that the money has moved.
        receipt: &'a Receipt,
        /// How much.
        amount: Amount,
    },
}
