use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::dev::{Service, ServiceRequest, Transform};
use actix_web::http::header::HeaderName as OldName;
use http::HeaderMap;
use x402_tower::proto::header::{PAYMENT_SIGNATURE, X_PAYMENT};

use crate::gate::convert::header_value;

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
        let payment = take_payment(&mut request);
        if !payment.is_empty() {
            request.extensions_mut().insert(Stripped(payment));
        }
        self.service.call(request)
    }
}

/// The payment headers of a request, taken out of it.
pub(crate) struct Stripped(pub(crate) HeaderMap);

impl fmt::Debug for Stripped {
    /// Shows nothing: a payment can be spent by whoever reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stripped(..)")
    }
}

pub(crate) fn take_payment(request: &mut ServiceRequest) -> HeaderMap {
    const V2: OldName = OldName::from_static("payment-signature");
    const V1: OldName = OldName::from_static("x-payment");

    let mut payment = HeaderMap::new();
    for (old, name) in [(V2, PAYMENT_SIGNATURE), (V1, X_PAYMENT)] {
        // Usually there is none, and looking is allowed when changing is not.
        if request.headers().contains_key(&old) {
            for value in request.headers_mut().remove(&old) {
                if let Some(mut value) = header_value(&value) {
                    value.set_sensitive(true);
                    payment.append(name.clone(), value);
                }
            }
        }
    }
    payment
}
