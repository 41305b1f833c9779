//! Bodies of actix as those of `http-body`, and back. Nothing is copied, and nothing is read ahead.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpRequest;
use actix_web::body::{self, BodySize, BodyStream, BoxBody, MessageBody, SizedStream};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use x402_tower::gate::{RequestBody, ResponseBody};

/// The payload of a request, as the gate reads it.
pub(super) struct PayloadBody {
    payload: Payload,
    /// How much of it is left, if the client has said how long it is.
    left: Option<u64>,
}

impl PayloadBody {
    pub(super) fn new(payload: Payload, request: &HttpRequest) -> Self {
        let said = request.headers().get(header::CONTENT_LENGTH);
        let left = said.and_then(|length| length.to_str().ok()?.parse().ok());
        Self { payload, left }
    }
}

impl Body for PayloadBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let piece = ready!(Pin::new(&mut self.payload).poll_next(cx));
        if let (Some(Ok(data)), Some(left)) = (&piece, &mut self.left) {
            *left = left.saturating_sub(data.len() as u64);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.payload, Payload::None)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// The body of a service's answer, as the gate passes it on.
pub(super) struct AnswerBody(pub(super) BoxBody);

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Box<dyn StdError>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.as_pin_mut().poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        // Nobody asks for what there is not.
        matches!(self.0.size(), BodySize::None | BodySize::Sized(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.size() {
            BodySize::None => SizeHint::with_exact(0),
            BodySize::Sized(length) => SizeHint::with_exact(length),
            BodySize::Stream => SizeHint::default(),
        }
    }
}

/// What the gate passes on of a payload, as handlers read it.
pub(super) fn payload(body: RequestBody<PayloadBody>) -> Payload {
    if body.is_end_stream() {
        return Payload::None;
    }
    let payload = Box::pin(Pieces(body));
    Payload::Stream { payload }
}

/// What the gate passes on of an answer, as servers give it out.
pub(super) fn answer_body(body: ResponseBody<AnswerBody>, is_bodyless: bool) -> BoxBody {
    let body = match body.into_unsold() {
        Ok(AnswerBody(own)) => return own,
        Err(body) => body,
    };
    match body.size_hint().exact() {
        Some(0) if is_bodyless => BoxBody::new(body::None::new()),
        Some(length) => BoxBody::new(SizedStream::new(length, Pieces(body))),
        None => BoxBody::new(BodyStream::new(Pieces(body))),
    }
}

/// The data of a body. Trailers are left out: actix has none.
struct Pieces<B>(B);

impl<B: Body<Data = Bytes> + Unpin> Stream for Pieces<B> {
    type Item = Result<Bytes, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}
