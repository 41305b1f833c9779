use std::cell::Cell;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{
    Error, FromRequest, Handler, HttpMessage as _, HttpRequest, HttpResponse, Responder as _,
    ResponseError, web,
};
use http::{Request, Response};
use tower_layer::Layer as _;
use tower_service::Service;
use x402_tower::gate::RequestBody;

use super::Answer;
use crate::gate::convert::{self, Rest, move_findings, pack, unpack};
use crate::gate::{AnswerBody, GateBody, PayloadBody, payload};
use crate::{Declaration, Paid, X402, log};

/// A request that nothing has been read of: the one argument of a handler that is paid for.
pub struct Gated<A> {
    request: HttpRequest,
    payload: Payload,
    arguments: PhantomData<fn() -> A>,
}

impl<A> FromRequest for Gated<A> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            request: request.clone(),
            payload: payload.take(),
            arguments: PhantomData,
        }))
    }
}

impl<A> fmt::Debug for Gated<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").finish_non_exhaustive()
    }
}

/// The answer of a handler that is paid for, in the making.
pub type PaidFuture = Pin<Box<dyn Future<Output = Result<HttpResponse<GateBody<BoxBody>>, Error>>>>;

/// Calls a handler behind the price that it declares. No extractor runs, and no body is read, before it is paid.
pub fn call<H, A>(declaration: &'static Declaration, handler: H, gated: Gated<A>) -> PaidFuture
where
    H: Handler<A, Output = Answer>,
    A: FromRequest + 'static,
{
    Box::pin(async move {
        let Gated {
            request, payload, ..
        } = gated;
        let layer =
            layer(declaration, &request).ok_or(Refused(StatusCode::INTERNAL_SERVER_ERROR))?;
        let asked = convert::request(&request, payload).ok_or(Refused(StatusCode::BAD_REQUEST))?;
        let rest = Rc::new(Cell::new(None));
        let left = Rc::clone(&rest);
        let behind =
            Behind(move |asked| answer(handler.clone(), request.clone(), asked, Rc::clone(&left)));
        let response = layer.gate().layer(behind).call(asked).await?;
        Ok(pack(response, rest.take()))
    })
}

/// The price of a handler. If there is none, the log says why.
fn layer(declaration: &'static Declaration, request: &HttpRequest) -> Option<Paid> {
    let shared = request.app_data().map(web::Data::get_ref);
    let Some(x402) = shared.or_else(|| request.app_data::<X402>()) else {
        log::error!("a paid handler, and no `X402` in the data of the app: say `.app_data(web::Data::new(x402.clone()))`"; handler = declaration.name());
        return None;
    };
    match x402.declared(declaration) {
        Ok(layer) => Some(layer),
        Err(error) => {
            log::error!("a request for something whose price cannot be paid"; handler = declaration.name(), error = error);
            None
        }
    }
}

/// Runs extractors and the handler, one after the other, for what is paid for or free.
async fn answer<H, A>(
    handler: H,
    request: HttpRequest,
    asked: Request<RequestBody<PayloadBody>>,
    left: Rc<Cell<Option<Rest>>>,
) -> Result<Response<AnswerBody<BoxBody>>, Error>
where
    H: Handler<A, Output = Answer>,
    A: FromRequest,
{
    let (mut parts, body) = asked.into_parts();
    move_findings(&mut parts.extensions, &mut request.extensions_mut());
    let answer = match A::from_request(&request, &mut payload(body)).await {
        Ok(arguments) => handler.call(arguments).await.respond_to(&request),
        Err(error) => HttpResponse::from_error(error),
    };
    let (response, rest) = unpack(answer.map_into_left_body());
    left.set(Some(rest));
    Ok(response)
}

/// A function as the service that a gate has in it.
#[derive(Clone)]
struct Behind<F>(F);

impl<F, Fut, T> Service<Request<RequestBody<PayloadBody>>> for Behind<F>
where
    F: Fn(Request<RequestBody<PayloadBody>>) -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    type Response = T;
    type Error = Error;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<PayloadBody>>) -> Fut {
        (self.0)(request)
    }
}

/// An answer that says nothing but its status. Whatever is wrong is in the log.
#[derive(Clone, Copy, Debug)]
struct Refused(StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.0
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0)
    }
}
