//! The behaviours over actix-web, in the `wrap` style.

use std::error::Error as StdError;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev;
use actix_web::{
    App as ActixApp, HttpMessage as _, HttpRequest, HttpResponse, HttpServer, Resource, web,
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, oneshot};
use x402_actix::Paid;
use x402_tests::{App, BoxError, Handler, Route, Running, Stop, TestBody, body};
use x402_tower::{Meter, Payment};

struct Actix;

impl App for Actix {
    async fn start(routes: Vec<Route>) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let app = move || {
            routes
                .iter()
                .cloned()
                .fold(ActixApp::new(), |app, route| match route.gate.clone() {
                    Some(gate) => app.service(resource(route).wrap(Paid::from(gate))),
                    None => app.service(resource(route)),
                })
        };
        let server = HttpServer::new(app)
            .workers(2)
            .disable_signals()
            .listen_auto_h2c(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        Running {
            address,
            stop: Stop::new(move || drop(handle.stop(false))),
        }
    }
}

/// A route and everything below it.
fn resource(Route { path, handler, .. }: Route) -> Resource {
    let patterns = [path.to_owned(), format!("{path}/{{rest:.*}}")];
    web::resource(patterns).to(move |request, payload| serve(handler.clone(), request, payload))
}

async fn serve(
    handler: Handler,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse<Answer>, actix_web::Error> {
    match handler(into_request(&request, payload)).await {
        Ok(response) => Ok(into_response(response)),
        Err(_) => Err(actix_web::error::ErrorInternalServerError("")),
    }
}

fn into_request(request: &HttpRequest, payload: web::Payload) -> Request<TestBody> {
    let payload = payload.into_inner();
    let body = match payload {
        dev::Payload::None => body(""),
        payload => Asking::of(payload).boxed_unsync(),
    };
    let mut translated = Request::new(body);
    *translated.method_mut() = request.method().as_str().parse().unwrap();
    *translated.uri_mut() = request.uri().to_string().parse().unwrap();
    for (name, value) in request.headers() {
        translated.headers_mut().append(
            HeaderName::from_bytes(name.as_ref()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    if let Some(payment) = request.extensions().get::<Payment>() {
        translated.extensions_mut().insert(payment.clone());
    }
    if let Some(meter) = request.extensions().get::<Meter>() {
        translated.extensions_mut().insert(meter.clone());
    }
    translated
}

/// A payload of actix belongs to its worker, and the handlers of the suite could run anywhere. So the worker is asked for
/// each piece.
struct Asking {
    asking: mpsc::UnboundedSender<oneshot::Sender<Piece>>,
    waiting: Option<oneshot::Receiver<Piece>>,
}

type Piece = Option<Result<Bytes, BoxError>>;

impl Asking {
    fn of(mut payload: dev::Payload) -> Self {
        let (asking, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Piece>>();
        actix_web::rt::spawn(async move {
            while let Some(answer) = asked.recv().await {
                let piece = payload.next().await;
                let piece = piece.map(|piece| piece.map_err(|error| error.to_string().into()));
                let _ = answer.send(piece);
            }
        });
        Self {
            asking,
            waiting: None,
        }
    }
}

impl Body for Asking {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut waiting = self.waiting.take().unwrap_or_else(|| {
            let (answer, waiting) = oneshot::channel();
            let _ = self.asking.send(answer);
            waiting
        });
        match Pin::new(&mut waiting).poll(cx) {
            Poll::Ready(piece) => {
                let piece = piece.unwrap_or_else(|_| Some(Err("the worker is gone".into())));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
            Poll::Pending => {
                self.waiting = Some(waiting);
                Poll::Pending
            }
        }
    }
}

fn into_response(response: Response<TestBody>) -> HttpResponse<Answer> {
    let (parts, body) = response.into_parts();
    let mut response = HttpResponse::build(parts.status.as_u16().try_into().unwrap());
    let upgrade = parts.headers.get("upgrade");
    if let Some(protocol) = upgrade.filter(|_| parts.status == StatusCode::SWITCHING_PROTOCOLS) {
        response.upgrade(protocol.to_str().unwrap());
    }
    for (name, value) in own_headers(&parts.headers) {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.message_body(Answer(body)).unwrap()
}

/// The headers that are not the connection's.
fn own_headers(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let upgrade = ["connection", "upgrade"];
    headers
        .iter()
        .filter(move |(name, _)| !upgrade.contains(&name.as_str()))
}

struct Answer(TestBody);

impl MessageBody for Answer {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        match self.0.size_hint().exact() {
            Some(length) => BodySize::Sized(length),
            None => BodySize::Stream,
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(match frame {
            // There are no trailers here.
            Some(Ok(frame)) => frame.into_data().ok().map(Ok),
            Some(Err(error)) => Some(Err(error as Self::Error)),
            None => None,
        })
    }
}

x402_tests::behaviours!(Actix);
