use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http as old;
use http::{Response, StatusCode};
use x402_tower::gate::{self, ResponseBody};

use super::body::{AnswerBody, answer_body};
use super::headers::{replace, translated};

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
    let status = StatusCode::from_u16(head.status().as_u16());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = translated(head.headers(), ADDED);
    response.extensions_mut().insert(TheirOwn { is_bodyless });
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
    replace(head.headers_mut(), &parts.headers);
    let is_bodyless = theirs.is_some_and(|theirs| theirs.is_bodyless);
    head.set_body(answer_body(body, is_bodyless))
}
