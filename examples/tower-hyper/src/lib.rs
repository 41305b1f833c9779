//! A paid route on a bare tower stack, served by hyper.

use std::convert::Infallible;
use std::pin::pin;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower::util::BoxCloneService;
use x402_tower::gate::{RequestBody, ResponseBody};
use x402_tower::{ConfigError, Payment, X402};

/// What is for sale. It runs for requests whose payment is good.
async fn weather(request: Request<RequestBody<Incoming>>) -> Result<Response<String>, Infallible> {
    let answer = match request.extensions().get::<Payment>() {
        Some(payment) => format!("Sunny, 24 °C. Thank you, {}!", payment.payer()),
        None => "Sunny, 24 °C.".to_owned(),
    };
    Ok(Response::new(answer))
}

/// A service as hyper wants it.
pub type App = BoxCloneService<Request<Incoming>, Response<ResponseBody<String>>, Infallible>;

/// The handler, with its price in front of it.
///
/// # Errors
///
/// If the price cannot be paid.
pub fn app(x402: &X402) -> Result<App, ConfigError> {
    let price = x402
        .route("$0.01")
        .description("Today's weather")
        .mime_type("text/plain")
        .build()?;
    let service = ServiceBuilder::new().layer(price).service_fn(weather);
    Ok(App::new(service))
}

/// Serves until it is told to stop, and then finishes what has begun.
///
/// # Errors
///
/// If no connections can be accepted.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let server = auto::Builder::new(TokioExecutor::new());
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            () = &mut stop => break,
        };
        let service = TowerToHyperService::new(app.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection.into_owned());
        // A connection that breaks is the client's business.
        drop(tokio::spawn(async move { drop(connection.await) }));
    }
    connections.shutdown().await;
    Ok(())
}
