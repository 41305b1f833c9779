use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use x402_tower::gate::GateLayer;

use super::{Selling, sell};
use crate::brought::Brought;

/// A service of actix that is paid for per request.
#[derive(Debug)]
pub struct Gate<S> {
    pub(crate) service: Rc<S>,
    pub(crate) layer: GateLayer,
}

impl<S, B> Service<ServiceRequest> for Gate<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Selling<ServiceResponse>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let brought = Brought::take(&mut request);
        let (request, payload) = request.into_parts();
        let service = Rc::clone(&self.service);
        let serve = move |request, payload| {
            let answering = service.call(ServiceRequest::from_parts(request, payload));
            async { Ok(answering.await?.map_into_boxed_body()) }
        };
        sell(
            &self.layer,
            Some(&brought),
            request,
            payload,
            serve,
            |answer| answer,
        )
    }
}
