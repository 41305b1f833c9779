#![allow(missing_debug_implementations, reason = "nobody holds these")]

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower_service::Service;
use x402_tower::gate::{self, RequestBody, ResponseFuture};

use crate::{Declaration, HasX402, body, log};

/// What a handler would be if it were not paid for. It is said whether the handler can be called or not, so that what compiles
/// in a program compiles in its tests.
pub trait Function {
    /// A `dyn Fn`.
    type Signature: ?Sized;
}

/// Calls a handler behind the price that it declares. No extractor runs, and no body is read, before it is paid.
pub fn call<Via, H, T, S>(
    declaration: &'static Declaration,
    handler: H,
    request: Request,
    state: S,
) -> PaidFuture<H, T, S>
where
    H: Handler<T, S>,
    S: HasX402<Via> + Clone,
{
    match state.x402().declared(declaration) {
        Ok(paid) => {
            let behind = Behind {
                handler,
                state,
                arguments: PhantomData,
            };
            match paid.gate(behind).answer(request) {
                Ok(response) => PaidFuture::answered(response.map(body::outwards)),
                Err(answering) => PaidFuture {
                    state: State::Answering {
                        answering: Box::pin(answering),
                    },
                },
            }
        }
        Err(error) => {
            log::error!("a request for something whose price cannot be paid"; handler = declaration.name(), error = error);
            PaidFuture::answered(gate::misconfigured().map(body::outwards::<Body>))
        }
    }
}

/// A handler as the service that a gate has in it.
struct Behind<H, T, S> {
    handler: H,
    state: S,
    arguments: PhantomData<fn() -> T>,
}

impl<H: Clone, T, S: Clone> Clone for Behind<H, T, S> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            state: self.state.clone(),
            arguments: PhantomData,
        }
    }
}

impl<H, T, S> Service<Request<RequestBody<Body>>> for Behind<H, T, S>
where
    H: Handler<T, S>,
    S: Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Infallibly<H::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Body>>) -> Self::Future {
        let (handler, state) = (self.handler.clone(), self.state.clone());
        Infallibly {
            answering: handler.call(request.map(body::inwards), state),
        }
    }
}

pin_project! {
    /// A handler's future as one that could fail, and never does.
    struct Infallibly<F> {
        #[pin]
        answering: F,
    }
}

impl<F: Future> Future for Infallibly<F> {
    type Output = Result<F::Output, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answering.poll(cx).map(Ok)
    }
}

/// The answer of a paid handler, in the making.
pub struct PaidFuture<H, T, S>
where
    H: Handler<T, S>,
    S: Clone,
{
    state: State<H, T, S>,
}

enum State<H, T, S>
where
    H: Handler<T, S>,
    S: Clone,
{
    /// It was there at once, as it is for who has not paid: most of them should not pay for room for the others, either.
    Answered { response: Option<Response> },
    Answering {
        answering: Pin<Box<Answering<H, T, S>>>,
    },
}

type Answering<H, T, S> = ResponseFuture<Behind<H, T, S>, Body, Body>;

impl<H, T, S> PaidFuture<H, T, S>
where
    H: Handler<T, S>,
    S: Clone,
{
    const fn answered(response: Response) -> Self {
        Self {
            state: State::Answered {
                response: Some(response),
            },
        }
    }
}

impl<H, T, S> Future for PaidFuture<H, T, S>
where
    H: Handler<T, S>,
    S: Clone,
{
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        match &mut self.state {
            State::Answered { response } => match response.take() {
                Some(response) => Poll::Ready(response),
                None => panic!("`PaidFuture` polled after completion"),
            },
            State::Answering { answering } => match ready!(answering.as_mut().poll(cx)) {
                Ok(response) => Poll::Ready(response.map(body::outwards)),
                Err(never) => match never {},
            },
        }
    }
}
