//! `existing-stack [ADDRESS]`: serves, pays once with play money, and goes on serving.

use std::error::Error;
use std::future::IntoFuture as _;
use std::time::Duration;

use tokio::net::TcpListener;
use x402_axum::X402;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt()
        .with_env_filter("info,tower_http=debug")
        .init();
    // Play money, moved in the process; or whatever `X402_FACILITATOR`, `X402_PAY_TO` and so on say.
    let x402 = X402::local().from_env().build()?;
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:4021")).await?;
    let url = format!("http://{}/weather", listener.local_addr()?);

    let server = axum::serve(listener, existing_stack::app(&x402)?);
    let server = server.with_graceful_shutdown(async {
        // Without a signal to wait for there is none to stop at.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    });
    let server = tokio::spawn(server.into_future());
    if std::env::var_os("X402_FACILITATOR").is_none() {
        buyer::tour(&url).await?;
    }
    println!("\nServing {url} until Ctrl-C.");
    server.await??;

    println!("{:?}", x402.drain(Duration::from_secs(30)).await);
    Ok(())
}
