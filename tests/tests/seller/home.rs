//! What belongs to the seller outlives the runtimes of requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn as hyper_service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Id, Runtime};
use tower::{Layer as _, ServiceExt as _, service_fn};
use x402_tests::buyer::{get, paying};
use x402_tests::{Answer, Buyer, Challenge, Spy, Verb, Wire};
use x402_tower::facilitator::{
    Endpoint, Facilitator, FacilitatorError, HttpFacilitator, HyperTransport, PaymentCall,
};
use x402_tower::gate::{GateLayer, RequestBody, ResponseBody};
use x402_tower::ledger::MemoryLedger;
use x402_tower::local::{Fault, LocalFacilitator};
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};
use x402_tower::testing::ManualClock;
use x402_tower::{Settle, X402};

use super::PAYEE;

/// A seller on a runtime of their own, with a facilitator on it.
struct Seller {
    home: Runtime,
    clock: Arc<ManualClock>,
    local: LocalFacilitator,
    ledger: Spy,
    connections: Arc<AtomicUsize>,
    x402: X402,
    gate: GateLayer,
}

impl Seller {
    fn new(wire: Wire) -> Self {
        let home = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = ManualClock::shared();
        let local = LocalFacilitator::with_clock(clock.clone());
        let ledger = Spy::new(MemoryLedger::builder().clock(clock.clone()).build());
        let connections = Arc::new(AtomicUsize::new(0));
        let builder = X402::builder()
            .runtime(home.handle().clone())
            .clock(clock.clone())
            .ledger(ledger.clone())
            .public_url("https://shop.example")
            .pay_to("base", PAYEE);
        let url = || {
            let address = home.block_on(serve(local.clone(), Arc::clone(&connections)));
            format!("http://{address}")
        };
        let builder = match wire {
            Wire::Process => builder.facilitator(local.clone()),
            Wire::Reqwest => {
                builder.facilitator(HttpFacilitator::new(url()).unwrap().clock(clock.clone()))
            }
            Wire::Hyper => {
                let transport = HyperTransport::new().unwrap();
                let facilitator = HttpFacilitator::with_transport(url(), transport).unwrap();
                builder.facilitator(facilitator.clock(clock.clone()))
            }
        };
        let x402 = builder.build().unwrap();
        let gate = x402.price("$0.01").unwrap();
        Self {
            home,
            clock,
            local,
            ledger,
            connections,
            x402,
            gate,
        }
    }
}

/// Serves a facilitator, and counts connections.
async fn serve(local: LocalFacilitator, connections: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.fetch_add(1, Ordering::SeqCst);
            let local = local.clone();
            let service = hyper_service_fn(move |request| {
                let local = local.clone();
                async move { local.respond(request).await }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// A runtime that comes and goes, like that of a worker.
fn worker() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn send(gate: GateLayer, request: Request<Bytes>) -> Answer {
    let goods = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("the goods")))
    });
    let response: Response<ResponseBody<Full<Bytes>>> = gate
        .layer(goods)
        .oneshot(request.map(Full::new))
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

async fn payment(seller: &Seller, buyer: &Buyer) -> HeaderValue {
    buyer.pay(&Challenge::of(
        &send(seller.gate.clone(), get("/goods")).await,
    ))
}

#[test]
fn a_settlement_goes_on_when_the_runtime_of_its_request_is_gone() {
    for wire in Wire::ALL {
        let seller = Seller::new(wire);
        let buyer = Buyer::new(1, seller.clock.clone());
        let slow = Duration::from_secs(7);
        seller.local.on(Endpoint::Settle, [Fault::Delay(slow)]);
        let request = worker();
        let payment = request.block_on(async {
            let payment = payment(&seller, &buyer).await;
            let paid = paying(get("/goods"), &payment);
            drop(tokio::spawn(send(seller.gate.clone(), paid)));
            seller.clock.sleeper_for(slow).await;
            payment
        });
        drop(request);
        seller.home.block_on(async {
            seller.ledger.wait_for(Verb::Abandon, 1).await;
            assert_eq!(seller.ledger.count(Verb::Commit), 0);
            seller.clock.advance(slow);
            seller.ledger.wait_for(Verb::Commit, 1).await;
            seller.ledger.wait_for(Verb::Undelivered, 1).await;
        });
        assert_eq!(seller.ledger.count(Verb::Park), 0, "{wire:?}");
        // Whoever comes back is served, and not charged again.
        let again = worker().block_on(send(seller.gate.clone(), paying(get("/goods"), &payment)));
        assert_eq!(again.status, StatusCode::OK, "{wire:?} {again:?}");
        let [transfer] = &seller.local.transfers()[..] else {
            panic!("{:?}", seller.local.transfers())
        };
        assert_eq!(again.receipt().transaction, transfer.transaction);
        let drained = seller.x402.drain(Duration::from_secs(60));
        assert!(seller.home.block_on(drained).is_clean());
    }
}

