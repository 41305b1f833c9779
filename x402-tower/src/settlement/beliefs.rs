use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;
use crate::money::Address;

/// The payers who were served on the mere belief that they were charged. Nobody is believed twice in a day.
#[derive(Debug, Default)]
pub(crate) struct Beliefs(Mutex<HashMap<Address, Duration>>);

const ONCE_IN: Duration = Duration::from_secs(24 * 3600);
const MOST: usize = 10_000;

impl Beliefs {
    /// Whether this payer is believed. They are not believed again for a while.
    pub(super) fn believe(&self, payer: &Address, now: Duration) -> bool {
        let mut believed = lock(&self.0);
        believed.retain(|_, since| now < *since + ONCE_IN);
        if believed.len() >= MOST || believed.contains_key(payer) {
            return false;
        }
        believed.insert(payer.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_believed_twice_in_a_day() {
        let beliefs = Beliefs::default();
        let (one, other) = (Address::evm([1; 20]), Address::evm([2; 20]));
        let day = |n: u64| Duration::from_secs(n * 86_400);
        assert!(beliefs.believe(&one, day(1)));
        assert!(!beliefs.believe(&one, day(1) + Duration::from_secs(1)));
        assert!(beliefs.believe(&other, day(1)));
        assert!(beliefs.believe(&one, day(2)));
    }

    #[test]
    fn not_everybody_is_believed_at_once() {
        let beliefs = Beliefs::default();
        let believed = (0..MOST as u64 + 5).filter(|number| {
            let mut account = [0; 20];
            account[..8].copy_from_slice(&number.to_be_bytes());
            beliefs.believe(&Address::evm(account), Duration::ZERO)
        });
        assert_eq!(believed.count(), MOST);
        assert!(beliefs.believe(&Address::evm([9; 20]), ONCE_IN));
    }
}
