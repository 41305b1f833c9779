//! What challenges say that only the facilitator knows.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};
use x402_tests::buyer::{encode, get};
use x402_tests::{Buyer, Challenge};
use x402_tower::gate::GateLayer;
use x402_tower::local::LocalFacilitator;
use x402_tower::money::{Address, Asset, Network};
use x402_tower::price::Accept;
use x402_tower::proto::{Presented, SupportedKind};
use x402_tower::scheme::{Authorization, Extra, Flaw, Malformed, Meaning, Offer, Scheme};
use x402_tower::testing::ManualClock;

use super::oracle::{FEE_PAYER, FeesPaid, Oracle};
use super::{buy, challenge, pay, seller, send, settle_down};

const FRESH: Duration = Duration::from_secs(600);

fn shop() -> (Oracle, Arc<ManualClock>, Buyer) {
    let clock = ManualClock::shared();
    let oracle = Oracle::new(LocalFacilitator::with_clock(clock.clone()));
    (oracle, clock.clone(), Buyer::new(1, clock))
}

/// The networks that are offered, each with its fee payer.
fn offered(challenge: &Challenge) -> Vec<(String, Option<String>)> {
    let offers = challenge.v2.accepts.iter();
    offers
        .map(|offer| (offer.network.clone(), offer.extra.read(FEE_PAYER).unwrap()))
        .collect()
}

fn base(fee_payer: &str) -> (String, Option<String>) {
    ("eip155:8453".to_owned(), Some(fee_payer.to_owned()))
}

fn sepolia() -> (String, Option<String>) {
    ("eip155:84532".to_owned(), None)
}

/// The facilitator says something else, and has been heard.
async fn rotate(oracle: &Oracle, clock: &ManualClock, gate: &GateLayer, fee_payer: &str) {
    oracle.say(fee_payer);
    clock.advance(FRESH);
    challenge(gate).await;
    settle_down().await;
    assert_eq!(offered(&challenge(gate).await)[0], base(fee_payer));
}

#[tokio::test]
async fn an_option_that_lacks_something_is_left_out_until_it_is_heard() {
    let log = Log::open();
    let (oracle, clock, buyer) = shop();
    let x402 = seller(&oracle, &clock)
        .scheme(FeesPaid::default())
        .build()
        .unwrap();
    let gate = x402.price("$0.01").unwrap();
    let warned = log.lines("an option is left out of challenges");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("eip155:8453"), "{warned:?}");

    settle_down().await;
    assert_eq!(offered(&challenge(&gate).await), [sepolia()]);
    assert!(
        !log.lines("the facilitator does not say what it supports")
            .is_empty()
    );
    assert_eq!(buy(&gate, &buyer).await.status, StatusCode::OK);

    oracle.say("0xa");
    clock.advance(Duration::from_secs(1));
    assert_eq!(offered(&challenge(&gate).await), [sepolia()]);
    settle_down().await;
    let both = challenge(&gate).await;
    assert_eq!(offered(&both), [base("0xa"), sepolia()]);
    assert_eq!(pay(&gate, &buyer.pay(&both)).await.status, StatusCode::OK);
    let [.., verified, settled] = &oracle.fee_payers()[..] else {
        panic!("nobody was asked");
    };
    assert_eq!((verified, settled), (&json!("0xa"), &json!("0xa")));
}

#[tokio::test]
async fn a_route_whose_only_option_is_left_out_is_not_free() {
    let (oracle, clock, buyer) = shop();
    let x402 = seller(&oracle, &clock)
        .scheme(FeesPaid::default())
        .build()
        .unwrap();
    let gate = x402.price(Accept::new("$0.01").network("base")).unwrap();
    settle_down().await;
    let answer = send(&gate, get("/goods")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem(), "payment_unavailable");
    assert!(answer.header(http::header::RETRY_AFTER).is_some());

    // A request for what cannot be sold is enough to have the facilitator asked again.
    oracle.say("0xa");
    clock.advance(Duration::from_secs(1));
    send(&gate, get("/goods")).await;
    settle_down().await;
    assert_eq!(buy(&gate, &buyer).await.status, StatusCode::OK);
}

