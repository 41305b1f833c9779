//! What only actix-web has.

mod attribute;
mod errors;
mod handlers;
mod http2;
mod neighbours;
mod routes;
mod server;

use http::HeaderValue;
use x402_actix::X402;
use x402_tests::buyer::{get, paying};
use x402_tests::{Answer, App, Buyer, Challenge, Route, Running, Shop, Stop, send};

/// Serves an app until it is dropped.
macro_rules! serve {
    ($app:expr) => {{
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = actix_web::HttpServer::new($app)
            .workers(2)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        x402_tests::Running {
            address,
            stop: x402_tests::Stop::new(move || drop(handle.stop(false))),
        }
    }};
}

pub(crate) use serve;

/// Serves nothing: each test here has an app of its own.
struct Elsewhere;

impl App for Elsewhere {
    async fn start(_: Vec<Route>) -> Running {
        Running {
            address: ([127, 0, 0, 1], 0).into(),
            stop: Stop::new(|| {}),
        }
    }
}

/// A shop without routes, and its seller.
async fn open() -> (Shop, X402) {
    let shop = Shop::builder().open::<Elsewhere>().await;
    let x402: X402 = shop.x402.with_layer();
    (shop, x402)
}

async fn ask(app: &Running, path: &str) -> Answer {
    send(app.address, get(path)).await
}

/// Asks what something costs, and signs a payment for it.
async fn pay(buyer: &Buyer, app: &Running, path: &str) -> HeaderValue {
    buyer.pay(&Challenge::of(&ask(app, path).await))
}

async fn buy(buyer: &Buyer, app: &Running, path: &str) -> Answer {
    let payment = pay(buyer, app, path).await;
    send(app.address, paying(get(path), &payment)).await
}
