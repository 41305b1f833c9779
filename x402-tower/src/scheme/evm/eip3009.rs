use std::borrow::Cow;

use super::text;
use crate::digest::Digest;
use crate::hex::trimmed;
use crate::money::Address;
use crate::proto::{ReadError, Reader};
use crate::scheme::{Authorization, Key, Malformed};

/// `TransferWithAuthorization`, signed for the token itself.
pub(super) struct Wire<'a> {
    from: Cow<'a, str>,
    to: Cow<'a, str>,
    value: Cow<'a, str>,
    valid_after: Cow<'a, str>,
    valid_before: Cow<'a, str>,
    nonce: Cow<'a, str>,
}

impl<'a> Wire<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let (mut from, mut to, mut value) = (None, None, None);
        let (mut valid_after, mut valid_before, mut nonce) = (None, None, None);
        reader.object(|reader, name| match name {
            "from" => reader.once(&mut from, Reader::text),
            "to" => reader.once(&mut to, Reader::text),
            "value" => reader.once(&mut value, Reader::text),
            "validAfter" => reader.once(&mut valid_after, Reader::text),
            "validBefore" => reader.once(&mut valid_before, Reader::text),
            "nonce" => reader.once(&mut nonce, Reader::text),
            _ => reader.skip(),
        })?;
        Ok(Self {
            from: Reader::need(from, "from")?,
            to: Reader::need(to, "to")?,
            value: Reader::need(value, "value")?,
            valid_after: Reader::need(valid_after, "validAfter")?,
            valid_before: Reader::need(valid_before, "validBefore")?,
            nonce: Reader::need(nonce, "nonce")?,
        })
    }

    pub(super) fn read(
        &self,
        chain_id: u64,
        asset: &Address,
        signature: &str,
    ) -> Result<Authorization, Malformed> {
        let token = asset
            .to_evm_bytes()
            .ok_or_else(|| Malformed::new("the asset is no contract"))?;
        let from = text::bytes(&self.from, "from")?;
        let to = text::bytes(&self.to, "to")?;
        let nonce = text::bytes(&self.nonce, "nonce")?;
        let value = text::amount(&self.value, "value")?;
        let valid = text::second(&self.valid_after, "validAfter")?
            ..text::second(&self.valid_before, "validBefore")?;

        // The token itself remembers which nonces are used.
        let key = Key::of_nonce(chain_id, &token, &from, &nonce);
        let signature = text::Signature::read(signature);
        let [start, end] = [valid.start, valid.end].map(u64::to_be_bytes);
        let value_bytes = value.to_be_bytes();
        let signed = [
            &to[..],
            trimmed(&value_bytes),
            trimmed(&start),
            trimmed(&end),
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
