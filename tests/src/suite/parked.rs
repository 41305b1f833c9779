//! Settlements that are parked, and whoever looks after them.

use std::time::Duration;

use http::StatusCode;
use tokio::sync::mpsc;
use x402_tower::clock::Clock as _;
use x402_tower::facilitator::Endpoint;
use x402_tower::ledger::Intent;
use x402_tower::local::Fault;
use x402_tower::money::{Address, Asset, Network, Transfer};
use x402_tower::proto::{Presented, SupportedKind};
use x402_tower::scheme::{Authorization, ExactEvm, Extra, Flaw, Malformed, Meaning, Offer, Scheme};
use x402_tower::settlement::{Testimony, Witness};

use crate::buyer::{get, paying};
use crate::shop::{PAYEE, goods};
use crate::{App, BoxError, Kitchen, Shop, ShopBuilder, Verb};

/// A shop whose requests do not wait for a settlement of which nothing is heard at first.
fn hasty() -> ShopBuilder {
    Shop::builder()
        .seller(|seller| seller.wait_for_outcome(Duration::from_millis(1)))
        .sell("/goods", |x402| x402.route("$0.01"), goods())
}

/// Buys something of which it is not known whether it is paid for.
async fn park(shop: &Shop, number: u64) -> http::HeaderValue {
    shop.facilitator.on(Endpoint::Settle, [Fault::LoseRequest]);
    let payment = shop.pay(&shop.buyer(number), "/goods").await;
    let answer = shop.send(paying(get("/goods"), &payment)).await;
    assert_eq!(answer.problem(), "settlement_unknown");
    payment
}

/// A facilitator that does not answer about some payments keeps nobody from asking about others.
pub async fn are_in_nobodys_way_if_they_hang<A: App>() {
    let shop = hasty().open::<A>().await;
    let (hanging, others) = (7, 3);
    for number in 1..=hanging + others {
        park(&shop, number as u64).await;
    }
    let hang = std::iter::repeat_n(Fault::Hang, hanging);
    shop.facilitator.on(Endpoint::Settle, hang);
    shop.reconcile_until(Verb::Commit, others).await;
    // Each is asked about again when it has been waited for; somebody else waits as long for more to do.
    let patience = Duration::from_secs(30);
    shop.clock.sleepers_for(patience, hanging + 1).await;
    shop.clock.advance(patience);
    shop.reconcile_until(Verb::Commit, hanging + others).await;
    shop.assert_charges(hanging + others);
}

/// A witness that sees nothing, and says when it has looked.
struct Blinking(mpsc::UnboundedSender<()>);

impl Witness for Blinking {
    async fn look(&self, _: &Intent, _: Option<&str>) -> Result<Testimony, BoxError> {
        self.0.send(())?;
        Ok(Testimony::Unknown)
    }
}

/// A server that stood still for long does not know whether somebody else has settled a payment meanwhile. It asks no more.
pub async fn are_not_settled_by_who_may_have_lost_them<A: App>() {
    let (witness, mut looks) = mpsc::unbounded_channel();
    let shop = hasty()
        .seller(|seller| seller.witness(Blinking(witness)))
        .open::<A>()
        .await;
    park(&shop, 1).await;
    looks.recv().await;
    let first = "Payment must be verified before settlement".to_owned();
    shop.facilitator
        .on(Endpoint::Settle, [Fault::Refuse(first)]);
    let slow = Duration::from_secs(9);
    shop.facilitator.on(Endpoint::Verify, [Fault::Delay(slow)]);
    let pause = Duration::from_millis(1500);
    shop.clock.sleeper_for(pause).await;
    shop.clock.advance(pause);
    shop.clock.sleeper_for(slow).await;
    shop.ledger.die();
    shop.clock.advance(Duration::from_secs(200));
    looks.recv().await;
    let calls = shop.facilitator.calls();
    assert_eq!((calls.settle, calls.verify), (2, 2));
    shop.assert_charges(0);
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

/// Nor may its handler take longer than its claim lasts.
pub async fn are_begun_in_time_though_they_have_no_end<A: App>() {
    let kitchen = Kitchen::waiting();
    let shop = Shop::builder()
        .seller(|seller| seller.scheme(Endless::default()))
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .open::<A>()
        .await;
    let payment = shop.pay(&shop.buyer(1), "/goods").await;
    let ask = paying(get("/goods"), &payment);
    let waiting = tokio::spawn(crate::send(shop.address(), ask));
    kitchen.wait_started(1).await;
    let useful = USABLE_FOR - Duration::from_secs(36 - 1);
    shop.clock.sleeper_for(useful).await;
    shop.clock.advance(useful);
    kitchen.wait_dropped(1).await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::PAYMENT_REQUIRED);
    shop.assert_charges(0);
}

/// What was parked before a server was set up otherwise may be in a token that it knows nothing of any more. It is given up in
/// the end, and the operator is told.
pub async fn are_given_up_though_nobody_knows_their_scheme<A: App>() {
    let at = Address::evm([0x7e; 20]);
    let tea = Asset::new(Network::evm(31_337), "TEA", at, 6, Transfer::Eip3009);
    let tea = tea.with_eip712("Tea", "1");
    let shop = Shop::builder()
        .seller(|seller| seller.wait_for_outcome(Duration::from_millis(1)))
        .seller(|seller| seller.token(tea).pay_to("eip155:31337", PAYEE))
        .sell("/goods", |x402| x402.route("0.01 TEA"), goods())
        .open::<A>()
        .await;
    let over = shop.clock.now() + Duration::from_secs(300 + 600);
    park(&shop, 1).await;
    shop.clock.sleeper_for(Duration::from_millis(1500)).await;
    shop.ledger.die();
    let again = shop
        .another()
        .sell("/goods", |x402| x402.route("$0.01"), goods())
        .open::<A>()
        .await;
    let pause = Duration::from_secs(30);
    shop.clock.sleeper_for(pause).await;
    shop.clock.advance(pause);
    again.reconcile_until(Verb::GiveUp, 1).await;
    let late = shop.clock.now().checked_sub(over).expect("not before");
    assert!(late < Duration::from_secs(62), "{late:?}");
    again.told("unresolved", 1).await;
}
