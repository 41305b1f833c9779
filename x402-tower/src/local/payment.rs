//! A payment as a facilitator looks at it.

use serde::Deserialize;

use super::chain::Once;
use super::eip712::{Permit, Token, Transfer, evm};
use super::signature;
use crate::facilitator::PaymentCall;
use crate::hex;
use crate::money::{Address, Amount, Network};
use crate::proto::{Object, Version, v1, v2};
use crate::scheme::{PERMIT2, PERMIT2_EXACT_PROXY, PERMIT2_UPTO_PROXY};

/// A payment, read and found to be signed by its payer for what the seller wants; the chain is not looked at yet.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) network: Network,
    pub(super) asset: Address,
    pub(super) payer: Address,
    pub(super) pay_to: Address,
    /// What the seller wants: of `upto`, when it is settled, no more than what was signed.
    pub(super) amount: Amount,
    pub(super) once: Once,
    pub(super) over_permit2: bool,
    /// The facilitator that may settle it, where it is bound to one; it is `upto` then.
    pub(super) facilitator: Option<Address>,
}

/// What a payment is looked at for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// To say whether it is good, at this time.
    Verify(u64),
    /// To settle it, at this time.
    Settle(u64),
    /// To find it on the chain, whatever time it is.
    Find,
}

impl Purpose {
    const fn now(self) -> Option<u64> {
        match self {
            Self::Verify(now) | Self::Settle(now) => Some(now),
            Self::Find => None,
        }
    }
}

/// Why a payment is no good, and whose it would be.
#[derive(Clone, Debug)]
pub(super) struct Invalid {
    pub(super) reason: &'static str,
    pub(super) payer: Option<String>,
}

impl Invalid {
    pub(super) const fn new(reason: &'static str) -> Self {
        Self {
            reason,
            payer: None,
        }
    }
}

/// What the seller wants, in either version.
struct Wanted {
    is_upto: bool,
    network: Network,
    amount: Amount,
    asset: Address,
    pay_to: Address,
    extra: Object,
}

/// How much time facilitators want to be left.
const MARGIN: u64 = 6;

/// Looks at a payment, in the order in which the reference implementations do.
pub(super) fn check(call: &PaymentCall, purpose: Purpose) -> Result<Checked, Invalid> {
    let (wanted, payload) = read(call)?;
    let over_permit2 = wanted.is_upto
        || wanted
            .extra
            .read::<String>("assetTransferMethod")
            .ok()
            .flatten()
            .as_deref()
            == Some("permit2");
    match (over_permit2, payload) {
        (
            false,
            Payload {
                signature,
                authorization: Some(authorization),
                ..
            },
        ) => authorization.check(&wanted, &signature, purpose.now()),
        (
            true,
            Payload {
                signature,
                permit2_authorization: Some(authorization),
                ..
            },
        ) => authorization.check(&wanted, &signature, purpose),
        _ => Err(Invalid::new("unsupported_payload_type")),
    }
}

