//! Facilitators that speak one version of the protocol only. One signature is good in both.

use std::sync::Arc;

use http::StatusCode;
use x402_tests::Buyer;
use x402_tests::buyer::{get, paying_v1};
use x402_tower::local::LocalFacilitator;
use x402_tower::price::Accept;
use x402_tower::proto::{SupportedKind, SupportedResponse, Version};
use x402_tower::testing::ManualClock;

use super::oracle::Oracle;
use super::{challenge, pay, seller, send, settle_down};

/// Pays in one version for what the facilitator settles in these; says in which it was asked.
async fn asked(paid: Version, kinds: &[(Version, &str)]) -> Vec<Version> {
    let clock: Arc<ManualClock> = ManualClock::shared();
    let oracle = Oracle::new(LocalFacilitator::with_clock(clock.clone()));
    let kinds = kinds
        .iter()
        .map(|(version, network)| SupportedKind::new(*version, "exact", (*network).to_owned()));
    oracle.say_kinds(Some(SupportedResponse::new(kinds.collect())));
    let x402 = seller(&oracle, &clock).build().unwrap();
    let gate = x402
        .price(Accept::new("$0.01").network("base-sepolia"))
        .unwrap();
    settle_down().await;
    let buyer = Buyer::new(1, clock);
    let challenge = challenge(&gate).await;
    let answer = match paid {
        Version::V2 => pay(&gate, &buyer.pay(&challenge)).await,
        _ => send(&gate, paying_v1(get("/goods"), &buyer.pay_v1(&challenge))).await,
    };
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    // The buyer is answered in their own.
    let receipt = match paid {
        Version::V2 => answer.receipt(),
        _ => answer.receipt_v1(),
    };
    assert!(receipt.success);
    assert_eq!(oracle.local.transfers().len(), 1);
    oracle.versions()
}

#[tokio::test]
async fn they_are_asked_in_their_own() {
    const V1: (Version, &str) = (Version::V1, "base-sepolia");
    const V2: (Version, &str) = (Version::V2, "eip155:84532");
    for (paid, kinds, expected) in [
        (Version::V2, &[V1][..], Version::V1),
        (Version::V1, &[V2], Version::V2),
        (Version::V1, &[V1], Version::V1),
        (Version::V2, &[V2], Version::V2),
        (Version::V1, &[V1, V2], Version::V1),
        (Version::V2, &[V1, V2], Version::V2),
        (Version::V1, &[], Version::V1),
    ] {
        let asked = asked(paid, kinds).await;
        assert_eq!(asked, [expected; 2], "{paid:?} {kinds:?}");
    }
}
