use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::entry::{Entry, Half, State, half_of};
use super::lock;
use crate::ledger::{Delivery, Identity};
use crate::scheme::Key;

/// What may be owed, by who asked for what. Usually empty, so that looking costs next to nothing.
#[derive(Debug, Default)]
pub(super) struct Owed {
    index: Mutex<BTreeMap<(Half, Half), Key>>,
    length: AtomicUsize,
}

impl Owed {
    /// The payments by the same buyer for the same request, other than this one and those that it has passed, that may be
    /// owed.
    pub(super) fn find(&self, identity: &Identity, passed: &[Key]) -> Vec<Key> {
        if self.length.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let request = half_of(&identity.request);
        lock(&self.index)
            .range((request, Half::MIN)..=(request, Half::MAX))
            .map(|(_, key)| *key)
            .filter(|key| *key != identity.key && !passed.contains(key))
            .collect()
    }

    /// Files an entry whose state has changed.
    pub(super) fn update(&self, entry: &Entry, key: &Key, half: &Half) {
        let may_be_owed = match &entry.state {
            State::Settling { abandoned, .. } => *abandoned,
            State::Parked(_) => true,
            // A delivery that is running becomes owed when its lease ends, which nobody announces.
            State::Settled(settled) => settled.delivery == Delivery::Undelivered,
            State::Released | State::Claimed { .. } | State::Unresolved(_) => false,
        };
        if may_be_owed {
            let mut index = lock(&self.index);
            index.insert((entry.request(), *half), *key);
            self.length.store(index.len(), Ordering::Relaxed);
        } else {
            self.remove(&entry.request(), half);
        }
    }

    pub(super) fn remove(&self, request: &Half, half: &Half) {
        if self.length.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut index = lock(&self.index);
        index.remove(&(*request, *half));
        self.length.store(index.len(), Ordering::Relaxed);
    }
}
