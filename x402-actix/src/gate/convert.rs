//! From the `http` 0.2 of actix to the `http` 1 of the engine, and back.

use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::http as old;
use actix_web::http::header::HeaderMap as OldHeaderMap;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
use x402_tower::gate::ResponseBody;

use super::{AnswerBody, GateBody, PayloadBody};
use crate::strip::Stripped;

/// A request as the gate looks at it. There is none if it is no request in the eyes of `http` 1.
pub(crate) fn request(request: &HttpRequest, payload: Payload) -> Option<Request<PayloadBody>> {
    let mut translated = Request::new(PayloadBody::new(payload));
    *translated.method_mut() = Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    let target = request.uri().path_and_query();
    *translated.uri_mut() = Uri::try_from(target.map_or("/", |target| target.as_str())).ok()?;
    *translated.version_mut() = version(request.version());
    *translated.headers_mut() = headers(request.headers())?;
    // HTTP/2 says it elsewhere.
    if let (false, Some(authority)) = (
        translated.headers().contains_key(header::HOST),
        request.uri().authority(),
    ) {
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        translated.headers_mut().insert(header::HOST, host);
    }
    if let Some(Stripped(payment)) = request.extensions_mut().remove() {
        translated.headers_mut().extend(payment);
    }
    Some(translated)
}

fn version(version: old::Version) -> Version {
    match version {
        old::Version::HTTP_09 => Version::HTTP_09,
        old::Version::HTTP_10 => Version::HTTP_10,
        old::Version::HTTP_2 => Version::HTTP_2,
        old::Version::HTTP_3 => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

fn headers(headers: &OldHeaderMap) -> Option<HeaderMap> {
    let mut translated = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        translated.append(
            HeaderName::from_bytes(name.as_str().as_bytes()).ok()?,
            header_value(value)?,
        );
    }
    Some(translated)
}

/// Moves what the gate has found out about a request to where its handler looks for it.
pub(crate) fn move_findings(from: &mut http::Extensions, to: &mut actix_web::dev::Extensions) {
    if let Some(payment) = from.remove::<x402_tower::Payment>() {
        to.insert(payment);
    }
    if let Some(meter) = from.remove::<x402_tower::Meter>() {
        to.insert(meter);
    }
}

pub(crate) fn header_value(value: &old::header::HeaderValue) -> Option<HeaderValue> {
    let mut translated = HeaderValue::from_bytes(value.as_bytes()).ok()?;
    translated.set_sensitive(value.is_sensitive());
    Some(translated)
}

/// What an answer of actix has beyond what the gate is told of it.
pub(crate) struct Rest {
    head: HttpResponse<()>,
    is_bodyless: bool,
}

/// Marks an answer of the service's own, as opposed to one of the gate's.
#[derive(Clone, Copy)]
struct TheirOwn;

/// An answer as the gate looks at it, and the rest of it.
pub(crate) fn unpack<B: MessageBody + 'static>(
    answer: HttpResponse<EitherBody<B>>,
) -> (Response<AnswerBody<B>>, Rest) {
    let (head, body) = answer.into_parts();
    let is_bodyless = body.size() == BodySize::None;
    let mut response = Response::new(AnswerBody::new(body));
    match (
        StatusCode::from_u16(head.status().as_u16()),
        headers(head.headers()),
    ) {
        (Ok(status), Some(headers)) => {
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response.extensions_mut().insert(TheirOwn);
        }
        // What cannot be said in `http` 1 is not sold.
        _ => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    (response, Rest { head, is_bodyless })
}

/// The answer of the gate, as actix gives it out.
pub(crate) fn pack<B: MessageBody + 'static>(
    response: Response<ResponseBody<AnswerBody<B>>>,
    rest: Option<Rest>,
) -> HttpResponse<GateBody<B>> {
    let (parts, body) = response.into_parts();
    let rest = rest.filter(|_| parts.extensions.get::<TheirOwn>().is_some());
    let is_bodyless = rest.as_ref().is_some_and(|rest| rest.is_bodyless);
    let mut head = rest.map_or_else(
        || HttpResponse::new(old::StatusCode::OK).drop_body(),
        |rest| rest.head,
    );
    *head.status_mut() = old_status(parts.status);
    head.headers_mut().clear();
    for (name, value) in &parts.headers {
        let name = old::header::HeaderName::from_bytes(name.as_ref());
        if let (Ok(name), Some(value)) = (name, old_header_value(value)) {
            head.headers_mut().append(name, value);
        }
    }
    head.set_body(GateBody::new(body, is_bodyless))
}

fn old_status(status: StatusCode) -> old::StatusCode {
    old::StatusCode::from_u16(status.as_u16()).unwrap_or(old::StatusCode::INTERNAL_SERVER_ERROR)
}

fn old_header_value(value: &HeaderValue) -> Option<old::header::HeaderValue> {
    let mut translated = old::header::HeaderValue::from_bytes(value.as_bytes()).ok()?;
    translated.set_sensitive(value.is_sensitive());
    Some(translated)
}
