use x402_tower::local::Wallet;

use crate::{Asked, Buyer, Error};

/// Buys something with a new wallet, and says at each step what goes over the wire.
///
/// # Errors
///
/// If it is not sold, or does not arrive.
pub async fn tour(url: &str) -> Result<(), Error> {
    let buyer = Buyer::new(Wallet::random()?)?;

    println!("-> GET {url}");
    let Asked::Costs(demand) = buyer.ask(url).await? else {
        return Err("it is free".into());
    };
    println!("<- 402 Payment Required\n   PAYMENT-REQUIRED, decoded:");
    println!("{}\n", indented(&demand.pretty()?));

    let paid = buyer.sign(&demand)?;
    println!(
        "-> GET {url}\n   {}: signed by {}, a throw-away wallet",
        paid.name(),
        buyer.wallet().address(),
    );
    let purchase = buyer.send(url, &paid).await?;
    println!("<- {}", purchase.status);
    let receipt = purchase.receipt.as_ref().ok_or("there is no receipt")?;
    println!("   PAYMENT-RESPONSE, decoded:");
    println!("{}\n", indented(&serde_json::to_string_pretty(receipt)?));
    println!("{}\n", indented(&purchase.text()));

    println!("Try it:\n");
    println!("   curl -i {url}");
    println!("   cargo run -p buyer -- {url}");
    println!("   {}\n", buyer.sign(&demand)?.curl(url)?);
    let schemes = demand.offers();
    let fixed = schemes
        .iter()
        .any(|offer| offer.requirements().scheme == "exact");
    let who = if fixed {
        "Any x402 client can pay too"
    } else {
        "Any x402 client that knows the scheme `upto` can pay too"
    };
    println!(
        "The last one carries a payment that is good once, within the next three minutes.\n\
         {who}, with any key: the network is Base Sepolia, the money is play money."
    );
    Ok(())
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("   {line}")).collect();
    lines.join("\n")
}
