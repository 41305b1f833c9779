use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, web};

use super::Answer;
use crate::brought::Brought;
use crate::gate::{Selling, misconfigured, sell};
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

/// The answer of a handler that is paid for, in the making.
pub type PaidFuture = Selling<HttpResponse>;

/// Calls a handler behind the price that it declares. No extractor runs, and no body is read, before it is paid.
pub fn call<H, A>(declaration: &'static Declaration, handler: H, gated: Gated<A>) -> PaidFuture
where
    H: Handler<A, Output = Answer>,
    A: FromRequest + 'static,
{
    let Gated {
        request, payload, ..
    } = gated;
    let Some(paid) = paid(declaration, &request) else {
        return Box::pin(ready(Ok(misconfigured())));
    };
    let serve = move |request, mut payload| {
        let handler = handler.clone();
        async move {
            let answer = match A::from_request(&request, &mut payload).await {
                Ok(arguments) => handler.call(arguments).await.to(&request),
                Err(error) => HttpResponse::from_error(error),
            };
            Ok(ServiceResponse::new(request, answer))
        }
    };
    let left = Brought::left(&request);
    sell(&paid.0, left.as_ref(), request, payload, serve, |answer| {
        answer.into_parts().1
    })
}

/// The price of a handler. If there is none, the log says why.
fn paid(declaration: &'static Declaration, request: &HttpRequest) -> Option<Paid> {
    let shared = request.app_data().map(web::Data::get_ref);
    let x402 = match (shared, request.app_data::<X402>()) {
        (Some(x402), None) | (None, Some(x402)) => x402,
        (None, None) => {
            log::error!("a paid handler, and no `X402` in the data of the app: say `.app_data(web::Data::new(x402.clone()))`"; handler = declaration.name());
            return None;
        }
        // Which of them is nearer cannot be seen, and it matters who is paid.
        (Some(_), Some(_)) => {
            log::error!("a paid handler, and an `X402` in the data of the app as itself and another as `web::Data`: say both in one form"; handler = declaration.name());
            return None;
        }
    };
    let declared = x402.declared(declaration).inspect_err(|error| {
        log::error!("a request for something whose price cannot be paid"; handler = declaration.name(), error = error);
    });
    declared.ok()
}
