//! Connections that fail, and time that runs out.

use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use x402_tests::Stop;
use x402_tower::facilitator::{
    Authorize, Endpoint, Facilitator as _, FacilitatorErrorKind, HttpFacilitator, HyperTransport,
    ReqwestTransport, Transport,
};
use x402_tower::testing::ManualClock;

use super::server::{Act, Server, answer, json};
use super::{call, over_both_transports, proved};

const SETTLED: &str = r#"{"success":true,"transaction":"0x1","network":"eip155:8453"}"#;

over_both_transports! {
    nothing_was_sent_to_where_nobody_listens,
    a_request_that_was_read_may_have_been_acted_on,
    nothing_is_sent_twice_on_a_connection_that_was_warm,
    a_connection_that_was_closed_while_nobody_needed_it_is_replaced,
    silence_is_given_up,
    credentials_that_never_come_are_given_up,
}

async fn nothing_was_sent_to_where_nobody_listens(transport: impl Transport) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let facilitator =
        HttpFacilitator::with_transport(format!("http://{address}"), transport).unwrap();
    assert_eq!(proved(facilitator.settle(&call()).await), "not sent");
    assert!(facilitator.verify(&call()).await.unwrap_err().is_not_sent());
    assert!(facilitator.supported().await.unwrap_err().is_not_sent());
}

async fn a_request_that_was_read_may_have_been_acted_on(transport: impl Transport + Clone) {
    for act in [Act::Reset, Act::Close(Vec::new())] {
        let server = Server::always(act.clone()).await;
        let facilitator = HttpFacilitator::with_transport(server.url(), transport.clone()).unwrap();
        let error = facilitator.verify(&call()).await.unwrap_err();
        assert_eq!(error.kind(), FacilitatorErrorKind::Lost, "{act:?}");
        assert_eq!(
            proved(facilitator.settle(&call()).await),
            "unknown",
            "{act:?}"
        );
        assert_eq!(server.requests().len(), 2, "each was sent once");
    }
}

async fn nothing_is_sent_twice_on_a_connection_that_was_warm(transport: impl Transport + Clone) {
    for act in [Act::Reset, Act::Close(Vec::new())] {
        let last = act.clone();
        let server = Server::start(move |before, _| match before {
            0 => json("200 OK", SETTLED),
            _ => last.clone(),
        })
        .await;
        let facilitator = HttpFacilitator::with_transport(server.url(), transport.clone()).unwrap();
        assert_eq!(proved(facilitator.settle(&call()).await), "settled");
        assert_eq!(
            proved(facilitator.settle(&call()).await),
            "unknown",
            "{act:?}"
        );
        assert_eq!((server.requests().len(), server.connections()), (2, 1));
    }
}

async fn a_connection_that_was_closed_while_nobody_needed_it_is_replaced(
    transport: impl Transport + Clone,
) {
    let settled = answer("200 OK", "application/json", SETTLED);
    let server = Server::always(Act::Close(settled.clone())).await;
    let other = Server::always(Act::Answer(settled)).await;
    let [facilitator, elsewhere] = [&server, &other]
        .map(|server| HttpFacilitator::with_transport(server.url(), transport.clone()).unwrap());
    for times in 1..=3 {
        assert_eq!(proved(facilitator.settle(&call()).await), "settled");
        server.left(times).await;
        // While something else is asked, the client hears of it.
        assert_eq!(proved(elsewhere.settle(&call()).await), "settled");
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 3));
    assert_eq!((other.requests().len(), other.connections()), (3, 1));
}

async fn silence_is_given_up(transport: impl Transport + Clone) {
    let [verify, settle] = [7, 11].map(Duration::from_secs);
    // Without a word, and in the middle of one.
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec();
    for beginning in [None, Some(half)] {
        let server = Server::start(move |_, _| match &beginning {
            None => Act::Silence,
            Some(half) => Act::Answer(half.clone()),
        })
        .await;
        let clock = ManualClock::shared();
        let facilitator = HttpFacilitator::with_transport(server.url(), transport.clone())
            .unwrap()
            .clock(clock.clone())
            .timeouts(verify, settle);
        let times_out = async |asked, after: Duration| {
            server.asked(asked).await;
            clock.sleeper_for(after).await;
            clock.advance(after);
        };
        let call = call();
        let (answer, ()) = tokio::join!(facilitator.verify(&call), times_out(1, verify));
        assert_eq!(answer.unwrap_err().kind(), FacilitatorErrorKind::Lost);
        let (answer, ()) = tokio::join!(facilitator.settle(&call), times_out(2, settle));
        assert_eq!(proved(answer), "unknown");
        let (answer, ()) = tokio::join!(facilitator.supported(), times_out(3, verify));
        assert_eq!(answer.unwrap_err().kind(), FacilitatorErrorKind::Lost);
        // Whoever gives up hangs up.
        server.left(3).await;
    }
}

/// Waits for a server of tokens that hangs.
struct Waiting;

impl Authorize for Waiting {
    async fn headers(
        &self,
        _: Endpoint,
        _: &http::Uri,
    ) -> Result<http::HeaderMap, Box<dyn std::error::Error + Send + Sync>> {
        std::future::pending().await
    }
}

async fn credentials_that_never_come_are_given_up(transport: impl Transport) {
    let server = Server::always(json("200 OK", SETTLED)).await;
    let clock = ManualClock::shared();
    let facilitator = HttpFacilitator::with_transport(server.url(), transport)
        .unwrap()
        .clock(clock.clone())
        .authorize(Waiting);
    let call = call();
    let time_passes = async {
        clock.sleeper_for(Duration::from_secs(30)).await;
        clock.advance(Duration::from_secs(30));
    };
    let (answer, ()) = tokio::join!(facilitator.settle(&call), time_passes);
    assert_eq!(proved(answer), "not sent");
    assert_eq!(server.connections(), 0);
}

/// A port at which connections are neither taken nor refused, for as long as the streams are held.
async fn full() -> (String, Vec<TcpStream>, Stop) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await
    {
        streams.push(stream);
    }
    (
        format!("http://{address}"),
        streams,
        Stop::new(move || drop(listener)),
    )
}

async fn a_connection_that_is_not_made_in_time(transport: impl Transport) {
    let (url, _streams, _stop) = full().await;
    let facilitator = HttpFacilitator::with_transport(url, transport).unwrap();
    assert_eq!(proved(facilitator.settle(&call()).await), "not sent");
    assert!(facilitator.verify(&call()).await.unwrap_err().is_not_sent());
}

// With time that runs ahead whenever nothing else happens.

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_in_time_has_sent_nothing_over_reqwest() {
    a_connection_that_is_not_made_in_time(ReqwestTransport::new().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_in_time_has_sent_nothing_over_hyper() {
    a_connection_that_is_not_made_in_time(HyperTransport::new().unwrap()).await;
}

async fn a_connection_that_is_not_secured_in_time(transport: impl Transport) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let facilitator = HttpFacilitator::with_transport(url, transport).unwrap();
    assert_eq!(proved(facilitator.settle(&call()).await), "not sent");
    // It was connected, and nobody has said anything.
    listener.accept().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_secured_in_time_has_sent_nothing_over_reqwest() {
    a_connection_that_is_not_secured_in_time(ReqwestTransport::new().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_secured_in_time_has_sent_nothing_over_hyper() {
    a_connection_that_is_not_secured_in_time(HyperTransport::new().unwrap()).await;
}
