use std::fmt;
use std::str::FromStr;

use crate::Amount;

/// A sum of money as people write it: an exact decimal that is never negative and never a floating-point number.
///
/// ```
/// use x402_money::{Amount, Money};
///
/// let price: Money = "0.01".parse()?;
/// assert_eq!(price.to_amount(6), Some(Amount::from(10_000u64)));
/// assert_eq!(price.to_amount(1), None, "one decimal cannot say a cent");
/// assert_eq!(price, "$0.010".parse()?);
/// # Ok::<_, x402_money::MoneyError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Money {
    units: u128,
    /// How many of the decimal digits of `units` stand behind the point.
    scale: u8,
}

impl Money {
    /// So many units of `10^-scale`: `Money::new(1, 2)` is a hundredth.
    pub const fn new(units: u128, scale: u8) -> Self {
        Self { units, scale }
    }

    /// Whether this is no money at all.
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    /// What this is in the smallest unit of a token with so many decimals; `None` if that token cannot say it exactly,
    /// or if it is more than any contract can hold.
    pub fn to_amount(self, decimals: u8) -> Option<Amount> {
        let exact = self.normalized();
        let missing = decimals.checked_sub(exact.scale)?;
        (0..missing).try_fold(Amount::from(exact.units), |amount, _| {
            amount.checked_mul(10)
        })
    }

    /// The sum nearest to this one that a token with so many decimals can say, and that is not zero.
    pub(crate) fn nearest(self, decimals: u8) -> Self {
        let mut rounded = self.normalized();
        while rounded.scale > decimals {
            let up = rounded.scale == decimals + 1 && rounded.units % 10 >= 5;
            rounded = Self::new(rounded.units / 10 + u128::from(up), rounded.scale - 1);
        }
        if rounded.is_zero() {
            Self::new(1, decimals)
        } else {
            rounded
        }
    }

    /// The same sum without zeros at its end.
    /// The units at a scale that is at least as fine, if they fit.
    fn units_at(self, scale: u8) -> Option<u128> {
        (self.scale..scale).try_fold(self.units, |units, _| units.checked_mul(10))
    }

    fn normalized(self) -> Self {
        let mut money = self;
        while money.scale > 0 && money.units.is_multiple_of(10) {
            money = Self::new(money.units / 10, money.scale - 1);
        }
        money
    }
}

impl PartialEq for Money {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.normalized(), other.normalized());
        a.units == b.units && a.scale == b.scale
    }
}

impl Eq for Money {}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Money {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let scale = self.scale.max(other.scale);
        // Nearly all are small enough to be compared without a division.
        if let (Some(a), Some(b)) = (self.units_at(scale), other.units_at(scale)) {
            return a.cmp(&b);
        }
        let (a, b) = (self.normalized(), other.normalized());
        let scale = a.scale.max(b.scale);
        // What does not fit 256 bits at the finer scale is larger than anything that does.
        match (a.to_amount(scale), b.to_amount(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, None) => a.units.cmp(&b.units),
        }
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads `0.01`, `$0.01`, `12`: digits, at most one point with digits on both sides, at most one dollar sign in
    /// front.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let error = |kind| MoneyError {
            text: text.to_owned(),
            kind,
        };
        let digits = text.strip_prefix('$').unwrap_or(text);
        if digits.starts_with('-') {
            return Err(error(MoneyErrorKind::Negative));
        }
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return Err(error(MoneyErrorKind::Malformed)),
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        if whole.is_empty() {
            return Err(error(MoneyErrorKind::Malformed));
        }
        // Zeros at the end mean nothing and must not use up the precision.
        let fraction = fraction.trim_end_matches('0');
        let mut units = 0u128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return Err(error(MoneyErrorKind::Malformed));
            }
            units = units
                .checked_mul(10)
                .and_then(|units| units.checked_add(u128::from(digit - b'0')))
                .ok_or_else(|| error(MoneyErrorKind::TooLong))?;
        }
        let scale = u8::try_from(fraction.len()).map_err(|_| error(MoneyErrorKind::TooLong))?;
        Ok(Self::new(units, scale))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let money = self.normalized();
        if money.scale == 0 {
            return write!(f, "{}", money.units);
        }
        let scale = usize::from(money.scale);
        let digits = format!("{:0width$}", money.units, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(f, "{whole}.{fraction}")
    }
}