/// Takes both parts of the message apart.
fn read(call: &PaymentCall) -> Result<(Wanted, Payload), Invalid> {
    let invalid = |_| Invalid::new("invalid_payload");
    let is_upto = |accepted: &str, wanted: &str| match (accepted, wanted) {
        ("exact", "exact") => Ok(false),
        ("upto", "upto") => Ok(true),
        (_, "upto") => Err(Invalid::new("invalid_upto_evm_scheme")),
        _ => Err(Invalid::new("invalid_exact_evm_scheme")),
    };
    let (is_upto, accepted, wanted, payload) = match call.version() {
        Version::V1 => {
            let payment: v1::PaymentPayload =
                serde_json::from_slice(call.payload()).map_err(invalid)?;
            let wanted: v1::PaymentRequirements =
                serde_json::from_slice(call.requirements()).map_err(invalid)?;
            let is_upto = is_upto(&payment.scheme, &wanted.scheme)?;
            let extra = wanted.extra.unwrap_or_default();
            let amount = wanted.max_amount_required;
            let wanted = (wanted.network, amount, wanted.asset, wanted.pay_to, extra);
            (is_upto, payment.network, wanted, payment.payload)
        }
        Version::V2 => {
            let payment: v2::PaymentPayload =
                serde_json::from_slice(call.payload()).map_err(invalid)?;
            let wanted: v2::PaymentRequirements =
                serde_json::from_slice(call.requirements()).map_err(invalid)?;
            let is_upto = is_upto(&payment.accepted.scheme, &wanted.scheme)?;
            let wanted = (
                wanted.network,
                wanted.amount,
                wanted.asset,
                wanted.pay_to,
                wanted.extra,
            );
            (is_upto, payment.accepted.network, wanted, payment.payload)
        }
    };
    let (network, amount, asset, pay_to, extra) = wanted;
    if accepted != network {
        return Err(Invalid::new(match is_upto {
            true => "invalid_upto_evm_network_mismatch",
            false => "invalid_exact_evm_network_mismatch",
        }));
    }
    let network: Network = network
        .parse()
        .map_err(|_| Invalid::new("invalid_network"))?;
    let address = |text: &str| {
        Address::read(&network, text).ok_or(Invalid::new("invalid_payment_requirements"))
    };
    let (asset, pay_to) = (address(&asset)?, address(&pay_to)?);
    let payload = serde_json::from_str(payload.get()).map_err(invalid)?;
    Ok((
        Wanted {
            is_upto,
            network,
            amount,
            asset,
            pay_to,
            extra,
        },
        payload,
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(default)]
    signature: String,
    authorization: Option<Authorization>,
    permit2_authorization: Option<Permit2Authorization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    from: String,
    to: String,
    value: Amount,
    valid_after: Amount,
    valid_before: Amount,
    nonce: String,
}

impl Authorization {
    fn check(self, wanted: &Wanted, signature: &str, now: Option<u64>) -> Result<Checked, Invalid> {
        let invalid = |reason| Invalid {
            reason,
            payer: Some(self.from.clone()),
        };
        let text = |name: &str| wanted.extra.read::<String>(name).ok().flatten();
        let missing = || invalid("invalid_exact_evm_missing_eip712_domain");
        let name = text("name").ok_or_else(missing)?;
        let version = text("version").ok_or_else(missing)?;
        let chain_id = wanted
            .network
            .evm_chain_id()
            .ok_or(Invalid::new("invalid_network"))?;
        let malformed = || invalid("invalid_payload");
        let transfer = Transfer {
            from: hex::read(&self.from).ok_or_else(malformed)?,
            to: hex::read(&self.to).ok_or_else(malformed)?,
            value: self.value,
            valid_after: self.valid_after,
            valid_before: self.valid_before,
            nonce: hex::read(&self.nonce).ok_or_else(malformed)?,
        };
        let token = evm(&wanted.asset);
        let domain = Token {
            name: &name,
            version: &version,
            chain_id,
            address: token,
        };
        if signature::signer(&transfer.digest(&domain), signature) != Some(transfer.from) {
            return Err(invalid("invalid_exact_evm_signature"));
        }
        if transfer.to != evm(&wanted.pay_to) {
            return Err(invalid("invalid_exact_evm_recipient_mismatch"));
        }
        if now.is_some_and(|now| transfer.valid_before < Amount::from(now + MARGIN)) {
            return Err(invalid(
                "invalid_exact_evm_payload_authorization_valid_before",
            ));
        }
        if now.is_some_and(|now| transfer.valid_after > Amount::from(now)) {
            return Err(invalid(
                "invalid_exact_evm_payload_authorization_valid_after",
            ));
        }
        if transfer.value != wanted.amount {
            return Err(invalid(
                "invalid_exact_evm_payload_authorization_value_mismatch",
            ));
        }
        Ok(Checked {
            network: wanted.network.clone(),
            asset: wanted.asset.clone(),
            payer: Address::evm(transfer.from),
            pay_to: wanted.pay_to.clone(),
            amount: transfer.value,
            once: (chain_id, token, transfer.from, transfer.nonce),
            over_permit2: false,
            facilitator: None,
        })
    }
}

#[derive(Deserialize)]
struct Permit2Authorization {
    from: String,
    permitted: Permitted,
    spender: String,
    nonce: Amount,
    deadline: Amount,
    witness: Witness,
}

#[derive(Deserialize)]
struct Permitted {
    token: String,
    amount: Amount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Witness {
    to: String,
    facilitator: Option<String>,
    valid_after: Amount,
}

impl Permit2Authorization {
    fn check(self, wanted: &Wanted, signature: &str, purpose: Purpose) -> Result<Checked, Invalid> {
        let now = purpose.now();
        let invalid = |reason| Invalid {
            reason,
            payer: Some(self.from.clone()),
        };
        let chain_id = wanted
            .network
            .evm_chain_id()
            .ok_or(Invalid::new("invalid_network"))?;
        let malformed = || invalid("invalid_payload");
        let from: [u8; 20] = hex::read(&self.from).ok_or_else(malformed)?;
        let permit = Permit {
            token: hex::read(&self.permitted.token).ok_or_else(malformed)?,
            amount: self.permitted.amount,
            spender: hex::read(&self.spender).ok_or_else(malformed)?,
            nonce: self.nonce,
            deadline: self.deadline,
            to: hex::read(&self.witness.to).ok_or_else(malformed)?,
            facilitator: match (wanted.is_upto, &self.witness.facilitator) {
                (false, _) => None,
                (true, Some(text)) => Some(hex::read(text).ok_or_else(malformed)?),
                (true, None) => return Err(invalid("unsupported_payload_type")),
            },
            valid_after: self.witness.valid_after,
        };
        let spender = match wanted.is_upto {
            true => PERMIT2_UPTO_PROXY,
            false => PERMIT2_EXACT_PROXY,
        };
        if permit.spender != evm(&spender) {
            return Err(invalid("invalid_permit2_spender"));
        }
        if permit.to != evm(&wanted.pay_to) {
            return Err(invalid("invalid_permit2_recipient_mismatch"));
        }
        if now.is_some_and(|now| permit.deadline < Amount::from(now + MARGIN)) {
            return Err(invalid("permit2_deadline_expired"));
        }
        if now.is_some_and(|now| permit.valid_after > Amount::from(now)) {
            return Err(invalid("permit2_not_yet_valid"));
        }
        let partly = wanted.is_upto && !matches!(purpose, Purpose::Verify(_));
        if permit.amount != wanted.amount && !partly {
            return Err(invalid("permit2_amount_mismatch"));
        }
        if permit.token != evm(&wanted.asset) {
            return Err(invalid("permit2_token_mismatch"));
        }
        if signature::signer(&permit.digest(chain_id), signature) != Some(from) {
            return Err(invalid("invalid_permit2_signature"));
        }
        if permit.amount < wanted.amount {
            return Err(invalid(
                "invalid_upto_evm_payload_settlement_exceeds_amount",
            ));
        }
        Ok(Checked {
            network: wanted.network.clone(),
            asset: wanted.asset.clone(),
            payer: Address::evm(from),
            pay_to: wanted.pay_to.clone(),
            amount: wanted.amount,
            once: (chain_id, evm(&PERMIT2), from, permit.nonce.to_be_bytes()),
            over_permit2: true,
            facilitator: permit.facilitator.map(Address::evm),
        })
    }
}
