use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use tokio::sync::{Notify, Semaphore};

use crate::app::BoxError;
use crate::{Handler, TestBody, body, handler};

/// A handler that is watched while it works, and that can be made to wait.
#[derive(Clone, Debug)]
pub struct Kitchen(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: AtomicUsize,
    finished: AtomicUsize,
    dropped: AtomicUsize,
    changed: Notify,
    may_finish: Semaphore,
}

impl Kitchen {
    /// A handler that works without waiting.
    pub fn open() -> Self {
        let kitchen = Self::waiting();
        kitchen.finish(Semaphore::MAX_PERMITS);
        kitchen
    }

    /// A handler that waits to be told to finish.
    pub fn waiting() -> Self {
        Self(Arc::new(Inner {
            started: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            changed: Notify::new(),
            may_finish: Semaphore::new(0),
        }))
    }

    /// Lets so many runs finish.
    pub fn finish(&self, runs: usize) {
        self.0.may_finish.add_permits(runs);
    }

    /// Numbers the runs from the first again.
    pub fn begin_again(&self) {
        self.0.started.store(0, Ordering::SeqCst);
    }

    /// How often it was started.
    pub fn started(&self) -> usize {
        self.0.started.load(Ordering::SeqCst)
    }

    /// How often it has finished.
    pub fn finished(&self) -> usize {
        self.0.finished.load(Ordering::SeqCst)
    }

    /// Waits until it has been started so many times.
    pub async fn wait_started(&self, times: usize) {
        self.wait(|kitchen| kitchen.started.load(Ordering::SeqCst) >= times)
            .await;
    }

    /// Waits until so many runs were given up.
    pub async fn wait_dropped(&self, times: usize) {
        self.wait(|kitchen| kitchen.dropped.load(Ordering::SeqCst) >= times)
            .await;
    }

    async fn wait(&self, until: impl Fn(&Inner) -> bool) {
        loop {
            let changed = self.0.changed.notified();
            if until(&self.0) {
                return;
            }
            changed.await;
        }
    }

    /// The handler: the goods, numbered by run.
    pub fn handler(&self) -> Handler {
        self.cook(|run, _| Ok(Response::new(body(format!("the goods, run {run}")))))
    }

    /// A handler that answers otherwise.
    pub fn cook<F>(&self, recipe: F) -> Handler
    where
        F: Fn(usize, Request<TestBody>) -> Result<Response<TestBody>, BoxError>
            + Send
            + Sync
            + 'static,
    {
        let kitchen = self.clone();
        let recipe = Arc::new(recipe);
        handler(move |request| {
            let kitchen = kitchen.clone();
            let recipe = Arc::clone(&recipe);
            async move {
                let run = kitchen.0.started.fetch_add(1, Ordering::SeqCst) + 1;
                let mut work = Work {
                    kitchen: &kitchen.0,
                    done: false,
                };
                kitchen.0.changed.notify_waiters();
                kitchen.0.may_finish.acquire().await.unwrap().forget();
                work.done = true;
                drop(work);
                recipe(run, request)
            }
        })
    }
}

/// A run, until it is over.
struct Work<'a> {
    kitchen: &'a Inner,
    done: bool,
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let counter = if self.done {
            &self.kitchen.finished
        } else {
            &self.kitchen.dropped
        };
        counter.fetch_add(1, Ordering::SeqCst);
        self.kitchen.changed.notify_waiters();
    }
}
