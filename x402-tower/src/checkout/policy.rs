use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::refusal::Refusal;
use crate::clock::{Elapsed, timeout};
use crate::lock::lock;
use crate::log::{self, Chain};
use crate::money::Money;
use crate::price::{Accept, Head, Headers, Listing, Quote, QuoteKind, RequestHead, Terms};
use crate::till::Till;

/// How one route sells.
pub(crate) struct Policy {
    pub(crate) till: Arc<Till>,
    pub(crate) pricing: Pricing,
    pub(crate) listing: Arc<Listing>,
    pub(crate) settle: Settle,
    pub(crate) max_timeout_seconds: u64,
    pub(crate) budgets: Budgets,
    pub(crate) free_when: Option<Box<FreeWhen>>,
    pub(crate) charge_when: Option<Box<ChargeWhen>>,
    /// Headers that make another request of one with the same URL.
    pub(crate) distinguishing: Vec<HeaderName>,
    /// Whether nobody is inside who could answer a browser's question.
    pub(crate) alone: bool,
    /// How many bytes of body are read before the handler runs, to bind the payment to them.
    pub(crate) bind_body: Option<u64>,
    pub(crate) owed: bool,
    pub(crate) strict_resource: bool,
    /// Up to how much is served when it is only probable that the money has moved.
    pub(crate) unconfirmed: Money,
}

pub(crate) type FreeWhen = dyn Fn(&Head<'_>) -> bool + Send + Sync;
pub(crate) type ChargeWhen = dyn Fn(&AnswerHead<'_>) -> bool + Send + Sync;

/// When the money moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settle {
    /// After the handler has answered, and only if its answer is worth it. A buyer who cannot pay after all has made the
    /// handler work for nothing.
    #[default]
    After,
    /// Before the handler runs. A handler that fails has been paid: the buyer gets the answer by asking again.
    Before,
}

/// The seconds that have to be left of a payment's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budgets {
    pub(crate) handler: u64,
    pub(crate) settlement: u64,
}

/// What facilitators want to be left when they are asked to settle.
pub(crate) const FACILITATOR_SECONDS: u64 = 6;

impl Budgets {
    /// What has to be left before the handler runs.
    pub(crate) const fn total(self) -> u64 {
        self.handler.saturating_add(self.to_settle())
    }

    /// What has to be left before the money is asked for.
    pub(crate) const fn to_settle(self) -> u64 {
        self.settlement.saturating_add(FACILITATOR_SECONDS)
    }
}

/// Where a route's price comes from.
pub(crate) enum Pricing {
    /// The same for every request.
    Fixed(Arc<Terms>),
    /// Asked anew for every request.
    Dynamic(Dynamic),
}

/// The answer of a price function, in the making.
pub(crate) type Pricer =
    dyn Fn(RequestHead) -> Pin<Box<dyn Future<Output = Priced> + Send>> + Send + Sync;
type Priced = Result<Quote, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) struct Dynamic {
    price: Box<Pricer>,
    /// The latest prices, so that each is encoded once.
    known: Mutex<Vec<(String, Arc<Terms>)>>,
    /// How long a price holds for whoever was told it.
    pub(crate) window: Duration,
}

const MOST_KNOWN_PRICES: usize = 32;

impl Dynamic {
    pub(crate) fn new(price: Box<Pricer>, window: Duration) -> Self {
        Self {
            price,
            known: Mutex::default(),
            window,
        }
    }
}

impl Policy {
    /// What a request costs; nothing if it is free.
    pub(crate) async fn terms(
        &self,
        head: Option<&RequestHead>,
    ) -> Result<Option<Arc<Terms>>, Refusal> {
        match (&self.pricing, head) {
            (Pricing::Fixed(terms), _) => Ok(Some(Arc::clone(terms))),
            // Boxed, so that it takes no room where prices are fixed.
            (Pricing::Dynamic(dynamic), Some(head)) => {
                Box::pin(self.told_terms(dynamic, head)).await
            }
            (Pricing::Dynamic(_), None) => Err(Refusal::Misconfigured),
        }
    }

    /// What a price function says.
    async fn told_terms(
        &self,
        dynamic: &Dynamic,
        head: &RequestHead,
    ) -> Result<Option<Arc<Terms>>, Refusal> {
        let Till {
            clock,
            home,
            limits,
            ..
        } = &*self.till;
        // Whoever waits for a price may have a place among all that are on their way, without having signed for anything.
        let pricing = async { (dynamic.price)(head.clone()).await };
        match home.within(timeout(&**clock, limits.verify, pricing)).await {
            Ok(Ok(Quote(QuoteKind::Free))) => Ok(None),
            Ok(Ok(Quote(QuoteKind::Charge(accepts)))) => {
                self.known_terms(dynamic, &accepts).map(Some)
            }
            Ok(Err(error)) => {
                log::error!("the price function failed"; error = Chain(&*error));
                Err(Refusal::Misconfigured)
            }
            Err(Elapsed) => {
                log::error!("the price function says nothing"; seconds = limits.verify.as_secs());
                Err(Refusal::Unavailable)
            }
        }
    }

    fn known_terms(&self, dynamic: &Dynamic, accepts: &[Accept]) -> Result<Arc<Terms>, Refusal> {
        let name = format!("{accepts:?}");
        let mut known = lock(&dynamic.known);
        if let Some(at) = known.iter().position(|(own, _)| *own == name) {
            known[..=at].rotate_right(1);
            return Ok(Arc::clone(&known[0].1));
        }
        let terms = self
            .till
            .terms(accepts, self.max_timeout_seconds, &self.listing)
            .map_err(|problems| {
                log::error!("the price function gave a price that cannot be paid"; problems = problems.join("; "));
                Refusal::Misconfigured
            })?;
        known.truncate(MOST_KNOWN_PRICES - 1);
        known.insert(0, (name, Arc::clone(&terms)));
        Ok(terms)
    }

    /// Whether an answer is worth its price.
    pub(crate) fn charges(&self, answer: &AnswerHead<'_>) -> bool {
        self.charge_when
            .as_ref()
            .map_or_else(|| charged_by_default(answer.status), |when| when(answer))
    }
}

/// 101, 2xx, and 3xx but 304: a redirect to a signed URL is the goods.
fn charged_by_default(status: StatusCode) -> bool {
    match status {
        StatusCode::SWITCHING_PROTOCOLS => true,
        StatusCode::NOT_MODIFIED => false,
        status => status.is_success() || status.is_redirection(),
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("settle", &self.settle)
            .field("budgets", &self.budgets)
            .finish_non_exhaustive()
    }
}

/// The head of a handler's answer, whatever it is kept in.
#[derive(Clone, Copy)]
pub struct AnswerHead<'a> {
    status: StatusCode,
    headers: &'a dyn Headers,
}

impl<'a> AnswerHead<'a> {
    /// The head of an answer.
    pub fn new(status: StatusCode, headers: &'a dyn Headers) -> Self {
        Self { status, headers }
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The first value of a header.
    pub fn header(&self, name: &HeaderName) -> Option<&'a [u8]> {
        self.headers.nth(name, 0)
    }
}

impl fmt::Debug for AnswerHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnswerHead({})", self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_goods_and_not_modified_is_not() {
        for (status, charged) in [
            (101, true),
            (100, false),
            (200, true),
            (204, true),
            (303, true),
            (304, false),
            (404, false),
            (500, false),
        ] {
            assert_eq!(
                charged_by_default(StatusCode::from_u16(status).unwrap()),
                charged,
                "{status}"
            );
        }
    }
}
