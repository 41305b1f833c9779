use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::clock::Clock;
use crate::lock::lock;

/// A clock that stands still until it is told to go on.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use x402_tower::clock::Clock;
/// use x402_tower::testing::ManualClock;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let clock = Arc::new(ManualClock::new(Duration::from_secs(1_790_000_000)));
/// let alarm = tokio::spawn(clock.sleep(Duration::from_secs(5)));
/// clock.sleepers(1).await;
/// clock.advance(Duration::from_secs(5));
/// alarm.await.unwrap();
/// assert_eq!(clock.now().as_secs(), 1_790_000_005);
/// # }
/// ```
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<State>,
    /// Somebody lies down, or gets up.
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    now: Duration,
    count: u64,
    /// By when they wake up, and in the order in which they lay down.
    sleepers: BTreeMap<(Duration, u64), Sleeper>,
}

#[derive(Debug)]
struct Sleeper {
    since: Duration,
    duration: Duration,
    wake: oneshot::Sender<()>,
}

impl ManualClock {
    /// A clock that shows this time since the beginning of 1970.
    pub fn new(now: Duration) -> Self {
        let state = State {
            now,
            count: 0,
            sleepers: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
            changed: Arc::default(),
        }
    }

    /// A clock that shows some time, ready to be shared.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self::new(Duration::from_secs(1_790_000_000)))
    }

    /// Lets time pass, and wakes whoever has slept for long enough.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.now += by;
        let later = (state.now + Duration::from_nanos(1), 0);
        let sleeping = state.sleepers.split_off(&later);
        for sleeper in std::mem::replace(&mut state.sleepers, sleeping).into_values() {
            // Whoever does not listen any more need not be woken.
            let _ = sleeper.wake.send(());
        }
    }

    /// Waits until at least so many are asleep.
    pub async fn sleepers(&self, many: usize) {
        self.wait_until(|sleepers, _| sleepers.len() >= many).await;
    }

    /// Waits until somebody lies down for exactly this long, or has just done so.
    pub async fn sleeper_for(&self, duration: Duration) {
        self.sleepers_for(duration, 1).await;
    }

    /// Waits until so many lie down for exactly this long, or have just done so.
    pub async fn sleepers_for(&self, duration: Duration, many: usize) {
        let just = |sleeper: &Sleeper, now| sleeper.duration == duration && sleeper.since == now;
        let enough = |sleepers: &[&Sleeper], now| {
            sleepers.iter().filter(|sleeper| just(sleeper, now)).count() >= many
        };
        self.wait_until(enough).await;
    }

    /// Waits until nobody sleeps for exactly this long any more: all have woken up, or stopped listening.
    pub async fn nobody_for(&self, duration: Duration) {
        let is_one = |sleeper: &&Sleeper| sleeper.duration == duration;
        self.wait_until(|sleepers, _| !sleepers.iter().any(is_one))
            .await;
    }

    async fn wait_until(&self, enough: impl Fn(&[&Sleeper], Duration) -> bool) {
        loop {
            let changed = self.changed.notified();
            if self.asleep(&enough) {
                return;
            }
            changed.await;
        }
    }

    fn asleep(&self, enough: impl Fn(&[&Sleeper], Duration) -> bool) -> bool {
        let state = self.lock();
        let sleepers = state.sleepers.values();
        let listening: Vec<_> = sleepers
            .filter(|sleeper| !sleeper.wake.is_closed())
            .collect();
        enough(&listening, state.now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (wake, woken) = oneshot::channel();
        let mut state = self.lock();
        let place = (state.now + duration, state.count);
        state.count += 1;
        if duration.is_zero() {
            let _ = wake.send(());
        } else {
            let sleeper = Sleeper {
                since: state.now,
                duration,
                wake,
            };
            state.sleepers.insert(place, sleeper);
        }
        drop(state);
        self.changed.notify_waiters();
        let leaving = Leaving(woken, Arc::clone(&self.changed));
        Box::pin(async move {
            let mut leaving = leaving;
            // A clock that is gone leaves its sleepers asleep.
            if (&mut leaving.0).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Somebody who sleeps. When this is dropped the clock looks again at who is left.
struct Leaving(oneshot::Receiver<()>, Arc<Notify>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.close();
        self.1.notify_waiters();
    }
}
