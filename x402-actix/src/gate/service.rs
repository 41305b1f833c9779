use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use tower_layer::Layer as _;
use tower_service::Service as _;
use x402_tower::gate::GateLayer;

use super::between::Between;
use super::{Behind, GateBody, ResponseFuture, convert};

/// A service of actix that is paid for per request.
pub struct Gate<S> {
    service: Rc<S>,
    layer: GateLayer,
}

impl<S> Gate<S> {
    pub(crate) const fn new(service: Rc<S>, layer: GateLayer) -> Self {
        Self { service, layer }
    }
}

impl<S, B> Service<ServiceRequest> for Gate<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<GateBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let payload = request.take_payload();
        let asked = convert::request(request.request(), payload);
        let between = Rc::new(Between::new(request));
        let answering = asked.map(|asked| {
            let behind = Behind::new(Rc::clone(&self.service), Rc::clone(&between));
            self.layer.layer(behind).call(asked)
        });
        ResponseFuture::new(answering, between)
    }
}

impl<S> fmt::Debug for Gate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}
