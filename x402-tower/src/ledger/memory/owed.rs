use std::collections::hash_map;
use std::sync::{Mutex, MutexGuard};

use super::SHARDS;
use super::entry::{Entry, Half, State, half, half_of};
use crate::ledger::Identity;
use crate::lock::lock;
use crate::scheme::Key;
use crate::spread::SpreadMap;

/// What is owed, or will be if those die who attend to it; by who asked for what. That is little at a time.
#[derive(Debug)]
pub(super) struct Owed(Box<[Mutex<SpreadMap<Half, Keys>>]>);

/// Hardly ever more than one.
#[derive(Debug)]
enum Keys {
    One(Key),
    Several(Vec<Key>),
}

impl Owed {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// The payments by the same buyer for the same request, other than this one and those that it has passed, that may be
    /// owed.
    pub(super) fn find(&self, identity: &Identity, passed: &[Key]) -> Vec<Key> {
        let request = half_of(&identity.request);
        let shard = self.shard(request);
        let keys = shard.get(&request).map_or(&[][..], Keys::all);
        let others = keys
            .iter()
            .filter(|key| **key != identity.key && !passed.contains(key));
        others.copied().collect()
    }

    /// Files an entry whose state has changed.
    pub(super) fn update(&self, entry: &Entry, key: &Key) {
        let may_be_owed = match &entry.state {
            State::Settling { .. } | State::Parked(_) => true,
            State::Settled(settled) => settled.may_be_owed(),
            State::Released | State::Claimed { .. } | State::Unresolved(_) => false,
        };
        if may_be_owed {
            match self.shard(entry.request()).entry(entry.request()) {
                hash_map::Entry::Vacant(place) => {
                    place.insert(Keys::One(*key));
                }
                hash_map::Entry::Occupied(mut place) => place.get_mut().add(*key),
            }
        } else {
            self.remove(entry.request(), half(key));
        }
    }

    pub(super) fn remove(&self, request: Half, payment: Half) {
        if let hash_map::Entry::Occupied(mut keys) = self.shard(request).entry(request)
            && keys.get_mut().remove(payment)
        {
            keys.remove();
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| lock(shard).is_empty())
    }

    fn shard(&self, request: Half) -> MutexGuard<'_, SpreadMap<Half, Keys>> {
        lock(&self.0[request.place_of(SHARDS)])
    }
}

impl Keys {
    fn all(&self) -> &[Key] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Several(keys) => keys,
        }
    }

    fn add(&mut self, key: Key) {
        if self.all().contains(&key) {
            return;
        }
        match self {
            Self::One(first) => *self = Self::Several(vec![*first, key]),
            Self::Several(keys) => keys.push(key),
        }
    }

    /// Takes one out; says whether none is left.
    fn remove(&mut self, payment: Half) -> bool {
        match self {
            Self::One(key) => half(key) == payment,
            Self::Several(keys) => {
                keys.retain(|key| half(key) != payment);
                keys.is_empty()
            }
        }
    }
}
