//! Those who check payments and move the money.
//!
//! A [`Facilitator`] answers three questions; what its answers prove is judged elsewhere, alike for all of them:
//! [`Verification`] and [`Settlement`].

mod call;
mod error;
mod http;
mod outcome;
mod service;
mod shared;
mod supported;

use std::future::Future;
use std::sync::Arc;

use crate::proto::{SettleResponse, SupportedResponse, VerifyResponse};

pub use self::call::{Answer, Call, PaymentCall};
pub use self::error::{FacilitatorError, FacilitatorErrorKind};
#[cfg(feature = "hyper")]
pub use self::http::HyperTransport;
#[cfg(feature = "reqwest")]
pub use self::http::ReqwestTransport;
pub use self::http::{
    Authorize, Endpoint, HttpFacilitator, HttpFacilitatorError, Transport, TransportError, UrlError,
};
pub use self::outcome::{Expected, Open, Reason, Settlement, Verification};
pub use self::service::{FacilitatorService, ServiceFacilitator};
pub use self::shared::SharedFacilitator;
pub(crate) use self::supported::Supported;

/// Checks payments and moves the money.
///
/// An implementation reports what it was told and nothing else: an error is for when there was no answer. It need not
/// time out by itself. It may not repeat a [`settle`](Facilitator::settle) of its own accord.
#[diagnostic::on_unimplemented(
    note = "a facilitator at a URL is an `HttpFacilitator::new(url)?`",
    note = "a `tower::Service` is one in a `ServiceFacilitator`"
)]
pub trait Facilitator: Send + Sync + 'static {
    /// Whether the payment would go through now.
    fn verify(
        &self,
        payment: &PaymentCall,
    ) -> impl Future<Output = Result<VerifyResponse, FacilitatorError>> + Send;

    /// Moves the money.
    fn settle(
        &self,
        payment: &PaymentCall,
    ) -> impl Future<Output = Result<SettleResponse, FacilitatorError>> + Send;

    /// What the facilitator can do.
    fn supported(&self)
    -> impl Future<Output = Result<SupportedResponse, FacilitatorError>> + Send;
}

impl<F: Facilitator> Facilitator for Arc<F> {
    fn verify(
        &self,
        payment: &PaymentCall,
    ) -> impl Future<Output = Result<VerifyResponse, FacilitatorError>> + Send {
        F::verify(self, payment)
    }

    fn settle(
        &self,
        payment: &PaymentCall,
    ) -> impl Future<Output = Result<SettleResponse, FacilitatorError>> + Send {
        F::settle(self, payment)
    }

    fn supported(
        &self,
    ) -> impl Future<Output = Result<SupportedResponse, FacilitatorError>> + Send {
        F::supported(self)
    }
}
