//! Maps by what is spread evenly already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by digests. Anybody can look for digests that collide, so only what costs money goes in here.
pub(crate) type SpreadMap<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Takes digests at their word.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        // Shards are told apart by the other end.
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_be_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
