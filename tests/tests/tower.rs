//! The behaviours over a bare `tower` stack on hyper.

use std::io;
use std::pin::Pin;

use futures_util::TryFutureExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};
use x402_tests::{App, BoxError, Route, Running, Stop, TestBody, body};
use x402_tower::gate::{RequestBody, ResponseBody};

struct Tower;

type Service = BoxCloneSyncService<Request<TestBody>, Response<TestBody>, BoxError>;

impl App for Tower {
    async fn start(routes: Vec<Route>) -> Running {
        let routes: Vec<(&'static str, Service)> = routes
            .into_iter()
            .map(|route| (route.path, service(route)))
            .collect();
        let router = service_fn(move |request: Request<Incoming>| route(&routes, request));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(async move {
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection_with_upgrades(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Running {
            address,
            stop: Stop::new(move || accepting.abort()),
        }
    }
}

type Answering = Pin<Box<dyn Future<Output = io::Result<Response<TestBody>>> + Send>>;

fn route(routes: &[(&'static str, Service)], request: Request<Incoming>) -> Answering {
    let path = request.uri().path();
    let found = routes
        .iter()
        .find(|(own, _)| path == *own || path.starts_with(&format!("{own}/")));
    let Some((_, service)) = found else {
        let mut response = Response::new(body("no such route"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Box::pin(std::future::ready(Ok(response)));
    };
    let request = request.map(|body| body.map_err(BoxError::from).boxed_unsync());
    Box::pin(service.clone().oneshot(request).map_err(io::Error::other))
}

fn service(Route { gate, handler, .. }: Route) -> Service {
    match gate {
        Some(gate) => {
            let inner = service_fn(move |request: Request<RequestBody<TestBody>>| {
                handler(request.map(|body| body.boxed_unsync()))
            });
            let gated =
                gate.layer(inner)
                    .map_response(|response: Response<ResponseBody<TestBody>>| {
                        response.map(|body| body.boxed_unsync())
                    });
            BoxCloneSyncService::new(gated)
        }
        None => BoxCloneSyncService::new(service_fn(move |request: Request<TestBody>| {
            handler(request)
        })),
    }
}

x402_tests::behaviours!(Tower);
