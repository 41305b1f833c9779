use std::sync::Arc;

use super::Accept;
use crate::money::{Address, Asset, Network, Price, Registry, Unit};
use crate::scheme::{Offer, Scheme};

/// What it takes to turn a price into offers: who is paid where, in which tokens, by which schemes.
#[derive(Clone, Debug)]
pub(crate) struct PriceList {
    pub(crate) registry: Registry,
    pub(crate) schemes: Vec<Arc<dyn Scheme>>,
    pub(crate) payees: Vec<(Network, Address)>,
    /// Whether what moves is play money.
    pub(crate) is_play_money: bool,
}

/// Play money must not buy what is to be paid for with real money, only because a line or a variable is missing.
pub(crate) fn no_play_money(on: &Network) -> String {
    format!("play money is none on {on}: say `.facilitator(…)`")
}

impl PriceList {
    /// The offers that these are, in their order; or all that is wrong with them. Never neither.
    pub(crate) fn resolve(
        &self,
        accepts: &[Accept],
        max_timeout_seconds: u64,
    ) -> Result<Vec<Offer>, Vec<String>> {
        let mut offers = Vec::new();
        let mut problems = Vec::new();
        for accept in accepts {
            match self.resolve_one(accept, max_timeout_seconds) {
                Ok(found) => offers.extend(found),
                Err(problem) => problems.extend(problem),
            }
        }
        for (i, offer) in offers.iter().enumerate() {
            if offers[..i].iter().any(|other| is_same(offer, other)) {
                let Asset {
                    symbol, network, ..
                } = &*offer.asset;
                problems.push(format!(
                    "{} {symbol} on {network} is offered twice",
                    offer.scheme.name()
                ));
            }
        }
        if accepts.is_empty() {
            problems.push("there is no price".to_owned());
        }
        if problems.is_empty() {
            Ok(offers)
        } else {
            Err(problems)
        }
    }

    fn resolve_one(&self, accept: &Accept, timeout: u64) -> Result<Vec<Offer>, Vec<String>> {
        let one = |problem: String| vec![problem];
        let price = accept.price.as_ref().map_err(|error| one(error.clone()))?;
        if let Some(problem) = accept.problem() {
            return Err(one(problem.to_owned()));
        }
        let payees = self.payees(accept).map_err(one)?;
        let mut offers = Vec::new();
        let mut problems = Vec::new();
        for (network, pay_to) in payees {
            match self.offer(accept, price, &network, pay_to, timeout) {
                Ok(offer) => offers.push(offer),
                Err(Miss::NoSuchToken(_)) if accept.network.is_none() && is_token(price) => {}
                Err(Miss::NoSuchToken(problem) | Miss::Problem(problem)) => problems.push(problem),
            }
        }
        if offers.is_empty() && problems.is_empty() {
            problems.push(format!(
                "`{price}`: no network that the seller is paid on has this token"
            ));
        }
        if problems.is_empty() {
            Ok(offers)
        } else {
            Err(problems)
        }
    }

    /// Where and to whom one way to pay may go.
    fn payees(&self, accept: &Accept) -> Result<Vec<(Network, Address)>, String> {
        let Some(network) = &accept.network else {
            return match &accept.pay_to {
                Some(_) => Err("an option with a payee of its own needs a network".to_owned()),
                None => Ok(self.payees.clone()),
            };
        };
        let network = self
            .registry
            .network(network)
            .map_err(|error| error.to_string())?;
        let pay_to = match &accept.pay_to {
            Some(text) => Address::payee(&network, text).map_err(|error| error.to_string())?,
            None => match self.payees.iter().find(|(own, _)| *own == network) {
                Some((_, pay_to)) => pay_to.clone(),
                None => {
                    return Err(format!(
                        "nobody is paid on {network}: say `.pay_to(\"{network}\", address)`"
                    ));
                }
            },
        };
        if self.is_play_money && !network.is_testnet() {
            return Err(no_play_money(&network));
        }
        Ok(vec![(network, pay_to)])
    }

    fn offer(
        &self,
        accept: &Accept,
        price: &Price,
        network: &Network,
        pay_to: Address,
        max_timeout_seconds: u64,
    ) -> Result<Offer, Miss> {
        let asset = match price.unit() {
            Unit::Token(symbol) => self.registry.find(network, symbol),
            _ => self.registry.dollar(network),
        };
        let asset = asset.ok_or_else(|| {
            Miss::NoSuchToken(format!(
                "`{price}`: no such token is known on {network}; register it with `Builder::token`"
            ))
        })?;
        let amount = price
            .amount(asset)
            .map_err(|error| Miss::Problem(error.to_string()))?;
        let scheme = self
            .scheme(accept.scheme.as_deref(), asset)
            .ok_or_else(|| {
                let name = accept
                    .scheme
                    .as_deref()
                    .map_or_else(String::new, |name| format!(" called `{name}`"));
                Miss::Problem(format!(
                    "no scheme{name} serves {} on {network}",
                    asset.symbol
                ))
            })?;
        let extra = accept.extra.clone();
        Ok(Offer {
            scheme,
            asset: Arc::clone(asset),
            amount,
            pay_to,
            max_timeout_seconds,
            extra,
        })
    }

    /// The scheme of this name, or any, that serves a token.
    pub(crate) fn scheme(&self, name: Option<&str>, asset: &Asset) -> Option<Arc<dyn Scheme>> {
        self.schemes
            .iter()
            .find(|scheme| name.is_none_or(|name| name == scheme.name()) && scheme.serves(asset))
            .cloned()
    }
}

enum Miss {
    NoSuchToken(String),
    Problem(String),
}

fn is_token(price: &Price) -> bool {
    matches!(price.unit(), Unit::Token(_))
}

fn is_same(a: &Offer, b: &Offer) -> bool {
    a.scheme.name() == b.scheme.name()
        && a.asset.network == b.asset.network
        && a.asset.address == b.asset.address
        && a.pay_to == b.pay_to
}
