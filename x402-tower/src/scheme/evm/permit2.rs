use std::borrow::Cow;

use super::text;
use crate::digest::Digest;
use crate::hex::trimmed;
use crate::money::Address;
use crate::proto::{ReadError, Reader};
use crate::scheme::{Authorization, Flaw, Key, Malformed};

/// The Permit2 contract, at the same address on every EVM chain.
pub const PERMIT2: Address = Address::evm([
    0x00, 0x00, 0x00, 0x00, 0x00, 0x22, 0xd4, 0x73, 0x03, 0x0f, 0x11, 0x6d, 0xde, 0xe9, 0xf6, 0xb4,
    0x3a, 0xc7, 0x8b, 0xa3,
]);

/// The contract that spends what buyers sign for `exact` over Permit2.
pub const PERMIT2_EXACT_PROXY: Address = Address::evm([
    0x40, 0x20, 0x85, 0xc2, 0x48, 0xee, 0xa2, 0x7d, 0x92, 0xe8, 0xb3, 0x0b, 0x2c, 0x58, 0xed, 0x07,
    0xf9, 0xe2, 0x00, 0x01,
]);

/// The contract that spends what buyers sign for `upto`.
pub const PERMIT2_UPTO_PROXY: Address = Address::evm([
    0x40, 0x20, 0xa4, 0xf3, 0xb7, 0xb9, 0x0c, 0xca, 0x42, 0x3b, 0x9f, 0xab, 0xcc, 0x0c, 0xe5, 0x7c,
    0x6c, 0x24, 0x00, 0x02,
]);

/// `PermitWitnessTransferFrom`, signed for Permit2.
pub(super) struct Wire<'a> {
    from: Cow<'a, str>,
    permitted: Permitted<'a>,
    spender: Cow<'a, str>,
    nonce: Cow<'a, str>,
    deadline: Cow<'a, str>,
    witness: Witness<'a>,
}

struct Permitted<'a> {
    token: Cow<'a, str>,
    amount: Cow<'a, str>,
}

struct Witness<'a> {
    to: Cow<'a, str>,
    /// Only for `upto`.
    facilitator: Option<Cow<'a, str>>,
    valid_after: Cow<'a, str>,
}

impl<'a> Wire<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let (mut from, mut permitted, mut spender) = (None, None, None);
        let (mut nonce, mut deadline, mut witness) = (None, None, None);
        reader.object(|reader, name| match name {
            "from" => reader.once(&mut from, Reader::text),
            "permitted" => reader.once(&mut permitted, Permitted::parse),
            "spender" => reader.once(&mut spender, Reader::text),
            "nonce" => reader.once(&mut nonce, Reader::text),
            "deadline" => reader.once(&mut deadline, Reader::text),
            "witness" => reader.once(&mut witness, Witness::parse),
            _ => reader.skip(),
        })?;
        Ok(Self {
            from: Reader::need(from, "from")?,
            permitted: Reader::need(permitted, "permitted")?,
            spender: Reader::need(spender, "spender")?,
            nonce: Reader::need(nonce, "nonce")?,
            deadline: Reader::need(deadline, "deadline")?,
            witness: Reader::need(witness, "witness")?,
        })
    }
}

impl<'a> Permitted<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let (mut token, mut amount) = (None, None);
        reader.object(|reader, name| match name {
            "token" => reader.once(&mut token, Reader::text),
            "amount" => reader.once(&mut amount, Reader::text),
            _ => reader.skip(),
        })?;
        Ok(Self {
            token: Reader::need(token, "token")?,
            amount: Reader::need(amount, "amount")?,
        })
    }
}

impl<'a> Witness<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let (mut to, mut facilitator, mut valid_after) = (None, None, None);
        reader.object(|reader, name| match name {
            "to" => reader.once(&mut to, Reader::text),
            "facilitator" => reader.once(&mut facilitator, |reader| reader.optional(Reader::text)),
            "validAfter" => reader.once(&mut valid_after, Reader::text),
            _ => reader.skip(),
        })?;
        Ok(Self {
            to: Reader::need(to, "to")?,
            facilitator: facilitator.flatten(),
            valid_after: Reader::need(valid_after, "validAfter")?,
        })
    }
}

impl Wire<'_> {
    pub(super) fn facilitator(&self) -> Option<&str> {
        self.witness.facilitator.as_deref()
    }

    /// Reads it; another spender than this one is a flaw.
    pub(super) fn read(
        &self,
        chain_id: u64,
        good_spender: &Address,
        signature: &str,
    ) -> Result<Authorization, Malformed> {
        let from = text::bytes(&self.from, "from")?;
        let to = text::bytes(&self.witness.to, "witness.to")?;
        let token = text::bytes(&self.permitted.token, "permitted.token")?;
        let spender = text::bytes(&self.spender, "spender")?;
        let facilitator = self
            .facilitator()
            .map(|text| text::bytes::<20>(text, "witness.facilitator"))
            .transpose()?;
        let amount = text::amount(&self.permitted.amount, "permitted.amount")?;
        let nonce = text::amount(&self.nonce, "nonce")?.to_be_bytes();
        let valid = text::second(&self.witness.valid_after, "witness.validAfter")?
            ..text::second(&self.deadline, "deadline")?;

        // Permit2 remembers which nonces are used, whatever the token.
        let permit2 = PERMIT2.to_evm_bytes().unwrap_or_default();
        let key = Key::of_nonce(chain_id, &permit2, &from, &nonce);
        let signature = text::Signature::read(signature);
        let [start, end] = [valid.start, valid.end].map(u64::to_be_bytes);
        let amount_bytes = amount.to_be_bytes();
        let signed = [
            &token[..],
            trimmed(&amount_bytes),
            &spender,
            &to,
            trimmed(&start),
            trimmed(&end),
            signature.as_bytes(),
        ];
        let facilitator = facilitator.as_ref().map(|bytes| &bytes[..]);
        let proof = Digest::of("permit2", signed.into_iter().chain(facilitator));
        let mut authorization = Authorization::new(
            key,
            proof,
            Address::evm(from),
            Address::evm(to),
            amount,
            valid,
        );
        authorization.asset = Some(Address::evm(token));
        authorization.flaw = signature
            .flaw()
            .or((Address::evm(spender) != *good_spender).then_some(Flaw::Spender));
        Ok(authorization)
    }
}
