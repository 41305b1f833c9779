use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::dev::{Service, ServiceRequest, Transform};

use crate::brought::Brought;

/// Takes the payment out of the headers of a request, for the gate that comes after it.
///
/// A handler has to share its request with actix, so its headers cannot be changed there any more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strip;

impl<S: Service<ServiceRequest>> Transform<S, ServiceRequest> for Strip {
    type Response = S::Response;
    type Error = S::Error;
    type Transform = Stripping<S>;
    type InitError = ();
    type Future = Ready<Result<Stripping<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Stripping { service }))
    }
}

/// See [`Strip`].
#[derive(Debug)]
pub struct Stripping<S> {
    service: S,
}

impl<S: Service<ServiceRequest>> Service<ServiceRequest> for Stripping<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, mut request: ServiceRequest) -> S::Future {
        Brought::take(&mut request).leave(&request);
        self.service.call(request)
    }
}
