use quote::quote;

use super::*;

/// What is wrong with these arguments.
fn problems(text: &str) -> Vec<String> {
    Args::read(text.parse().unwrap()).1.messages()
}

#[track_caller]
fn good(text: &str) -> Args {
    let (args, errors) = Args::read(text.parse().unwrap());
    let problems = errors.messages();
    assert!(problems.is_empty(), "{text}: {problems:?}");
    args
}

#[track_caller]
fn bad(text: &str, parts: &[&str]) {
    let problems = problems(text);
    assert_eq!(problems.len(), parts.len(), "{text}: {problems:#?}");
    for (problem, part) in problems.iter().zip(parts) {
        assert!(problem.contains(part), "{text}: {problem}");
    }
}

/// What an option is written as.
fn options(args: &Args) -> Vec<String> {
    let Pricing::Options(options) = &args.price else {
        panic!("no options");
    };
    let root = quote!(x);
    let tokens = options
        .iter()
        .map(|option| option.to_tokens(&root).to_string());
    tokens.map(|text| text.replace(' ', "")).collect()
}

#[test]
fn a_price_is_a_literal_with_or_without_its_name() {
    for text in ["\"$0.01\"", "price = \"$0.01\"", "\"$0.01\",", "r\"$0.01\""] {
        let options = options(&good(text));
        assert!(options[0].ends_with("\"$0.01\""), "{options:?}");
    }
    bad("", &["there is no price"]);
    bad("network = \"base\"", &["there is no price"]);
    bad("0.01", &["a price is a text: write `\"$0.01\"`"]);
    bad("price = 5", &["a price is a text: write `\"$5\"`"]);
    bad(
        "price = PRICE",
        &["as a literal, such as `price = \"$0.01\"`"],
    );
    bad("PRICE", &["so it is a literal"]);
    bad("prices::CENT", &["as a literal"]);
    bad("concat!(\"$\", \"1\")", &["as a literal"]);
    bad("PRICE.text", &["as a literal"]);
    bad("b\"$0.01\"", &["write `price = \"$0.01\"`"]);
    bad("price = concat!(\"$\", \"1\")", &["as a literal"]);
    bad("price(\"$1\")", &["write `price = \"$0.01\"`"]);
    bad("price = ", &["`price` has no value"]);
    bad("\"$0.01\" network = \"base\"", &["a comma is missing"]);
    bad("network = \"base\" \"$0.01\"", &["a comma is missing"]);
}

