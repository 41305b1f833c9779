//! `buyer [--key 0x…] [--max '$0.10'] URL`

use std::process::ExitCode;

use buyer::{Asked, Buyer, Error, Purchase};
use reqwest::header::LOCATION;
use x402_tower::local::Wallet;
use x402_tower::money::Money;

const USAGE: &str = "usage: buyer [--key 0x…] [--max '$0.10'] URL

  --key   the private key of the account that pays; a new account with nothing in it unless said,
          which is good enough where play money is taken
  --max   the most that is paid, in dollars; ten cents unless said";

struct Arguments {
    wallet: Wallet,
    most: Option<Money>,
    url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(arguments).await {
        Ok(purchase) if purchase.status.is_success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, Error> {
    let (mut wallet, mut most, mut url) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("`{argument}` wants a value"))
        };
        match argument.as_str() {
            "--key" => wallet = Some(Wallet::from_key(&value()?)?),
            "--max" => most = Some(value()?.parse()?),
            _ if argument.starts_with('-') => return Err(format!("what is `{argument}`?").into()),
            _ if url.is_some() => return Err("one URL is enough".into()),
            _ => url = Some(argument),
        }
    }
    Ok(Arguments {
        wallet: wallet.map_or_else(Wallet::random, Ok)?,
        most,
        url: url.ok_or("there is no URL")?,
    })
}

async fn run(arguments: Arguments) -> Result<Purchase, Error> {
    let Arguments { wallet, most, url } = arguments;
    let mut buyer = Buyer::new(wallet)?;
    if let Some(most) = most {
        buyer = buyer.most(most);
    }
    let purchase = match buyer.ask(&url).await? {
        Asked::Free(purchase) => *purchase,
        Asked::Costs(demand) => {
            eprintln!("it costs:\n{}\n", demand.pretty()?);
            eprintln!("{} pays\n", buyer.wallet().address());
            buyer.send(&url, &buyer.sign(&demand)?).await?
        }
    };
    eprintln!("{}", purchase.status);
    if let Some(location) = purchase.headers.get(LOCATION) {
        eprintln!("to {location:?}");
    }
    if let Some(receipt) = &purchase.receipt {
        eprintln!("receipt:\n{}\n", serde_json::to_string_pretty(receipt)?);
    }
    // The goods alone go to standard output, so that they can be piped.
    println!("{}", purchase.text());
    Ok(purchase)
}
