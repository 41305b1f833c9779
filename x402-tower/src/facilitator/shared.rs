use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Facilitator, FacilitatorError, PaymentCall};
use crate::proto::{SettleResponse, SupportedResponse, VerifyResponse};

/// Any facilitator behind one type, cheap to clone.
#[derive(Clone)]
pub struct SharedFacilitator(Arc<dyn Erased>);

impl SharedFacilitator {
    /// Shares a facilitator.
    pub fn new(facilitator: impl Facilitator) -> Self {
        Self(Arc::new(facilitator))
    }
}

impl fmt::Debug for SharedFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFacilitator").finish_non_exhaustive()
    }
}

impl Facilitator for SharedFacilitator {
    async fn verify(&self, payment: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.0.verify_boxed(payment).await
    }

    async fn settle(&self, payment: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        self.0.settle_boxed(payment).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.0.supported_boxed().await
    }
}

type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, FacilitatorError>> + Send + 'a>>;

/// [`Facilitator`] with boxed futures, which a trait object needs.
trait Erased: Send + Sync {
    fn verify_boxed<'a>(&'a self, payment: &'a PaymentCall) -> Answering<'a, VerifyResponse>;
    fn settle_boxed<'a>(&'a self, payment: &'a PaymentCall) -> Answering<'a, SettleResponse>;
    fn supported_boxed(&self) -> Answering<'_, SupportedResponse>;
}

impl<F: Facilitator> Erased for F {
    fn verify_boxed<'a>(&'a self, payment: &'a PaymentCall) -> Answering<'a, VerifyResponse> {
        Box::pin(self.verify(payment))
    }

    fn settle_boxed<'a>(&'a self, payment: &'a PaymentCall) -> Answering<'a, SettleResponse> {
        Box::pin(self.settle(payment))
    }

    fn supported_boxed(&self) -> Answering<'_, SupportedResponse> {
        Box::pin(self.supported())
    }
}