#[tokio::test]
async fn payments_with_what_was_offered_not_long_ago_are_good() {
    for dynamic in [false, true] {
        let (oracle, clock, buyer) = shop();
        oracle.say("0xa");
        let x402 = seller(&oracle, &clock)
            .scheme(FeesPaid::default())
            .build()
            .unwrap();
        let gate = if dynamic {
            let price = || Accept::new("$0.01").network("base");
            x402.price_with(move |_| async move { price() }).unwrap()
        } else {
            x402.price("$0.01").unwrap()
        };
        settle_down().await;
        rotate(&oracle, &clock, &gate, "0xb").await;
        let former = challenge(&gate).await;
        rotate(&oracle, &clock, &gate, "0xc").await;
        // Signed late, as clients do that ask once and pay often.
        let answer = pay(&gate, &buyer.pay(&former)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(oracle.fee_payers(), [json!("0xb"), json!("0xb")]);
        assert_eq!(buy(&gate, &buyer).await.status, StatusCode::OK);
        assert_eq!(oracle.fee_payers()[2..], [json!("0xc"), json!("0xc")]);

        // What was said by somebody else, or long ago, is not.
        let paid = oracle.local.transfers().len();
        for fee_payer in ["0xd", "0xC", ""] {
            let mut payment = buyer.payment(&challenge(&gate).await);
            payment["accepted"]["extra"][FEE_PAYER] = json!(fee_payer);
            let answer = pay(&gate, &encode(&payment)).await;
            assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{fee_payer}");
        }
        for fee_payer in ["0xd", "0xe", "0xf"] {
            rotate(&oracle, &clock, &gate, fee_payer).await;
        }
        let answer = pay(&gate, &buyer.pay(&former)).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(oracle.local.transfers().len(), paid);
    }
}

#[tokio::test]
async fn a_scheme_may_vouch_for_what_other_servers_offered() {
    for (trusting, status) in [(false, 402), (true, 200)] {
        let (oracle, clock, buyer) = shop();
        oracle.say("0xa");
        let scheme = FeesPaid {
            trusting,
            ..FeesPaid::default()
        };
        let x402 = seller(&oracle, &clock).scheme(scheme).build().unwrap();
        let gate = x402.price("$0.01").unwrap();
        settle_down().await;
        let mut payment = buyer.payment(&challenge(&gate).await);
        payment["accepted"]["extra"][FEE_PAYER] = json!("0xb");
        assert_eq!(pay(&gate, &encode(&payment)).await.status, status);
        // Everything else in `extra` is what it has to be.
        let mut payment = buyer.payment(&challenge(&gate).await);
        payment["accepted"]["extra"]["version"] = json!("9");
        assert_eq!(pay(&gate, &encode(&payment)).await.status, 402);
        if trusting {
            assert_eq!(oracle.fee_payers(), [json!("0xb"), json!("0xb")]);
        }
    }
}

#[tokio::test]
async fn what_does_not_matter_here_changes_nothing() {
    let (oracle, clock, buyer) = shop();
    oracle.say("0xa");
    let x402 = seller(&oracle, &clock)
        .scheme(FeesPaid::default())
        .build()
        .unwrap();
    let gate = x402.price("$0.01").unwrap();
    settle_down().await;
    let first = challenge(&gate).await;
    // Other kinds come and go more often than a payment takes.
    for number in 0..5 {
        let mut other = super::oracle::kind("0xz");
        other.network = format!("eip155:{}", 900_000 + number);
        let kinds = vec![super::oracle::kind("0xa"), other];
        oracle.say_kinds(Some(x402_tower::proto::SupportedResponse::new(kinds)));
        clock.advance(FRESH);
        challenge(&gate).await;
        settle_down().await;
    }
    rotate(&oracle, &clock, &gate, "0xb").await;
    let answer = pay(&gate, &buyer.pay(&first)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// [`FeesPaid`], stopped in the middle of making an offer.
#[derive(Debug)]
struct Stopped {
    inner: FeesPaid,
    /// What happens when an offer is made without, and with, the facilitator's word.
    hooks: Mutex<Hooks>,
}

struct Hooks {
    unheard: Option<Box<dyn FnOnce() + Send>>,
    heard: Option<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl Scheme for Stopped {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn serves(&self, asset: &Asset) -> bool {
        self.inner.serves(asset)
    }

    fn extra(&self, offer: &Offer, kind: Option<&SupportedKind>) -> Result<Extra, String> {
        let hook = {
            let mut hooks = self.hooks.lock().unwrap();
            match (kind, offer.max_timeout_seconds) {
                (Some(_), _) => hooks.heard.take(),
                (None, 200) => hooks.unheard.take(),
                (None, _) => None,
            }
        };
        if let Some(hook) = hook {
            hook();
        }
        self.inner.extra(offer, kind)
    }

    fn volatile(&self) -> &[&str] {
        self.inner.volatile()
    }

    fn read(
        &self,
        presented: &Presented<'_>,
        network: &Network,
        asset: &Address,
    ) -> Result<Authorization, Malformed> {
        self.inner.read(presented, network, asset)
    }

    fn name_flaw(&self, flaw: Flaw) -> &'static str {
        self.inner.name_flaw(flaw)
    }

    fn meaning(&self, reason: &str) -> Meaning {
        self.inner.meaning(reason)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_is_made_while_the_facilitator_answers_hears_it_too() {
    let (oracle, clock, _) = shop();
    oracle.say("0xa");
    oracle.hold();
    let (tell, told) = mpsc::channel();
    let answering = oracle.clone();
    let hooks = Hooks {
        // While the second route is made, the facilitator answers, and the first route hears it.
        unheard: Some(Box::new(move || {
            answering.answer(1);
            told.recv().unwrap();
        })),
        heard: Some(Box::new(move || tell.send(()).unwrap())),
    };
    let scheme = Stopped {
        inner: FeesPaid::default(),
        hooks: Mutex::new(hooks),
    };
    let x402 = seller(&oracle, &clock).scheme(scheme).build().unwrap();
    let first = x402.price("$0.01").unwrap();
    let second = x402
        .route("$0.01")
        .max_timeout(Duration::from_secs(200))
        .build()
        .unwrap();
    while offered(&challenge(&first).await).len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(offered(&challenge(&second).await), [base("0xa"), sepolia()]);
}

/// Warnings and errors, as they are logged on the thread of this test. One subscriber hears all tests: who subscribes while
/// another test logs can be missed by what that one has decided not to log.
#[derive(Clone, Copy)]
struct Log;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Log {
    fn open() -> Self {
        // Somebody else may have come first, with the same.
        let _ = tracing::subscriber::set_global_default(Self);
        Self
    }

    fn lines(self, containing: &str) -> Vec<String> {
        let holding = |line: &&String| line.contains(containing);
        LINES.with_borrow(|lines| lines.iter().filter(holding).cloned().collect())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target() == "x402"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);

        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }

        let mut line = Line(String::new());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
