use std::sync::Arc;

use syn::LitStr;
use x402_money::{Asset, Money, Network, Price, Registry, Unit};

use crate::errors::Errors;
use crate::lint::{Lint, Warning};
use crate::nearest::did_you_mean;

/// What most clients of buyers pay without being asked.
const A_DOLLAR: Money = Money::new(1, 0);

/// Looks at a price, on the network that it is for or on any.
pub(crate) fn price(
    text: &LitStr,
    network: Option<&Network>,
    registry: &Registry,
    allowed: &[Lint],
    errors: &mut Errors,
) -> Vec<Warning> {
    let price: Price = match text.value().parse() {
        Ok(price) => price,
        Err(error) => {
            errors.at(text, error);
            return Vec::new();
        }
    };
    let tokens = tokens(&price, network, registry);
    if tokens.is_empty() {
        let unknown = unknown_token(&price, network, registry);
        if let Some(problem) = unknown.filter(|_| !allowed.contains(&Lint::UnusualToken)) {
            errors.at(text, problem);
            return Vec::new();
        }
    }
    if let Some(problem) = unsayable(&price, &tokens) {
        errors.at(text, problem);
        return Vec::new();
    }
    let is_dollar = |token: &Arc<Asset>| registry.dollar(&token.network) == Some(token);
    let in_dollars = *price.unit() == Unit::Usd || tokens.iter().any(is_dollar);
    let unusual = !in_dollars && !tokens.is_empty();
    [
        (in_dollars && price.money() > A_DOLLAR).then(|| {
            let message = format!(
                "`{price}` is more than a dollar, which buyers' clients refuse to pay unless they are told to"
            );
            (Lint::Expensive, message)
        }),
        unusual.then(|| {
            let message = format!(
                "`{price}` is not in the token that dollars mean{}, and buyers' clients refuse to pay in any other \
                 unless they are told to",
                place(network)
            );
            (Lint::UnusualToken, message)
        }),
    ]
    .into_iter()
    .flatten()
    .filter(|(lint, _)| !allowed.contains(lint))
    .map(|(lint, message)| Warning {
        lint,
        price: text.clone(),
        message,
    })
    .collect()
}

/// The tokens that the price can be paid in, as far as they are known.
fn tokens(price: &Price, network: Option<&Network>, registry: &Registry) -> Vec<Arc<Asset>> {
    let of = |network: &Network| match price.unit() {
        Unit::Token(symbol) => registry.find(network, symbol).cloned(),
        _ => registry.dollar(network).cloned(),
    };
    match network {
        Some(network) => of(network).into_iter().collect(),
        None => Network::well_known()
            .filter_map(|network| of(&network))
            .collect(),
    }
}

/// What is wrong with a token that is not known where others are.
fn unknown_token(price: &Price, network: Option<&Network>, registry: &Registry) -> Option<String> {
    let Unit::Token(symbol) = price.unit() else {
        return None;
    };
    let networks: Vec<Network> = match network {
        Some(network) => vec![network.clone()],
        None => Network::well_known().collect(),
    };
    let known: Vec<String> = networks
        .iter()
        .flat_map(|network| registry.assets(network))
        .map(|asset| asset.symbol.to_string())
        .collect();
    if known.is_empty() {
        return None;
    }
    let meant = did_you_mean(symbol, &known);
    let place = place(network);
    Some(format!(
        "no token is called `{symbol}`{place}{meant} (one that you register yourself needs `allow(unusual_token)`)"
    ))
}

fn place(network: Option<&Network>) -> String {
    network
        .map(|network| {
            let name = network
                .name()
                .map_or_else(|| network.to_string(), str::to_owned);
            format!(" on {name}")
        })
        .unwrap_or_default()
}

/// What is wrong with a price that none of its tokens can say.
fn unsayable(price: &Price, tokens: &[Arc<Asset>]) -> Option<String> {
    // The finest is the one that a price can be too fine for.
    let finest = tokens.iter().rev().max_by_key(|token| token.decimals);
    if let Some(token) = finest
        && let Err(error) = price.amount(token)
    {
        // Where several tokens are meant, the first that comes to mind.
        let first = tokens.first().filter(|_| price.money().is_zero());
        let error = first
            .and_then(|first| price.amount(first).err())
            .unwrap_or(error);
        return Some(error.to_string());
    }
    price.money().is_zero().then(|| {
        format!("`{price}` would be free; a handler that costs nothing needs no attribute")
    })
}
