//! When a payment can be used.

use std::time::Duration;

use super::policy::Budgets;
use crate::scheme::{Authorization, Flaw};

/// How far clocks may be apart.
const SKEW: u64 = 60;
/// Some clients sign for an hour whatever they are asked for.
const CUSTOMARY: u64 = 3600;

/// What is wrong with the time of a payment that is about to be served.
pub(super) fn flaw(
    authorization: &Authorization,
    now: Duration,
    budgets: Budgets,
    max_timeout: u64,
) -> Option<Flaw> {
    let now = now.as_secs();
    if authorization.valid_after > now {
        Some(Flaw::NotYetValid)
    } else if authorization.valid_before < now.saturating_add(budgets.total()) {
        Some(Flaw::Expired)
    } else if authorization.valid_before > latest(now, max_timeout)
        && authorization.valid_before != u64::MAX
    {
        Some(Flaw::TooLong)
    } else {
        None
    }
}

/// Whether there is time left to settle a payment.
pub(crate) const fn can_settle(valid_before: u64, now: Duration, budgets: Budgets) -> bool {
    valid_before >= now.as_secs().saturating_add(budgets.to_settle())
}

/// The last second that a payment may be valid.
fn latest(now: u64, max_timeout: u64) -> u64 {
    now.saturating_add(max_timeout.max(CUSTOMARY))
        .saturating_add(SKEW)
}

/// Until when a payment has to be remembered, since 1970: as long as it can be used, by the server's bounds.
pub(super) fn usable_until(
    authorization: &Authorization,
    now: Duration,
    max_timeout: u64,
) -> Duration {
    let latest = latest(now.as_secs(), max_timeout);
    Duration::from_secs(authorization.valid_before.min(latest).saturating_add(SKEW))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Address, Amount};
    use crate::scheme::Key;

    const NOW: Duration = Duration::from_secs(1_000_000);
    const BUDGETS: Budgets = Budgets {
        handler: 30,
        settlement: 30,
    };

    fn judged(valid: std::ops::Range<u64>) -> Option<Flaw> {
        let someone = Address::evm([1; 20]);
        let proof = crate::Digest::from_bytes([0; 32]);
        let key = Key::from_bytes([0; 32]);
        let authorization =
            Authorization::new(key, proof, someone.clone(), someone, Amount::ZERO, valid);
        flaw(&authorization, NOW, BUDGETS, 300)
    }

    #[test]
    fn a_payment_is_valid_now_and_for_long_enough_and_not_for_ever() {
        assert_eq!(judged(0..1_000_066), None);
        assert_eq!(judged(1_000_000..1_000_300), None);
        assert_eq!(judged(0..1_000_065), Some(Flaw::Expired));
        assert_eq!(judged(0..0), Some(Flaw::Expired));
        assert_eq!(judged(1_000_001..1_000_300), Some(Flaw::NotYetValid));
        assert_eq!(judged(0..1_003_660), None);
        assert_eq!(judged(0..1_003_661), Some(Flaw::TooLong));
        assert_eq!(judged(u64::MAX..u64::MAX), Some(Flaw::NotYetValid));
    }

    #[test]
    fn a_settlement_needs_its_own_time() {
        assert!(can_settle(1_000_036, NOW, BUDGETS));
        assert!(!can_settle(1_000_035, NOW, BUDGETS));
    }
}
