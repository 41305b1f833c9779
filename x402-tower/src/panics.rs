//! Panics of code that is not ours. They are logged, and end the call that they come from and nothing else.
//!
//! Where panics abort there is nothing to be caught.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::ledger::LedgerError;
use crate::log;

/// What a call brings, or nothing if `who` is called panics.
pub(crate) fn caught<T>(who: &'static str, call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => Some(done),
        Err(panic) => {
            log::error!("somebody who was called has panicked"; who = who, panic = message(&*panic));
            None
        }
    }
}

/// The same for a future.
pub(crate) async fn caught_in<F: Future>(who: &'static str, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match caught(who, || future.as_mut().poll(cx)) {
        Some(poll) => poll.map(Some),
        None => Poll::Ready(None),
    })
    .await
}

pin_project! {
    /// What a ledger answers. One that has panicked has not heard what it was told, as far as anybody knows.
    pub(crate) struct Heard<F> {
        #[pin]
        telling: F,
    }
}

/// See [`Heard`].
pub(crate) const fn heard<F>(telling: F) -> Heard<F> {
    Heard { telling }
}

impl<T, F: Future<Output = Result<T, LedgerError>>> Future for Heard<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        caught("the ledger", || self.project().telling.poll(cx))
            .unwrap_or_else(|| Poll::Ready(Err(LedgerError::unavailable("it has panicked"))))
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it says nothing")
}