#[test]
fn a_verification_that_nobody_waits_for_leaves_the_payment_unused() {
    for wire in Wire::ALL {
        let seller = Seller::new(wire);
        let buyer = Buyer::new(1, seller.clock.clone());
        let slow = Duration::from_secs(7);
        seller.local.on(Endpoint::Verify, [Fault::Delay(slow)]);
        let request = worker();
        let payment = request.block_on(async {
            let payment = payment(&seller, &buyer).await;
            let paid = paying(get("/goods"), &payment);
            drop(tokio::spawn(send(seller.gate.clone(), paid)));
            seller.clock.sleeper_for(slow).await;
            payment
        });
        drop(request);
        seller
            .home
            .block_on(seller.ledger.wait_for(Verb::Release, 1));
        let again = worker().block_on(send(seller.gate.clone(), paying(get("/goods"), &payment)));
        assert_eq!(again.status, StatusCode::OK, "{wire:?} {again:?}");
        assert_eq!(seller.local.transfers().len(), 1);
    }
}

/// Giving a payment back can take longer than the runtime lives on which its request was dropped.
#[test]
fn a_payment_is_given_back_when_the_runtime_of_its_request_is_gone() {
    let seller = Seller::new(Wire::Process);
    let buyer = Buyer::new(1, seller.clock.clone());
    let slow = Duration::from_secs(7);
    seller.local.on(Endpoint::Verify, [Fault::Delay(slow)]);
    seller.ledger.hold(Verb::Release);
    let request = worker();
    request.block_on(async {
        let paid = paying(get("/goods"), &payment(&seller, &buyer).await);
        let sending = tokio::spawn(send(seller.gate.clone(), paid));
        seller.clock.sleeper_for(slow).await;
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        assert_eq!(seller.ledger.count(Verb::Release), 0);
    });
    drop(request);
    seller.ledger.let_go();
    seller
        .home
        .block_on(seller.ledger.wait_for(Verb::Release, 1));
}

/// Whoever is asked can count on the runtime that the seller named, whichever polls.
#[test]
fn everybody_is_asked_at_home() {
    let asked = Asked::default();
    let home = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let clock = ManualClock::shared();
    let local = LocalFacilitator::with_clock(clock.clone());
    let x402 = X402::builder()
        .runtime(home.handle().clone())
        .clock(clock.clone())
        .public_url("https://shop.example")
        .facilitator(AtHome(local, asked.clone()))
        .pay_to("base", PAYEE);
    let x402 = x402.build().unwrap();
    for (number, gate) in [
        x402.price("$0.01").unwrap(),
        x402.route("$0.01").settle(Settle::Before).build().unwrap(),
    ]
    .into_iter()
    .enumerate()
    {
        let buyer = Buyer::new(number as u64, clock.clone());
        let answer = worker().block_on(async {
            let challenge = Challenge::of(&send(gate.clone(), get("/goods")).await);
            send(gate, paying(get("/goods"), &buyer.pay(&challenge))).await
        });
        assert_eq!(answer.status, StatusCode::OK);
    }
    let asked = asked.lock().unwrap();
    for (name, at) in &*asked {
        assert_eq!(*at, home.handle().id(), "{name}");
    }
    for name in ["verify", "settle"] {
        assert_eq!(asked.iter().filter(|(own, _)| *own == name).count(), 2);
    }
}

/// A facilitator that notes which runtime it is asked on.
struct AtHome(LocalFacilitator, Asked);

type Asked = Arc<Mutex<Vec<(&'static str, Id)>>>;

impl AtHome {
    fn note(&self, name: &'static str) {
        self.1.lock().unwrap().push((name, Handle::current().id()));
    }
}

impl Facilitator for AtHome {
    async fn verify(&self, call: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.note("verify");
        self.0.verify(call).await
    }

    async fn settle(&self, call: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        self.note("settle");
        self.0.settle(call).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        self.note("supported");
        self.0.supported().await
    }
}

#[test]
fn connections_outlive_the_runtimes_that_they_were_made_for() {
    for wire in [Wire::Reqwest, Wire::Hyper] {
        let seller = Seller::new(wire);
        // A call that comes before the connection of the last one is back in the pool opens one more, so there can be a
        // few. If they died with their runtimes there would be one for each of these at least.
        let workers = 12;
        seller
            .home
            .block_on(seller.local.called(Endpoint::Supported, 1));
        for number in 0..workers {
            let request = worker();
            let buyer = Buyer::new(number, seller.clock.clone());
            let answer = request.block_on(async {
                let payment = payment(&seller, &buyer).await;
                send(seller.gate.clone(), paying(get("/goods"), &payment)).await
            });
            assert_eq!(answer.status, StatusCode::OK, "{wire:?}");
            drop(request);
        }
        assert_eq!(seller.local.transfers().len() as u64, workers);
        let connections = seller.connections.load(Ordering::SeqCst);
        assert!(
            (connections as u64) < workers,
            "{wire:?}: {connections} connections"
        );
    }
}

#[test]
fn a_seller_is_built_where_there_is_no_runtime() {
    let seller = Seller::new(Wire::Process);
    let request = worker();
    let buyer = Buyer::new(1, seller.clock.clone());
    let answer = request.block_on(async {
        let payment = payment(&seller, &buyer).await;
        send(seller.gate.clone(), paying(get("/goods"), &payment)).await
    });
    assert_eq!(answer.status, StatusCode::OK);
    // Dropped within a runtime, as it would be by a worker.
    let Seller {
        x402, gate, home, ..
    } = seller;
    request.block_on(async { drop((x402, gate)) });
    drop(home);
}
