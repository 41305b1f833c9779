use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{self, ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;
use x402_tower::Payment;
use x402_tower::gate::RequestBody;

use super::between::{Between, Place};
use super::body::payload;
use super::convert::unpack;
use super::{AnswerBody, PayloadBody};
use crate::strip::take_payment;

/// A service of actix, for one request, as the service that a gate has in it.
pub struct Behind<S> {
    service: Rc<S>,
    between: Rc<Between>,
}

impl<S> Behind<S> {
    pub(super) fn new(service: Rc<S>, between: Rc<Between>) -> Self {
        Self { service, between }
    }
}

impl<S> Clone for Behind<S> {
    fn clone(&self) -> Self {
        Self {
            service: Rc::clone(&self.service),
            between: Rc::clone(&self.between),
        }
    }
}

impl<S, B> Service<Request<RequestBody<PayloadBody>>> for Behind<S>
where
    S: dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Error;
    type Future = BehindFuture<S::Future>;

    /// The gate is only called when the service is ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<PayloadBody>>) -> Self::Future {
        let place = self.between.take();
        let (mut parts, body) = request.into_parts();
        let payment: Option<Payment> = parts.extensions.remove();
        let is_settled = payment
            .as_ref()
            .is_some_and(|payment| payment.receipt().is_some());
        let answering = match place {
            Place::Waiting(mut request) => {
                drop(take_payment(&mut request));
                request.set_payload(payload(body));
                if let Some(payment) = payment {
                    request.extensions_mut().insert(payment);
                }
                Some(self.service.call(request))
            }
            Place::Inside | Place::Answered(..) | Place::Failed(..) => None,
        };
        BehindFuture {
            answering,
            between: Rc::clone(&self.between),
            is_settled,
        }
    }
}

impl<S> fmt::Debug for Behind<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").finish_non_exhaustive()
    }
}

pin_project! {
    /// The answer of a service, in the making.
    pub struct BehindFuture<F> {
        // A gate calls once, so it is there.
        #[pin]
        answering: Option<F>,
        between: Rc<Between>,
        is_settled: bool,
    }
}

impl<F, B> Future for BehindFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<Response<AnswerBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(answering) = this.answering.as_pin_mut() else {
            return Poll::Ready(Err(called_twice()));
        };
        let (response, place) = match ready!(answering.poll(cx)) {
            Ok(answer) => {
                let (request, answer) = answer.map_into_left_body().into_parts();
                let (response, rest) = unpack(answer);
                (response, Place::Answered(request, rest))
            }
            // Nothing is sold with an error, unless it is one in name only, or sold already.
            Err(error) if is_failure(&error) && !*this.is_settled => {
                return Poll::Ready(Err(error));
            }
            Err(error) => {
                let answer = error.error_response().map_into_right_body();
                let (response, rest) = unpack(answer);
                (response, Place::Failed(error, rest))
            }
        };
        this.between.leave(place);
        Poll::Ready(Ok(response))
    }
}

fn is_failure(error: &Error) -> bool {
    let status = error.as_response_error().status_code();
    status.is_client_error() || status.is_server_error()
}

pub(super) fn called_twice() -> Error {
    actix_web::error::ErrorInternalServerError("")
}

impl<F> fmt::Debug for BehindFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BehindFuture").finish_non_exhaustive()
    }
}
