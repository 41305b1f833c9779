use std::sync::{Arc, Mutex, OnceLock};

use crate::lock::lock;

/// Small numbers for the names of sellers, who are few.
#[derive(Debug, Default)]
pub(super) struct Sellers {
    /// Usually there is no other. It is found without a lock.
    first: OnceLock<Arc<str>>,
    others: Mutex<Vec<Arc<str>>>,
}

/// Whose payment it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seller(u16);

impl Sellers {
    pub(super) fn number(&self, name: Option<&str>) -> Seller {
        let Some(name) = name else {
            return Seller::default();
        };
        if **self.first.get_or_init(|| name.into()) == *name {
            return Seller(1);
        }
        let mut others = lock(&self.others);
        let known = others.iter().position(|other| **other == *name);
        let index = known.unwrap_or_else(|| {
            others.push(name.into());
            others.len() - 1
        });
        // The last of very many share a number, and look after each other's.
        Seller(u16::try_from(index + 2).unwrap_or(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seller_has_one_number_and_shares_it_with_nobody() {
        let sellers = Sellers::default();
        let names = [None, Some("a"), Some("b"), Some(""), Some("c")];
        let numbers = names.map(|name| sellers.number(name));
        assert_eq!(numbers, names.map(|name| sellers.number(name)));
        for (i, number) in numbers.iter().enumerate() {
            assert!(!numbers[..i].contains(number), "{numbers:?}");
        }
    }
}
