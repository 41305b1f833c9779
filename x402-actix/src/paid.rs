use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use x402_tower::gate::GateLayer;

use crate::gate::Gate;

/// Puts a price on a resource, a scope or an app. Made by [`X402::price`](crate::X402::price) and
/// [`X402::route`](crate::X402::route).
///
/// Cheap to clone; clone it into each worker.
#[derive(Clone, Debug)]
pub struct Paid(pub(crate) GateLayer);

impl From<GateLayer> for Paid {
    fn from(layer: GateLayer) -> Self {
        // The URI of a request stays what the client asked for, in whatever scope.
        Self(layer)
    }
}

impl<S, B> Transform<S, ServiceRequest> for Paid
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Gate<S>;
    type InitError = ();
    type Future = Ready<Result<Gate<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (service, layer) = (Rc::new(service), self.0.clone());
        ready(Ok(Gate { service, layer }))
    }
}
