use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::chain::{Chain, LocalTransfer, Once, Use};
use super::fault::Fault;
use super::payment::{Checked, Invalid, Purpose, check};
use crate::clock::{Clock, SystemClock};
use crate::facilitator::{Endpoint, Facilitator, FacilitatorError, PaymentCall};
use crate::ledger::Intent;
use crate::lock::lock;
use crate::money::{Address, Amount, Network, Registry};
use crate::proto::{
    Object, SettleResponse, SupportedKind, SupportedResponse, VerifyResponse, Version, v1,
};
use crate::scheme::{ExactEvm, Scheme as _, UptoEvm};
use crate::settlement::{Testimony, Witness};

/// A facilitator in the process: it checks real signatures, moves play money, and misbehaves on demand.
///
/// Everybody has plenty of every token until told otherwise. Cheap to clone; clones share one chain.
///
/// It is a [`Facilitator`], a [`Witness`] of its own chain, and with [`LocalFacilitator::serve`] an HTTP server for
/// programs in any language.
#[derive(Clone)]
pub struct LocalFacilitator {
    state: Arc<Mutex<State>>,
    more_calls: Arc<Notify>,
    clock: Arc<dyn Clock>,
}

struct State {
    chain: Chain,
    /// The accounts that transactions are sent from. The first is the one that is announced.
    senders: Vec<Address>,
    on_verify: Script,
    on_settle: Script,
    on_supported: Script,
    /// Transactions that were sent and are not reported as settled yet: how often they are still pending.
    pending: HashMap<Once, (String, u32)>,
    verified: HashSet<Once>,
    wants_verification: bool,
    /// Who has to allow Permit2 first, if anybody has.
    wants_allowance: bool,
    calls: Calls,
}

/// Faults in the order in which they are to happen, and one that happens whenever none is left.
#[derive(Default)]
struct Script {
    next: VecDeque<Fault>,
    always: Option<Fault>,
}

impl Script {
    fn take(&mut self) -> Option<Fault> {
        self.next.pop_front().or_else(|| self.always.clone())
    }
}

/// How often a facilitator was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// `/verify`
    pub verify: usize,
    /// `/settle`
    pub settle: usize,
    /// `/supported`
    pub supported: usize,
}

impl Calls {
    const fn of(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Verify => self.verify,
            Endpoint::Settle => self.settle,
            Endpoint::Supported => self.supported,
        }
    }
}

impl Default for LocalFacilitator {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalFacilitator {
    /// A facilitator with a chain of its own, by the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// A facilitator with a chain of its own, by this clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            chain: Chain::new(Amount::from(10u128.pow(30))),
            senders: vec![SENDER],
            on_verify: Script::default(),
            on_settle: Script::default(),
            on_supported: Script::default(),
            pending: HashMap::new(),
            verified: HashSet::new(),
            wants_verification: false,
            wants_allowance: false,
            calls: Calls::default(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            more_calls: Arc::new(Notify::new()),
            clock,
        }
    }

    /// Sends its transactions from these accounts from now on. The first is the one that it announces; buyers who sign for
    /// another than these (`upto`) are refused.
    pub fn send_from(&self, senders: impl IntoIterator<Item = Address>) {
        self.lock().senders = senders.into_iter().collect();
    }

    /// Gives an account this much of a token, and not more or less.
    pub fn fund(&self, network: &Network, asset: &Address, owner: &Address, balance: Amount) {
        self.lock()
            .chain
            .set_balance(network, asset, owner, balance);
    }

    /// How much of a token an account has.
    pub fn balance(&self, network: &Network, asset: &Address, owner: &Address) -> Amount {
        self.lock().chain.balance(network, asset, owner)
    }

    /// All money that has moved, in the order in which it has.
    pub fn transfers(&self) -> Vec<LocalTransfer> {
        self.lock().chain.transfers().to_vec()
    }

    /// How often it was asked.
    pub fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// Waits until an endpoint has been called so many times.
    pub async fn called(&self, endpoint: Endpoint, times: usize) {
        loop {
            let more = self.more_calls.notified();
            if self.calls().of(endpoint) >= times {
                return;
            }
            more.await;
        }
    }

    /// Misbehaves on the next calls of an endpoint, one fault each.
    pub fn on(&self, endpoint: Endpoint, faults: impl IntoIterator<Item = Fault>) {
        self.lock().script(endpoint).next.extend(faults);
    }

    /// Misbehaves on every call of an endpoint for which nothing else is planned, or does not any more.
    pub fn always_on(&self, endpoint: Endpoint, fault: Option<Fault>) {
        self.lock().script(endpoint).always = fault;
    }

    /// Settles only what was verified since it was last settled.
    pub fn want_verification(&self, wanted: bool) {
        self.lock().wants_verification = wanted;
    }

