#![allow(missing_debug_implementations, reason = "nobody holds these")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::handler::{Handler, HandlerService};
use axum::response::Response;
use pin_project_lite::pin_project;
use tower_service::Service;
use x402_tower::gate::{self, RequestBody, ResponseFuture};

use crate::{Declaration, HasX402, body, log};

/// Calls a handler behind the price that it declares. No extractor runs, and no body is read, before it is paid.
pub fn call<H, T, S>(
    declaration: &'static Declaration,
    handler: H,
    request: Request,
    state: S,
) -> PaidFuture<H, T, S>
where
    H: Handler<T, S>,
    S: HasX402 + Clone + Send + Sync,
{
    let answering = match state.x402().declared(declaration) {
        Ok(paid) => Some(paid.gate(Behind(handler.with_state(state))).call(request)),
        Err(error) => {
            log::error!("a request for something whose price cannot be paid"; handler = declaration.name(), error = error);
            None
        }
    };
    PaidFuture { answering }
}

/// A handler as the service that a gate has in it.
#[derive(Clone)]
struct Behind<S>(S);

impl<S: Service<Request>> Service<Request<RequestBody<Body>>> for Behind<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody<Body>>) -> S::Future {
        self.0.call(request.map(body::inwards))
    }
}

pin_project! {
    /// The answer of a paid handler, in the making.
    pub struct PaidFuture<H, T, S>
    where
        H: Handler<T, S>,
        S: Clone,
        S: Send,
        S: Sync,
    {
        // Nothing if its price cannot be paid.
        #[pin]
        answering: Option<ResponseFuture<Behind<HandlerService<H, T, S>>, Body, Body>>,
    }
}

impl<H, T, S> Future for PaidFuture<H, T, S>
where
    H: Handler<T, S>,
    S: Clone + Send + Sync,
{
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        Poll::Ready(match self.project().answering.as_pin_mut() {
            Some(answering) => match ready!(answering.poll(cx)) {
                Ok(response) => response.map(body::outwards),
                Err(never) => match never {},
            },
            None => gate::misconfigured().map(body::outwards::<Body>),
        })
    }
}
