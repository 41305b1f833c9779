use std::time::Duration;

use crate::clock::timeout;
use crate::till::Till;

/// How a server's payments stood when it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Settlements that were still running when the time was up, and what the ledger had still to hear. Both go on as long
    /// as the runtime does.
    pub running: usize,
    /// Payments of which it is not known whether they have moved money, and that no other server has taken over as far as
    /// is known here.
    pub parked: usize,
}

impl Drained {
    /// Whether nothing was left.
    pub const fn is_clean(&self) -> bool {
        self.running == 0 && self.parked == 0
    }
}

/// Takes no more payments, and waits for those that are on their way.
pub(crate) async fn drain(till: &Till, within: Duration) -> Drained {
    till.flights.close();
    let report = || {
        // Before and after, since what is parked may be looked after just now, or parked again.
        let parked = till.tasks.how_many_parked();
        Drained {
            running: till.tasks.running().max(till.flights.in_flight()),
            parked: till.tasks.how_many_parked().max(parked),
        }
    };
    let done = async {
        loop {
            till.flights.landed().await;
            till.tasks.idle().await;
            // An answer that has just ended has its end written down.
            let drained = report();
            if drained.running == 0 {
                return drained;
            }
        }
    };
    let drained = timeout(&*till.clock, within, done).await;
    drained.unwrap_or_else(|_| report())
}