    /// Wants Permit2 to be allowed first, by whoever pays over it.
    pub fn want_allowance(&self, wanted: bool) {
        self.lock().wants_allowance = wanted;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn now(&self) -> u64 {
        self.clock.now().as_secs()
    }

    /// What a fault does before the call is looked at.
    pub(super) async fn before(&self, fault: Option<&Fault>) -> Result<(), FacilitatorError> {
        match fault {
            Some(Fault::Delay(duration)) => self.clock.sleep(*duration).await,
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::LoseRequest) => return Err(FacilitatorError::lost("the request got lost")),
            Some(Fault::Unreachable) => {
                return Err(FacilitatorError::not_sent("connection refused"));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn begin(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut state = self.lock();
        let calls = &mut state.calls;
        *match endpoint {
            Endpoint::Verify => &mut calls.verify,
            Endpoint::Settle => &mut calls.settle,
            Endpoint::Supported => &mut calls.supported,
        } += 1;
        self.more_calls.notify_waiters();
        state.script(endpoint).take()
    }

    pub(super) fn verify_now(&self, call: &PaymentCall, fault: Option<&Fault>) -> VerifyResponse {
        if let Some(Fault::Refuse(reason)) = fault {
            return VerifyResponse::invalid(reason, None);
        }
        let now = self.now();
        let mut state = self.lock();
        match check(call, Purpose::Verify(now)).and_then(|checked| state.look(checked)) {
            Ok(checked) => {
                state.verified.insert(checked.once);
                VerifyResponse::valid(checked.payer.to_string())
            }
            Err(Invalid { reason, payer }) => VerifyResponse::invalid(reason, payer),
        }
    }

    pub(super) fn settle_now(&self, call: &PaymentCall, fault: Option<&Fault>) -> SettleResponse {
        let now = self.now();
        let mut state = self.lock();
        let network = network_of(call);
        let failed =
            |reason: &str| SettleResponse::failed(network.clone(), Some(reason.to_owned()));
        if let Some(Fault::Refuse(reason)) = fault {
            return failed(reason);
        }
        let checked = check(call, Purpose::Settle(now));
        if let Ok(checked) = &checked {
            if let Some(answer) = state.pending_answer(checked, &network) {
                return answer;
            }
            if fault == Some(&Fault::CancelFirst) {
                state.chain.cancel(checked.once);
            }
            if state.wants_verification && !state.verified.remove(&checked.once) {
                return failed("Payment must be verified before settlement");
            }
        }
        let checked = match checked.and_then(|checked| state.look(checked)) {
            Ok(checked) => checked,
            Err(Invalid { reason, payer }) => {
                let mut answer = failed(reason);
                answer.payer = payer;
                return answer;
            }
        };
        state.send(&checked, &network, fault)
    }
}

impl State {
    fn script(&mut self, endpoint: Endpoint) -> &mut Script {
        match endpoint {
            Endpoint::Verify => &mut self.on_verify,
            Endpoint::Settle => &mut self.on_settle,
            Endpoint::Supported => &mut self.on_supported,
        }
    }

    /// Looks at the chain.
    fn look(&self, checked: Checked) -> Result<Checked, Invalid> {
        let foreign = |bound: &Address| !self.senders.contains(bound);
        let reason = if checked.facilitator.as_ref().is_some_and(foreign) {
            "upto_facilitator_mismatch"
        } else if self.chain.usage(&checked.once).is_some() {
            match checked.over_permit2 {
                true => "permit2_invalid_nonce",
                false => "invalid_exact_evm_nonce_already_used",
            }
        } else if checked.over_permit2 && self.wants_allowance {
            "permit2_allowance_required"
        } else if self
            .chain
            .balance(&checked.network, &checked.asset, &checked.payer)
            < checked.amount
        {
            match checked.over_permit2 {
                true => "permit2_insufficient_balance",
                false => "invalid_exact_evm_insufficient_balance",
            }
        } else {
            return Ok(checked);
        };
        Err(Invalid {
            reason,
            payer: Some(checked.payer.to_string()),
        })
    }

    /// Moves the money.
    fn send(&mut self, checked: &Checked, network: &str, fault: Option<&Fault>) -> SettleResponse {
        let Checked {
            network: chain,
            asset,
            payer,
            pay_to,
            amount,
            once,
            facilitator,
            ..
        } = checked;
        let reverted = match facilitator {
            Some(_) => "invalid_upto_evm_transaction_failed",
            None => "invalid_exact_evm_transaction_failed",
        };
        let failed = |reason, transaction| checked.failed(network, reason, transaction);
        if fault == Some(&Fault::Revert) {
            return failed(reverted, format!("0x{}", "0".repeat(64)));
        }
        if facilitator.is_some() && amount.is_zero() {
            // There is nothing to send, and what was signed is not used up.
            return checked.settled(network, String::new());
        }
        let sent = self
            .chain
            .transfer(*once, chain, asset, [payer, pay_to], *amount);
        let Some(transaction) = sent else {
            return failed("invalid_exact_evm_insufficient_balance", String::new());
        };
        match fault {
            Some(Fault::FailAfterBroadcast) => failed(reverted, String::new()),
            Some(Fault::Pending(times)) if *times > 0 => {
                self.pending.insert(*once, (transaction.clone(), times - 1));
                failed("settlement_pending", transaction)
            }
            Some(Fault::WrongNetwork) => checked.settled("eip155:666", transaction),
            _ => checked.settled(network, transaction),
        }
    }

    /// What is said about a transaction that was reported as pending.
    fn pending_answer(&mut self, checked: &Checked, network: &str) -> Option<SettleResponse> {
        let (transaction, times) = self.pending.get_mut(&checked.once)?;
        let transaction = transaction.clone();
        Some(match times.checked_sub(1) {
            Some(fewer) => {
                *times = fewer;
                checked.failed(network, "settlement_pending", transaction)
            }
            None => {
                self.pending.remove(&checked.once);
                checked.settled(network, transaction)
            }
        })
    }
}

impl Checked {
    fn settled(&self, network: &str, transaction: String) -> SettleResponse {
        let mut answer = SettleResponse::settled(network, self.payer.to_string(), transaction);
        answer.amount = self.facilitator.is_some().then_some(self.amount);
        answer
    }

    fn failed(&self, network: &str, reason: &str, transaction: String) -> SettleResponse {
        let mut answer = SettleResponse::failed(network, Some(reason.to_owned()));
        answer.payer = Some(self.payer.to_string());
        answer.transaction = transaction;
        answer
    }
}

/// The network of a call as it is spelled there.
fn network_of(call: &PaymentCall) -> String {
    #[derive(serde::Deserialize)]
    struct Requirements {
        network: String,
    }

    serde_json::from_slice::<Requirements>(call.requirements())
        .map(|requirements| requirements.network)
        .unwrap_or_default()
}

/// Whose transactions they are unless said otherwise.
const SENDER: Address = Address::evm([0xfa; 20]);

/// Every kind of payment that can be checked here.
fn kinds(senders: &[Address]) -> SupportedResponse {
    let registry = Registry::new();
    let mut kinds = Vec::new();
    for network in Network::well_known() {
        if !registry
            .assets(&network)
            .any(|asset| ExactEvm.serves(asset))
        {
            continue;
        }
        kinds.push(SupportedKind::new(
            Version::V2,
            "exact",
            network.to_string(),
        ));
        if let Some(name) = network
            .v1_name()
            .filter(|name| v1::CLIENT_NETWORKS.contains(name))
        {
            kinds.push(SupportedKind::new(Version::V1, "exact", name));
        }
        let mut assets = registry.assets(&network);
        if let Some(sender) = senders.first()
            && assets.any(|asset| UptoEvm.serves(asset))
        {
            let mut upto = SupportedKind::new(Version::V2, "upto", network.to_string());
            let sender = sender.to_string();
            upto.extra = Some(Object::new().with_text("facilitatorAddress", &sender));
            kinds.push(upto);
        }
    }
    let mut supported = SupportedResponse::new(kinds);
    let senders: Vec<_> = senders.iter().map(Address::to_string).collect();
    let mut signers = Object::new();
    // A list of text always has a spelling in JSON.
    if signers.set("eip155:*", &senders).is_ok() {
        supported.signers = Some(signers);
    }
    supported
}

/// What a fault does to an answer.
pub(super) fn after<T>(fault: Option<&Fault>, answer: T) -> Result<T, FacilitatorError> {
    match fault {
        Some(Fault::LoseAnswer) => Err(FacilitatorError::lost("the answer got lost")),
        Some(Fault::Garbage | Fault::Html) => {
            Err(FacilitatorError::unreadable("this is no answer"))
        }
        _ => Ok(answer),
    }
}

impl Facilitator for LocalFacilitator {
    async fn verify(&self, payment: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        let fault = self.begin(Endpoint::Verify);
        self.before(fault.as_ref()).await?;
        after(fault.as_ref(), self.verify_now(payment, fault.as_ref()))
    }

    async fn settle(&self, payment: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        let fault = self.begin(Endpoint::Settle);
        self.before(fault.as_ref()).await?;
        after(fault.as_ref(), self.settle_now(payment, fault.as_ref()))
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        let fault = self.begin(Endpoint::Supported);
        self.before(fault.as_ref()).await?;
        let supported = kinds(&self.lock().senders);
        after(fault.as_ref(), supported)
    }
}

impl Witness for LocalFacilitator {
    async fn look(
        &self,
        intent: &Intent,
        _: Option<&str>,
    ) -> Result<Testimony, Box<dyn std::error::Error + Send + Sync>> {
        // The chain remembers, however late it is now.
        let Ok(checked) = check(&intent.call, Purpose::Find) else {
            return Ok(Testimony::Unknown);
        };
        Ok(match self.lock().chain.usage(&checked.once) {
            Some(Use::Charged { transaction }) => Testimony::Charged {
                transaction: transaction.clone(),
            },
            Some(Use::Cancelled) => Testimony::NeverCharged,
            None => Testimony::Unknown,
        })
    }
}

impl fmt::Debug for LocalFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalFacilitator")
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}
