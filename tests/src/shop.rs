use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use x402_tower::facilitator::{HttpFacilitator, HyperTransport};
use x402_tower::ledger::MemoryLedger;
use x402_tower::local::{LocalFacilitator, LocalTransfer};
use x402_tower::money::{Address, Amount, Network, Registry};
use x402_tower::telemetry::Event;
use x402_tower::testing::ManualClock;
use x402_tower::{Builder, RouteBuilder, X402};

use crate::buyer::{get, paying};
use crate::{
    Answer, App, Buyer, Challenge, Handler, Kitchen, Route, Running, Spy, Verb, body, handler,
    send, send_http2,
};

/// A seller on some network, with routes, a facilitator and a ledger that are looked at, and a clock that stands still.
#[derive(Debug)]
pub struct Shop {
    /// What time it is.
    pub clock: Arc<ManualClock>,
    /// Who moves the money.
    pub facilitator: LocalFacilitator,
    /// What is written down.
    pub ledger: Spy,
    /// The seller.
    pub x402: X402,
    events: Arc<Events>,
    running: Running,
}

/// Sets up a [`Shop`].
pub struct ShopBuilder {
    clock: Arc<ManualClock>,
    facilitator: LocalFacilitator,
    ledger: Spy,
    builder: Builder,
    events: Arc<Events>,
    routes: Vec<(&'static str, Option<Configure>, Handler)>,
}

type Configure = Box<dyn FnOnce(&X402) -> RouteBuilder>;

/// How long a settlement waits between its tries, until its request is answered.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
    Duration::from_secs(5),
];

/// How the facilitator is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// In the process.
    Process,
    /// By HTTP, over the usual transport.
    Reqwest,
    /// By HTTP, over the lean transport.
    Hyper,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Process, Self::Reqwest, Self::Hyper];

    async fn serve(self, facilitator: &LocalFacilitator) -> Option<SocketAddr> {
        if self == Self::Process {
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let facilitator = facilitator.clone();
        tokio::spawn(async move { facilitator.serve(listener).await });
        Some(address)
    }
}

/// Who is paid.
pub const PAYEE: &str = "0x1111111111111111111111111111111111111111";
/// Where it is, as its clients see it.
pub const PUBLIC_URL: &str = "https://shop.example/api";

impl Shop {
    /// Sets up a shop.
    pub fn builder() -> ShopBuilder {
        Self::builder_with(|ledger| ledger)
    }

    /// Sets up a shop with a ledger of other bounds.
    pub fn builder_with(
        bounds: impl FnOnce(
            x402_tower::ledger::MemoryLedgerBuilder,
        ) -> x402_tower::ledger::MemoryLedgerBuilder,
    ) -> ShopBuilder {
        let clock = ManualClock::shared();
        let facilitator = LocalFacilitator::with_clock(clock.clone());
        let ledger = Spy::new(bounds(MemoryLedger::builder().clock(clock.clone())).build());
        Self::builder_of(clock, facilitator, ledger)
    }

    /// Sets up another server of this shop: with the same ledger, that is.
    pub fn another(&self) -> ShopBuilder {
        Self::builder_of(
            self.clock.clone(),
            self.facilitator.clone(),
            self.ledger.beside(),
        )
    }

