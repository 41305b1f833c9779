//! The last word on a payment: what the ledger hears from whoever has it when they are done with it.

use std::sync::Arc;

use crate::clock::Pauses;
use crate::ledger::{
    Delivery, Fenced, Handed, Ledger as _, LedgerError, Parked, Release, Token, Unresolved,
};
use crate::log::{self, Chain};
use crate::panics;
use crate::telemetry::Event;
use crate::till::Till;

pub(crate) enum LastWord {
    /// It is free again.
    Release(Release),
    /// It is settled, and this is how its answer ended.
    Deliver(Handed),
    /// Somebody has to find out whether it has moved money.
    Park(Arc<Parked>),
    /// Nobody will find out whether it has moved money.
    GiveUp(Box<Unresolved>),
}

impl LastWord {
    /// Says it, and says whether it counts, if that is known. A ledger that does not hear it is told again, while nobody
    /// waits for that.
    pub(crate) async fn say(self, till: &Arc<Till>, token: Token) -> Option<Fenced> {
        // What has arrived is attended to until the ledger knows: before that it would seem owed.
        if !self.has_arrived() {
            till.attendance.end(&token);
        }
        let told = self.tell(till, &token).await;
        let heard = told.as_ref().ok().copied();
        if heard != Some(Fenced::Lost) {
            self.pass_on(till);
            if matches!(self, Self::Park(_)) {
                // In this order, or how it goes on could be told before.
                till.reconcile.notify_one();
            }
        }
        match told {
            Ok(_) => till.attendance.end(&token),
            Err(error) => {
                log::warning!("the ledger has not heard how it ended with a payment; telling it again"; error = Chain(&error), key = token.key());
                self.say_later(till, token);
            }
        }
        till.flights.wake(token.key());
        heard
    }

    fn say_later(self, till: &Arc<Till>, token: Token) {
        let (till, task) = (Arc::clone(till), till.tasks.begin());
        let home = till.home.clone();
        home.spawn(async move {
            if !self.is_heard(&till, &token).await {
                log::error!("the ledger has never heard how it ended with a payment; its lease has to do"; key = token.key());
            }
            till.attendance.end(&token);
            till.flights.wake(token.key());
            till.reconcile.notify_one();
            drop(task);
        });
    }

    async fn is_heard(&self, till: &Till, token: &Token) -> bool {
        let mut pauses = Pauses::default();
        while pauses.pass(&*till.clock).await {
            if self.tell(till, token).await.is_ok() {
                return true;
            }
        }
        false
    }

    /// If somebody else has the payment by now, they have the last word. What was parked has to be looked after.
    async fn tell(&self, till: &Till, token: &Token) -> Result<Fenced, LedgerError> {
        let told = self.write(till, token).await;
        if let (Self::Park(parked), Ok(Fenced::Done)) = (self, &told) {
            till.tasks.parked(token.key(), parked.next_attempt);
        }
        told
    }

    async fn write(&self, till: &Till, token: &Token) -> Result<Fenced, LedgerError> {
        let ledger = &till.ledger;
        let telling = async {
            match self {
                Self::Release(how) => ledger.release(token, *how).await,
                Self::Deliver(handed) => ledger.deliver(token, handed).await,
                Self::Park(parked) => ledger.park(token, parked).await,
                Self::GiveUp(unresolved) => ledger.give_up(token, unresolved).await,
            }
        };
        // In a drop that comes of a panic, another one would end the process.
        panics::heard(telling).await
    }

    /// Tells the operator as well, if it is for them.
    fn pass_on(&self, till: &Till) {
        match self {
            Self::Park(parked) => till.tell(&Event::Parked {
                intent: &parked.intent,
                transaction: parked.transaction.as_deref(),
            }),
            Self::GiveUp(unresolved) => till.tell(&Event::Unresolved {
                intent: &unresolved.intent,
                transaction: unresolved.transaction.as_deref(),
            }),
            Self::Release(_) | Self::Deliver(_) => {}
        }
    }

    fn has_arrived(&self) -> bool {
        matches!(self, Self::Deliver(handed) if handed.delivery == Delivery::Delivered)
    }
}
