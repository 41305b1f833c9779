use x402_axum::paid;
use x402_axum::price::RequestHead;

#[paid(with = borrows)]
async fn of_a_borrowed_head() -> &'static str {
    "sunny"
}

async fn borrows(_: &RequestHead) -> &'static str {
    "$0.01"
}

#[paid(with = at_once)]
async fn of_no_future() -> &'static str {
    "sunny"
}

fn at_once(_: RequestHead) -> &'static str {
    "$0.01"
}

#[paid(with = number)]
async fn of_a_number() -> &'static str {
    "sunny"
}

async fn number(_: RequestHead) -> f64 {
    0.01
}

fn main() {}
