//! HTTP/2 by hand: windows that open late or never, streams that are reset, and one payment on many streams.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use h2::RecvStream;
use h2::client::{self, Connection, ResponseFuture, SendRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, duplex, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::proto::header::{PAYMENT_RESPONSE, PAYMENT_SIGNATURE};

use crate::buyer::{paying, request};
use crate::{App, BoxError, Kitchen, Shop, Verb, body, handler};

/// A connection of which the client says when something may come.
struct Client {
    sender: SendRequest<Bytes>,
    windows: mpsc::UnboundedSender<u32>,
}

impl Client {
    /// Connects, and lets so much come of each answer, behind its head.
    async fn connect(address: SocketAddr, window: u32) -> Self {
        Self::begin(TcpStream::connect(address).await.unwrap(), window).await
    }

    async fn begin<T>(stream: T, window: u32) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = client::Builder::new()
            .initial_window_size(window)
            .handshake(stream)
            .await
            .unwrap();
        let (windows, opened) = mpsc::unbounded_channel();
        tokio::spawn(drive(connection, opened));
        Self { sender, windows }
    }

    /// Lets so much come of each answer from now on, once the server knows of the window that there was.
    fn open(&self, window: u32) {
        self.windows.send(window).unwrap();
    }

    fn send(&mut self, method: &Method, payment: &HeaderValue) -> ResponseFuture {
        self.send_to(method, "/goods", payment)
    }

    fn send_to(&mut self, method: &Method, path: &str, payment: &HeaderValue) -> ResponseFuture {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://shop.example{path}"))
            .header(PAYMENT_SIGNATURE, payment)
            .body(())
            .unwrap();
        self.sender.send_request(request, true).unwrap().0
    }
}

/// All that is still to come.
async fn read(body: &mut RecvStream) -> Vec<u8> {
    let mut read = Vec::new();
    while let Some(piece) = body.data().await {
        read.extend_from_slice(&piece.unwrap());
    }
    read
}

async fn drive<T: AsyncRead + AsyncWrite + Unpin>(
    mut connection: Connection<T, Bytes>,
    mut opened: mpsc::UnboundedReceiver<u32>,
) {
    loop {
        tokio::select! {
            _ = &mut connection => return,
            window = opened.recv() => match window {
                Some(window) => connection.set_initial_window_size(window).unwrap(),
                None => return,
            },
        }
    }
}

/// A client that lets nothing come and leaves has got nothing, however small it is. What it gets in the end has been paid for.
pub async fn that_never_open_get_nothing<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let buyer = shop.buyer(1);
    for (i, method) in [Method::GET, Method::POST].into_iter().enumerate() {
        for times in 1..=2 {
            let payment = shop.pay(&buyer, "/goods").await;
            let mut client = Client::connect(shop.address(), 0).await;
            let response = client.send(&method, &payment).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.headers().contains_key(PAYMENT_RESPONSE));
            drop((response, client));
            shop.ledger.wait_for(Verb::Undelivered, 2 * i + times).await;
        }
        let payment = shop.pay(&buyer, "/goods").await;
        let ask = paying(request(method, "/goods", ""), &payment);
        let answer = shop.send(ask).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.receipt().success);
        shop.ledger.wait_for(Verb::Delivered, i + 1).await;
        shop.assert_charges(i + 1);
    }
    // It is made again if that is safe, and kept if it is not.
    assert_eq!(kitchen.started(), 3 + 1);
}

/// A client that lets some of an answer come and leaves has not got all of it, and neither has one that shares its window
/// among many streams.
pub async fn that_open_a_little_get_a_little<A: App>() {
    let whole = handler(|_| async { Ok(Response::new(body("the goods"))) });
    let streamed = handler(|request| async move {
        let mut frames = vec![Frame::data(Bytes::from_static(b"the goods"))];
        if request.uri().query().is_some() {
            let name = HeaderName::from_static("x-sum");
            let trailers = HeaderMap::from_iter([(name, HeaderValue::from_static("7"))]);
            frames.push(Frame::trailers(trailers));
        }
        let frames = stream::iter(frames.into_iter().map(Ok::<_, BoxError>));
        Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
    });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), whole)
        .sell("/streamed", |x402| x402.route("$0.01"), streamed)
        .open::<A>()
        .await;
    let buyer = shop.buyer(1);
    let mut bought = 0;
    for path in ["/goods", "/streamed", "/streamed?with-trailers"] {
        for method in [Method::GET, Method::POST] {
            bought += 1;
            let payment = shop.pay(&buyer, path).await;
            // All but the last byte.
            let mut client = Client::connect(shop.address(), 8).await;
            let response = client.send_to(&method, path, &payment).await.unwrap();
            let mut answer = response.into_body();
            let mut begun = Vec::new();
            while begun.len() < 8 {
                begun.extend_from_slice(&answer.data().await.unwrap().unwrap());
            }
            assert_eq!(begun, b"the good");
            drop((answer, client));
            shop.ledger.wait_for(Verb::Undelivered, bought).await;
            shop.assert_charges(bought);
        }
    }
    assert_eq!(shop.ledger.count(Verb::Delivered), 0);
}

