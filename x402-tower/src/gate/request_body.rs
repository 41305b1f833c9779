use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::checkout::Tally;

pin_project! {
    /// The body of a request behind a gate: the client's own, watched as the handler reads it.
    pub struct RequestBody<B> {
        // What the gate has read itself, to compare it with an earlier request.
        read: VecDeque<Bytes>,
        #[pin]
        rest: Rest<B>,
        tally: Option<Tally>,
    }
}

pin_project! {
    #[project = RestProjection]
    enum Rest<B> {
        Untouched { #[pin] body: B },
        // Read to some extent, and pinned for that.
        Begun { body: Pin<Box<RequestBody<B>>> },
        Ended,
    }
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            read: VecDeque::new(),
            rest: Rest::Untouched { body },
            tally: None,
        }
    }

    /// A body of which some has been read. Nothing is left of it if `rest` is missing.
    pub(super) fn begun(read: VecDeque<Bytes>, rest: Option<Pin<Box<Self>>>) -> Self {
        let rest = rest.map_or(Rest::Ended, |body| Rest::Begun { body });
        Self {
            read,
            rest,
            tally: None,
        }
    }

    /// Tells as much as the handler reads of it.
    pub(super) fn tallied(mut self, tally: Tally) -> Self {
        self.tally = Some(tally);
        self
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = match this.read.pop_front() {
            Some(data) => Some(Ok(Frame::data(data))),
            None => {
                ready!(match this.rest.project() {
                    RestProjection::Untouched { body } => {
                        body.poll_frame(cx)
                            .map_ok(|frame| frame.map_data(into_bytes))
                    }
                    RestProjection::Begun { body } => body.as_mut().poll_frame(cx),
                    RestProjection::Ended => Poll::Ready(None),
                })
            }
        };
        if let Some(tally) = this.tally {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        tally.read(data);
                    }
                }
                None => tally.end(),
                Some(Err(_)) => {}
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.read.is_empty()
            && match &self.rest {
                Rest::Untouched { body } => body.is_end_stream(),
                Rest::Begun { body } => body.is_end_stream(),
                Rest::Ended => true,
            };
        if ended && let Some(tally) = &self.tally {
            // Whoever asks this knows that it has read everything.
            tally.end();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().map(|data| data.len() as u64).sum::<u64>();
        let rest = match &self.rest {
            Rest::Untouched { body } => body.size_hint(),
            Rest::Begun { body } => body.size_hint(),
            Rest::Ended => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(read.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

pub(super) fn into_bytes(mut data: impl bytes::Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}
