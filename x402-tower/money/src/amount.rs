use std::fmt;
use std::str::FromStr;

use crate::Money;

/// A quantity of a token in its smallest unit: an integer of up to 256 bits that never wraps and never rounds.
///
/// On the wire it is a decimal string.
///
/// ```
/// use x402_money::Amount;
///
/// let price: Amount = "2500".parse()?;
/// assert_eq!(price, Amount::from(2_500u64));
/// assert_eq!(price.checked_add(Amount::from(1u64)).unwrap().to_string(), "2501");
/// assert!(Amount::MAX.checked_add(price).is_none());
/// assert!("0x10".parse::<Amount>().is_err());
/// # Ok::<_, x402_money::AmountError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Amount {
    /// Least significant limb first.
    limbs: [u64; 4],
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { limbs: [0; 4] };
    /// The largest quantity that an EVM contract can hold.
    pub const MAX: Self = Self {
        limbs: [u64::MAX; 4],
    };

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        matches!(self.limbs, [0, 0, 0, 0])
    }

    /// The sum, unless it is too large.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let mut limbs = self.limbs;
        let mut carry = false;
        for (limb, add) in limbs.iter_mut().zip(other.limbs) {
            let (sum, first) = limb.overflowing_add(add);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first | second;
        }
        (!carry).then_some(Self { limbs })
    }

    /// The difference, unless it is below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let mut limbs = self.limbs;
        let mut borrow = false;
        for (limb, sub) in limbs.iter_mut().zip(other.limbs) {
            let (difference, first) = limb.overflowing_sub(sub);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = first | second;
        }
        (!borrow).then_some(Self { limbs })
    }

    /// The product with a small number, unless it is too large.
    #[must_use]
    pub fn checked_mul(self, factor: u64) -> Option<Self> {
        let mut limbs = self.limbs;
        let mut carry = 0u128;
        for limb in &mut limbs {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
        (carry == 0).then_some(Self { limbs })
    }

    /// The quotient by a small number, rounded down, unless that number is zero.
    #[must_use]
    pub fn checked_div(self, divisor: u64) -> Option<Self> {
        (divisor != 0).then(|| self.div_rem(divisor).0)
    }

    /// This quantity of a token with so many decimals, as people write it.
    ///
    /// ```
    /// # use x402_money::Amount;
    /// assert_eq!(Amount::from(2_500u64).to_money(6).unwrap().to_string(), "0.0025");
    /// ```
    pub fn to_money(self, decimals: u8) -> Option<Money> {
        u128::try_from(self)
            .ok()
            .map(|units| Money::new(units, decimals))
    }

    /// The 32 bytes, most significant first, that a contract reads.
    pub fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (out, limb) in bytes.chunks_exact_mut(8).zip(self.limbs.iter().rev()) {
            out.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    /// The quantity that these 32 bytes, most significant first, stand for.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, word) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *limb = word
                .iter()
                .fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        }
        Self { limbs }
    }

    /// Quotient and remainder by a small number that is not zero.
    fn div_rem(self, divisor: u64) -> (Self, u64) {
        let mut limbs = self.limbs;
        let mut rest = 0u128;
        for limb in limbs.iter_mut().rev() {
            rest = rest << 64 | u128::from(*limb);
            *limb = (rest / u128::from(divisor)) as u64;
            rest %= u128::from(divisor);
        }
        (Self { limbs }, rest as u64)
    }
}

impl From<u64> for Amount {
    fn from(units: u64) -> Self {
        Self {
            limbs: [units, 0, 0, 0],
        }
    }
}

impl From<u128> for Amount {
    fn from(units: u128) -> Self {
        Self {
            limbs: [units as u64, (units >> 64) as u64, 0, 0],
        }
    }
}

impl TryFrom<Amount> for u64 {
    type Error = AmountError;

    fn try_from(amount: Amount) -> Result<Self, AmountError> {
        match amount.limbs {
            [low, 0, 0, 0] => Ok(low),
            _ => Err(AmountError {
                kind: AmountErrorKind::TooLarge,
            }),
        }
    }
}

impl TryFrom<Amount> for u128 {
    type Error = AmountError;

