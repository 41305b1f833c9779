use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_service::Service;

use super::{Answer, Call, Facilitator, FacilitatorError, PaymentCall};
use crate::proto::{SettleResponse, SupportedResponse, VerifyResponse};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A facilitator as a `tower` service, for layers to go around it.
///
/// Together with [`ServiceFacilitator`] this gives any facilitator the timeouts, limits and balancing of `tower`. Only
/// [`Call::Verify`] and [`Call::Supported`] may be retried: a settlement that failed may have happened.
///
/// ```
/// use std::time::Duration;
/// use tower::ServiceBuilder;
/// use x402_tower::facilitator::{Facilitator, FacilitatorService, ServiceFacilitator};
///
/// fn limited(facilitator: impl Facilitator + Clone) -> impl Facilitator {
///     let service = ServiceBuilder::new()
///         .timeout(Duration::from_secs(20))
///         .concurrency_limit(64)
///         .service(FacilitatorService::new(facilitator));
///     ServiceFacilitator::new(service)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct FacilitatorService<F> {
    facilitator: F,
}

impl<F> FacilitatorService<F> {
    /// The service that asks this facilitator.
    pub const fn new(facilitator: F) -> Self {
        Self { facilitator }
    }
}

impl<F: Facilitator + Clone> Service<Call> for FacilitatorService<F> {
    type Response = Answer;
    type Error = FacilitatorError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, FacilitatorError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), FacilitatorError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let facilitator = self.facilitator.clone();
        Box::pin(async move {
            Ok(match call {
                Call::Verify(payment) => Answer::Verify(facilitator.verify(&payment).await?),
                Call::Settle(payment) => Answer::Settle(facilitator.settle(&payment).await?),
                Call::Supported => Answer::Supported(facilitator.supported().await?),
            })
        })
    }
}

/// A `tower` service over [`Call`] as a facilitator.
///
/// Every call goes to a clone of the service that has been driven to readiness. An error of a layer counts as
/// [lost](super::FacilitatorErrorKind::Lost), since the layer does not say whether anything was sent; one that comes
/// from a facilitator inside keeps its kind. A layer that turns calls away, as `load_shed` does, can be made to say that
/// nothing was sent: map its error to [`FacilitatorError::not_sent`].
#[derive(Clone, Debug)]
pub struct ServiceFacilitator<S> {
    service: S,
}

impl<S> ServiceFacilitator<S> {
    /// The facilitator that this service is.
    pub const fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S> ServiceFacilitator<S>
where
    S: Service<Call, Response = Answer, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync,
{
    async fn ask(&self, call: Call) -> Result<Answer, FacilitatorError> {
        let mut service = self.service.clone();
        std::future::poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(|error| kind_of(error.into(), FacilitatorError::not_sent))?;
        service
            .call(call)
            .await
            .map_err(|error| kind_of(error.into(), FacilitatorError::lost))
    }
}

/// The facilitator's own error if a layer handed it on, else what the layer's error means.
fn kind_of(error: BoxError, otherwise: fn(BoxError) -> FacilitatorError) -> FacilitatorError {
    error
        .downcast::<FacilitatorError>()
        .map_or_else(otherwise, |own| *own)
}

fn mismatch() -> FacilitatorError {
    FacilitatorError::unreadable("the service answered another call than it was asked")
}

impl<S> Facilitator for ServiceFacilitator<S>
where
    S: Service<Call, Response = Answer, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    async fn verify(&self, payment: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        match self.ask(Call::Verify(payment.clone())).await? {
            Answer::Verify(answer) => Ok(answer),
            Answer::Settle(_) | Answer::Supported(_) => Err(mismatch()),
        }
    }

    async fn settle(&self, payment: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        match self.ask(Call::Settle(payment.clone())).await? {
            Answer::Settle(answer) => Ok(answer),
            Answer::Verify(_) | Answer::Supported(_) => Err(mismatch()),
        }
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        match self.ask(Call::Supported).await? {
            Answer::Supported(answer) => Ok(answer),
            Answer::Verify(_) | Answer::Settle(_) => Err(mismatch()),
        }
    }
}
