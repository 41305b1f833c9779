use std::fmt;

use serde::Serialize;

use crate::money::Price;
use crate::proto::Object;
use crate::scheme::UPTO;

/// One way to pay that a route accepts: a price, and as much beside as the seller cares to say.
///
/// Without a network it means every network that the seller is paid on; without a scheme, the first that serves the
/// token.
///
/// ```
/// use x402_tower::price::Accept;
///
/// let anywhere = Accept::new("$0.01");
/// let here = Accept::new("0.02 USDT").network("celo").scheme("exact");
/// ```
#[derive(Clone, Debug)]
pub struct Accept {
    pub(super) price: Result<Price, String>,
    pub(super) network: Option<String>,
    pub(super) scheme: Option<String>,
    pub(super) pay_to: Option<String>,
    pub(super) extra: Object,
    problem: Option<String>,
}

impl Accept {
    /// Accepts this price. A text that is none is reported when the route is built.
    pub fn new(price: impl TryInto<Price, Error: fmt::Display>) -> Self {
        Self {
            price: price.try_into().map_err(|error| error.to_string()),
            network: None,
            scheme: None,
            pay_to: None,
            extra: Object::new(),
            problem: None,
        }
    }

    /// Accepts up to this price, by the scheme `upto`: how much of it is charged is said by a [`Meter`](crate::Meter)
    /// while the request is served.
    pub fn upto(price: impl TryInto<Price, Error: fmt::Display>) -> Self {
        Self::new(price).scheme(UPTO)
    }

    /// On this network only, named in any spelling.
    #[must_use]
    pub fn network(mut self, network: impl Into<String>) -> Self {
        self.network = Some(network.into());
        self
    }

    /// By the scheme of this name only.
    #[must_use]
    pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
        self.scheme = Some(scheme.into());
        self
    }

    /// To this account instead of the seller's usual one. Needs a network.
    #[must_use]
    pub fn pay_to(mut self, address: impl Into<String>) -> Self {
        self.pay_to = Some(address.into());
        self
    }

    /// One more member in the `extra` of the offer, beside those that its scheme has there.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: &impl Serialize) -> Self {
        let name = name.into();
        if let Err(error) = self.extra.set(name.as_str(), value) {
            self.problem = Some(format!("`{name}` in extra: {error}"));
        }
        self
    }

    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

impl<P: TryInto<Price, Error: fmt::Display>> From<P> for Accept {
    fn from(price: P) -> Self {
        Self::new(price)
    }
}
