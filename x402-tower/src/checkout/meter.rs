use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::money::{Amount, Asset, Money, Price, Registry, Unit};

/// Says how much of a payment is charged, where its price was only a limit ([`X402::upto`](crate::X402::upto)). The
/// handler finds it in the extensions of the request.
///
/// What it holds when the handler has answered is what is charged. A handler that says nothing is paid the limit, which
/// is what the buyer has agreed to; one that says zero is paid nothing. What is said later, while the answer is still on
/// its way, is an error.
///
/// Cheap to clone; clones count together. Parts of the token's smallest unit are counted too, and what is left of them
/// in the end is not charged.
///
/// ```
/// use http::{Request, Response};
/// use x402_tower::{Meter, MeterError};
///
/// fn complete<B>(request: &Request<B>) -> Result<Response<String>, MeterError> {
///     let answer = "four words and more".to_owned();
///     // There is none if the buyer has paid a fixed price, where the route has one as well.
///     if let Some(meter) = request.extensions().get::<Meter>() {
///         let words = answer.split(' ').count() as u64;
///         meter.add("$0.001")?;
///         meter.add_times(words, "$0.0000004")?;
///     }
///     Ok(Response::new(answer))
/// }
/// # assert!(complete(&Request::new(())).is_ok());
/// ```
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    asset: Arc<Asset>,
    /// Whether this is what dollars mean on its network.
    is_dollar: bool,
    most: Amount,
    count: Mutex<Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    /// In parts; nothing if nobody has said anything.
    used: Option<Amount>,
    has_ended: bool,
}

/// How many decimals finer than the token is counted, and how many parts its smallest unit has then.
const FINER: u8 = 18;
const PARTS: u64 = 10u64.pow(FINER as u32);

impl Meter {
    pub(crate) fn new(asset: Arc<Asset>, most: Amount, registry: &Registry) -> Self {
        Self(Arc::new(Inner {
            is_dollar: registry.is_dollar(&asset),
            asset,
            most,
            count: Mutex::default(),
        }))
    }

    /// So much more is charged.
    ///
    /// # Errors
    ///
    /// If it is more than the buyer has agreed to, or comes too late, or is no price in the token that is paid with.
    /// Nothing of it is counted then.
    pub fn add<U>(&self, usage: U) -> Result<(), MeterError>
    where
        U: TryInto<Usage, Error: fmt::Display>,
    {
        self.add_times(1, usage)
    }

    /// So many times so much more is charged.
    ///
    /// # Errors
    ///
    /// Like [`Meter::add`].
    pub fn add_times<U>(&self, times: u64, usage: U) -> Result<(), MeterError>
    where
        U: TryInto<Usage, Error: fmt::Display>,
    {
        let parts = self.parts(usage)?;
        self.count(|used| {
            let more = parts.checked_mul(times)?;
            used.unwrap_or(Amount::ZERO).checked_add(more)
        })
    }

    /// So much is charged in all, whatever was said before.
    ///
    /// # Errors
    ///
    /// Like [`Meter::add`].
    pub fn set<U>(&self, usage: U) -> Result<(), MeterError>
    where
        U: TryInto<Usage, Error: fmt::Display>,
    {
        let parts = self.parts(usage)?;
        self.count(|_| Some(parts))
    }

    /// What is charged as things stand, in the smallest unit of the token.
    pub fn used(&self) -> Amount {
        self.0.charged(*lock(&self.0.count)).unwrap_or(self.0.most)
    }

    /// The most that can be charged, in the smallest unit of the token.
    pub fn most(&self) -> Amount {
        self.0.most
    }

    /// The token that is paid with.
    pub fn asset(&self) -> &Asset {
        &self.0.asset
    }

    /// Takes what was counted; nothing if nobody has said anything. Nothing counts from now on.
    pub(super) fn end(&self) -> Option<Amount> {
        let mut count = lock(&self.0.count);
        count.has_ended = true;
        self.0.charged(*count)
    }

    fn count(&self, next: impl FnOnce(Option<Amount>) -> Option<Amount>) -> Result<(), MeterError> {
        let mut count = lock(&self.0.count);
        if count.has_ended {
            return Err(MeterError(Kind::TooLate));
        }
        // A limit that has no spelling in parts is larger than anything that has one.
        let most = self.0.most.checked_mul(PARTS).unwrap_or(Amount::MAX);
        match next(count.used) {
            Some(used) if used <= most => {
                count.used = Some(used);
                Ok(())
            }
            Some(_) | None => Err(MeterError(Kind::OverLimit)),
        }
    }

    /// What is said, in parts of the token's smallest unit.
    fn parts<U>(&self, usage: U) -> Result<Amount, MeterError>
    where
        U: TryInto<Usage, Error: fmt::Display>,
    {
        let Inner {
            asset, is_dollar, ..
        } = &*self.0;
        let unsayable = |problem: String| MeterError(Kind::Unsayable(problem.into()));
        let usage = usage
            .try_into()
            .map_err(|error| unsayable(error.to_string()))?;
        let price = match usage.0 {
            Said::Amount(amount) => {
                return amount.checked_mul(PARTS).ok_or(MeterError(Kind::OverLimit));
            }
            Said::Price(price) => price,
        };
        let fits = match price.unit() {
            Unit::Token(symbol) => asset.symbol.eq_ignore_ascii_case(symbol),
            _ => *is_dollar,
        };
        if !fits {
            let problem = format!("`{price}` is not counted in {}", asset.symbol);
            return Err(unsayable(problem));
        }
        let parts = price
            .money()
            .to_amount(asset.decimals.saturating_add(FINER));
        parts.ok_or_else(|| unsayable(format!("`{price}` is too fine or too large")))
    }
}