/// Why a text is not a sum of [`Money`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoneyError {
    text: String,
    kind: MoneyErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MoneyErrorKind {
    Malformed,
    Negative,
    TooLong,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.kind {
            MoneyErrorKind::Malformed => {
                write!(
                    f,
                    "`{text}` is not a sum of money: write it like `0.01` or `$0.01`"
                )
            }
            MoneyErrorKind::Negative => write!(f, "`{text}` is negative"),
            MoneyErrorKind::TooLong => write!(f, "`{text}` has more digits than any token"),
        }
    }
}

impl std::error::Error for MoneyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_decimals_are_read() {
        for text in [
            "", "$", ".5", "5.", "$.5", "1,5", "1_000", "1e-3", "+1", " 1", "1 ", "1.2.3", "0x1",
            "€1", "$$1", "1$", "NaN", "١",
        ] {
            let error = text.parse::<Money>().unwrap_err();
            assert_eq!(error.kind, MoneyErrorKind::Malformed, "{text:?}");
        }
        assert_eq!(
            "-1".parse::<Money>().unwrap_err().kind,
            MoneyErrorKind::Negative
        );
        assert_eq!(
            "$-0.1".parse::<Money>().unwrap_err().kind,
            MoneyErrorKind::Negative
        );
        assert_eq!(
            "9".repeat(40).parse::<Money>().unwrap_err().kind,
            MoneyErrorKind::TooLong
        );
        let tiny = format!("0.{}1", "0".repeat(300));
        assert_eq!(
            tiny.parse::<Money>().unwrap_err().kind,
            MoneyErrorKind::TooLong
        );
    }

    #[test]
    fn prices_that_floating_point_gets_wrong_are_exact() {
        for (text, decimals, units) in [
            ("4.02", 6, 4_020_000u64),
            ("8.2", 6, 8_200_000),
            ("1.005", 6, 1_005_000),
            ("0.0001", 6, 100),
            ("1.1", 18, 1_100_000_000_000_000_000),
            ("4.35", 18, 4_350_000_000_000_000_000),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(
                money.to_amount(decimals),
                Some(Amount::from(units)),
                "{text}"
            );
        }
    }

    #[test]
    fn the_nearest_sum_rounds_half_up_and_is_never_nothing() {
        for (text, decimals, nearest) in [
            ("0.0000001", 6, "0.000001"),
            ("0.0000014", 6, "0.000001"),
            ("0.0000015", 6, "0.000002"),
            ("0.00000149", 6, "0.000001"),
            ("1.23456789", 2, "1.23"),
            ("0.999", 2, "1"),
            ("0.4", 0, "1"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.nearest(decimals).to_string(), nearest, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(units in any::<u128>(), scale in 0u8..80) {
            let money = Money::new(units, scale);
            prop_assert_eq!(money.to_string().parse(), Ok(money));
        }

        #[test]
        fn what_a_token_can_say_comes_back(units in any::<u64>(), decimals in 0u8..30) {
            let amount = Amount::from(units);
            prop_assert_eq!(amount.to_money(decimals).unwrap().to_amount(decimals), Some(amount));
        }

        #[test]
        fn nearest_is_sayable_and_within_half_a_unit(units in any::<u64>(), scale in 0u8..40, decimals in 0u8..20) {
            let money = Money::new(units.into(), scale);
            let nearest = money.nearest(decimals);
            prop_assert!(nearest.to_amount(decimals).is_some());
            prop_assert!(!nearest.is_zero());
            if let Some(exact) = money.to_amount(decimals) && !exact.is_zero() {
                prop_assert_eq!(nearest, money);
            }
        }

        #[test]
        fn order_is_that_of_the_amounts(a in any::<u64>(), b in any::<u64>(), sa in 0u8..20, sb in 0u8..20) {
            let (a, b) = (Money::new(a.into(), sa), Money::new(b.into(), sb));
            prop_assert_eq!(a.cmp(&b), a.to_amount(20).cmp(&b.to_amount(20)));
        }
    }
}
