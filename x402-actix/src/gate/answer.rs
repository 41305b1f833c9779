use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http as old;
use http::{Response, StatusCode, Version, header};
use x402_tower::gate::{self, ResponseBody};

use super::body::{AnswerBody, answer_body};
use super::headers::{replace, translated};

/// What the gate does not look at of an answer, and how long its body is.
pub(super) type Rest = HttpResponse<BodySize>;

/// Marks an answer of the service's own, as opposed to one of the gate's, which never says this. Nobody else looks at the
/// version of an answer here, and a mark among the extensions would cost a map.
const THEIR_OWN: Version = Version::HTTP_09;

/// How many headers the gate adds to what it sells.
const ADDED: usize = 3;

/// An answer as the gate looks at it, and what else it has.
pub(super) fn unpack(answer: HttpResponse) -> (Response<AnswerBody>, Rest) {
    let (head, body) = answer.into_parts();
    let rest = head.set_body(body.size());
    let mut response = Response::new(AnswerBody(body));
    let status = StatusCode::from_u16(rest.status().as_u16());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = translated(rest.headers(), ADDED);
    // What actix sends in chunks does not end where its head says.
    if *rest.body() == BodySize::Stream && rest.head().chunked() {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    *response.version_mut() = THEIR_OWN;
    (response, rest)
}

/// The answer to a request whose price cannot be said.
pub(crate) fn misconfigured() -> HttpResponse {
    pack(gate::misconfigured(), None)
}

/// The answer of the gate, as actix gives it out. `rest` is of the one that the gate was given, if it was given one.
pub(super) fn pack(
    response: Response<ResponseBody<AnswerBody>>,
    rest: Option<Rest>,
) -> HttpResponse {
    match rest.filter(|_| response.version() == THEIR_OWN) {
        Some(rest) => {
            let is_bodyless = *rest.body() == BodySize::None;
            dressed(rest, response.map(|body| answer_body(body, is_bodyless)))
        }
        None => ours(response.map(|body| answer_body(body, false))),
    }
}

/// An answer that is all the gate's.
pub(super) fn ours(response: Response<impl MessageBody + 'static>) -> HttpResponse {
    let head = HttpResponse::with_body(old::StatusCode::OK, ());
    dressed(head, response.map(MessageBody::boxed))
}

/// The same with the status, the headers and the body that the gate gives out.
fn dressed<B>(mut head: HttpResponse<B>, response: Response<BoxBody>) -> HttpResponse {
    let status = old::StatusCode::from_u16(response.status().as_u16());
    *head.status_mut() = status.unwrap_or(old::StatusCode::INTERNAL_SERVER_ERROR);
    let size = response.body().size();
    replace(head.headers_mut(), response.headers(), size);
    head.set_body(response.into_body())
}
