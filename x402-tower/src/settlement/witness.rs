use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::ledger::Intent;

/// Looks at the chain itself, where a facilitator cannot say what became of a settlement.
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
