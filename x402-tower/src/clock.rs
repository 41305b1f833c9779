//! Time, which is injected.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

/// What time it is, and how to wait.
///
/// Everything that judges validity or waits asks one of these, so that tests can turn the hands.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time since the beginning of 1970, UTC.
    fn now(&self) -> Duration;

    /// Waits.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The clock of the machine, and tokio's timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that is injected"
    )]
    fn now(&self) -> Duration {
        // A clock before 1970 makes every payment look not yet valid, which is refused.
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that is injected"
    )]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Pauses between tries of something that somebody has to be told: longer and longer ones, for a quarter of an hour.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    left: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            next: Duration::from_secs(1),
            left: Duration::from_secs(15 * 60),
        }
    }
}

impl Pauses {
    /// Lets the next one pass. Says whether there was any left.
    pub(crate) async fn pass(&mut self, clock: &dyn Clock) -> bool {
        let Some(left) = self.left.checked_sub(self.next) else {
            return false;
        };
        self.left = left;
        clock.sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}

const LONGEST_PAUSE: Duration = Duration::from_secs(16);

pin_project! {
    /// A future that is given up after a while. The clock is only asked if the future has to wait at all.
    pub(crate) struct Timeout<'a, F> {
        clock: &'a dyn Clock,
        after: Duration,
        sleep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        #[pin]
        future: F,
    }
}

/// The time is up.
#[derive(Debug)]
pub(crate) struct Elapsed;

pub(crate) fn timeout<F: Future>(clock: &dyn Clock, after: Duration, future: F) -> Timeout<'_, F> {
    Timeout {
        clock,
        after,
        sleep: None,
        future,
    }
}

impl<F: Future> Future for Timeout<'_, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let (clock, after) = (*this.clock, *this.after);
        let sleep = this.sleep.get_or_insert_with(|| clock.sleep(after));
        sleep.as_mut().poll(cx).map(|()| Err(Elapsed))
    }
}
