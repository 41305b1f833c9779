use serde::Deserialize;

use super::{eip3009, permit2};
use crate::money::{Address, Network};
use crate::proto::{Presented, Text};
use crate::scheme::{Authorization, Malformed};

/// What buyers sign on EVM chains, whatever the scheme: so a payment that is known is known under any name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    authorization: Option<eip3009::Wire<'a>>,
    #[serde(borrow, default)]
    permit2_authorization: Option<permit2::Wire<'a>>,
}

impl<'a> Payload<'a> {
    pub(super) fn of(presented: &Presented<'a>) -> Result<Self, Malformed> {
        serde_json::from_str(presented.payload.get()).map_err(Malformed::new)
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
        let signature = self.signature.as_ref().map_or("", |text| &*text.0);
        match (&self.authorization, &self.permit2_authorization) {
            (Some(authorization), None) => authorization.read(chain_id, asset, signature),
            (None, Some(authorization)) => authorization.read(chain_id, spender, signature),
            (Some(_), Some(_)) => Err(Malformed::new("two authorizations")),
            (None, None) => Err(Malformed::new("no authorization")),
        }
    }
}
