//! The example is served, asked and paid.

use std::error::Error;
use std::future::IntoFuture as _;
use std::io;
use std::sync::{Mutex, PoisonError};

use buyer::{Asked, Buyer};
use tokio::net::TcpListener;
use x402_axum::X402;
use x402_axum::local::{LocalFacilitator, Wallet};

#[tokio::test]
async fn the_stack_goes_on_working() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(|| Log)
        .init();
    let facilitator = LocalFacilitator::new();
    let x402 = X402::local().facilitator(facilitator.clone()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, existing_stack::app(&x402)?).into_future());
    let buyer = Buyer::new(Wallet::from_seed(1))?;

    for (path, status) in [("/health", 200), ("/nothing", 404)] {
        let Asked::Free(answer) = buyer.ask(&format!("{url}{path}")).await? else {
            panic!("{path} is not free");
        };
        assert_eq!(answer.status, status);
    }
    let purchase = buyer.buy(&format!("{url}/weather")).await?;
    assert_eq!(purchase.status, 200);
    assert!(purchase.text().contains("Thank you, 0x"));
    let origin = purchase.headers.get("access-control-allow-origin");
    assert!(origin.is_some_and(|origin| origin == "*"));
    assert_eq!(facilitator.transfers().len(), 1);

    // Headers are logged, and payments are not.
    let log = String::from_utf8(LOG.lock().unwrap().clone())?;
    assert!(log.contains(r#""payment-signature": Sensitive"#), "{log}");

    server.abort();
    Ok(())
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
