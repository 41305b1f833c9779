//! What can be known to be wrong with a price when compiling.

mod price;

use syn::LitStr;
use x402_money::{Address, Network, Registry};

pub(crate) use self::price::price;

use crate::args::Accept;
use crate::errors::Errors;
use crate::lint::{Lint, Warning};
use crate::nearest::did_you_mean;

/// The schemes that are known by name.
const SCHEMES: [&str; 5] = [
    "exact",
    "upto",
    "exact_permit",
    "exact_gasfree",
    "batch-settlement",
];

/// Looks at all that an option says.
pub(crate) fn option(option: &Accept, allowed: &[Lint], errors: &mut Errors) -> Vec<Warning> {
    let registry = Registry::new();
    let known = match &option.network {
        Some(text) => match network(text, &registry, errors) {
            Some(network) => Some(network),
            // What is said for another network than was meant cannot be judged.
            None => return Vec::new(),
        },
        None => None,
    };
    if let Some(text) = &option.scheme {
        scheme(text, option.upto, errors);
    }
    match (&option.pay_to, &known) {
        (Some(text), Some(network)) => {
            if let Err(error) = Address::payee(network, &text.value()) {
                errors.at(text, error);
            }
        }
        (Some(text), None) => errors.at(
            text,
            "an account is one of some network: say which, like `network = \"base\"`",
        ),
        (None, _) => {}
    }
    price(&option.price, known.as_ref(), &registry, allowed, errors)
}

fn network(text: &LitStr, registry: &Registry, errors: &mut Errors) -> Option<Network> {
    let value = text.value();
    registry
        .network(&value)
        .map_err(|error| {
            let meant = did_you_mean(&value, names());
            errors.at(text, format!("{error}{meant}"));
        })
        .ok()
}

/// All spellings of all networks that have a name, the usual ones first.
fn names() -> impl Iterator<Item = String> {
    let short = Network::well_known().filter_map(|network| network.name().map(ToOwned::to_owned));
    let tron = Network::well_known()
        .filter_map(|network| network.tron_name().map(|name| format!("tron:{name}")));
    let long = Network::well_known().map(|network| network.to_string());
    short.chain(tron).chain(long)
}

fn scheme(text: &LitStr, upto: bool, errors: &mut Errors) {
    let value = text.value();
    if !SCHEMES.contains(&value.as_str()) {
        let meant = did_you_mean(&value, SCHEMES);
        let there_are = format!(", only `{}`", SCHEMES.join("`, `"));
        let instead = if meant.is_empty() { there_are } else { meant };
        errors.at(
            text,
            format!("no scheme is called `{value}`{instead} (one of your own is for a layer)"),
        );
    } else if value == "upto" && !upto {
        errors.at(
            text,
            "a price that is the highest is said like `upto = \"$0.05\"`, without a scheme",
        );
    } else if value != "upto" && upto {
        errors.at(
            text,
            format!(
                "`{value}` contradicts `upto`, which is a scheme of its own; leave one of them out"
            ),
        );
    }
}