#[test]
fn a_literal_that_a_macro_has_passed_on_is_one() {
    use proc_macro2::{Delimiter, Group};

    let passed = |literal: &str| Group::new(Delimiter::None, literal.parse().unwrap());
    let (price, network) = (passed("\"$0.01\""), passed("\"base\""));
    let (args, errors) = Args::read(quote!(#price, network = #network));
    assert!(errors.is_empty(), "{:?}", errors.messages());
    assert_eq!(
        options(&args),
        ["x::price::Accept::new(\"$0.01\").network(\"base\")"]
    );
    let price = passed("0.01");
    let errors = Args::read(quote!(#price)).1;
    assert_eq!(errors.messages(), ["a price is a text: write `\"$0.01\"`"]);
}

#[test]
fn words_that_are_usual_elsewhere_are_understood() {
    for (word, instead) in [
        ("asset", "`price = \"0.5 USDT\"`"),
        ("recipient", "`pay_to = \"0x…\"`"),
        ("settle_before", "`settle = before`"),
        ("facilitator", "`X402::builder().facilitator(…)`"),
        ("base_url", "`X402_PUBLIC_URL`"),
    ] {
        bad(&format!("\"$0.01\", {word} = \"a\""), &[instead]);
    }
}

#[test]
fn prices_are_looked_at() {
    for text in ["\"$0.01\"", "\"0.01\"", "\"0.5 USDT\"", "\"$1\""] {
        assert!(good(text).warnings.is_empty(), "{text}");
    }
    bad("\"a cent\"", &["not a sum of money"]);
    bad("\"$ 1\"", &["is not a price"]);
    bad("\"$0\"", &["would be free"]);
    bad("\"0.00 USDC\"", &["would be free"]);
    bad("\"-$1\"", &["is negative"]);
    bad("\"$-1\"", &["is negative"]);
    bad(
        "\"$0.0000001\", network = \"base\"",
        &[
            "finer than USDC on eip155:8453, which has 6 decimals; the nearest valid price is `$0.000001`",
        ],
    );
    // Eighteen decimals are for BSC, and the seller may be paid there.
    good("\"$0.0000001\"");
    good("\"$0.0000001\", network = \"bsc\"");
    bad("\"$0.0000000000000000001\"", &["which has 18 decimals"]);
    bad("\"0.0000001 USAT\"", &["finer than USAT on eip155:42220"]);
}

#[test]
fn tokens_are_those_of_the_network() {
    good("\"0.1 usdt\", network = \"tron:nile\"");
    bad(
        "\"0.1 USDX\"",
        &["no token is called `USDX`; did you mean `USDC`?"],
    );
    bad(
        "\"0.1 USDT\", network = \"base\"",
        &["no token is called `USDT` on base; did you mean `USDC`?"],
    );
    good("\"0.1 GOLD\", network = \"base\", allow(unusual_token)");
    // Nothing is known about this one.
    good("\"0.1 GOLD\", network = \"eip155:31337\"");
    bad("\"0 GOLD\", network = \"eip155:31337\"", &["would be free"]);
}

#[test]
fn networks_schemes_and_accounts_are_looked_at() {
    good("\"$0.01\", network = \"eip155:8453\", scheme = \"exact\"");
    bad(
        "\"$0.01\", network = \"bose\"",
        &[
            "no network is called `bose`; a CAIP-2 identifier such as `eip155:8453` always works; did you mean `base`?",
        ],
    );
    bad(
        "\"$0.01\", network = \"tron:nil\"",
        &["did you mean `tron:nile`?"],
    );
    bad("\"$0.01\", scheme = \"exat\"", &["did you mean `exact`?"]);
    bad("\"$0.01\", scheme = \"gold\"", &["only `exact`, `upto`"]);
    bad(
        "\"$0.01\", pay_to = \"0x1111111111111111111111111111111111111111\"",
        &["say which, like `network = \"base\"`"],
    );
    bad(
        "\"$0.01\", network = \"base\", pay_to = \"0x0000000000000000000000000000000000000000\"",
        &["nobody's account"],
    );
    bad(
        "\"$0.01\", network = \"base\", pay_to = \"0x11\"",
        &["not an EVM address"],
    );
    bad(
        "\"$0.01\", network = \"base\", pay_to = \"0x036CBD53842c5426634e7929541eC2318f3dCF7e\"",
        &["if every digit is right it is `0x036CbD53842c5426634e7929541eC2318f3dCF7e`"],
    );
    bad(
        "\"0.1 USDT\", network = \"tron:nile\", pay_to = \"TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg\"",
        &["does not fit its checksum"],
    );
    bad(
        "\"$0.01\", network = \"solana\", pay_to = \"x\"",
        &["not a Solana address"],
    );
    // A mistake in the network hides what depends on it.
    bad(
        "\"$0.0000001\", network = \"bose\", pay_to = \"0x11\"",
        &["no network"],
    );
}

#[test]
fn an_option_is_what_a_user_would_have_typed() {
    let args = good(
        "\"0.1 USDT\", network = \"tron:nile\", scheme = \"exact_permit\", pay_to = \"TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf\"",
    );
    assert_eq!(
        options(&args),
        [
            "x::price::Accept::new(\"0.1USDT\").network(\"tron:nile\").scheme(\"exact_permit\").pay_to(\"TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf\")"
        ]
    );
    assert_eq!(
        options(&good("upto = \"$0.05\"")),
        ["x::price::Accept::upto(\"$0.05\")"]
    );
    let several = good("accepts(\"$0.01\", network = \"base\"), accepts(price = \"0.1 USDT\")");
    assert_eq!(
        options(&several),
        [
            "x::price::Accept::new(\"$0.01\").network(\"base\")",
            "\"0.1USDT\""
        ]
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    bad("\"$0.01\", \"$0.02\"", &["a second price"]);
    bad("\"$0.01\", price = \"$0.02\"", &["a second price"]);
    bad(
        "\"$0.01\", network = \"base\", network = \"celo\"",
        &["`network` is said twice"],
    );
    bad("\"$0.01\", v1 = false, v1 = true", &["`v1` is said twice"]);
    bad(
        "\"$0.01\", upto = \"$0.02\"",
        &["`upto` contradicts `price`"],
    );
    bad("\"$0.01\", with = f", &["`price` contradicts `with`"]);
    bad("upto = \"$0.01\", with = f", &["`upto` contradicts `with`"]);
    bad(
        "with = f, network = \"base\"",
        &["`network` contradicts `with`"],
    );
    bad(
        "with = f, accepts(\"$0.01\")",
        &["`accepts` contradicts `with`"],
    );
    bad(
        "upto = \"$0.05\", settle = before",
        &["`settle = before` contradicts `upto`"],
    );
    good("upto = \"$0.05\", settle = after");
    bad(
        "upto = \"$0.05\", scheme = \"exact\"",
        &["`exact` contradicts `upto`"],
    );
    bad(
        "\"$0.05\", scheme = \"upto\"",
        &["said like `upto = \"$0.05\"`"],
    );
    bad(
        "\"$0.01\", accepts(\"$0.02\")",
        &["move it into an `accepts(…)`"],
    );
    bad(
        "accepts(\"$0.01\", description = \"x\")",
        &["move it out of `accepts(…)`"],
    );
    bad("accepts(network = \"base\")", &["this option has no price"]);
    bad("accepts(\"$0.01\", \"$0.02\")", &["a second price"]);
    bad(
        "\"$0.01\", quote_window = 300",
        &["goes with `with = price_of`"],
    );
    good("with = prices::of, quote_window = 300");
}

#[test]
fn what_is_said_of_the_route_becomes_calls_of_its_builder() {
    let args = good(
        "\"$0.01\", description = \"a\", mime_type = TYPE, service_name = \"b\", tags(\"c\", \"d\"), settle = before, v1 = false, \
         max_timeout = 60 * 5, bind_body = 1048576, strict_resource, owed = false",
    );
    let calls = args
        .route
        .iter()
        .map(|call| call.to_tokens(&quote!(x)).to_string());
    assert_eq!(
        calls.collect::<String>().replace(' ', ""),
        ".description(\"a\").mime_type(TYPE).service_name(\"b\").tags([\"c\",\"d\"]).settle(x::Settle::Before).v1(false)\
         .max_timeout(::core::time::Duration::from_secs(60*5)).bind_body(1048576).strict_resource(true).owed(false)"
    );
    bad("\"$0.01\", description = 5", &["write `description = "]);
    bad("\"$0.01\", description(\"x\")", &["write `description = "]);
    bad(
        "\"$0.01\", max_timeout = \"5m\"",
        &["write `max_timeout = 300`"],
    );
    bad("\"$0.01\", v1 = \"no\"", &["write `v1 = false`"]);
    bad(
        "\"$0.01\", tags = \"a\"",
        &["write `tags(\"weather\", \"forecast\")`"],
    );
    bad(
        "\"$0.01\", settle = \"before\"",
        &["write `settle = before`"],
    );
    bad(
        "\"$0.01\", settle = later",
        &["`before` the handler runs or `after` it"],
    );
    bad("with = \"f\"", &["write `with = price_of`"]);
    bad("accepts = \"$0.01\"", &["write `accepts("]);
}

#[test]
fn what_is_unknown_finds_its_word() {
    bad(
        "\"$0.01\", netwrok = \"base\"",
        &["there is no argument `netwrok`; did you mean `network = \"base\"`?"],
    );
    bad(
        "\"$0.01\", timeout = 5",
        &["did you mean `max_timeout = 300`?"],
    );
    bad(
        "\"$0.01\", colour = \"red\"",
        &["there is no argument `colour`; there are price, upto"],
    );
    bad(
        "\"$0.01\", free_when = f",
        &["x402.route(\"$0.01\").free_when(…).build()"],
    );
    bad("accepts(\"$0.01\", pay = \"x\")", &["did you mean `pay_to"]);
    bad(
        "accepts(\"$0.01\", extra(\"a\", 1))",
        &["x402.price(Accept::new(\"$0.01\").extra(…))"],
    );
    // All of it at once.
    bad(
        "\"$0\", netwrok = \"base\", settle = later",
        &[
            "there is no argument",
            "`before` the handler",
            "would be free",
        ],
    );
}

#[test]
fn what_buyers_refuse_by_default_is_warned_of() {
    let lints = |text: &str| {
        let warnings = good(text).warnings;
        let lints = warnings.iter().map(|warning| warning.lint.name());
        lints.collect::<Vec<_>>()
    };
    assert_eq!(lints("\"$1.01\""), ["expensive"]);
    assert_eq!(lints("upto = \"$5\""), ["expensive"]);
    assert_eq!(lints("\"2 USDT\", network = \"tron\""), ["expensive"]);
    assert_eq!(lints("\"0.1 USAT\""), ["unusual_token"]);
    assert_eq!(lints("\"2 USDT\", network = \"celo\""), ["unusual_token"]);
    assert_eq!(lints("accepts(\"$0.01\"), accepts(\"$3\")"), ["expensive"]);
    assert!(lints("\"$5\", allow(expensive)").is_empty());
    assert!(lints("\"0.1 USAT\", allow(unusual_token, expensive)").is_empty());
    bad("\"$5\", allow(expansive)", &["did you mean `expensive`?"]);
    bad("\"$5\", allow = expensive", &["write `allow(expensive)`"]);
}
