use proc_macro2::Ident;

use super::{Argument, Value, word};
use crate::errors::Errors;
use crate::nearest::nearest;

/// Every argument, and how it is written.
const WORDS: &[(&str, &str)] = &[
    ("price", "price = \"$0.01\""),
    ("upto", "upto = \"$0.05\""),
    ("with", "with = price_of"),
    ("network", "network = \"base\""),
    ("scheme", "scheme = \"exact\""),
    ("pay_to", "pay_to = \"0x…\""),
    ("accepts", "accepts(\"$0.01\", network = \"base\")"),
    ("description", "description = \"Today's weather\""),
    ("mime_type", "mime_type = \"application/json\""),
    ("service_name", "service_name = \"Weather\""),
    ("tags", "tags(\"weather\", \"forecast\")"),
    ("icon_url", "icon_url = \"https://…\""),
    ("settle", "settle = before"),
    ("v1", "v1 = false"),
    ("max_timeout", "max_timeout = 300"),
    ("handler_budget", "handler_budget = 30"),
    ("settlement_budget", "settlement_budget = 30"),
    ("quote_window", "quote_window = 300"),
    ("bind_body", "bind_body = 1048576"),
    ("owed", "owed = false"),
    ("strict_resource", "strict_resource"),
    ("allow", "allow(expensive)"),
    ("crate", "crate = \"my_crate\""),
];

/// What is said of an option, and of nothing else.
pub(super) const OF_OPTIONS: [&str; 5] = ["price", "upto", "network", "scheme", "pay_to"];

/// What routes have, and literals cannot say.
const OF_LAYERS: [&str; 5] = [
    "free_when",
    "charge_when",
    "distinguish_by",
    "extension",
    "unconfirmed_up_to",
];

/// What is called otherwise here, and how it is written: words that are usual elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("amount", "price = \"$0.01\""),
    ("asset", "price = \"0.5 USDT\""),
    ("currency", "price = \"0.5 USDT\""),
    ("token", "price = \"0.5 USDT\""),
    ("chain", "network = \"base\""),
    ("address", "pay_to = \"0x…\""),
    ("receiver", "pay_to = \"0x…\""),
    ("recipient", "pay_to = \"0x…\""),
];

/// What is said once, of the seller.
const OF_SELLERS: [&str; 4] = ["facilitator", "public_url", "base_url", "resource"];

/// What options have, and literals cannot say.
const OF_ACCEPT: &str = "extra";

/// How an argument is written.
pub(super) fn example(word: &str) -> &'static str {
    WORDS
        .iter()
        .find(|(name, _)| *name == word)
        .map_or("", |(_, example)| example)
}

/// Says that there is no such argument, and which was meant.
pub(super) fn unknown(argument: &Argument, name: &Ident, errors: &mut Errors) {
    let text = word(name);
    let made_by = if OF_LAYERS.contains(&text.as_str()) {
        Some(format!("x402.route(\"$0.01\").{text}(…).build()"))
    } else if text == OF_ACCEPT {
        Some(format!("x402.price(Accept::new(\"$0.01\").{text}(…))"))
    } else {
        None
    };
    if let Some(made_by) = made_by {
        errors.at(
            name,
            format!(
                "`{text}` cannot be said in an attribute: put a layer on the route instead, made by `{made_by}`"
            ),
        );
        return;
    }
    if OF_SELLERS.contains(&text.as_str()) {
        let method = match text.as_str() {
            "facilitator" => "facilitator",
            _ => "public_url",
        };
        errors.at(
            name,
            format!(
                "`{text}` is said once, of the seller: `X402::builder().{method}(…)`, or `X402_{}` and `from_env()`",
                method.to_uppercase()
            ),
        );
        return;
    }
    let names = WORDS.iter().map(|(name, _)| *name);
    let elsewhere = ELSEWHERE.iter().find(|(word, _)| *word == text);
    let meant = elsewhere.map(|(_, example)| *example);
    let meant = meant.or_else(|| nearest(&text, names).map(example));
    let is_constant = matches!(argument.value, Value::Alone) && text.contains(char::is_uppercase);
    let instead = match meant {
        _ if is_constant => {
            "; a price is looked at when compiling, so it is a literal: `\"$0.01\"`".to_owned()
        }
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => {
            let names: Vec<_> = WORDS.iter().map(|(name, _)| *name).collect();
            format!("; there are {}", names.join(", "))
        }
    };
    errors.at(name, format!("there is no argument `{text}`{instead}"));
}
