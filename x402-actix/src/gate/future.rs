use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::error::{ErrorBadRequest, InternalError};
use pin_project_lite::pin_project;
use x402_tower::gate;

use super::behind::called_twice;
use super::between::{Between, Place};
use super::convert::pack;
use super::{AnswerBody, Behind, GateBody, PayloadBody};

type Answering<S, B> = gate::ResponseFuture<Behind<S>, PayloadBody, AnswerBody<B>>;

pin_project! {
    /// The answer of a [`Gate`](super::Gate), in the making.
    pub struct ResponseFuture<S, B>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
        B: 'static,
    {
        // There is none for what is no request in the eyes of the engine.
        #[pin]
        answering: Option<Answering<S, B>>,
        between: Rc<Between>,
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    pub(super) const fn new(answering: Option<Answering<S, B>>, between: Rc<Between>) -> Self {
        Self { answering, between }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<GateBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(answering) = this.answering.as_pin_mut() else {
            return Poll::Ready(Err(ErrorBadRequest("")));
        };
        let response = ready!(answering.poll(cx))?;
        Poll::Ready(match this.between.take() {
            Place::Waiting(request) => {
                let (request, _) = request.into_parts();
                Ok(ServiceResponse::new(request, pack(response, None)))
            }
            Place::Answered(request, rest) => {
                Ok(ServiceResponse::new(request, pack(response, Some(rest))))
            }
            Place::Failed(error, rest) => {
                let answer = pack(response, Some(rest)).map_into_boxed_body();
                Err(InternalError::from_response(error, answer).into())
            }
            Place::Inside => Err(called_twice()),
        })
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
