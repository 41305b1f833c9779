use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower_service::Service;
use x402_tower::gate::{self, Gate, RequestBody};

use crate::body;

/// A service with a price on it. Made by the layer [`Paid`](crate::Paid).
///
/// What is inside may be any service that is `Clone` and answers axum's requests with a body of bytes; its errors go
/// through.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::Router;
/// use axum::body::Body;
/// use axum::extract::Request;
/// use axum::http::StatusCode;
/// use axum::response::Response;
/// use tower::{Layer as _, ServiceExt as _, service_fn};
/// use x402_axum::{PaidService, X402};
///
/// async fn files(_: Request) -> Result<Response, Infallible> {
///     Ok(Response::new(Body::from("a file")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let x402 = X402::local().build()?;
/// let files: PaidService<_> = x402.price("$0.01")?.layer(service_fn(files));
/// let app: Router = Router::new().route_service("/files/{*path}", files);
///
/// let request = Request::get("/files/1").body(Body::empty())?;
/// assert_eq!(app.oneshot(request).await?.status(), StatusCode::PAYMENT_REQUIRED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PaidService<S>(Gate<Inside<S>>);

impl<S> PaidService<S> {
    pub(crate) fn new(gate: Gate<Inside<S>>) -> Self {
        Self(gate)
    }
}

impl<S, B> Service<Request> for PaidService<S>
where
    S: Service<Request, Response = Response<B>> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ResponseFuture {
            answering: self.0.call(request),
        }
    }
}

/// What is inside of a gate.
///
/// Routers clone a service for every request, and so does a gate. These clones share one, and only what is made ready is
/// cloned itself.
#[derive(Debug)]
pub(crate) struct Inside<S> {
    shared: Arc<S>,
    ready: Option<S>,
}

impl<S> Inside<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            shared: Arc::new(inner),
            ready: None,
        }
    }
}

impl<S> Clone for Inside<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: None,
        }
    }
}

impl<S: Service<Request> + Clone> Service<Request<RequestBody<Body>>> for Inside<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let Self { shared, ready } = self;
        ready.get_or_insert_with(|| S::clone(shared)).poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody<Body>>) -> S::Future {
        let ready = self.ready.take();
        let mut ready = ready.unwrap_or_else(|| S::clone(&self.shared));
        ready.call(request.map(body::inwards))
    }
}

pin_project! {
    /// The answer of a [`PaidService`], in the making.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request>,
        S: Clone,
    {
        #[pin]
        answering: gate::ResponseFuture<Inside<S>, Body, B>,
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request, Response = Response<B>> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().answering.poll(cx))?;
        Poll::Ready(Ok(response.map(body::outwards)))
    }
}

impl<S: Service<Request> + Clone, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
