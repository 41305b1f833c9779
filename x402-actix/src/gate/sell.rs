use std::cell::Cell;
use std::future::{Future, ready};
use std::pin::Pin;

use actix_web::dev::{Payload, ServiceResponse};
use actix_web::error::{ErrorInternalServerError, InternalError};
use actix_web::{Error, HttpMessage as _, HttpRequest};
use x402_tower::Payment;
use x402_tower::gate::GateLayer;

use super::answer::{ours, pack, unpack};
use super::body::{self, PayloadBody};
use super::head::look;
use crate::brought::Brought;

/// An answer in the making.
pub(crate) type Selling<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

/// Sells what `serve` answers to a request, and gives out as much of the answer as the caller wants. `serve` is called once
/// at the most, and not before the gate says so.
pub(crate) fn sell<S, F, T: 'static>(
    layer: &GateLayer,
    brought: Option<&Brought>,
    request: HttpRequest,
    payload: Payload,
    serve: S,
    give_out: fn(ServiceResponse) -> T,
) -> Selling<T>
where
    S: Fn(HttpRequest, Payload) -> F + 'static,
    F: Future<Output = Result<ServiceResponse, Error>> + 'static,
{
    // Most requests are not paid for, and what they get needs no future of that size.
    let visit = match look(layer, &request, &payload, brought).reply() {
        Ok(reply) => {
            let answer = ServiceResponse::new(request, ours(reply));
            return Box::pin(ready(Ok(give_out(answer))));
        }
        Err(visit) => visit,
    };
    Box::pin(async move {
        let unread = PayloadBody::new(payload, &request);
        // Where the request is: it is never cloned, since actix panics if a request that is routed has more than one owner.
        let waiting = Cell::new(Some(request));
        let answered = Cell::new(None);
        let inside = async |payment: Option<Payment>, rest| {
            let request = waiting.take().ok_or_else(lost)?;
            let is_settled = payment.as_ref().is_some_and(|it| it.receipt().is_some());
            if let Some(payment) = payment {
                leave(payment, &request);
            }
            let (from, answer) = match serve(request, body::payload(rest)).await {
                Ok(answer) => {
                    let (request, answer) = answer.into_parts();
                    (Ok(request), answer)
                }
                // Nothing is sold with an error, unless it is one in name only, or sold already.
                Err(error) if is_failure(&error) && !is_settled => return Err(error),
                // Outer layers get it as the error that it is.
                Err(error) => {
                    let answer = error.error_response();
                    (Err(error), answer)
                }
            };
            let (response, rest) = unpack(answer);
            answered.set(Some((from, rest)));
            Ok(response)
        };
        let response = visit.go_on(unread, inside).await?;
        let (from, rest) = match answered.take() {
            Some((from, rest)) => (from, Some(rest)),
            // A handler that was stopped has taken its request along.
            None => (waiting.take().ok_or_else(lost), None),
        };
        let answer = pack(response, rest);
        match from {
            Ok(request) => Ok(give_out(ServiceResponse::new(request, answer))),
            Err(error) => Err(InternalError::from_response(error, answer).into()),
        }
    })
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
