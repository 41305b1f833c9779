//! Settlements that are parked, and whoever looks after them.

use std::time::Duration;

use http::StatusCode;
use x402_tower::clock::Clock as _;
use x402_tower::facilitator::Endpoint;
use x402_tower::local::Fault;
use x402_tower::money::{Address, Asset, Network};
use x402_tower::proto::{Presented, SupportedKind};
use x402_tower::scheme::{Authorization, ExactEvm, Extra, Flaw, Malformed, Meaning, Offer, Scheme};

use crate::buyer::{get, paying};
use crate::{App, Shop, ShopBuilder, Verb};

/// A shop whose requests do not wait for a settlement of which nothing is heard at first.
fn hasty() -> ShopBuilder {
    Shop::builder()
        .seller(|seller| seller.wait_for_outcome(Duration::from_millis(1)))
        .sell("/goods", |x402| x402.route("$0.01"), crate::shop::goods())
}

/// Buys something of which it is not known whether it is paid for.
async fn park(shop: &Shop, number: u64) -> http::HeaderValue {
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseRequest]);
    let payment = shop.pay(&shop.buyer(number), "/goods").await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.problem(), "settlement_unknown");
    payment
}

/// A scheme whose payments do not say how long they are good for.
#[derive(Debug, Default)]
struct Endless(ExactEvm);

impl Scheme for Endless {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn serves(&self, asset: &Asset) -> bool {
        self.0.serves(asset)
    }

    fn extra(&self, offer: &Offer, kind: Option<&SupportedKind>) -> Result<Extra, String> {
        self.0.extra(offer, kind)
    }

    fn read(
        &self,
        presented: &Presented<'_>,
        network: &Network,
        asset: &Address,
    ) -> Result<Authorization, Malformed> {
        let mut authorization = self.0.read(presented, network, asset)?;
        authorization.valid_before = u64::MAX;
        Ok(authorization)
    }

    fn name_flaw(&self, flaw: Flaw) -> &'static str {
        self.0.name_flaw(flaw)
    }

    fn meaning(&self, reason: &str) -> Meaning {
        self.0.meaning(reason)
    }
}

/// An hour is what payments are good for at the most, and a minute is how far clocks may be apart.
const USABLE_FOR: Duration = Duration::from_secs(3600 + 2 * 60);

/// A payment that does not say how long it is good for is given up when no other would be good any more.
pub async fn are_given_up_though_they_have_no_end<A: App>() {
    let shop = hasty()
        .seller(|seller| seller.scheme(Endless::default()))
        .open::<A>()
        .await;
    shop.facilitator
        .always_on(Endpoint::Settle, Some(Fault::LoseRequest));
    let over = shop.clock.now() + USABLE_FOR + Duration::from_secs(600);
    let payment = park(&shop, 1).await;
    shop.reconcile_until(Verb::GiveUp, 1).await;
    let late = shop.clock.now().checked_sub(over).expect("not before");
    assert!(late < Duration::from_secs(62), "{late:?}");
    let gone = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(gone.status, StatusCode::GONE);
}

/// And if it is settled, nobody remembers it for longer.
pub async fn are_forgotten_though_they_have_no_end<A: App>() {
    let shop = hasty()
        .seller(|seller| seller.scheme(Endless::default()))
        .open::<A>()
        .await;
    let payment = park(&shop, 1).await;
    shop.reconcile_until(Verb::Commit, 1).await;
    let served = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(served.status, StatusCode::OK);
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    shop.clock.advance(USABLE_FOR);
    let refused = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED, "{refused:?}");
    shop.assert_charges(1);
}
