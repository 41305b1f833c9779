use x402_actix::paid;

const PRICE: &str = "$0.01";

#[paid]
async fn nothing() -> &'static str {
    ""
}

#[paid()]
async fn empty() -> &'static str {
    ""
}

#[paid(description = "The weather")]
async fn no_price() -> &'static str {
    ""
}

#[paid(accepts(network = "base"))]
async fn no_price_of_an_option() -> &'static str {
    ""
}

#[paid(PRICE)]
async fn constant() -> &'static str {
    ""
}

#[paid(self::PRICE)]
async fn path() -> &'static str {
    ""
}

#[paid(price = PRICE)]
async fn named_constant() -> &'static str {
    ""
}

#[paid(concat!("$", "0.01"))]
async fn put_together() {}

#[paid(0.01)]
async fn number() -> &'static str {
    ""
}

#[paid("$0.01", network = NETWORK)]
async fn constant_network() -> &'static str {
    ""
}

#[paid(price)]
async fn name_alone() -> &'static str {
    ""
}

#[paid(price = )]
async fn name_without_value() -> &'static str {
    ""
}

#[paid("$0.01", crate = renamed)]
async fn constant_crate() -> &'static str {
    ""
}

fn main() {}
