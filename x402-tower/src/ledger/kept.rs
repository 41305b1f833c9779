use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// An answer that is kept for a buyer who did not get it. Cheap to clone.
///
/// It is a copy, and in one piece: what an answer is made of may have been cut from something much larger, like the head of
/// the request that one of its headers repeats, and would hold on to all of that.
///
/// ```
/// use std::time::Duration;
///
/// use http::{HeaderMap, HeaderValue, StatusCode, header};
/// use x402_tower::ledger::KeptAnswer;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
/// let answer = KeptAnswer::new(StatusCode::OK, &headers, b"sunny", Duration::ZERO);
/// assert_eq!(answer.headers().collect::<HeaderMap>(), headers);
/// assert_eq!(answer.body(), "sunny");
/// ```
#[derive(Clone)]
pub struct KeptAnswer {
    status: StatusCode,
    given_at: Duration,
    /// Each header on a line of its own, and then the body.
    all: Bytes,
    body_from: usize,
}

impl KeptAnswer {
    /// An answer with the headers that are the handler's and not the connection's, and when, since 1970, it was given.
    pub fn new(status: StatusCode, headers: &HeaderMap, body: &[u8], given_at: Duration) -> Self {
        let mut keeping = Keeping::new(status, || headers.iter(), body.len(), given_at);
        keeping.push(body);
        keeping.finish()
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let lines = self.all[..self.body_from].split(|byte| *byte == END);
        lines.filter_map(|line| {
            let colon = line.iter().position(|byte| COLONS.contains(byte))?;
            let (name, value) = line.split_at(colon);
            let (colon, value) = value.split_first()?;
            let name = HeaderName::from_bytes(name).ok()?;
            let mut value = HeaderValue::from_maybe_shared(self.all.slice_ref(value)).ok()?;
            value.set_sensitive(*colon == COLONS[1]);
            Some((name, value))
        })
    }

    /// The body.
    pub fn body(&self) -> Bytes {
        self.all.slice(self.body_from..)
    }

    /// When, since 1970, it was given.
    pub const fn given_at(&self) -> Duration {
        self.given_at
    }

    /// How much room it takes.
    pub(super) const fn bytes(&self) -> usize {
        self.all.len()
    }
}

impl fmt::Debug for KeptAnswer {
    /// Shows none of the goods.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAnswer")
            .field("status", &self.status)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// What ends a line: no value has that in it.
const END: u8 = b'\n';

/// What is between a name and a value that is not sensitive, or is: no name has these in it.
const COLONS: [u8; 2] = *b":;";

/// An answer of which a copy is in the making.
pub(crate) struct Keeping(KeptAnswer, Vec<u8>);

impl Keeping {
    /// A copy of an answer with these headers and no body yet, with room for so much of it.
    pub(crate) fn new<'a, H>(
        status: StatusCode,
        headers: impl Fn() -> H,
        room: usize,
        given_at: Duration,
    ) -> Self
    where
        H: Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    {
        let lines = headers().map(|(name, value)| name.as_str().len() + value.len() + 2);
        let body_from = lines.sum();
        let mut all = Vec::with_capacity(body_from + room);
        for (name, value) in headers() {
            all.extend_from_slice(name.as_str().as_bytes());
            all.push(COLONS[usize::from(value.is_sensitive())]);
            all.extend_from_slice(value.as_bytes());
            all.push(END);
        }
        let answer = KeptAnswer {
            status,
            given_at,
            all: Bytes::new(),
            body_from,
        };
        Self(answer, all)
    }

    /// More of its body.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        if self.body_len() == 0 {
            // Most bodies are one piece, whether or not they have said so.
            self.1.reserve_exact(piece.len());
        }
        self.1.extend_from_slice(piece);
    }

    /// How long its body is by now.
    pub(crate) const fn body_len(&self) -> usize {
        self.1.len() - self.0.body_from
    }

    /// There is no more of it.
    pub(crate) fn finish(self) -> KeptAnswer {
        let Self(answer, all) = self;
        KeptAnswer {
            // What has grown has more room than it takes.
            all: all.into_boxed_slice().into(),
            ..answer
        }
    }
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn kept(headers: &HeaderMap, body: &[u8]) -> KeptAnswer {
        KeptAnswer::new(StatusCode::OK, headers, body, Duration::ZERO)
    }

    #[test]
    fn an_answer_is_kept_as_it_was() {
        let mut headers = HeaderMap::new();
        for value in [b"a: b; c" as &[u8], b"", b"\xff\t", b"a: b; c"] {
            headers.append(header::WARNING, HeaderValue::from_bytes(value).unwrap());
            headers.append("x-own", HeaderValue::from_bytes(value).unwrap());
        }
        let mut secret = HeaderValue::from_static("secret");
        secret.set_sensitive(true);
        headers.insert(header::ETAG, secret);
        for body in [b"" as &[u8], b"\n:;", b"sunny"] {
            for headers in [&headers, &HeaderMap::new()] {
                let kept = kept(headers, body);
                assert_eq!(kept.headers().collect::<HeaderMap>(), *headers);
                assert_eq!(kept.body(), body);
                for (name, value) in kept.headers() {
                    assert_eq!(value.is_sensitive(), name == header::ETAG);
                }
            }
        }
    }

    #[test]
    fn what_is_kept_holds_on_to_nothing_else() {
        let whole = Bytes::from(vec![b'x'; 1 << 20]);
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_maybe_shared(whole.slice(7..13)).unwrap();
        headers.insert(header::ETAG, value);
        let kept = kept(&headers, &whole.slice(7..13));
        drop(headers);
        assert!(whole.is_unique());
        assert_eq!(kept.bytes(), "etag:".len() + 6 + "\n".len() + 6);
    }

    #[test]
    fn what_has_grown_takes_no_more_room_than_it_needs() {
        let headers = HeaderMap::new();
        let mut keeping = Keeping::new(StatusCode::OK, || headers.iter(), 0, Duration::ZERO);
        for _ in 0..1000 {
            keeping.push(b"piece");
        }
        assert_eq!(keeping.body_len(), 5000);
        let all = Vec::from(keeping.finish().all);
        assert_eq!(all.capacity(), 5000);
    }
}
