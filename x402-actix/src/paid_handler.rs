use std::cell::Cell;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{
    Error, FromRequest, Handler, HttpMessage as _, HttpRequest, HttpResponse, Responder,
    ResponseError, web,
};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer as _;
use tower_service::Service;
use x402_tower::gate::{RequestBody, ResponseFuture};

use crate::gate::convert::{self, Rest, pack, unpack};
use crate::gate::{AnswerBody, GateBody, PayloadBody, payload};
use crate::{Declaration, X402, log};

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

/// Calls a handler behind the price that it declares. No extractor runs, and no body is read, before it is paid.
pub fn call<H, A>(
    declaration: &'static Declaration,
    handler: H,
    gated: Gated<A>,
) -> PaidFuture<H, A>
where
    H: Handler<A, Output: Responder>,
    A: FromRequest + 'static,
{
    let Gated {
        request, payload, ..
    } = gated;
    let Some(x402) = x402(&request) else {
        log::error!("a paid handler, and no `X402` in the data of the app: say `.app_data(web::Data::new(x402.clone()))`"; handler = declaration.name());
        return PaidFuture::refused(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let layer = match x402.declared(declaration) {
        Ok(layer) => layer,
        Err(error) => {
            log::error!("a request for something whose price cannot be paid"; handler = declaration.name(), error = error);
            return PaidFuture::refused(StatusCode::INTERNAL_SERVER_ERROR);
        }
    };
    let Some(translated) = convert::request(&request, payload) else {
        return PaidFuture::refused(StatusCode::BAD_REQUEST);
    };
    let rest = Rc::new(Cell::new(None));
    let behind = Called {
        handler,
        request,
        rest: Rc::clone(&rest),
        arguments: PhantomData,
    };
    PaidFuture {
        state: State::Gate {
            answering: layer.layer(behind).call(translated),
            rest,
        },
    }
}

fn x402(request: &HttpRequest) -> Option<&X402> {
    let shared = request
        .app_data::<web::Data<X402>>()
        .map(web::Data::get_ref);
    shared.or_else(|| request.app_data::<X402>())
}

/// A handler, for one request, as the service that a gate has in it.
pub struct Called<H, A> {
    handler: H,
    request: HttpRequest,
    rest: Rc<Cell<Option<Rest>>>,
    arguments: PhantomData<fn() -> A>,
}

impl<H: Clone, A> Clone for Called<H, A> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            request: self.request.clone(),
            rest: Rc::clone(&self.rest),
            arguments: PhantomData,
        }
    }
}

/// What a handler answers with, and its body.
type Answer<H, A> = <<H as Handler<A>>::Output as Responder>::Body;

impl<H, A> Service<Request<RequestBody<PayloadBody>>> for Called<H, A>
where
    H: Handler<A, Output: Responder>,
    A: FromRequest + 'static,
{
    type Response = Response<AnswerBody<Answer<H, A>>>;
    type Error = Error;
    type Future = Answering<Answer<H, A>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<PayloadBody>>) -> Self::Future {
        let Self {
            handler,
            request: asked,
            rest,
            ..
        } = self.clone();
        let (mut parts, body) = request.into_parts();
        if let Some(payment) = parts.extensions.remove::<x402_tower::Payment>() {
            asked.extensions_mut().insert(payment);
        }
        let mut payload = payload(body);
        Box::pin(async move {
            let answer = match A::from_request(&asked, &mut payload).await {
                Ok(arguments) => {
                    let answer = handler.call(arguments).await;
                    answer.respond_to(&asked).map_into_left_body()
                }
                Err(error) => HttpResponse::from_error(error).map_into_right_body(),
            };
            let (response, more) = unpack(answer);
            rest.set(Some(more));
            Ok(response)
        })
    }
}

/// Extractors and handlers, one after the other. Only what is paid for, or free, comes to this.
type Answering<B> = Pin<Box<dyn Future<Output = Result<Response<AnswerBody<B>>, Error>>>>;

impl<H, A> fmt::Debug for Called<H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Called").finish_non_exhaustive()
    }
}

pin_project! {
    /// The answer of a handler that is paid for, in the making.
    pub struct PaidFuture<H, A>
    where
        H: Handler<A>,
        H::Output: Responder,
        A: FromRequest,
        A: 'static,
    {
        #[pin]
        state: State<H, A>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<H, A>
    where
        H: Handler<A>,
        H::Output: Responder,
        A: FromRequest,
        A: 'static,
    {
        Gate {
            #[pin]
            answering: ResponseFuture<Called<H, A>, PayloadBody, AnswerBody<Answer<H, A>>>,
            rest: Rc<Cell<Option<Rest>>>,
        },
        Refused { status: StatusCode },
    }
}

impl<H, A> PaidFuture<H, A>
where
    H: Handler<A, Output: Responder>,
    A: FromRequest + 'static,
{
    const fn refused(status: StatusCode) -> Self {
        let state = State::Refused { status };
        Self { state }
    }
}

impl<H, A> Future for PaidFuture<H, A>
where
    H: Handler<A, Output: Responder>,
    A: FromRequest + 'static,
{
    type Output = Result<HttpResponse<GateBody<Answer<H, A>>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Gate { answering, rest } => {
                let response = std::task::ready!(answering.poll(cx))?;
                Poll::Ready(Ok(pack(response, rest.take())))
            }
            StateProjection::Refused { status } => Poll::Ready(Err(Refused(*status).into())),
        }
    }
}

impl<H, A> fmt::Debug for PaidFuture<H, A>
where
    H: Handler<A, Output: Responder>,
    A: FromRequest + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidFuture").finish_non_exhaustive()
    }
}

/// An answer that says nothing but its status. Whatever is wrong is in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(pub(crate) StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Refused {}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.0
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.0)
    }
}