impl Inner {
    fn charged(&self, count: Count) -> Option<Amount> {
        count.used?.checked_div(PARTS)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("used", &self.used())
            .field("most", &self.most())
            .finish_non_exhaustive()
    }
}

/// What a [`Meter`] counts: dollars, a price in any form, or an amount in the smallest unit of the token. Unlike a price
/// it may be zero, and finer than the token.
#[derive(Clone, Debug)]
pub struct Usage(Said);

#[derive(Clone, Debug)]
enum Said {
    Price(Price),
    Amount(Amount),
}

impl From<Price> for Usage {
    fn from(price: Price) -> Self {
        Self(Said::Price(price))
    }
}

impl From<Money> for Usage {
    /// So many dollars.
    fn from(money: Money) -> Self {
        Price::usd(money).into()
    }
}

impl From<Amount> for Usage {
    fn from(amount: Amount) -> Self {
        Self(Said::Amount(amount))
    }
}

impl TryFrom<&str> for Usage {
    type Error = crate::money::PriceError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse::<Price>().map(Self::from)
    }
}

impl TryFrom<String> for Usage {
    type Error = crate::money::PriceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_from(&*text)
    }
}

/// A [`Meter`] has not counted what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterError(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    OverLimit,
    TooLate,
    Unsayable(Box<str>),
}

impl MeterError {
    /// Whether it would have been more than the buyer has agreed to.
    pub const fn is_over_limit(&self) -> bool {
        matches!(self.0, Kind::OverLimit)
    }

    /// Whether the handler had answered before.
    pub const fn is_too_late(&self) -> bool {
        matches!(self.0, Kind::TooLate)
    }
}

impl fmt::Display for MeterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::OverLimit => f.write_str("this is more than the buyer has agreed to"),
            Kind::TooLate => f.write_str("what is charged was settled when the handler answered"),
            Kind::Unsayable(problem) => f.write_str(problem),
        }
    }
}

impl StdError for MeterError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Network;

    fn meter(symbol: &str, most: u64) -> Meter {
        let registry = Registry::new();
        let asset = registry.find(&Network::CELO, symbol).unwrap();
        Meter::new(Arc::clone(asset), most.into(), &registry)
    }

    fn amount(units: u64) -> Amount {
        units.into()
    }

    #[test]
    fn what_is_added_is_charged() {
        let meter = meter("USDC", 50_000);
        assert_eq!(
            (meter.used(), meter.most()),
            (amount(50_000), amount(50_000))
        );
        meter.add("$0.001").unwrap();
        assert_eq!(meter.used(), amount(1_000));
        let clone = meter.clone();
        clone.add(amount(7)).unwrap();
        clone.add("0.002 usdc").unwrap();
        clone.add(Money::new(1, 2)).unwrap();
        assert_eq!(meter.used(), amount(13_007));
        meter.set("$0.03".to_owned()).unwrap();
        meter.add_times(20_000, "$0.000001").unwrap();
        assert_eq!(meter.end(), Some(amount(50_000)));
    }

    #[test]
    fn who_says_nothing_is_told_from_who_says_zero() {
        assert_eq!(meter("USDC", 50_000).end(), None);
        for zero in ["$0", "0.000"] {
            let meter = meter("USDC", 50_000);
            meter.add(zero).unwrap();
            assert_eq!((meter.used(), meter.end()), (amount(0), Some(amount(0))));
        }
    }

    #[test]
    fn what_is_too_much_is_not_counted() {
        let meter = meter("USDC", 1_000);
        meter.add("$0.000999").unwrap();
        for too_much in ["$0.000002", "$0.0000010000001", "$1000000000000000000000"] {
            assert!(meter.add(too_much).unwrap_err().is_over_limit());
        }
        assert!(meter.set(amount(1_001)).unwrap_err().is_over_limit());
        assert!(meter.set(Amount::MAX).unwrap_err().is_over_limit());
        assert!(
            meter
                .add_times(u64::MAX, "$100000")
                .unwrap_err()
                .is_over_limit()
        );
        assert_eq!(meter.used(), amount(999));
        meter.add("$0.000001").unwrap();
        assert_eq!(meter.end(), Some(amount(1_000)));
    }

    #[test]
    fn parts_of_the_smallest_unit_add_up() {
        let meter = meter("USDC", 50_000);
        for _ in 0..10 {
            meter.add("$0.00000025").unwrap();
        }
        assert_eq!(meter.used(), amount(2), "the half is not charged");
        meter.add_times(1_234, "$0.0000004").unwrap();
        assert_eq!(meter.end(), Some(amount(496)), "2.5 and 493.6");
    }

    #[test]
    fn what_is_counted_in_something_else_is_an_error() {
        let dollar = meter("USDC", 50_000);
        let other = meter("USDT", 50_000);
        for (meter, usage) in [
            (&dollar, "0.01 USDT"),
            (&other, "$0.01"),
            (&other, "0.01 USDC"),
            (&dollar, "a cent"),
            (&dollar, "-1"),
            (&dollar, "$0.0000000000000000000000001"),
        ] {
            let error = meter.add(usage).unwrap_err();
            assert!(!error.is_over_limit() && !error.is_too_late(), "{usage}");
        }
        assert_eq!((dollar.end(), other.end()), (None, None));
    }

    #[test]
    fn what_is_said_later_is_too_late() {
        let meter = meter("USDC", 50_000);
        meter.add("$0.001").unwrap();
        assert_eq!(meter.end(), Some(amount(1_000)));
        assert!(meter.add("$0.001").unwrap_err().is_too_late());
        assert!(meter.set("$0").unwrap_err().is_too_late());
        assert_eq!(meter.used(), amount(1_000));
    }
}
