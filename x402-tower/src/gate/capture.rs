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
    /// How long it is said to be.
    length: usize,
    /// Whether that is all that a server asks for.
    ends_by_length: bool,
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
    pub(super) fn new(body: RB, length: usize, ends_by_length: bool) -> Self {
        Self {
            body: Box::pin(body),
            length,
            ends_by_length,
            pieces: Pieces::default(),
            trailers: None,
        }
    }

    /// The whole answer; nothing if it breaks off, or ends before it said. What comes behind its length is no part of it, to
    /// servers neither.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Captured>> {
        while !self.is_over() && !self.body.is_end_stream() {
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => break,
                Some(Err(_)) => return Poll::Ready(None),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let mut data = into_bytes(data);
                        let left = self.length - self.pieces.len();
                        let is_behind = data.len() > left;
                        data.truncate(left);
                        self.pieces.push(data);
                        if is_behind {
                            break;
                        }
                    }
                    Err(frame) => self.trailers = frame.into_trailers().ok().map(Box::new),
                },
            }
        }
        if self.pieces.len() < self.length {
            return Poll::Ready(None);
        }
        let data = std::mem::take(&mut self.pieces).join();
        Poll::Ready(Some(Captured {
            data,
            trailers: self.trailers.take(),
        }))
    }

    fn is_over(&self) -> bool {
        self.ends_by_length && self.pieces.len() == self.length
    }
}
