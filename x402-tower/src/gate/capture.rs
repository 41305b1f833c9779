use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;

use super::request_body::into_bytes;
use crate::pieces::Pieces;

/// Reads an answer of known length before the money moves, so that it is there whatever happens to the connection.
pub(super) struct Capture<RB> {
    body: Pin<Box<RB>>,
    pieces: Pieces,
    trailers: Option<Box<HeaderMap>>,
}

/// An answer that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured {
    pub(super) data: Bytes,
    pub(super) trailers: Option<Box<HeaderMap>>,
}

impl<RB: Body> Capture<RB> {
    pub(super) fn new(body: RB) -> Self {
        Self {
            body: Box::pin(body),
            pieces: Pieces::default(),
            trailers: None,
        }
    }

    /// The whole answer, or the error that it ends with.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Captured, RB::Error>> {
        while !self.body.is_end_stream() {
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => break,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.pieces.push(into_bytes(data)),
                    Err(frame) => self.trailers = frame.into_trailers().ok().map(Box::new),
                },
            }
        }
        let data = std::mem::take(&mut self.pieces).join();
        Poll::Ready(Ok(Captured {
            data,
            trailers: self.trailers.take(),
        }))
    }
}
