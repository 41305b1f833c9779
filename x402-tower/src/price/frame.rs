//! What a challenge says whoever asks for what.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderValue;

use super::seal::REFERENCE_LENGTH;
use super::template::Tail;
use crate::proto::{base64, header};

/// Why there has to be a payment, as each version says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Why<'a> {
    pub(crate) v2: &'a str,
    pub(crate) v1: &'a str,
}

impl Why<'_> {
    /// Because there is none yet.
    pub(crate) const UNPAID: Self = Why {
        v2: "Payment required",
        v1: "X-PAYMENT header is required",
    };
}

/// The challenges of one server for one reason, up to what differs from request to request: the target, which ends the URL
/// of the resource, and the references.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The base64 of everything before the target in a `PAYMENT-REQUIRED` header.
    lead: Vec<u8>,
    /// A demand of version 1, cut at the targets; empty if there is none.
    demand: Vec<String>,
}

/// A challenge, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    /// The value of `PAYMENT-REQUIRED`.
    pub(crate) header: Vec<u8>,
    /// The demand of version 1, if there is anything it can say.
    pub(crate) demand: Option<Measured>,
}

/// A body, and how long a header says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) body: Bytes,
    pub(crate) length: HeaderValue,
}

impl From<Vec<u8>> for Measured {
    fn from(body: Vec<u8>) -> Self {
        Self {
            length: body.len().into(),
            body: body.into(),
        }
    }
}

/// A frame, and the challenge to the target that was asked for first: most prices are those of one target, and its
/// challenges differ in their references alone.
#[derive(Debug)]
pub(super) struct Usual {
    origin: Arc<str>,
    frame: Frame,
    first: OnceLock<(Box<str>, Challenge)>,
}

impl Usual {
    pub(super) const fn new(origin: Arc<str>, frame: Frame) -> Self {
        Self {
            origin,
            frame,
            first: OnceLock::new(),
        }
    }

    /// What every URL of the server begins with.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The challenge of a request to this target.
    pub(super) fn challenge(
        &self,
        target: &str,
        tail: &Tail,
        reference: impl FnMut(usize) -> [u8; REFERENCE_LENGTH],
    ) -> Challenge {
        if let Some((first, challenge)) = self.first.get()
            && **first == *target
        {
            let mut challenge = challenge.clone();
            tail.refill(&mut challenge.header, reference);
            return challenge;
        }
        let challenge = self.frame.challenge(target, tail, reference);
        if target.len() <= LONGEST_FIRST {
            self.first
                .get_or_init(|| (target.into(), challenge.clone()));
        }
        challenge
    }
}

/// Who asks for something longer than that does not ask for what others ask for.
const LONGEST_FIRST: usize = 256;

