//! Challenges that are encoded once: bytes with holes for what differs from request to request.

use serde::Serialize;

use super::seal::REFERENCE_LENGTH;
use crate::proto::base64;

/// JSON whose references are still to be filled in, cut at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holed {
    /// One more than there are holes.
    pieces: Vec<String>,
}

impl Holed {
    /// The JSON of a message in which every reference is [`MARK`].
    pub(super) fn of(message: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_string(message).map(|json| Self::cut(&json))
    }

    pub(super) fn cut(json: &str) -> Self {
        Self {
            pieces: json.split(MARK).map(str::to_owned).collect(),
        }
    }

    pub(super) fn first(&self) -> &str {
        self.pieces.first().map_or("", String::as_str)
    }

    pub(super) fn last(&self) -> &str {
        self.pieces.last().map_or("", String::as_str)
    }

    /// The pieces of the JSON with this reference in its holes.
    pub(super) fn fill<'a>(&'a self, reference: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        let behind = self.pieces.iter().skip(1);
        std::iter::once(self.first()).chain(behind.flat_map(move |piece| [reference, piece]))
    }
}

/// Stands for a reference until there is one.
pub(super) const MARK: &str = "\u{7f}~x402~reference~hole~\u{7f}";

/// The base64 of everything behind the resource's URL in a `PAYMENT-REQUIRED` header.
///
/// Spaces between the tokens of the JSON put every hole where a base64 group begins, so that neither what is before nor
/// what is behind it depends on what is in it.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pieces: Vec<Vec<u8>>,
    length: usize,
}

/// How long a reference is in base64.
const HOLE: usize = REFERENCE_LENGTH / 3 * 4;

impl Tail {
    /// Encodes JSON that begins behind a string.
    pub(super) fn new(json: &Holed) -> Self {
        let mut pieces = Vec::with_capacity(json.pieces.len());
        for (i, piece) in json.pieces.iter().enumerate() {
            let mut piece = piece.clone();
            if i + 1 < json.pieces.len() {
                // The piece ends with the quotation mark of the reference; spaces may stand before it.
                let missing = (3 - piece.len() % 3) % 3;
                piece.insert_str(piece.len() - 1, &"  "[..missing]);
            }
            let mut encoded = Vec::new();
            base64::encode(&mut encoded, piece.as_bytes());
            pieces.push(encoded);
        }
        let holes = pieces.len() - 1;
        let length = pieces.iter().map(Vec::len).sum::<usize>() + holes * HOLE;
        Self { pieces, length }
    }

    /// How long it is in the header.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Appends it, with these references in its holes.
    pub(super) fn append(
        &self,
        out: &mut Vec<u8>,
        mut reference: impl FnMut(usize) -> [u8; REFERENCE_LENGTH],
    ) {
        for (i, piece) in self.pieces.iter().enumerate() {
            out.extend_from_slice(piece);
            if i + 1 < self.pieces.len() {
                base64::encode(out, &reference(i));
            }
        }
    }

    /// Gives a header that ends with it other references.
    pub(super) fn refill(
        &self,
        header: &mut [u8],
        mut reference: impl FnMut(usize) -> [u8; REFERENCE_LENGTH],
    ) {
        let mut at = header.len() - self.length;
        for (i, piece) in self.pieces.iter().take(self.pieces.len() - 1).enumerate() {
            at += piece.len();
            base64::fill(&mut header[at..at + HOLE], &reference(i));
            at += HOLE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::header;

    #[test]
    fn holes_are_filled_without_a_seam() {
        for padding in 0..9 {
            let message = serde_json::json!({
                "a": "x".repeat(padding), "b": { "ref": MARK }, "c": [1, 2], "d": { "ref": MARK }
            });
            let json = Holed::of(&message).unwrap();
            assert_eq!(json.pieces.len(), 3);
            let mut out = Vec::new();
            let tail = Tail::new(&json);
            tail.append(&mut out, |i| [b'A' + i as u8; REFERENCE_LENGTH]);
            assert_eq!(out.len(), tail.length());
            let read: serde_json::Value = header::decode(&out, 4096).unwrap();
            assert_eq!(read["b"]["ref"], "A".repeat(REFERENCE_LENGTH));
            assert_eq!(read["d"]["ref"], "B".repeat(REFERENCE_LENGTH));
            assert_eq!(read["a"], message["a"]);
        }
    }
}
