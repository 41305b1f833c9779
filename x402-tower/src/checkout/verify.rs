use crate::facilitator::{Expected, PaymentCall, Reason, Verification};
use crate::log::{self, Chain};

use super::refusal::Refusal;
use crate::till::Till;

/// The facilitator has found the payment good. Only this module can make one, and no handler runs without.
#[derive(Debug)]
pub(crate) struct Verified(());

/// Asks the facilitator whether a payment is good.
pub(super) async fn verify(
    till: &Till,
    call: &PaymentCall,
    expected: &Expected<'_>,
) -> Result<Verified, Rejected> {
    let answer = till.home.within(till.verify(call)).await;
    let (refusal, payer_proved) = match Verification::judge(answer, expected) {
        Verification::Valid => return Ok(Verified(())),
        Verification::Invalid {
            reason,
            payer_proved,
        } => (invalid(reason), payer_proved),
        Verification::AlreadyUsed => (Refusal::AlreadyUsed, false),
        Verification::Unavailable(error) => {
            log::warning!("a payment could not be verified"; error = Chain(&error));
            (Refusal::Unavailable, false)
        }
    };
    Err(Rejected {
        refusal,
        payer_proved,
    })
}

/// The facilitator has not found the payment good.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) refusal: Refusal,
    /// Whether the signature is the payer's all the same.
    pub(super) payer_proved: bool,
}

fn invalid(reason: Reason) -> Refusal {
    if reason.as_str() == "permit2_allowance_required" {
        Refusal::AllowanceRequired(reason)
    } else {
        Refusal::NotAccepted(reason)
    }
}
