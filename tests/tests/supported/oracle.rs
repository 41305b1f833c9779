//! A facilitator that says what it is told to, and a scheme that needs to hear it.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::Semaphore;
use x402_tower::facilitator::{Facilitator, FacilitatorError, PaymentCall};
use x402_tower::local::LocalFacilitator;
use x402_tower::money::{Address, Asset, Network};
use x402_tower::proto::{
    Presented, SettleResponse, SupportedKind, SupportedResponse, VerifyResponse, Version,
};
use x402_tower::scheme::{Authorization, ExactEvm, Extra, Flaw, Malformed, Meaning, Offer, Scheme};

/// A facilitator in the process whose `/supported` is in the hands of the test.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) local: LocalFacilitator,
    state: Arc<Mutex<State>>,
    may_answer: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    says: Option<SupportedResponse>,
    asked: usize,
    /// What was asked about payments, as the facilitator got it.
    fee_payers: Vec<serde_json::Value>,
    versions: Vec<Version>,
}

impl Oracle {
    /// One that cannot be reached until it is told what to say.
    pub(crate) fn new(local: LocalFacilitator) -> Self {
        Self {
            local,
            state: Arc::default(),
            may_answer: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    /// It says that this account pays the fees on Base, from now on.
    pub(crate) fn say(&self, fee_payer: &str) {
        self.say_kinds(Some(SupportedResponse::new(vec![kind(fee_payer)])));
    }

    pub(crate) fn say_kinds(&self, says: Option<SupportedResponse>) {
        self.state.lock().unwrap().says = says;
    }

    /// It keeps everybody waiting from now on.
    pub(crate) fn hold(&self) {
        self.may_answer.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// It answers so many of those who wait.
    pub(crate) fn answer(&self, times: usize) {
        self.may_answer.add_permits(times);
    }

    /// How often it was asked what it supports.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// The fee payers in the requirements of `/verify` and `/settle`, in the order in which it was asked.
    pub(crate) fn fee_payers(&self) -> Vec<serde_json::Value> {
        self.state.lock().unwrap().fee_payers.clone()
    }

    /// The versions of what was asked about payments.
    pub(crate) fn versions(&self) -> Vec<Version> {
        self.state.lock().unwrap().versions.clone()
    }

    fn note(&self, payment: &PaymentCall) {
        self.state.lock().unwrap().versions.push(payment.version());
        let requirements: serde_json::Value =
            serde_json::from_slice(payment.requirements()).unwrap();
        let fee_payer = requirements["extra"][FEE_PAYER].clone();
        self.state.lock().unwrap().fee_payers.push(fee_payer);
    }
}

pub(crate) fn kind(fee_payer: &str) -> SupportedKind {
    let mut kind = SupportedKind::new(Version::V2, "exact", Network::BASE.to_string());
    let extra = json!({ FEE_PAYER: fee_payer });
    kind.extra = Some(serde_json::from_value(extra).unwrap());
    kind
}

impl Facilitator for Oracle {
    async fn verify(&self, payment: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.note(payment);
        self.local.verify(payment).await
    }

    async fn settle(&self, payment: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        self.note(payment);
        self.local.settle(payment).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.state.lock().unwrap().asked += 1;
        self.may_answer.acquire().await.unwrap().forget();
        let says = self.state.lock().unwrap().says.clone();
        says.ok_or_else(|| FacilitatorError::not_sent("connection refused"))
    }
}

/// `exact` on Base as it would be if somebody had to pay the fees, whom only the facilitator knows.
#[derive(Debug, Default)]
pub(crate) struct FeesPaid {
    pub(crate) exact: ExactEvm,
    /// Whether every fee payer is good, whoever has offered it.
    pub(crate) trusting: bool,
}

pub(crate) const FEE_PAYER: &str = "feePayer";

impl Scheme for FeesPaid {
    fn name(&self) -> &str {
        "exact"
    }

    fn serves(&self, asset: &Asset) -> bool {
        asset.network == Network::BASE && self.exact.serves(asset)
    }

    fn extra(&self, offer: &Offer, kind: Option<&SupportedKind>) -> Result<Extra, String> {
        let fee_payer = kind
            .and_then(|kind| kind.extra.as_ref())
            .and_then(|extra| extra.read::<String>(FEE_PAYER).ok().flatten());
        match (self.exact.extra(offer, kind)?, fee_payer) {
            (Extra::Ready(extra), Some(fee_payer)) => {
                Ok(Extra::Ready(extra.with_text(FEE_PAYER, &fee_payer)))
            }
            _ => Ok(Extra::NotYet),
        }
    }

    fn volatile(&self) -> &[&str] {
        &[FEE_PAYER]
    }

    fn vouches_for(&self, key: &str, _: &str, _: Option<&SupportedResponse>) -> bool {
        assert_eq!(key, FEE_PAYER, "only volatile keys are asked about");
        self.trusting
    }

    fn read(
        &self,
        presented: &Presented<'_>,
        network: &Network,
        asset: &Address,
    ) -> Result<Authorization, Malformed> {
        self.exact.read(presented, network, asset)
    }

    fn misfit(&self, authorization: &Authorization, offer: &Offer) -> Option<Flaw> {
        self.exact.misfit(authorization, offer)
    }

    fn name_flaw(&self, flaw: Flaw) -> &'static str {
        self.exact.name_flaw(flaw)
    }

    fn meaning(&self, reason: &str) -> Meaning {
        self.exact.meaning(reason)
    }
}
