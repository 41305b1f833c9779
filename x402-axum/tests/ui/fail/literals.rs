use x402_axum::paid;

const PRICE: &str = "$0.01";

#[paid]
async fn nothing() {}

#[paid()]
async fn empty() {}

#[paid(description = "The weather")]
async fn no_price() {}

#[paid(accepts(network = "base"))]
async fn no_price_of_an_option() {}

#[paid(PRICE)]
async fn constant() {}

#[paid(self::PRICE)]
async fn path() {}

#[paid(price = PRICE)]
async fn named_constant() {}

#[paid(concat!("$", "0.01"))]
async fn put_together() {}

#[paid(0.01)]
async fn number() {}

#[paid("$0.01", network = NETWORK)]
async fn constant_network() {}

#[paid(price)]
async fn name_alone() {}

#[paid(price = )]
async fn name_without_value() {}

#[paid("$0.01", crate = renamed)]
async fn constant_crate() {}

fn main() {}
