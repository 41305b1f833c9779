use bytes::{Bytes, BytesMut};

/// Pieces of a body, put together. A single piece is kept as it is; only more of them are copied.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    only: Bytes,
    joined: BytesMut,
}

impl Pieces {
    pub(super) fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.only = piece;
            return;
        }
        if self.joined.is_empty() {
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.joined.extend_from_slice(&piece);
    }

    pub(super) fn join(self) -> Bytes {
        if self.joined.is_empty() {
            self.only
        } else {
            self.joined.freeze()
        }
    }
}
