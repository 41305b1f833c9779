//! The facilitator: the one in the process, whose calls take a while, and can arrive when nobody waits for them any more.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use x402_tower::facilitator::{Endpoint, Facilitator, FacilitatorError, PaymentCall};
use x402_tower::local::LocalFacilitator;
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};

use crate::books::{Books, once_pending};
use crate::history::{History, What};
use crate::plan::Trouble;

#[derive(Clone)]
pub struct Teller {
    chain: LocalFacilitator,
    history: History,
    stragglers: bool,
    state: Arc<Mutex<State>>,
    /// The server that asks.
    server: Option<Books>,
}

#[derive(Default)]
struct State {
    on_verify: VecDeque<Trouble>,
    on_settle: VecDeque<Trouble>,
    late: Vec<PaymentCall>,
}

impl Teller {
    pub fn new(chain: LocalFacilitator, history: History, stragglers: bool) -> Self {
        Self {
            chain,
            history,
            stragglers,
            state: Arc::default(),
            server: None,
        }
    }

    /// The same for a server, which asks as long as it lives.
    pub fn asked_by(&self, server: Books) -> Self {
        Self {
            server: Some(server),
            ..self.clone()
        }
    }

    /// Where a request can be dropped. A dead server gets no further.
    async fn pause(&self) {
        once_pending().await;
        if self.server.as_ref().is_some_and(Books::is_dead) {
            std::future::pending::<()>().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn trouble(&self, endpoint: Endpoint, trouble: Trouble) {
        let mut state = self.lock();
        match endpoint {
            Endpoint::Verify => state.on_verify.push_back(trouble),
            _ => state.on_settle.push_back(trouble),
        }
    }

    /// Nothing goes wrong any more.
    pub fn peace(&self) {
        let mut state = self.lock();
        state.on_verify.clear();
        state.on_settle.clear();
    }

    /// What was lost on the way arrives, and nobody hears the answer.
    pub async fn arrive(&self) {
        let late = std::mem::take(&mut self.lock().late);
        for call in late {
            let _ = self.act(&call).await;
        }
    }

    /// Asks the chain, and notes whether money has moved.
    async fn act(&self, call: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        let payment = self.history.payment_of_nonce(&nonce(call));
        let mut settling = pin!(self.chain.settle(call));
        std::future::poll_fn(|cx| {
            let before = self.chain.transfers().len();
            let polled = settling.as_mut().poll(cx);
            for transfer in &self.chain.transfers()[before..] {
                let transaction = transfer.transaction.clone();
                self.history.note(What::Charged {
                    payment,
                    transaction,
                });
            }
            polled
        })
        .await
    }
}

fn nonce(call: &PaymentCall) -> String {
    let payload: serde_json::Value = serde_json::from_slice(call.payload()).unwrap();
    let nonce = payload["payload"]["authorization"]["nonce"].as_str();
    nonce.unwrap().to_ascii_lowercase()
}

/// A call that is on its way. If nobody waits for it any more, it arrives all the same.
struct Sent<'a> {
    teller: &'a Teller,
    call: Option<&'a PaymentCall>,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call
            && self.teller.stragglers
        {
            self.teller.lock().late.push(call.clone());
        }
    }
}

impl Facilitator for Teller {
    async fn verify(&self, call: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.pause().await;
        let trouble = self.lock().on_verify.pop_front();
        if let Some(Trouble::Fault(fault)) = trouble {
            self.chain.on(Endpoint::Verify, [fault]);
        }
        let answer = self.chain.verify(call).await;
        self.pause().await;
        answer
    }

    async fn settle(&self, call: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        let payment = self.history.payment_of_nonce(&nonce(call));
        self.history.note(What::Asked { payment });
        self.pause().await;
        let mut sent = Sent {
            teller: self,
            call: Some(call),
        };
        let trouble = self.lock().on_settle.pop_front();
        match trouble {
            Some(Trouble::Fault(fault)) => self.chain.on(Endpoint::Settle, [fault]),
            Some(Trouble::Late) => {
                sent.call = None;
                self.lock().late.push(call.clone());
                return Err(FacilitatorError::lost("the connection was reset"));
            }
            None => {}
        }
        let answer = self.act(call).await;
        self.pause().await;
        sent.call = None;
        answer
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.chain.supported().await
    }
}
