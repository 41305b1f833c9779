use reqwest::Response;
use serde_json::value::RawValue;
use x402_tower::money::{Address, Money, Network, Price, Registry};
use x402_tower::proto::header::{PAYMENT_REQUIRED, PAYMENT_SIGNATURE, X_PAYMENT, decode, encode};
use x402_tower::proto::v2::PaymentRequirements;
use x402_tower::proto::{v1, v2};

use crate::{Error, Paid};

/// What a seller asks for.
#[allow(clippy::exhaustive_enums, reason = "there is no third")]
#[derive(Clone, Debug)]
pub enum Demand {
    /// In the header, as version 2 has it.
    V2(v2::PaymentRequired),
    /// In the body, as version 1 has it.
    V1(v1::PaymentRequired),
}

/// Longer than any demand.
const MOST_BYTES: usize = 64 * 1024;

impl Demand {
    pub(crate) async fn read(response: Response) -> Result<Self, Error> {
        if let Some(value) = response.headers().get(PAYMENT_REQUIRED) {
            return Ok(Self::V2(decode(value.as_bytes(), MOST_BYTES)?));
        }
        Ok(Self::V1(serde_json::from_slice(&response.bytes().await?)?))
    }

    /// The ways to pay, as version 2 says them.
    pub fn offers(&self) -> Vec<Offer> {
        match self {
            Self::V2(demand) => demand.accepts.iter().cloned().map(Offer).collect(),
            Self::V1(demand) => demand.accepts.iter().map(Offer::of_v1).collect(),
        }
    }

    /// As it was read, laid out for people.
    ///
    /// # Errors
    ///
    /// None, in practice: what was read can be written.
    pub fn pretty(&self) -> Result<String, Error> {
        Ok(match self {
            Self::V2(demand) => serde_json::to_string_pretty(demand)?,
            Self::V1(demand) => serde_json::to_string_pretty(demand)?,
        })
    }
}

/// A way to pay.
#[derive(Clone, Debug)]
pub struct Offer(PaymentRequirements);

impl Offer {
    fn of_v1(offer: &v1::PaymentRequirements) -> Self {
        let mut requirements = PaymentRequirements::new(
            &offer.scheme,
            &offer.network,
            offer.max_amount_required,
            &offer.asset,
            &offer.pay_to,
        );
        requirements.max_timeout_seconds = offer.max_timeout_seconds;
        requirements.extra = offer.extra.clone().unwrap_or_default();
        Self(requirements)
    }

    /// What it demands.
    pub const fn requirements(&self) -> &PaymentRequirements {
        &self.0
    }

    /// Whether it is a token that is worth dollars, and not too many of them.
    pub(crate) fn check(&self, registry: &Registry, most: Money) -> Result<(), Error> {
        let Self(offer) = self;
        let network: Network = offer.network.parse()?;
        let token = Address::parse(&network, &offer.asset)
            .ok()
            .and_then(|address| registry.at(&network, &address))
            .ok_or_else(|| format!("{network}: the token {} is not known", offer.asset))?;
        let ceiling = Price::usd(most).amount(token)?;
        if offer.amount > ceiling {
            let price = offer
                .amount
                .to_money(token.decimals)
                .map_or_else(|| offer.amount.to_string(), |money| money.to_string());
            return Err(format!(
                "{network}: {price} {} is more than {most}, the most that is paid",
                token.symbol
            )
            .into());
        }
        Ok(())
    }

    /// The header that takes it.
    pub(crate) fn paid(self, demand: &Demand, payload: Box<RawValue>) -> Result<Paid, Error> {
        match demand {
            Demand::V2(demand) => {
                let mut payment = v2::PaymentPayload::new(self.0, payload);
                payment.resource = serde_json::from_value(serde_json::to_value(&demand.resource)?)?;
                payment.extensions.clone_from(&demand.extensions);
                Paid::new(PAYMENT_SIGNATURE, &encode(&payment)?)
            }
            Demand::V1(_) => {
                let payment = v1::PaymentPayload::new(self.0.scheme, self.0.network, payload);
                Paid::new(X_PAYMENT, &encode(&payment)?)
            }
        }
    }
}
