use std::cell::Cell;
use std::future::Future;

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::error::{ErrorInternalServerError, InternalError};
use actix_web::{Error, HttpMessage as _, HttpRequest};
use x402_tower::Payment;
use x402_tower::gate::Visit;

use super::answer::{Rest, pack, unpack};
use super::body::{self, PayloadBody};

/// Sells what `serve` answers to a request. It is called once at the most, and not before the gate says so.
pub(crate) async fn sell<S, F>(
    visit: Visit,
    request: HttpRequest,
    payload: Payload,
    serve: S,
) -> Result<ServiceResponse, Error>
where
    S: Fn(HttpRequest, Payload) -> F,
    F: Future<Output = Result<ServiceResponse, Error>>,
{
    let unread = PayloadBody::new(payload, &request);
    let place = Cell::new(Place::Waiting(request));
    let inside = async |payment: Option<Payment>, unread| {
        let Place::Waiting(request) = place.take() else {
            return Err(lost());
        };
        let is_settled = payment.as_ref().is_some_and(|it| it.receipt().is_some());
        if let Some(payment) = payment {
            leave(payment, &request);
        }
        match serve(request, body::payload(unread)).await {
            Ok(answer) => {
                let (request, answer) = answer.into_parts();
                let (response, rest) = unpack(answer);
                place.set(Place::Answered(request, rest));
                Ok(response)
            }
            // Nothing is sold with an error, unless it is one in name only, or sold already.
            Err(error) if is_failure(&error) && !is_settled => Err(error),
            Err(error) => {
                let (response, rest) = unpack(error.error_response());
                place.set(Place::Failed(error, rest));
                Ok(response)
            }
        }
    };
    let response = visit.go_on(unread, inside).await?;
    match place.take() {
        Place::Waiting(request) => Ok(ServiceResponse::new(request, pack(response, None))),
        Place::Answered(request, rest) => {
            Ok(ServiceResponse::new(request, pack(response, Some(rest))))
        }
        Place::Failed(error, rest) => {
            let answer = pack(response, Some(rest));
            Err(InternalError::from_response(error, answer).into())
        }
        Place::Inside => Err(lost()),
    }
}

/// Where a request is. It is never a clone: actix panics if a request has more than one owner while it is routed.
#[derive(Default)]
enum Place {
    /// It waits to be called for.
    Waiting(HttpRequest),
    /// The service has it.
    #[default]
    Inside,
    /// The service has answered it.
    Answered(HttpRequest, Rest),
    /// The service has failed, with an error that is an answer like any other.
    Failed(Error, Rest),
}

/// Leaves a payment where handlers look for it.
fn leave(payment: Payment, request: &HttpRequest) {
    let mut extensions = request.extensions_mut();
    if let Some(meter) = payment.meter() {
        extensions.insert(meter.clone());
    }
    extensions.insert(payment);
}

fn is_failure(error: &Error) -> bool {
    let status = error.as_response_error().status_code();
    status.is_client_error() || status.is_server_error()
}

/// For what cannot be: a gate calls once, and waits for the answer.
fn lost() -> Error {
    ErrorInternalServerError("")
}
