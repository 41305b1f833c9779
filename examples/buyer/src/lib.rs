//! A buyer: asks for a URL, and pays for it if it has to.
//!
//! It signs once. If the answer gets lost or the seller cannot say yet what became of the payment, it sends the same
//! payment again, which can be charged once and no more. Most clients sign a new one, and may pay twice.

mod offer;
mod purchase;
mod tour;

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use x402_tower::clock::{Clock as _, SystemClock};
use x402_tower::local::Wallet;
use x402_tower::money::{Money, Registry};

pub use self::offer::{Demand, Offer};
pub use self::purchase::{Paid, Purchase};
pub use self::tour::tour;

/// Any error.
pub type Error = Box<dyn StdError + Send + Sync>;

/// Somebody with a wallet and a limit.
#[derive(Debug)]
pub struct Buyer {
    http: Client,
    wallet: Wallet,
    most: Money,
    registry: Registry,
}

/// How often a payment is sent, and how long at most is waited in between.
const TRIES: usize = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Buyer {
    /// A buyer who pays up to ten cents for one request.
    ///
    /// # Errors
    ///
    /// If there is no HTTP client on this machine.
    pub fn new(wallet: Wallet) -> Result<Self, Error> {
        // An error says that there is a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            // A payment is for one URL and its seller, and what is bought may be a redirect.
            http: Client::builder().redirect(Policy::none()).build()?,
            wallet,
            most: Money::new(10, 2),
            registry: Registry::new(),
        })
    }

    /// Pays up to so many dollars for one request.
    #[must_use]
    pub const fn most(mut self, most: Money) -> Self {
        self.most = most;
        self
    }

    /// The account that pays.
    pub const fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// Asks for a URL, without a payment.
    ///
    /// # Errors
    ///
    /// If nobody answers, or if the demand cannot be read.
    pub async fn ask(&self, url: &str) -> Result<Asked, Error> {
        let response = self.http.get(url).send().await?;
        if response.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Asked::Free(Box::new(Purchase::read(response).await?)));
        }
        Ok(Asked::Costs(Box::new(Demand::read(response).await?)))
    }

    /// Signs a payment: the first offer that the wallet can pay and that is not too expensive.
    ///
    /// # Errors
    ///
    /// If there is none, with what speaks against each.
    pub fn sign(&self, demand: &Demand) -> Result<Paid, Error> {
        let mut problems = String::new();
        for offer in demand.offers() {
            let signed = offer
                .check(&self.registry, self.most)
                .and_then(|()| Ok(self.wallet.sign(offer.requirements(), SystemClock.now())?));
            match signed {
                Ok(payload) => return offer.paid(demand, payload),
                Err(problem) => problems.push_str(&format!("\n  - {problem}")),
            }
        }
        Err(format!("no offer can be taken:{problems}").into())
    }

    /// Asks for a URL with a payment, with the same one again while nothing is known of it.
    ///
    /// # Errors
    ///
    /// If there is no answer at all, or one that breaks off, each time.
    pub async fn send(&self, url: &str, paid: &Paid) -> Result<Purchase, Error> {
        let mut left = TRIES;
        loop {
            left -= 1;
            let answered = self.try_send(url, paid).await;
            let wait = match &answered {
                Ok(purchase) => purchase.wait_for(),
                Err(_) => Some(Duration::from_secs(1)),
            };
            match wait {
                Some(wait) if left > 0 => SystemClock.sleep(wait.min(LONGEST_WAIT)).await,
                _ => return answered,
            }
        }
    }

    async fn try_send(&self, url: &str, paid: &Paid) -> Result<Purchase, Error> {
        let request = self.http.get(url).header(&paid.name, &paid.value);
        Purchase::read(request.send().await?).await
    }

    /// Asks for a URL, and pays for it if it has to.
    ///
    /// # Errors
    ///
    /// As the steps have.
    pub async fn buy(&self, url: &str) -> Result<Purchase, Error> {
        match self.ask(url).await? {
            Asked::Free(purchase) => Ok(*purchase),
            Asked::Costs(demand) => self.send(url, &self.sign(&demand)?).await,
        }
    }
}

/// What came of asking.
#[allow(clippy::exhaustive_enums, reason = "there is no third")]
#[derive(Debug)]
pub enum Asked {
    /// The answer: it was free.
    Free(Box<Purchase>),
    /// A demand for money.
    Costs(Box<Demand>),
}