    fn try_from(amount: Amount) -> Result<Self, AmountError> {
        match amount.limbs {
            [low, high, 0, 0] => Ok(Self::from(high) << 64 | Self::from(low)),
            _ => Err(AmountError {
                kind: AmountErrorKind::TooLarge,
            }),
        }
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.limbs.iter().rev().cmp(other.limbs.iter().rev())
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Reads decimal digits and nothing else: no sign, no separators, no `0x`.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        const NOT_DIGITS: AmountError = AmountError {
            kind: AmountErrorKind::NotDigits,
        };
        // Nineteen digits at a time always fit one limb.
        let limb = |digits: &[u8]| {
            digits.iter().try_fold(0, |sum, byte| {
                let digit = byte.wrapping_sub(b'0');
                (digit < 10).then(|| sum * 10 + u64::from(digit))
            })
        };
        let mut chunks = text.as_bytes().chunks(19);
        let first = chunks.next().and_then(limb).ok_or(NOT_DIGITS)?;
        let mut amount = Self::from(first);
        for chunk in chunks {
            let next = limb(chunk).ok_or(NOT_DIGITS)?;
            amount = amount
                .checked_mul(10u64.pow(chunk.len() as u32))
                .and_then(|shifted| shifted.checked_add(Self::from(next)))
                .ok_or(AmountError {
                    kind: AmountErrorKind::TooLarge,
                })?;
        }
        Ok(amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHUNK: u64 = 10u64.pow(19);
        let (mut rest, mut digits) = self.div_rem(CHUNK);
        let mut chunks = [digits; 5];
        let mut used = 1;
        while !rest.is_zero() {
            (rest, digits) = rest.div_rem(CHUNK);
            chunks[used] = digits;
            used += 1;
        }
        write!(f, "{}", chunks[used - 1])?;
        chunks[..used - 1]
            .iter()
            .rev()
            .try_for_each(|chunk| write!(f, "{chunk:019}"))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({self})")
    }
}

/// Why a text is not an [`Amount`], or an [`Amount`] not a machine integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountError {
    kind: AmountErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AmountErrorKind {
    NotDigits,
    TooLarge,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            AmountErrorKind::NotDigits => "an amount is decimal digits and nothing else",
            AmountErrorKind::TooLarge => "the amount is too large",
        })
    }
}

impl std::error::Error for AmountError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_amount_is_2_to_the_256_minus_1() {
        let text = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(text.parse(), Ok(Amount::MAX));
        assert_eq!(Amount::MAX.to_string(), text);
        let one_more =
            "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert_eq!(
            one_more.parse::<Amount>().unwrap_err().kind,
            AmountErrorKind::TooLarge
        );
    }

    #[test]
    fn nothing_but_digits_is_read() {
        for text in ["", " 1", "+1", "-1", "1_000", "1.0", "1e3", "0x1", "١"] {
            assert_eq!(
                text.parse::<Amount>().unwrap_err().kind,
                AmountErrorKind::NotDigits,
                "{text:?}"
            );
        }
    }

    fn amounts() -> impl Strategy<Value = Amount> {
        any::<[u64; 4]>().prop_map(|limbs| Amount { limbs })
    }

    proptest! {
        #[test]
        fn text_and_bytes_round_trip(amount in amounts(), zeros in 0usize..60) {
            let text = format!("{}{amount}", "0".repeat(zeros));
            prop_assert_eq!(text.parse(), Ok(amount));
            prop_assert_eq!(Amount::from_be_bytes(amount.to_be_bytes()), amount);
        }

        #[test]
        fn small_numbers_behave_like_u128(a in any::<u64>(), b in any::<u64>()) {
            let (wide_a, wide_b) = (u128::from(a), u128::from(b));
            prop_assert_eq!(Amount::from(a).checked_add(b.into()), Some(Amount::from(wide_a + wide_b)));
            prop_assert_eq!(Amount::from(a).checked_mul(b), Some(Amount::from(wide_a * wide_b)));
            prop_assert_eq!(Amount::from(a).checked_div(b), a.checked_div(b).map(Amount::from));
            prop_assert_eq!(Amount::from(wide_a * wide_b).checked_div(b), (b != 0).then(|| a.into()));
            prop_assert_eq!(Amount::from(a).checked_sub(b.into()), a.checked_sub(b).map(Amount::from));
            prop_assert_eq!(Amount::from(a).cmp(&b.into()), a.cmp(&b));
            prop_assert_eq!(Amount::from(wide_a * wide_b).to_string(), (wide_a * wide_b).to_string());
        }

        #[test]
        fn subtraction_undoes_addition(a in amounts(), b in amounts()) {
            match a.checked_add(b) {
                Some(sum) => prop_assert_eq!(sum.checked_sub(b), Some(a)),
                None => prop_assert!(Amount::MAX.checked_sub(a).unwrap() < b),
            }
        }
    }
}
