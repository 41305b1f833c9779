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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Notes for how long it was to wait, and does not.
    #[derive(Debug, Default)]
    struct Hasty(Mutex<Vec<u64>>);

    impl Clock for Hasty {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            let mut slept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slept.push(duration.as_secs());
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn pauses_become_longer_and_end_in_a_quarter_of_an_hour() {
        let clock = Hasty::default();
        let mut pauses = Pauses::default();
        for _ in 0..1000 {
            if !pauses.pass(&clock).await {
                break;
            }
        }
        let slept = clock.0.into_inner().unwrap();
        assert_eq!(slept[..6], [1, 2, 4, 8, 16, 16]);
        let minutes = slept.iter().sum::<u64>().div_ceil(60);
        assert_eq!(minutes, 15);
    }
}
