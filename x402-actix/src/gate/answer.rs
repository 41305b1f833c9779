use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http as old;
use http::{Response, StatusCode};
use x402_tower::gate::{self, ResponseBody};

use super::body::{AnswerBody, answer_body};
use super::head::translated;

/// Marks an answer of the service's own, as opposed to one of the gate's.
#[derive(Clone, Copy)]
struct TheirOwn {
    is_bodyless: bool,
}

/// How many headers the gate adds to what it sells.
const ADDED: usize = 3;

/// An answer as the gate looks at it, and what else it has.
pub(super) fn unpack(answer: HttpResponse) -> (Response<AnswerBody>, HttpResponse<()>) {
    let (head, body) = answer.into_parts();
    let is_bodyless = body.size() == BodySize::None;
    let mut response = Response::new(AnswerBody(body));
    match (
        StatusCode::from_u16(head.status().as_u16()),
        translated(head.headers(), ADDED),
    ) {
        (Ok(status), Some(headers)) => {
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response.extensions_mut().insert(TheirOwn { is_bodyless });
        }
        // What cannot be said in `http` 1 is not sold.
        _ => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    (response, head)
}

/// The answer to a request whose price cannot be said.
pub(crate) fn misconfigured() -> HttpResponse {
    pack(gate::misconfigured(), None)
}

/// The answer of the gate, as actix gives it out. `head` is of the one that the gate was given, if it was given one.
pub(super) fn pack(
    response: Response<ResponseBody<AnswerBody>>,
    head: Option<HttpResponse<()>>,
) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let theirs: Option<&TheirOwn> = parts.extensions.get();
    let mut head = head
        .filter(|_| theirs.is_some())
        .unwrap_or_else(|| HttpResponse::with_body(old::StatusCode::OK, ()));
    let status = old::StatusCode::from_u16(parts.status.as_u16());
    *head.status_mut() = status.unwrap_or(old::StatusCode::INTERNAL_SERVER_ERROR);
    head.headers_mut().clear();
    for (name, value) in &parts.headers {
        let name = old::header::HeaderName::from_bytes(name.as_ref());
        let value = old::header::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            head.headers_mut().append(name, value);
        }
    }
    let is_bodyless = theirs.is_some_and(|theirs| theirs.is_bodyless);
    head.set_body(answer_body(body, is_bodyless))
}
