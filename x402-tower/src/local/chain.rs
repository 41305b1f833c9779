use std::collections::HashMap;

use crate::hex;
use crate::money::hash::keccak256;
use crate::money::{Address, Amount, Network};

/// A chain in the memory of one process: play money, and what has been used up.
#[derive(Debug)]
pub(super) struct Chain {
    starting_balance: Amount,
    balances: HashMap<(Network, Address, Address), Amount>,
    used: HashMap<Once, Use>,
    transfers: Vec<LocalTransfer>,
}

/// What can happen once: chain, contract, payer and nonce.
pub(super) type Once = (u64, [u8; 20], [u8; 20], [u8; 32]);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Charged { transaction: String },
    Cancelled,
}

/// Play money that has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalTransfer {
    /// Where.
    pub network: Network,
    /// Of which token.
    pub asset: Address,
    /// Who paid.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much.
    pub amount: Amount,
    /// The transaction that did it.
    pub transaction: String,
}

impl Chain {
    pub(super) fn new(starting_balance: Amount) -> Self {
        Self {
            starting_balance,
            balances: HashMap::new(),
            used: HashMap::new(),
            transfers: Vec::new(),
        }
    }

    pub(super) fn balance(&self, network: &Network, asset: &Address, owner: &Address) -> Amount {
        let account = (network.clone(), asset.clone(), owner.clone());
        self.balances
            .get(&account)
            .copied()
            .unwrap_or(self.starting_balance)
    }

    pub(super) fn set_balance(
        &mut self,
        network: &Network,
        asset: &Address,
        owner: &Address,
        balance: Amount,
    ) {
        self.balances
            .insert((network.clone(), asset.clone(), owner.clone()), balance);
    }

    pub(super) fn usage(&self, once: &Once) -> Option<&Use> {
        self.used.get(once)
    }

    pub(super) fn cancel(&mut self, once: Once) {
        self.used.entry(once).or_insert(Use::Cancelled);
    }

    pub(super) fn transfers(&self) -> &[LocalTransfer] {
        &self.transfers
    }

    /// Moves money and uses up what can happen once. The caller has looked at balance and usage.
    pub(super) fn transfer(
        &mut self,
        once: Once,
        network: &Network,
        asset: &Address,
        [from, to]: [&Address; 2],
        amount: Amount,
    ) -> Option<String> {
        let left = self.balance(network, asset, from).checked_sub(amount)?;
        self.set_balance(network, asset, from, left);
        let more = self.balance(network, asset, to).checked_add(amount)?;
        self.set_balance(network, asset, to, more);
        let transaction = self.transaction_id(&once);
        self.used.insert(
            once,
            Use::Charged {
                transaction: transaction.clone(),
            },
        );
        self.transfers.push(LocalTransfer {
            network: network.clone(),
            asset: asset.clone(),
            from: from.clone(),
            to: to.clone(),
            amount,
            transaction: transaction.clone(),
        });
        Some(transaction)
    }

    /// Looks like a transaction, and is the same in every run.
    fn transaction_id(&self, (chain, contract, payer, nonce): &Once) -> String {
        let count = (self.transfers.len() as u64).to_be_bytes();
        let parts = [&count[..], &chain.to_be_bytes(), contract, payer, nonce];
        hex::text(&keccak256(&parts.concat()))
    }
}
