use std::sync::{Arc, Mutex};

use crate::digest::Hasher;
use crate::ledger::BodyDigest;
use crate::lock::lock;

/// What a handler has seen of a request's body: so far, since it may go on reading while its answer is on its way.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// There was nothing to see.
    Empty,
    Tally(Tally),
}

impl Seen {
    pub(crate) fn digest(&self) -> BodyDigest {
        match self {
            Self::Empty => BodyDigest::new(0, true, None),
            Self::Tally(tally) => tally.digest(),
        }
    }
}

/// As much as has been read of a body. One half is with the body, the other with whoever wants to know.
#[derive(Clone, Debug)]
pub(crate) struct Tally(Arc<Mutex<Read>>);

#[derive(Debug)]
struct Read {
    hasher: Hasher,
    length: u64,
    complete: bool,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let read = Read {
            hasher: Hasher::new(),
            length: 0,
            complete: false,
        };
        Self(Arc::new(Mutex::new(read)))
    }

    /// More was read.
    pub(crate) fn read(&self, data: &[u8]) {
        let mut read = lock(&self.0);
        read.hasher.update(data);
        read.length += data.len() as u64;
    }

    /// That was all.
    pub(crate) fn end(&self) {
        lock(&self.0).complete = true;
    }

    fn digest(&self) -> BodyDigest {
        let read = lock(&self.0);
        BodyDigest::new(
            read.length,
            read.complete,
            Some(read.hasher.clone().finish()),
        )
    }
}
