use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Error;
use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use x402_tower::gate::{RequestBody, ResponseBody};

/// The payload of a request, as the gate reads it.
pub struct PayloadBody {
    payload: Payload,
    ended: bool,
}

impl PayloadBody {
    pub(crate) fn new(payload: Payload) -> Self {
        let ended = matches!(payload, Payload::None);
        Self { payload, ended }
    }
}

impl Body for PayloadBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let next = ready!(Pin::new(&mut this.payload).poll_next(cx));
        this.ended = next.is_none();
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        if self.ended {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl fmt::Debug for PayloadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadBody").finish_non_exhaustive()
    }
}

/// What the gate passes on of a payload, as handlers read it.
pub(crate) fn payload(body: RequestBody<PayloadBody>) -> Payload {
    if body.is_end_stream() {
        return Payload::None;
    }
    Payload::Stream {
        payload: Box::pin(Rest { body }),
    }
}

pin_project! {
    struct Rest {
        #[pin]
        body: RequestBody<PayloadBody>,
    }
}

impl Stream for Rest {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        poll_data(self.project().body, cx)
    }
}

pin_project! {
    /// The body of a service's answer, as the gate passes it on.
    pub struct AnswerBody<B> {
        #[pin]
        body: EitherBody<B>,
    }
}

impl<B> AnswerBody<B> {
    pub(crate) const fn new(body: EitherBody<B>) -> Self {
        Self { body }
    }
}

impl<B: MessageBody + 'static> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = ready!(self.project().body.poll_next(cx));
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.size().is_eof()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size() {
            BodySize::None => SizeHint::with_exact(0),
            BodySize::Sized(length) => SizeHint::with_exact(length),
            BodySize::Stream => SizeHint::default(),
        }
    }
}

impl<B> fmt::Debug for AnswerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

pin_project! {
    /// The body of an answer of a gate: the service's own, or one of ours.
    pub struct GateBody<B> {
        #[pin]
        body: ResponseBody<AnswerBody<B>>,
        size: BodySize,
    }
}

impl<B: MessageBody + 'static> GateBody<B> {
    pub(crate) fn new(body: ResponseBody<AnswerBody<B>>, is_none: bool) -> Self {
        let size = match body.size_hint().exact() {
            Some(0) if is_none => BodySize::None,
            Some(length) => BodySize::Sized(length),
            None => BodySize::Stream,
        };
        Self { body, size }
    }
}

impl<B: MessageBody + 'static> MessageBody for GateBody<B> {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        poll_data(self.project().body, cx)
    }
}

impl<B> fmt::Debug for GateBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBody")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// The next piece of a body. Trailers are left out: actix has none.
fn poll_data<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, B::Error>>> {
    loop {
        match ready!(body.as_mut().poll_frame(cx)) {
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
