//! HTTP/2 by hand: windows that open late or never, streams that are reset, and one payment on many streams.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{self, Connection, ResponseFuture, SendRequest};
use http::{HeaderValue, Method, Request, StatusCode};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use x402_tower::proto::header::{PAYMENT_RESPONSE, PAYMENT_SIGNATURE};

use crate::buyer::{paying, request};
use crate::{App, Kitchen, Shop, Verb};

/// A connection of which the client says when something may come.
struct Client {
    sender: SendRequest<Bytes>,
    windows: mpsc::UnboundedSender<u32>,
}

impl Client {
    /// Connects, and lets so much come of each answer, behind its head.
    async fn connect(address: SocketAddr, window: u32) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
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
        let request = Request::builder()
            .method(method)
            .uri("http://shop.example/goods")
            .header(PAYMENT_SIGNATURE, payment)
            .body(())
            .unwrap();
        self.sender.send_request(request, true).unwrap().0
    }
}

async fn drive(
    mut connection: Connection<TcpStream, Bytes>,
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
    let mut rest = Vec::new();
    while let Some(piece) = body.data().await {
        rest.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(rest, b"goods, run 1");
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
        assert_eq!(body.data().await.unwrap().unwrap(), "the goods, run 1");
    }
    assert_eq!(kitchen.started(), 1);
    shop.assert_charges(1);
}
