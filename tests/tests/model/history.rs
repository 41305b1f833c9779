//! What happens, in its order.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use x402_tower::clock::Clock as _;
use x402_tower::ledger::{Delivery, Identity, Release};
use x402_tower::scheme::Key;
use x402_tower::testing::ManualClock;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Duration,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// A step of the plan begins.
    Step(String),
    /// A request goes out.
    Sent { request: usize },
    /// A server writes something down.
    Written {
        server: usize,
        payment: usize,
        verb: Verb,
    },
    /// A server says that it attends to a payment.
    Attends { server: usize, payment: usize },
    /// The facilitator is asked to move money.
    Asked { payment: usize },
    /// Money has moved.
    Charged { payment: usize, transaction: String },
    /// A handler begins: for a request that is yet to be charged, or for something that was charged.
    Runs {
        request: usize,
        run: usize,
        paid: Option<String>,
    },
    /// A client sees the head of an answer.
    Head { request: usize, head: Head },
    /// A client sees some of a body.
    Data {
        request: usize,
        goods: Option<usize>,
    },
    /// A request is over.
    Over { request: usize, end: End },
    /// A server has died, and another one has started in its place.
    Crashed { server: usize },
    /// From now on nothing goes wrong any more.
    Peace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    Claim { request: usize, until: Duration },
    Begin { request: Option<usize> },
    Abandon,
    Commit { delivery: Delivery },
    Park,
    Release(Release),
    GiveUp,
    Rerun { request: Option<usize> },
    Deliver(Delivery),
    Due,
}

/// What a client makes of the head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: StatusCode,
    /// The run of which something can be seen in it, if it is the goods.
    pub goods: Option<usize>,
    /// The transaction of the receipt.
    pub transaction: Option<String>,
    /// The reason of the receipt, if it does not say success.
    pub unsettled: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The whole answer has come.
    Whole,
    /// It has come in part.
    Broken,
    /// The handler has given no answer.
    Failed,
    Panicked,
    HungUp,
    Crashed,
}

/// What has happened, shared by all that it happens to.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    /// The request that is polled just now.
    current: Option<usize>,
    /// Which payment each request brings.
    payments: Vec<usize>,
    keys: HashMap<Key, (usize, Identity)>,
    nonces: HashMap<String, usize>,
}

impl History {
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self(Arc::new(Inner {
            clock,
            state: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, what: What) {
        let at = self.0.clock.now();
        self.lock().events.push(Event { at, what });
    }

    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    pub fn len(&self) -> usize {
        self.lock().events.len()
    }

    /// Says which request is polled from now on, and which payment it brings.
    pub fn enter(&self, current: Option<usize>) {
        self.lock().current = current;
    }

    pub fn current(&self) -> Option<usize> {
        self.lock().current
    }

    pub fn sent(&self, payment: usize) {
        let request = {
            let mut state = self.lock();
            state.payments.push(payment);
            state.payments.len() - 1
        };
        self.note(What::Sent { request });
    }

    pub fn signed(&self, nonce: String, payment: usize) {
        self.lock().nonces.insert(nonce, payment);
    }

    pub fn payment_of_nonce(&self, nonce: &str) -> usize {
        self.lock().nonces[nonce]
    }

    /// A payment is claimed by a request.
    pub fn claimed(&self, server: usize, request: usize, identity: &Identity, lease: Duration) {
        let payment = {
            let mut state = self.lock();
            let payment = state.payments[request];
            state.keys.insert(identity.key, (payment, identity.clone()));
            payment
        };
        let until = self.0.clock.now() + lease;
        let verb = Verb::Claim { request, until };
        self.note(What::Written {
            server,
            payment,
            verb,
        });
    }

    pub fn attends(&self, server: usize, key: &Key) {
        let payment = self.payment_of_key(key);
        self.note(What::Attends { server, payment });
    }

    pub fn wrote(&self, server: usize, key: &Key, verb: Verb) {
        let payment = self.payment_of_key(key);
        self.note(What::Written {
            server,
            payment,
            verb,
        });
    }

    fn payment_of_key(&self, key: &Key) -> usize {
        self.lock().keys[key].0
    }

    /// Every payment that was ever claimed.
    pub fn identities(&self) -> Vec<(usize, Identity)> {
        let mut identities: Vec<_> = self.lock().keys.values().cloned().collect();
        identities.sort_by_key(|(payment, _)| *payment);
        identities
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let start = state
            .events
            .first()
            .map_or(Duration::ZERO, |event| event.at);
        for Event { at, what } in &state.events {
            let at = (*at - start).as_secs_f32();
            match what {
                What::Step(step) => writeln!(f, "{at:>8.1}  {step}")?,
                What::Sent { request } => writeln!(
                    f,
                    "{at:>8.1}    request {request} brings payment {}",
                    state.payments[*request]
                )?,
                what => writeln!(f, "{at:>8.1}    {what:?}")?,
            }
        }
        Ok(())
    }
}