/// A client may let the answer come long after it has paid.
pub async fn that_open_late_get_all<A: App>() {
    let kitchen = Kitchen::open();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let mut client = Client::connect(shop.address(), 0).await;
    let first = client.send(&Method::GET, &payment).await.unwrap();
    shop.assert_charges(1);
    let mut body = first.into_body();
    client.open(4);
    let beginning = body.data().await.unwrap().unwrap();
    assert_eq!(beginning, "the ");
    client.open(1000);
    assert_eq!(read(&mut body).await, b"goods, run 1");
    shop.ledger.wait_for(Verb::Delivered, 1).await;
}

/// One payment on many streams of one connection is one purchase, whichever of them can go on.
pub async fn of_many_streams_share_one_payment<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let mut client = Client::connect(shop.address(), 1000).await;
    let sent: Vec<_> = (0..10)
        .map(|_| client.send(&Method::POST, &payment))
        .collect();
    kitchen.wait_started(1).await;
    kitchen.finish(10);
    for response in sent {
        let response = response.await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        assert_eq!(read(&mut body).await, b"the goods, run 1");
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}

/// A connection into which more can be said than its client says.
async fn tapped(address: SocketAddr) -> (tokio::io::DuplexStream, mpsc::UnboundedSender<Vec<u8>>) {
    let (near, far) = duplex(1 << 20);
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut answers, mut asks) = stream.into_split();
    let (mut asked, mut answered) = split(far);
    let (more, mut said) = mpsc::unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move { tokio::io::copy(&mut answers, &mut answered).await });
    tokio::spawn(async move {
        let mut chunk = vec![0; 1 << 16];
        loop {
            tokio::select! {
                read = asked.read(&mut chunk) => match read {
                    Ok(read @ 1..) => asks.write_all(&chunk[..read]).await.unwrap(),
                    _ => return,
                },
                Some(more) = said.recv() => asks.write_all(&more).await.unwrap(),
            }
        }
    });
    (near, more)
}

/// How a client says that it has had enough.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// The stream is reset.
    Reset,
    /// The connection is over for this reason, when what has begun on it is.
    GoAway(u8),
}

/// When it does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Verifying,
    Working,
    Settling,
    /// The head has come.
    Answered,
    /// Everything has come.
    Delivered,
}

/// Whoever leaves a stream or a connection, politely or not, and asks again with the same payment has bought once and gets
/// what that was, whenever it was.
pub async fn that_are_left_are_bought_once<A: App>() {
    let leaves = [
        Leave::Reset,
        Leave::GoAway(0),
        Leave::GoAway(2),
        Leave::GoAway(11),
    ];
    let whens = [
        When::Verifying,
        When::Working,
        When::Settling,
        When::Answered,
        When::Delivered,
    ];
    for method in [Method::GET, Method::POST] {
        for leave in leaves {
            for when in whens {
                is_bought_once::<A>(&method, leave, when).await;
            }
        }
    }
}

async fn is_bought_once<A: App>(method: &Method, leave: Leave, when: When) {
    let case = format!("{method} {leave:?} {when:?}");
    let kitchen = Kitchen::waiting();
    let shop = Shop::with::<A>(&kitchen).await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let delay = Duration::from_secs(7);
    let endpoint = match when {
        When::Verifying => Some(Endpoint::Verify),
        When::Settling => Some(Endpoint::Settle),
        _ => None,
    };
    if let Some(endpoint) = endpoint {
        shop.facilitator.on(endpoint, [Fault::Delay(delay)]);
    }
    if when != When::Working {
        kitchen.finish(2);
    }
    let (stream, more) = tapped(shop.address()).await;
    let window = if when == When::Answered { 5 } else { 1000 };
    let mut client = Client::begin(stream, window).await;
    let mut sent = Some(client.send(method, &payment));
    let mut answer = None;
    match when {
        When::Verifying | When::Settling => shop.clock.sleeper_for(delay).await,
        When::Working => kitchen.wait_started(1).await,
        When::Answered | When::Delivered => {
            let response = sent.take().unwrap().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body = answer.insert(response.into_body());
            if when == When::Delivered {
                read(body).await;
            }
        }
    }
    match leave {
        Leave::Reset => drop((sent.take(), answer.take())),
        Leave::GoAway(reason) => {
            let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, reason];
            more.send(go_away.to_vec()).unwrap();
        }
    }
    if when == When::Answered {
        // Nobody waits for the rest any more.
        drop((answer.take(), client));
    }
    kitchen.finish(2);
    shop.clock.advance(delay);
    // The first run comes to some end, though the connection is there.
    let ends = [
        Verb::Release,
        Verb::Abort,
        Verb::Delivered,
        Verb::Undelivered,
    ];
    shop.ledger.wait_for_any(&ends, 1).await;

    let ask = paying(request(method.clone(), "/goods", ""), &payment);
    let again = shop.send_http2("shop.example", ask).await;
    assert_eq!(again.status, StatusCode::OK, "{case}: {again:?}");
    assert!(again.receipt().success, "{case}");
    shop.assert_charges(1);
    assert_eq!(shop.ledger.count(Verb::Park), 0, "{case}");
    if *method == Method::POST {
        // What has answered does not run again.
        assert_eq!(kitchen.finished(), 1, "{case}");
    }
    drop((sent, answer));
}
