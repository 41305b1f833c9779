use std::fmt;
use std::str::FromStr;

use crate::{Amount, Asset, Money, MoneyError};

/// What something costs: dollars (`"$0.01"`, `"0.01"`), or a named token (`"1.50 USDT"`).
///
/// ```
/// use x402_money::{Amount, Network, Price, Registry};
///
/// let registry = Registry::new();
/// let usdc = registry.dollar(&Network::BASE).unwrap();
/// let price: Price = "$0.01".parse()?;
/// assert_eq!(price.amount(usdc)?, Amount::from(10_000u64));
///
/// let too_fine: Price = "$0.0000004".parse()?;
/// assert_eq!(
///     too_fine.amount(&usdc).unwrap_err().to_string(),
///     "`$0.0000004` is finer than USDC on eip155:8453, which has 6 decimals; \
///      the nearest valid price is `$0.000001`",
/// );
/// # Ok::<_, x402_money::PriceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    money: Money,
    unit: Unit,
}

/// What a [`Price`] is counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Dollars: whichever token of a network stands for them.
    Usd,
    /// The token with this ticker.
    Token(String),
}

impl Price {
    /// So many dollars.
    pub const fn usd(money: Money) -> Self {
        Self {
            money,
            unit: Unit::Usd,
        }
    }

    /// So much of the token with this ticker.
    pub fn token(money: Money, symbol: impl Into<String>) -> Self {
        Self {
            money,
            unit: Unit::Token(symbol.into()),
        }
    }

    /// The sum, whatever it is counted in.
    pub const fn money(&self) -> Money {
        self.money
    }

    /// What the sum is counted in.
    pub const fn unit(&self) -> &Unit {
        &self.unit
    }

    /// What this price is in the smallest unit of a token.
    ///
    /// # Errors
    ///
    /// If the price is zero, or finer than the token. Nothing is ever rounded: a rounded price is another price.
    pub fn amount(&self, asset: &Asset) -> Result<Amount, PriceError> {
        let nearest = Self {
            money: self.money.nearest(asset.decimals),
            unit: self.unit.clone(),
        };
        let why = match self.money.to_amount(asset.decimals) {
            Some(amount) if !amount.is_zero() => return Ok(amount),
            Some(_) => Why::Zero,
            None if nearest.money == self.money => Why::TooLarge,
            None => Why::TooFine,
        };
        let token = format!(
            "{} on {}, which has {} decimals",
            asset.symbol, asset.network, asset.decimals
        );
        Err(Kind::Unsayable {
            price: self.clone(),
            token,
            nearest,
            why,
        }
        .into())
    }
}

impl From<Money> for Price {
    /// So many dollars.
    fn from(money: Money) -> Self {
        Self::usd(money)
    }
}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let money_error = |error| PriceError::from(Kind::Money(error));
        match text.split_once(' ') {
            None => Ok(Self::usd(text.parse().map_err(money_error)?)),
            Some((sum, symbol)) if is_ticker(symbol) && !sum.starts_with('$') => {
                let money = sum.parse().map_err(money_error)?;
                Ok(Self::token(money, symbol))
            }
            Some(_) => Err(Kind::Malformed(text.to_owned()).into()),
        }
    }
}

impl TryFrom<&str> for Price {
    type Error = PriceError;

    fn try_from(text: &str) -> Result<Self, PriceError> {
        text.parse()
    }
}

impl TryFrom<String> for Price {
    type Error = PriceError;

    fn try_from(text: String) -> Result<Self, PriceError> {
        text.parse()
    }
}

fn is_ticker(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Usd => write!(f, "${}", self.money),
            Unit::Token(symbol) => write!(f, "{} {symbol}", self.money),
        }
    }
}

/// Why a text is not a [`Price`], or a token cannot say one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceError(Box<Kind>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Money(MoneyError),
    Malformed(String),
    Unsayable {
        price: Price,
        token: String,
        nearest: Price,
        why: Why,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Zero,
    TooFine,
    TooLarge,
}

impl From<Kind> for PriceError {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Money(error) => error.fmt(f),
            Kind::Malformed(text) => {
                write!(
                    f,
                    "`{text}` is not a price: write dollars like `$0.01`, or a token like `1.50 USDT`"
                )
            }
            Kind::Unsayable {
                price,
                token,
                nearest,
                why,
            } => match why {
                Why::Zero => write!(
                    f,
                    "`{price}` would be free; the lowest valid price in {token}, is `{nearest}`"
                ),
                Why::TooFine => {
                    write!(
                        f,
                        "`{price}` is finer than {token}; the nearest valid price is `{nearest}`"
                    )
                }
                Why::TooLarge => write!(f, "`{price}` is more than {token}, can hold"),
            },
        }
    }
}

impl std::error::Error for PriceError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Network, Registry};

    fn asset(network: &Network, symbol: &str) -> Asset {
        Asset::clone(Registry::new().find(network, symbol).unwrap())
    }

    #[test]
    fn dollars_and_tickers_are_read() {
        for (text, money, unit) in [
            ("$0.01", "0.01", Unit::Usd),
            ("0.01", "0.01", Unit::Usd),
            ("1.50 USDT", "1.5", Unit::Token("USDT".to_owned())),
        ] {
            let price: Price = text.parse().unwrap();
            assert_eq!(
                (price.money(), price.unit()),
                (money.parse().unwrap(), &unit)
            );
        }
        for text in [
            "", "$1 USDT", "1  USDT", "1 ", " 1", "USDT 1", "0.1USDT", "1 USDT ", "1 US DT",
        ] {
            assert!(text.parse::<Price>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_price_that_a_token_cannot_say_names_token_decimals_and_nearest() {
        let usdc = asset(&Network::BASE, "USDC");
        let message = |text: &str| {
            text.parse::<Price>()
                .unwrap()
                .amount(&usdc)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message("$0"),
            "`$0` would be free; the lowest valid price in USDC on eip155:8453, which has 6 decimals, is `$0.000001`"
        );
        assert_eq!(
            message("0.00000151 USDC"),
            "`0.00000151 USDC` is finer than USDC on eip155:8453, which has 6 decimals; \
             the nearest valid price is `0.000002 USDC`"
        );
        let dear = "9".repeat(38);
        let musd = asset(&Network::MEGAETH, "MegaUSD");
        assert!(
            format!("${dear}")
                .parse::<Price>()
                .unwrap()
                .amount(&usdc)
                .is_ok()
        );
        let many = Asset::new(
            Network::BASE,
            "MANY",
            musd.address.clone(),
            70,
            musd.transfer,
        );
        assert_eq!(
            format!("${dear}")
                .parse::<Price>()
                .unwrap()
                .amount(&many)
                .unwrap_err()
                .to_string(),
            format!("`${dear}` is more than MANY on eip155:8453, which has 70 decimals, can hold")
        );
    }

    #[test]
    fn tokens_with_many_decimals_are_priced_exactly() {
        let musd = asset(&Network::MEGAETH, "MegaUSD");
        let amount = "$4.35".parse::<Price>().unwrap().amount(&musd).unwrap();
        assert_eq!(amount.to_string(), "4350000000000000000");
    }
}
