use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::lock::lock;
use crate::scheme::Key;
use crate::spread::SpreadMap;

/// Counts what must not be cut off, and what is left open.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: AtomicUsize,
    /// What was parked here, and when it is due.
    parked: Mutex<SpreadMap<Key, Duration>>,
    idle: Notify,
}

/// Something that must not be cut off, until this is dropped.
#[derive(Debug)]
pub(crate) struct Task(Arc<Tasks>);

impl Tasks {
    pub(crate) fn begin(self: &Arc<Self>) -> Task {
        self.running.fetch_add(1, Ordering::SeqCst);
        Task(Arc::clone(self))
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Waits until nothing is running.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.running() == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(crate) fn parked(&self, key: &Key, due: Duration) {
        lock(&self.parked).insert(*key, due);
    }

    /// It is looked after here, whoever has parked it.
    pub(crate) fn unparked(&self, key: &Key) {
        lock(&self.parked).remove(key);
    }

    /// The ledger has given all that was due at this time. What was due long before that, others have taken.
    pub(crate) fn all_given(&self, at: Duration) {
        lock(&self.parked).retain(|_, due| *due + LONG >= at);
    }

    pub(crate) fn how_many_parked(&self) -> usize {
        lock(&self.parked).len()
    }
}

/// Clocks are not that far apart.
const LONG: Duration = Duration::from_secs(60);

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
