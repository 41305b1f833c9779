use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts what must not be cut off, and what is left open.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: AtomicUsize,
    parked: AtomicUsize,
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

    pub(crate) fn parked(&self) {
        self.parked.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn unparked(&self) {
        // What another process has parked may be looked after here.
        let _ = self
            .parked
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |parked| {
                parked.checked_sub(1)
            });
    }

    pub(crate) fn how_many_parked(&self) -> usize {
        self.parked.load(Ordering::SeqCst)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
