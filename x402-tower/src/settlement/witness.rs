use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::ledger::Intent;

/// Looks at the chain itself, where a facilitator cannot say what became of a settlement.
///
/// ```
/// use std::error::Error;
///
/// use x402_tower::X402;
/// use x402_tower::ledger::Intent;
/// use x402_tower::settlement::{Testimony, Witness};
///
/// /// Asks a node of one's own.
/// struct Node;
///
/// impl Node {
///     async fn has_succeeded(&self, transaction: &str) -> Result<bool, Box<dyn Error + Send + Sync>> {
///         # let _ = transaction;
///         Ok(true) // `eth_getTransactionReceipt`
///     }
/// }
///
/// impl Witness for Node {
///     async fn look(
///         &self,
///         _: &Intent,
///         transaction: Option<&str>,
///     ) -> Result<Testimony, Box<dyn Error + Send + Sync>> {
///         Ok(match transaction {
///             Some(transaction) if self.has_succeeded(transaction).await? => {
///                 Testimony::Charged { transaction: transaction.to_owned() }
///             }
///             // A better one looks for a transfer with the payment's nonce.
///             _ => Testimony::Unknown,
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), x402_tower::ConfigError> {
/// let x402 = X402::local().witness(Node).build()?;
/// # drop(x402);
/// # Ok(())
/// # }
/// ```
pub trait Witness: Send + Sync + 'static {
    /// Whether this payment has moved money. `transaction` is the one that was sent, if that is known.
    fn look(
        &self,
        intent: &Intent,
        transaction: Option<&str>,
    ) -> impl Future<Output = Result<Testimony, Box<dyn StdError + Send + Sync>>> + Send;
}

/// What a [`Witness`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Testimony {
    /// The money has moved from the payer to the payee.
    Charged {
        /// By this transaction.
        transaction: String,
    },
    /// The money has not moved, and never will: the payment was cancelled, or was used for something else.
    NeverCharged,
    /// Neither can be said yet.
    Unknown,
}

/// Any witness behind one type.
#[derive(Clone)]
pub(crate) struct SharedWitness(Arc<dyn Erased>);

type Looking<'a> =
    Pin<Box<dyn Future<Output = Result<Testimony, Box<dyn StdError + Send + Sync>>> + Send + 'a>>;

trait Erased: Send + Sync {
    fn look_boxed<'a>(&'a self, intent: &'a Intent, transaction: Option<&'a str>) -> Looking<'a>;
}

impl<W: Witness> Erased for W {
    fn look_boxed<'a>(&'a self, intent: &'a Intent, transaction: Option<&'a str>) -> Looking<'a> {
        Box::pin(self.look(intent, transaction))
    }
}

impl SharedWitness {
    pub(crate) fn new(witness: impl Witness) -> Self {
        Self(Arc::new(witness))
    }

    pub(super) async fn look(
        &self,
        intent: &Intent,
        transaction: Option<&str>,
    ) -> Result<Testimony, Box<dyn StdError + Send + Sync>> {
        self.0.look_boxed(intent, transaction).await
    }
}

impl fmt::Debug for SharedWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedWitness").finish_non_exhaustive()
    }
}
