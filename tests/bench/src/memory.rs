//! What stays in memory.

use std::sync::Arc;
use std::time::Duration;

use stats_alloc::Region;
use x402_tower::Digest;
use x402_tower::facilitator::PaymentCall;
use x402_tower::ledger::{
    Claim, Claimed, Delivery, Fenced, Handed, Identity, Intent, Ledger as _, MemoryLedger, Parked,
    Receipt, Settled,
};
use x402_tower::money::{Address, Amount, Network};
use x402_tower::proto::{SettleResponse, Version};
use x402_tower::scheme::Key;
use x402_tower::testing::ManualClock;

use crate::bars::Most;
use crate::case::{Case, NOW};
use crate::{ALLOCATOR, measure};

/// Something that takes up memory, and how much it may.
pub struct Row {
    pub title: &'static str,
    pub most: Most,
    measure: fn() -> usize,
}

impl Row {
    pub fn measure(&self) -> u64 {
        (self.measure)() as u64
    }
}

pub const ALL: [Row; 2] = [
    Row {
        title: "a settled payment that is remembered",
        most: Most::met(200),
        measure: remembered,
    },
    Row {
        title: "a paid request while it is verified",
        most: Most::met(16 << 10),
        measure: in_flight,
    },
];

const ENTRIES: usize = 1 << 20;

/// Without its answer, among a million others.
fn remembered() -> usize {
    measure::runtime().block_on(async {
        let clock = Arc::new(ManualClock::new(NOW));
        let ledger = MemoryLedger::builder()
            .clock(clock)
            .most_entries(ENTRIES)
            .build();
        let region = Region::new(ALLOCATOR);
        for number in 0..ENTRIES {
            settle(&ledger, number as u64).await;
        }
        let change = region.change();
        (change.bytes_allocated - change.bytes_deallocated) / ENTRIES
    })
}

async fn settle(ledger: &MemoryLedger, number: u64) {
    // Spread like real keys.
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let (key, digest) = (Key::from_bytes(bytes), Digest::from_bytes(bytes));
    let identity = Identity::new(key, digest, digest, None);
    let minute = Duration::from_secs(60);
    let claim = Claim::new(identity, minute, NOW + minute);
    let Ok(Claimed::Fresh(token)) = ledger.claim(&claim).await else {
        panic!("{number} is not fresh")
    };
    let payer = Address::evm([1; 20]);
    let call = PaymentCall::new(Version::V2, "{}", "{}");
    let intent = Intent::new(call, "exact", Network::BASE, payer.clone(), Amount::ZERO, 0);
    let parked = Arc::new(Parked::new(intent, Duration::ZERO));
    let begun = ledger.begin_settlement(&token, &parked, minute).await;
    assert_eq!(begun.ok(), Some(Fenced::Done));
    let transaction = format!("0x{:064x}", u128::from(number) << 77);
    let receipt = SettleResponse::settled("eip155:8453", payer.to_string(), transaction);
    let settled = Settled::new(Receipt::new(receipt), Amount::ZERO, NOW + minute);
    let committed = ledger.commit(&token, &settled).await;
    assert_eq!(committed.ok(), Some(Fenced::Done));
    let delivered = ledger
        .deliver(&token, &Handed::new(Delivery::Delivered))
        .await;
    assert_eq!(delivered.ok(), Some(Fenced::Done));
}

/// Beyond what a request to the bare handler takes up.
fn in_flight() -> usize {
    let bytes =
        |case: Case| measure::runtime().block_on(async { case.set_up().await.bytes_in_flight() });
    usize::try_from(bytes(Case::Waiting) - bytes(Case::BareWaiting)).unwrap_or(0)
}
