use std::borrow::Cow;

use super::{eip3009, permit2};
use crate::money::{Address, Network};
use crate::proto::{Presented, ReadError, Reader};
use crate::scheme::{Authorization, Malformed};

/// What buyers sign on EVM chains, whatever the scheme: so a payment that is known is known under any name.
pub(super) struct Payload<'a> {
    signature: Option<Cow<'a, str>>,
    authorization: Option<eip3009::Wire<'a>>,
    permit2_authorization: Option<permit2::Wire<'a>>,
}

impl<'a> Payload<'a> {
    pub(super) fn of(presented: &Presented<'a>) -> Result<Self, Malformed> {
        Reader::all(presented.payload.get(), Self::parse).map_err(Malformed::new)
    }

    fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let (mut signature, mut authorization, mut permit2) = (None, None, None);
        reader.object(|reader, name| match name {
            "signature" => reader.once(&mut signature, |reader| reader.optional(Reader::text)),
            "authorization" => reader.once(&mut authorization, |reader| {
                reader.optional(eip3009::Wire::parse)
            }),
            "permit2Authorization" => {
                reader.once(&mut permit2, |reader| reader.optional(permit2::Wire::parse))
            }
            _ => reader.skip(),
        })?;
        Ok(Self {
            signature: signature.flatten(),
            authorization: authorization.flatten(),
            permit2_authorization: permit2.flatten(),
        })
    }

    /// The facilitator that the buyer signed for, where there is one to sign for.
    pub(super) fn facilitator(&self) -> Option<&str> {
        self.permit2_authorization.as_ref()?.facilitator()
    }

    /// Reads it; over Permit2, only this `spender` is good.
    pub(super) fn read(
        &self,
        network: &Network,
        asset: &Address,
        spender: &Address,
    ) -> Result<Authorization, Malformed> {
        let chain_id = network
            .evm_chain_id()
            .ok_or_else(|| Malformed::new("not an EVM chain"))?;
        let signature = self.signature.as_deref().unwrap_or_default();
        match (&self.authorization, &self.permit2_authorization) {
            (Some(authorization), None) => authorization.read(chain_id, asset, signature),
            (None, Some(authorization)) => authorization.read(chain_id, spender, signature),
            (Some(_), Some(_)) => Err(Malformed::new("two authorizations")),
            (None, None) => Err(Malformed::new("no authorization")),
        }
    }
}
