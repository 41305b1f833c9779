//! What the reasons of EVM facilitators mean.
//!
//! The names come from the specification (its section 9), from the reference implementations, which use others, and from
//! version 1. Any reason that is not here proves nothing: facilitators also report a broadcast that timed out as a plain
//! failure without a transaction.

use crate::scheme::{Flaw, Meaning};

pub(super) fn name(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Amount => "invalid_exact_evm_payload_authorization_value_mismatch",
        Flaw::Recipient => "invalid_exact_evm_recipient_mismatch",
        Flaw::Asset => "permit2_token_mismatch",
        Flaw::Transfer => "unsupported_payload_type",
        Flaw::Spender => "invalid_permit2_spender",
        Flaw::Facilitator => "upto_facilitator_mismatch",
        Flaw::NotYetValid => "invalid_exact_evm_payload_authorization_valid_after",
        Flaw::Expired | Flaw::TooLong => "invalid_exact_evm_payload_authorization_valid_before",
        Flaw::Signature => "invalid_exact_evm_signature",
    }
}

/// What is only ever signed for Permit2 has no reasons of its own.
pub(super) fn name_over_permit2(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Amount => "permit2_amount_mismatch",
        Flaw::Recipient => "invalid_permit2_recipient_mismatch",
        Flaw::NotYetValid => "permit2_not_yet_valid",
        Flaw::Expired | Flaw::TooLong => "permit2_deadline_expired",
        Flaw::Signature => "invalid_permit2_signature",
        Flaw::Asset | Flaw::Transfer | Flaw::Spender | Flaw::Facilitator => name(flaw),
    }
}

pub(super) fn meaning(reason: &str) -> Meaning {
    match reason {
        "invalid_exact_evm_transaction_failed" | "invalid_upto_evm_transaction_failed" => {
            Meaning::Reverted
        }
        "invalid_exact_evm_nonce_already_used" | "permit2_invalid_nonce" => Meaning::AlreadyUsed,
        _ if NOT_SENT.contains(&reason) => Meaning::NotSent,
        _ => Meaning::Nothing,
    }
}

/// The reference implementations look at these only once the signature has been found good.
pub(super) fn proves_payer(reason: &str) -> bool {
    matches!(
        reason,
        "invalid_exact_evm_insufficient_balance" | "permit2_insufficient_balance"
    )
}

/// Reasons that are decided by reading the payment, by reading the chain, or by a simulation.
const NOT_SENT: &[&str] = &[
    // The specification, and version 1.
    "insufficient_funds",
    "invalid_exact_evm_payload_authorization_valid_after",
    "invalid_exact_evm_payload_authorization_valid_before",
    "invalid_exact_evm_payload_authorization_value",
    "invalid_exact_evm_payload_authorization_value_mismatch",
    "invalid_exact_evm_payload_authorization_value_too_low",
    "invalid_exact_evm_payload_recipient_mismatch",
    "invalid_exact_evm_payload_signature",
    "invalid_exact_evm_payload_signature_address",
    "invalid_network",
    "invalid_payload",
    "invalid_payment",
    "invalid_payment_requirements",
    "invalid_scheme",
    "invalid_x402_version",
    "unsupported_scheme",
    // EIP-3009.
    "asset_not_deployed_contract",
    "eip6492_factory_not_allowed",
    "invalid_exact_evm_authorization_value",
    "invalid_exact_evm_eip3009_not_supported",
    "invalid_exact_evm_failed_to_parse_signature",
    "invalid_exact_evm_insufficient_balance",
    "invalid_exact_evm_missing_eip712_domain",
    "invalid_exact_evm_network_mismatch",
    "invalid_exact_evm_payload_undeployed_smart_wallet",
    "invalid_exact_evm_recipient_mismatch",
    "invalid_exact_evm_scheme",
    "invalid_exact_evm_signature",
    "invalid_exact_evm_token_name_mismatch",
    "invalid_exact_evm_token_version_mismatch",
    "invalid_exact_evm_transaction_simulation_failed",
    "unsupported_payload_type",
    // Permit2.
    "invalid_permit2_recipient_mismatch",
    "invalid_permit2_signature",
    "invalid_permit2_spender",
    "permit2_2612_amount_mismatch",
    "permit2_allowance_required",
    "permit2_amount_mismatch",
    "permit2_deadline_expired",
    "permit2_insufficient_balance",
    "permit2_invalid_amount",
    "permit2_invalid_destination",
    "permit2_invalid_owner",
    "permit2_not_yet_valid",
    "permit2_payment_too_early",
    "permit2_proxy_not_deployed",
    "permit2_simulation_failed",
    "permit2_token_mismatch",
    // `upto`.
    "invalid_upto_evm_network_mismatch",
    "invalid_upto_evm_payload_settlement_exceeds_amount",
    "invalid_upto_evm_scheme",
    "upto_amount_exceeds_permitted",
    "upto_facilitator_mismatch",
    "upto_unauthorized_facilitator",
    // Approvals that travel with a payment.
    "eip2612_asset_mismatch",
    "eip2612_deadline_expired",
    "eip2612_from_mismatch",
    "eip2612_spender_not_permit2",
    "erc20_approval_asset_mismatch",
    "erc20_approval_from_mismatch",
    "erc20_approval_spender_not_permit2",
    "erc20_approval_tx_invalid_calldata",
    "erc20_approval_tx_invalid_signature",
    "erc20_approval_tx_parse_failed",
    "erc20_approval_tx_signer_mismatch",
    "erc20_approval_tx_wrong_selector",
    "erc20_approval_tx_wrong_spender",
    "erc20_approval_tx_wrong_target",
    "invalid_eip2612_extension_format",
    "invalid_erc20_approval_extension_format",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_say_ourselves_is_on_the_list() {
        for flaw in [
            Flaw::Amount,
            Flaw::Recipient,
            Flaw::Asset,
            Flaw::Transfer,
            Flaw::Spender,
            Flaw::Facilitator,
            Flaw::NotYetValid,
            Flaw::Expired,
            Flaw::TooLong,
            Flaw::Signature,
        ] {
            for name in [name(flaw), name_over_permit2(flaw)] {
                assert_eq!(meaning(name), Meaning::NotSent, "{flaw:?}");
            }
        }
    }

    #[test]
    fn a_reason_that_a_broadcast_may_hide_behind_proves_nothing() {
        for reason in [
            "",
            "Payment must be verified before settlement",
            "erc20_approval_broadcast_failed",
            "fetch failed",
            "invalid_exact_evm_transfer_event_mismatch",
            "invalid_transaction_state",
            "settlement_pending",
            "smart_wallet_deployment_failed",
            "transaction_failed",
            "unexpected_settle_error",
        ] {
            assert_eq!(meaning(reason), Meaning::Nothing, "{reason}");
        }
    }
}