    fn builder_of(
        clock: Arc<ManualClock>,
        facilitator: LocalFacilitator,
        ledger: Spy,
    ) -> ShopBuilder {
        let events = Arc::new(Events::default());
        let told = Arc::clone(&events);
        let builder = X402::builder()
            .facilitator(facilitator.clone())
            .ledger(ledger.clone())
            .clock(clock.clone())
            .secret(*b"a secret that all replicas share")
            .public_url(PUBLIC_URL)
            .pay_to("base-sepolia", PAYEE)
            .observer(move |event: &Event<'_>| told.note(name(event)));
        ShopBuilder {
            clock,
            facilitator,
            ledger,
            builder,
            events,
            routes: Vec::new(),
        }
    }

    /// A shop with one route, `/goods`, for a cent.
    pub async fn simple<A: App>() -> Self {
        Self::builder()
            .sell("/goods", |x402| x402.route("$0.01"), goods())
            .open::<A>()
            .await
    }

    /// The same, where this kitchen makes the goods.
    pub async fn with<A: App>(kitchen: &Kitchen) -> Self {
        Self::builder()
            .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
            .open::<A>()
            .await
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// The buyer of this number.
    pub fn buyer(&self, number: u64) -> Buyer {
        Buyer::new(number, self.clock.clone())
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Bytes>) -> Answer {
        send(self.address(), request).await
    }

    /// Sends a request by HTTP/2, to a server of this name.
    pub async fn send_http2(&self, name: &str, request: Request<Bytes>) -> Answer {
        send_http2(self.address(), name, request).await
    }

    /// Asks what something costs.
    pub async fn challenge(&self, path: &str) -> Challenge {
        Challenge::of(&self.send(get(path)).await)
    }

    /// Asks what something costs, and pays for it.
    pub async fn pay(&self, buyer: &Buyer, path: &str) -> HeaderValue {
        buyer.pay(&self.challenge(path).await)
    }

    /// Buys something.
    pub async fn buy(&self, buyer: &Buyer, path: &str) -> Answer {
        let payment = self.pay(buyer, path).await;
        self.send(paying(get(path), &payment)).await
    }

    /// Sends a request, and lets time pass while it waits for the outcome of its settlement.
    pub async fn send_and_wait(&self, request: Request<Bytes>) -> Answer {
        self.wait(tokio::spawn(send(self.address(), request))).await
    }

    /// Lets time pass while a request that was sent waits for the outcome of its settlement.
    pub async fn wait(&self, mut sending: JoinHandle<Answer>) -> Answer {
        for pause in PAUSES {
            tokio::select! {
                answer = &mut sending => return answer.unwrap(),
                () = self.clock.sleeper_for(pause) => self.clock.advance(pause),
            }
        }
        sending.await.unwrap()
    }

    /// Lets time pass while parked payments are looked after, until something has been written down.
    pub async fn reconcile_until(&self, verb: Verb, times: usize) {
        let pause = Duration::from_millis(1500);
        loop {
            tokio::select! {
                biased;
                () = self.ledger.wait_for(verb, times) => return,
                () = self.clock.sleeper_for(pause) => self.clock.advance(pause),
            }
        }
    }

    /// Lets so much time pass that everything expires, and has it looked after.
    pub async fn sleep_long(&self) {
        self.clock.advance(Duration::from_secs(3600));
        self.clock.sleeper_for(Duration::from_secs(30)).await;
    }

    /// The money that has moved.
    pub fn transfers(&self) -> Vec<LocalTransfer> {
        self.facilitator.transfers()
    }

    /// Asserts that the money has moved so many times.
    #[track_caller]
    pub fn assert_charges(&self, charges: usize) {
        assert_eq!(self.transfers().len(), charges, "{:?}", self.transfers());
    }

    /// What the operator was told.
    pub fn events(&self) -> Vec<&'static str> {
        self.events.seen.lock().unwrap().clone()
    }

    /// Waits until the operator has been told something so many times.
    pub async fn told(&self, event: &str, times: usize) {
        loop {
            let more = self.events.more.notified();
            let events = self.events();
            if events.iter().filter(|told| **told == event).count() >= times {
                return;
            }
            more.await;
        }
    }

    /// Leaves a buyer this much of the token.
    pub fn leave(&self, buyer: &Buyer, balance: u64) {
        let network = Network::BASE_SEPOLIA;
        let usdc = usdc();
        self.facilitator
            .fund(&network, &usdc, buyer.address(), Amount::from(balance));
    }
}

/// What the operator was told.
#[derive(Debug, Default)]
struct Events {
    seen: Mutex<Vec<&'static str>>,
    more: Notify,
}

impl Events {
    fn note(&self, event: &'static str) {
        self.seen.lock().unwrap().push(event);
        self.more.notify_waiters();
    }
}

/// The token that is paid with.
pub fn usdc() -> Address {
    let registry = Registry::new();
    let usdc = registry.dollar(&Network::BASE_SEPOLIA).unwrap();
    usdc.address.clone()
}

/// A handler that gives the goods.
pub fn goods() -> Handler {
    handler(|_| async { Ok(http::Response::new(body("the goods"))) })
}

fn name(event: &Event<'_>) -> &'static str {
    match event {
        Event::Settled { .. } => "settled",
        Event::SettlementRefused { .. } => "settlement refused",
        Event::Parked { .. } => "parked",
        Event::Unconfirmed { .. } => "unconfirmed",
        Event::Unresolved { .. } => "unresolved",
        Event::OwedRefund { .. } => "owed refund",
        _ => "something new",
    }
}

impl ShopBuilder {
    /// Sets up the seller otherwise.
    pub fn seller(mut self, configure: impl FnOnce(Builder) -> Builder) -> Self {
        self.builder = configure(self.builder);
        self
    }

    /// Reaches the facilitator otherwise.
    pub async fn over(mut self, wire: Wire) -> Self {
        let Some(address) = wire.serve(&self.facilitator).await else {
            return self;
        };
        let url = format!("http://{address}/");
        let clock = self.clock.clone();
        self.builder = match wire {
            Wire::Reqwest => self
                .builder
                .facilitator(HttpFacilitator::new(url).unwrap().clock(clock)),
            Wire::Process | Wire::Hyper => {
                let transport = HyperTransport::new().unwrap();
                let facilitator = HttpFacilitator::with_transport(url, transport).unwrap();
                self.builder.facilitator(facilitator.clock(clock))
            }
        };
        self
    }

    /// Sets up the seller otherwise, with a look at the facilitator.
    pub fn seller_with(
        mut self,
        configure: impl FnOnce(Builder, &LocalFacilitator) -> Builder,
    ) -> Self {
        self.builder = configure(self.builder, &self.facilitator);
        self
    }

    /// Sells something.
    pub fn sell(
        mut self,
        path: &'static str,
        configure: impl FnOnce(&X402) -> RouteBuilder + 'static,
        handler: Handler,
    ) -> Self {
        self.routes.push((path, Some(Box::new(configure)), handler));
        self
    }

    /// Gives something away.
    pub fn give(mut self, path: &'static str, handler: Handler) -> Self {
        self.routes.push((path, None, handler));
        self
    }

    /// Opens the shop.
    pub async fn open<A: App>(self) -> Shop {
        let x402 = self.builder.build().unwrap();
        let routes = self
            .routes
            .into_iter()
            .map(|(path, configure, handler)| Route {
                path,
                gate: configure.map(|configure| configure(&x402).build().unwrap()),
                handler,
            })
            .collect();
        Shop {
            clock: self.clock,
            facilitator: self.facilitator,
            ledger: self.ledger,
            x402,
            events: self.events,
            running: A::start(routes).await,
        }
    }
}

impl std::fmt::Debug for ShopBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShopBuilder").finish_non_exhaustive()
    }
}
