//! Bodies of actix as those of `http-body`, and back. Nothing is copied, and nothing is read ahead.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{self, BodySize, BodyStream, BoxBody, MessageBody, SizedStream};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use x402_tower::gate::{RequestBody, ResponseBody};

/// The payload of a request, as the gate reads it.
pub(super) struct PayloadBody(pub(super) Payload);

impl Body for PayloadBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        Pin::new(&mut self.0).poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Payload::None)
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
        self.0.size().is_eof()
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
