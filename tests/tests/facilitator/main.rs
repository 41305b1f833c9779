//! How the engine speaks to facilitators: over HTTP, and through the layers of `tower`.

mod answers;
mod local;
mod server;
mod services;
mod trouble;
mod wire;

use std::sync::LazyLock;

use x402_tower::facilitator::{Expected, FacilitatorError, Open, PaymentCall, Settlement};
use x402_tower::money::{Address, Amount, Network};
use x402_tower::proto::{SettleResponse, Version};
use x402_tower::scheme::ExactEvm;

/// A test of an HTTP facilitator, once for each transport.
macro_rules! over_both_transports {
    ($($name:ident,)*) => {
        mod over_reqwest {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(x402_tower::facilitator::ReqwestTransport::new().unwrap()).await;
                }
            )*
        }

        mod over_hyper {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(x402_tower::facilitator::HyperTransport::new().unwrap()).await;
                }
            )*
        }
    };
}

use over_both_transports;

static PAYER: Address = Address::evm([0x22; 20]);
static EXACT: LazyLock<ExactEvm> = LazyLock::new(ExactEvm::default);

/// A payment of nothing on Base.
fn expected() -> Expected<'static> {
    Expected::new(&*EXACT, &Network::BASE, &PAYER, Amount::ZERO)
}

/// A payment that nobody looks at.
fn call() -> PaymentCall {
    PaymentCall::new(Version::V2, r#"{"pay":"load"}"#, r#"{"require":"ments"}"#)
}

/// What an answer to the first try to settle proves, in a word.
fn proved(answer: Result<SettleResponse, FacilitatorError>) -> &'static str {
    match Settlement::judge(answer, &expected(), &Open::Nothing) {
        Settlement::Settled(_) => "settled",
        Settlement::Refused(_) => "refused",
        Settlement::Pending(_) => "pending",
        Settlement::ProbablySettled => "probably settled",
        Settlement::AlreadyUsed => "already used",
        Settlement::Unknown(_) => "unknown",
        Settlement::NotSent(_) => "not sent",
        _ => "something new",
    }
}
