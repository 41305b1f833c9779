use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use crate::lock::lock;
use crate::money::Address;
use crate::scheme::Key;
use crate::spread::SpreadMap;

/// What a request takes up as long as it is on its way.
#[derive(Debug)]
pub(crate) struct Room {
    /// Of everybody's, or of what there is for bodies that are read first.
    pub(super) permit: OwnedSemaphorePermit,
    /// Of its payer's, when it is known who that is.
    pub(super) seat: Option<Seat>,
}

impl From<OwnedSemaphorePermit> for Room {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self { permit, seat: None }
    }
}

/// Who is in flight, and who waits for them.
#[derive(Debug)]
pub(crate) struct Flights {
    permits: Arc<Semaphore>,
    /// For requests whose bodies are read first. They have room of their own: how long that takes is up to their senders.
    bodies: Arc<Semaphore>,
    closed: AtomicBool,
    most: usize,
    most_per_payer: usize,
    payers: Mutex<SpreadMap<Address, usize>>,
    waiting: Mutex<HashMap<Key, Waiting>>,
    /// How many wait, so that nobody locks to wake nobody.
    waiters: AtomicUsize,
    most_waiters: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    notify: Arc<Notify>,
    waiters: usize,
}

impl Flights {
    pub(crate) fn new(most: usize, most_waiters: usize, most_per_payer: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(most)),
            bodies: Arc::new(Semaphore::new(most)),
            closed: AtomicBool::new(false),
            most,
            most_per_payer,
            payers: Mutex::default(),
            waiting: Mutex::default(),
            waiters: AtomicUsize::new(0),
            most_waiters,
        }
    }

    /// Room for one more paid request, unless there are too many.
    pub(crate) fn take_off(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        // In this order: whoever has closed it either waits for this permit, or is seen here.
        if self.closed.load(Ordering::SeqCst) {
            return Err(Refusal::Stopping);
        }
        permit.map_err(|_| Refusal::Busy)
    }

    /// Room for one more body that is read before its request is on its way, unless there are too many.
    pub(crate) fn load(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.bodies).try_acquire_owned();
        permit.map_err(|_| Refusal::Busy)
    }

    /// Takes no more paid requests from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// How many paid requests are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.most - self.permits.available_permits()
    }

    /// Waits until no paid request is on its way.
    pub(crate) async fn landed(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        // Nobody closes the semaphore, so this ends with all the permits.
        let _ = self.permits.acquire_many(all).await;
    }

    /// Room for one more request of this payer, unless there are too many.
    pub(crate) fn board(self: &Arc<Self>, payer: &Address) -> Option<Seat> {
        let mut payers = lock(&self.payers);
        let count = payers.entry(payer.clone()).or_default();
        if *count >= self.most_per_payer {
            return None;
        }
        *count += 1;
        Some(Seat {
            flights: Arc::clone(self),
            payer: payer.clone(),
        })
    }

    /// Begins to listen for a change of this payment, unless too many are listening. What happens from now on is heard,
    /// so look at the payment after this and before waiting.
    pub(crate) fn listen(&self, key: Key) -> Option<Listener<'_>> {
        let before = self.waiters.fetch_add(1, Ordering::SeqCst);
        if before >= self.most_waiters {
            self.waiters.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        let mut waiting = lock(&self.waiting);
        let entry = waiting.entry(key).or_default();
        entry.waiters += 1;
        Some(Listener {
            flights: self,
            key,
            notify: Arc::clone(&entry.notify),
        })
    }

    /// Wakes everybody who waits for this payment.
    pub(crate) fn wake(&self, key: &Key) {
        if self.waiters.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(waiting) = lock(&self.waiting).get(key) {
            waiting.notify.notify_waiters();
        }
    }
}

/// A request of a payer, as long as it is on its way.
#[derive(Debug)]
pub(crate) struct Seat {
    flights: Arc<Flights>,
    payer: Address,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut payers = lock(&self.flights.payers);
        if let Some(count) = payers.get_mut(&self.payer) {
            *count -= 1;
            if *count == 0 {
                payers.remove(&self.payer);
            }
        }
    }
}

/// Somebody who waits for a payment.
#[derive(Debug)]
pub(crate) struct Listener<'a> {
    flights: &'a Flights,
    key: Key,
    notify: Arc<Notify>,
}

impl Listener<'_> {
    /// Waits for a change that happens after this was called (not after it was first polled).
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let notify = Arc::clone(&self.notify);
        let mut notified = Box::pin(notify.notified_owned());
        notified.as_mut().enable();
        notified
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.flights.waiting);
        if let Some(entry) = waiting.get_mut(&self.key) {
            entry.waiters -= 1;
            if entry.waiters == 0 {
                waiting.remove(&self.key);
            }
        }
        self.flights.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key::from_bytes([1; 32]);

    #[tokio::test]
    async fn a_change_between_listening_and_waiting_is_heard() {
        let flights = Flights::new(1, 2, 1);
        let listener = flights.listen(KEY).unwrap();
        let changed = listener.changed();
        flights.wake(&KEY);
        changed.await;
    }

    #[test]
    fn waiters_are_bounded_and_forgotten() {
        let flights = Flights::new(1, 2, 1);
        let (first, second) = (flights.listen(KEY), flights.listen(KEY));
        assert!(first.is_some() && second.is_some() && flights.listen(KEY).is_none());
        drop((first, second));
        assert!(lock(&flights.waiting).is_empty());
        assert!(flights.listen(KEY).is_some());
    }

    #[test]
    fn payers_and_requests_are_counted() {
        let flights = Arc::new(Flights::new(1, 1, 1));
        let payer = Address::evm([1; 20]);
        let seat = flights.board(&payer);
        assert!(seat.is_some() && flights.board(&payer).is_none());
        assert!(flights.board(&Address::evm([2; 20])).is_some());
        drop(seat);
        assert!(flights.board(&payer).is_some());
        let permit = flights.take_off();
        assert!(permit.is_ok() && flights.in_flight() == 1);
        assert!(matches!(flights.take_off(), Err(Refusal::Busy)));
        drop(permit);
        flights.close();
        assert!(matches!(flights.take_off(), Err(Refusal::Stopping)));
    }
}
