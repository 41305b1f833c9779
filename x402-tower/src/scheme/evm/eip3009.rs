use std::borrow::Cow;

use serde::Deserialize;

use super::hex;
use crate::digest::Digest;
use crate::money::Address;
use crate::scheme::{Authorization, Key, Malformed};

/// `TransferWithAuthorization`, signed for the token itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(borrow)]
    valid_after: Cow<'a, str>,
    #[serde(borrow)]
    valid_before: Cow<'a, str>,
    #[serde(borrow)]
    nonce: Cow<'a, str>,
}

impl Wire<'_> {
    pub(super) fn read(
        &self,
        chain_id: u64,
        asset: &Address,
        signature: &str,
    ) -> Result<Authorization, Malformed> {
        let token = asset
            .to_evm_bytes()
            .ok_or_else(|| Malformed::new("the asset is no contract"))?;
        let from = hex::bytes(&self.from, "from")?;
        let to = hex::bytes(&self.to, "to")?;
        let nonce = hex::bytes(&self.nonce, "nonce")?;
        let value = hex::amount(&self.value, "value")?;
        let valid = hex::second(&self.valid_after, "validAfter")?
            ..hex::second(&self.valid_before, "validBefore")?;

        // The token itself remembers which nonces are used.
        let key = Key::of_nonce(chain_id, &token, &from, &nonce);
        let signature = hex::Signature::read(signature);
        let [start, end] = [valid.start, valid.end].map(u64::to_be_bytes);
        let value_bytes = value.to_be_bytes();
        let signed = [
            &to[..],
            hex::trimmed(&value_bytes),
            hex::trimmed(&start),
            hex::trimmed(&end),
            signature.as_bytes(),
        ];
        let proof = Digest::of("eip3009", signed);
        let mut authorization = Authorization::new(
            key,
            proof,
            Address::evm(from),
            Address::evm(to),
            value,
            valid,
        );
        authorization.flaw = signature.flaw();
        Ok(authorization)
    }
}
