use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use http::HeaderMap;
use http_body::Body;

use super::RequestBody;
use super::request_body::Begun;
use crate::Digest;
use crate::checkout::Compared;
use crate::digest::Hasher;
use crate::ledger::BodyDigest;

/// Reads the beginning of a request's body, keeping what it reads for the handler.
pub(super) struct Reading<B> {
    body: Option<Pin<Box<RequestBody<B>>>>,
    /// Copied: small pieces can keep large buffers.
    read: BytesMut,
    trailers: Option<HeaderMap>,
    until: Until,
    hasher: Hasher,
}

/// How much is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// All of it, if it is no longer than this.
    End { most: u64 },
    /// As much as an earlier request had, and one byte more if that was all of it.
    Same(BodyDigest),
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadBody {
    /// All of it.
    Whole(Digest),
    /// It is longer than allowed.
    TooLong,
    /// As much as an earlier request had.
    Compared(Compared),
    /// It broke off.
    Broken,
}

impl<B: Body> Reading<B> {
    pub(super) fn new(body: RequestBody<B>, until: Until) -> Self {
        let body = Some(Box::pin(body));
        Self {
            body,
            read: BytesMut::new(),
            trailers: None,
            until,
            hasher: Hasher::new(),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ReadBody> {
        loop {
            if let Some(done) = self.is_done() {
                return Poll::Ready(done);
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(self.at_the_end());
            };
            match ready!(body.as_mut().poll_frame(cx)) {
                None => self.body = None,
                Some(Err(_)) => return Poll::Ready(ReadBody::Broken),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(&data),
                    // They say nothing that a payment is bound to.
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
    }

    /// The body for the handler: what was read, and the rest.
    pub(super) fn into_body(self) -> RequestBody<B> {
        RequestBody::begun(Begun {
            read: self.read.freeze(),
            rest: self.body,
            trailers: self.trailers,
        })
    }

    fn length(&self) -> u64 {
        self.read.len() as u64
    }

    fn take(&mut self, data: &[u8]) {
        let wanted = match self.until {
            Until::End { .. } => data.len(),
            Until::Same(first) => {
                let left = first.length.saturating_sub(self.length());
                usize::try_from(left).unwrap_or(usize::MAX).min(data.len())
            }
        };
        self.hasher.update(&data[..wanted]);
        self.read.extend_from_slice(data);
    }

    fn is_done(&self) -> Option<ReadBody> {
        match self.until {
            Until::End { most } => (self.length() > most).then_some(ReadBody::TooLong),
            Until::Same(first) if self.length() < first.length => None,
            Until::Same(first) if self.length() > first.length && first.complete => {
                Some(different(first))
            }
            Until::Same(first) if first.complete => None,
            Until::Same(first) => Some(self.compare(first)),
        }
    }

    fn at_the_end(&self) -> ReadBody {
        match self.until {
            Until::End { .. } => ReadBody::Whole(self.hasher.clone().finish()),
            Until::Same(first) if self.length() < first.length => different(first),
            Until::Same(first) => self.compare(first),
        }
    }

    fn compare(&self, first: BodyDigest) -> ReadBody {
        let is_same = first.length == 0 || first.digest == Some(self.hasher.clone().finish());
        ReadBody::Compared(Compared { first, is_same })
    }
}

const fn different(first: BodyDigest) -> ReadBody {
    ReadBody::Compared(Compared {
        first,
        is_same: false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body::Frame;

    use super::*;

    /// Pieces, and trailers behind them if there is a name for some.
    struct Pieces(VecDeque<&'static [u8]>, Option<&'static str>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let data = self.0.pop_front().map(Bytes::from_static).map(Frame::data);
            let trailers = |name| {
                let name = http::HeaderName::from_static(name);
                Frame::trailers(HeaderMap::from_iter([(name, 1.into())]))
            };
            Poll::Ready(data.or_else(|| self.1.take().map(trailers)).map(Ok))
        }
    }

    fn read(pieces: &[&'static [u8]], until: Until) -> ReadBody {
        let mut reading = Reading::new(
            RequestBody::new(Pieces(pieces.iter().copied().collect(), None)),
            until,
        );
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(read) = reading.poll(&mut cx) else {
            panic!("pieces are always there")
        };
        read
    }

    fn first(text: &[u8], complete: bool) -> BodyDigest {
        let mut hasher = Hasher::new();
        hasher.update(text);
        BodyDigest::new(text.len() as u64, complete, Some(hasher.finish()))
    }

    #[test]
    fn a_body_is_compared_as_far_as_it_was_read() {
        for (pieces, first, is_same) in [
            (&[&b"abc"[..], b"def"][..], first(b"abcdef", true), true),
            (&[b"abcdef"], first(b"abcdef", true), true),
            (&[b"abcdefg"], first(b"abcdef", true), false),
            (&[b"abcdef", b"g"], first(b"abcdef", true), false),
            (&[b"abcde"], first(b"abcdef", true), false),
            (&[b"abcdeX"], first(b"abcdef", true), false),
            (&[b"abcdefg"], first(b"abcdef", false), true),
            (&[b"abcdeXg"], first(b"abcdef", false), false),
            (&[], first(b"", true), true),
            (&[b"a"], first(b"", true), false),
            (&[b"a"], first(b"", false), true),
        ] {
            assert_eq!(
                read(pieces, Until::Same(first)),
                ReadBody::Compared(Compared { first, is_same }),
                "{pieces:?} {first:?}"
            );
        }
    }

    /// In as few pieces as there can be: small ones are much larger than they look.
    #[test]
    fn what_was_read_comes_out_again_trailers_and_all() {
        for until in [Until::End { most: 6 }, Until::Same(first(b"abc", false))] {
            let pieces = [&b"abc"[..], b"", b"de", b"f"];
            let body = RequestBody::new(Pieces(pieces.into(), Some("x-sum")));
            let mut reading = Reading::new(body, until);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(reading.poll(&mut cx).is_ready());
            let mut body = Box::pin(reading.into_body());
            let (mut data, mut trailers) = (Vec::new(), None);
            while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
                match frame.unwrap().into_data() {
                    Ok(piece) => data.push(piece),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
            }
            assert_eq!(data.concat(), b"abcdef");
            assert!(matches!(until, Until::Same(_)) || data.len() == 1);
            assert_eq!(trailers.unwrap()["x-sum"], "1");
        }
    }

    #[test]
    fn a_body_that_is_bound_is_bounded() {
        let BodyDigest { digest, .. } = first(b"abcdef", true);
        assert_eq!(
            read(&[b"abc", b"def"], Until::End { most: 6 }),
            ReadBody::Whole(digest.unwrap())
        );
        assert_eq!(
            read(&[b"abc", b"def", b"g"], Until::End { most: 6 }),
            ReadBody::TooLong
        );
    }
}
