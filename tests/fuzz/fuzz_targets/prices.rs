//! What sellers and clients write for prices, amounts, networks and addresses: read or refused, and the same when it is
//! written down and read again.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use x402_tower::money::{Address, Amount, Money, Network, Price, Registry};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

fuzz_target!(|text: &str| {
    if let Ok(price) = text.parse::<Price>() {
        for network in [Network::BASE, Network::BSC, Network::MEZO] {
            for asset in REGISTRY.assets(&network) {
                let _ = price.amount(asset);
            }
        }
    }
    come_back::<Price>(text);
    come_back::<Amount>(text);
    come_back::<Money>(text);
    come_back::<Network>(text);
    if let Ok(amount) = text.parse::<Amount>() {
        assert_eq!(Amount::from_be_bytes(amount.to_be_bytes()), amount);
        for decimals in [0, 6, 18, u8::MAX] {
            if let Some(money) = amount.to_money(decimals) {
                come_back::<Money>(&money.to_string());
            }
        }
    }
    let mut networks = vec![Network::BASE];
    networks.extend(text.parse::<Network>());
    networks.extend(REGISTRY.network(text));
    networks.extend(Network::well_known());
    for network in networks {
        if let Some(address) = Address::read(&network, text) {
            assert!(address.is_spelled(text), "{network} {text}");
            assert_eq!(Address::read(&network, &address.to_string()), Some(address));
        }
        if let Ok(address) = Address::parse(&network, text) {
            assert_eq!(
                Address::parse(&network, &address.to_string()).ok(),
                Some(address)
            );
        }
    }
});

fn come_back<T: FromStr<Err: Debug> + Display + Debug + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(written.parse::<T>().unwrap(), value, "{text} is {written}");
    }
}
