//! `actix-quickstart [ADDRESS]`: serves a paid route, pays for it once, and goes on serving.

use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;

use actix_quickstart::{app, weather};
use actix_web::{App, HttpServer};
use x402_actix::X402;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // Play money, moved in the process; or whatever `X402_FACILITATOR`, `X402_PAY_TO` and so on say.
    // Built here and not in a worker: what has to outlive the workers runs where this was built.
    let x402 = X402::local().from_env().priced([&weather]).build()?;

    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:4021"))?;
    let url = format!("http://{}/weather", listener.local_addr()?);
    let seller = x402.clone();
    let server = HttpServer::new(move || App::new().configure(app(seller.clone())))
        // Ctrl-C alone would cut off the requests that are on their way.
        .shutdown_signal(async {
            // Without a signal to wait for there is none to stop at.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending().await
            }
        })
        .listen(listener)?;
    let server = actix_web::rt::spawn(server.run());

    if std::env::var_os("X402_FACILITATOR").is_none() {
        buyer::tour(&url).await?;
    }
    println!("\nServing {url} until Ctrl-C.");
    server.await??;

    println!("{:?}", x402.drain(Duration::from_secs(30)).await);
    Ok(())
}