impl Frame {
    /// The frame of challenges for this reason. `entries` are those of a demand of version 1, each cut at the URL.
    pub(super) fn new<'a>(
        why: &Why<'_>,
        origin: &str,
        entries: impl Iterator<Item = &'a (String, String)>,
    ) -> Self {
        let origin = header::escaped(origin);
        let said = header::escaped(why.v2);
        let json = format!(r#""x402Version":2,"error":"{said}","resource":{{"url":"{origin}"#);
        // Spaces behind the brace let the target begin a group of base64.
        let spaces = 2 - json.len() % 3;
        let mut lead = Vec::new();
        base64::encode(&mut lead, format!("{{{:spaces$}{json}", "").as_bytes());

        let mut demand = Vec::new();
        let said = header::escaped(why.v1);
        let mut piece = format!(r#"{{"x402Version":1,"error":"{said}","accepts":["#);
        for (before, after) in entries {
            if !demand.is_empty() {
                piece.push(',');
            }
            demand.push(piece + before + &origin);
            piece = after.clone();
        }
        if !demand.is_empty() {
            demand.push(piece + "]}");
        }
        Self { lead, demand }
    }

    /// The challenge of a request to this target.
    pub(super) fn challenge(
        &self,
        target: &str,
        tail: &Tail,
        reference: impl FnMut(usize) -> [u8; REFERENCE_LENGTH],
    ) -> Challenge {
        let target = header::escaped(target);
        let mut value = Vec::with_capacity(self.length(target.len(), tail));
        value.extend_from_slice(&self.lead);
        let (groups, rest) = target.as_bytes().as_chunks::<3>();
        for group in groups {
            value.extend_from_slice(&base64::encode_group(*group));
        }
        // The end of the string ends the last group, with spaces behind it.
        let mut last = *b"   ";
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = b'"';
        value.extend_from_slice(&base64::encode_group(last));
        tail.append(&mut value, reference);
        Challenge {
            header: value,
            demand: self.demand(target.as_bytes()).map(Measured::from),
        }
    }

    fn demand(&self, target: &[u8]) -> Option<Vec<u8>> {
        let (first, others) = self.demand.split_first()?;
        let length = self.demand.iter().map(String::len).sum::<usize>();
        let mut demand = Vec::with_capacity(length + others.len() * target.len());
        demand.extend_from_slice(first.as_bytes());
        for piece in others {
            demand.extend_from_slice(target);
            demand.extend_from_slice(piece.as_bytes());
        }
        Some(demand)
    }

    /// How long the header is for a target of this length.
    pub(super) const fn length(&self, target: usize, tail: &Tail) -> usize {
        self.lead.len() + (target / 3 + 1) * 4 + tail.length()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::template::Holed;
    use super::*;

    #[test]
    fn challenges_say_the_same_whatever_they_are_padded_with() {
        let tail = Tail::new(&Holed::cut(r#"},"accepts":[]}"#));
        let entry = |n: u8| (format!(r#"{{"n":{n},"resource":""#), r#""}"#.to_owned());
        for error in ["a", "ab", "abc", "a \"b\""] {
            for target in ["/", "/g", "/go", "/goo", "/\"\\?q=\u{e4}"] {
                let why = Why {
                    v2: error,
                    v1: error,
                };
                let frame = Frame::new(
                    &why,
                    "https://a.example/b",
                    [&entry(1), &entry(2)].into_iter(),
                );
                let challenge = frame.challenge(target, &tail, |_| unreachable!());
                let url = format!("https://a.example/b{target}");
                assert_eq!(
                    header::decode::<Value>(&challenge.header, 999).unwrap(),
                    json!({ "x402Version": 2, "error": error, "resource": { "url": url }, "accepts": [] })
                );
                let demand = challenge.demand.unwrap();
                assert_eq!(
                    serde_json::from_slice::<Value>(&demand.body).unwrap(),
                    json!({ "x402Version": 1, "error": error, "accepts": [
                        { "n": 1, "resource": url }, { "n": 2, "resource": url },
                    ] })
                );
            }
        }
    }

    #[test]
    fn the_target_that_was_asked_for_first_is_challenged_as_any_other() {
        let mark = super::super::template::MARK;
        let tail = Tail::new(&Holed::cut(&format!(r#"}},"a":"{mark}","b":"{mark}"}}"#)));
        let entry = (r#"{"resource":""#.to_owned(), r#""}"#.to_owned());
        let frame = || Frame::new(&Why::UNPAID, "https://a.example", [&entry].into_iter());
        let usual = Usual::new("https://a.example".into(), frame());
        for (round, target) in ["/first", "/other", "/first", "/other?q", "/first"]
            .iter()
            .enumerate()
        {
            let reference = |i: usize| [b'A' + (round * 2 + i) as u8; REFERENCE_LENGTH];
            let challenge = usual.challenge(target, &tail, reference);
            let expected = frame().challenge(target, &tail, reference);
            assert_eq!(challenge.header, expected.header, "{target}");
            assert_eq!(challenge.demand, expected.demand, "{target}");
        }
    }

    #[test]
    fn where_version_1_has_nothing_to_say_there_is_no_demand() {
        let tail = Tail::new(&Holed::cut("}}"));
        let frame = Frame::new(&Why::UNPAID, "https://a.example", std::iter::empty());
        assert!(
            frame
                .challenge("/", &tail, |_| unreachable!())
                .demand
                .is_none()
        );
    }
}
