//! The behaviours over axum, in the layer style; and what only axum has.

mod own;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use x402_axum::{Paid, RouterExt as _};
use x402_tests::{App, BoxError, Handler, Route, Running, Stop};

struct Axum;

impl App for Axum {
    async fn start(routes: Vec<Route>) -> Running {
        let router = routes
            .into_iter()
            .fold(Router::new(), |router, route| router.merge(routed(route)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Running {
            address,
            stop: Stop::new(move || serving.abort()),
        }
    }
}

/// A route and everything below it.
fn routed(
    Route {
        path,
        gate,
        handler,
    }: Route,
) -> Router {
    let handler = any(move |request| serve(handler, request));
    let router = Router::new()
        .route(path, handler.clone())
        .route(&format!("{path}/{{*rest}}"), handler);
    match gate {
        Some(gate) => router.paid(Paid::from(gate)),
        None => router,
    }
}

/// Handlers of axum cannot fail. What ends the connection is a panic.
async fn serve(handler: Handler, request: Request) -> Response {
    let request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
    match handler(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => panic!("{error}"),
    }
}

x402_tests::behaviours!(Axum);
