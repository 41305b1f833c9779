//! Everything with a text form is that text in serialized form too: a number could not hold it exactly.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Amount, Money, Network, Price};

macro_rules! as_text {
    ($($ty:ident: $expecting:literal;)*) => {$(
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text { expecting: $expecting, of: PhantomData })
            }
        }
    )*};
}

as_text! {
    Amount: "an amount as a string of decimal digits";
    Money: "a sum of money as a string";
    Network: "the name of a network";
    Price: "a price as a string";
}

struct Text<T> {
    expecting: &'static str,
    of: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_strings_and_never_numbers() {
        let amount = Amount::MAX;
        let text = serde_json::to_string(&amount).unwrap();
        assert_eq!(serde_json::from_str::<Amount>(&text).unwrap(), amount);
        assert!(serde_json::from_str::<Amount>("2500").is_err());
        assert!(serde_json::from_str::<Amount>("\"-1\"").is_err());
    }

    #[test]
    fn networks_and_prices_are_read_as_people_write_them() {
        assert_eq!(
            serde_json::from_str::<Network>("\"base\"").unwrap(),
            Network::BASE
        );
        assert_eq!(
            serde_json::to_string(&Network::BASE).unwrap(),
            "\"eip155:8453\""
        );
        assert_eq!(
            serde_json::from_str::<Price>("\"1 USDT\"")
                .unwrap()
                .to_string(),
            "1 USDT"
        );
    }
}
