use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k256::ecdsa::SigningKey;
use serde_json::json;
use serde_json::value::RawValue;

use super::eip712::{Permit, Token, Transfer, evm};
use super::signature;
use crate::hex;
use crate::money::hash::keccak256;
use crate::money::{Address, Amount, Network};
use crate::proto::v2::PaymentRequirements;
use crate::scheme::{PERMIT2_EXACT_PROXY, PERMIT2_UPTO_PROXY};

/// An account that signs payments on EVM chains: `exact`, by EIP-3009 and by Permit2, and `upto`.
///
/// It is made for tests and examples. Its key lies in memory, and it signs whatever it is given.
///
/// ```
/// use std::time::Duration;
/// use x402_tower::local::Wallet;
/// use x402_tower::money::Amount;
/// use x402_tower::proto::{Object, v2::PaymentRequirements};
///
/// let wallet = Wallet::from_seed(7);
/// let mut offer = PaymentRequirements::new(
///     "exact",
///     "eip155:84532",
///     Amount::from(10_000u64),
///     "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
///     "0x1111111111111111111111111111111111111111",
/// );
/// offer.extra = Object::new().with_text("name", "USDC").with_text("version", "2");
/// let payload = wallet.sign(&offer, Duration::from_secs(1_790_000_000))?;
/// assert!(payload.get().contains("\"value\":\"10000\""));
/// # Ok::<_, x402_tower::local::WalletError>(())
/// ```
pub struct Wallet {
    key: SigningKey,
    address: Address,
    /// Nonces follow from this and the count.
    seed: [u8; 32],
    count: AtomicU64,
}

impl Wallet {
    /// The account of a private key: `0x` and 64 hexadecimal digits.
    pub fn from_key(key: &str) -> Result<Self, WalletError> {
        let bytes: [u8; 32] = hex::read(key)
            .ok_or_else(|| WalletError::new("a private key is 32 bytes in hexadecimal"))?;
        // Two wallets of one key must not use the same nonces.
        let mut seed = [0; 32];
        getrandom::getrandom(&mut seed).map_err(WalletError::new)?;
        Self::new(&bytes, seed)
    }

    /// A new account.
    pub fn random() -> Result<Self, WalletError> {
        let mut key = [0; 32];
        getrandom::getrandom(&mut key).map_err(WalletError::new)?;
        Self::new(&key, keccak256(&key))
    }

    /// The account of this number, always the same and with always the same nonces. For tests.
    pub fn from_seed(seed: u64) -> Self {
        let mut key = keccak256(&seed.to_be_bytes());
        loop {
            // Nearly every number is a key; if this one is not, the next will be.
            key = keccak256(&key);
            if let Ok(wallet) = Self::new(&key, key) {
                return wallet;
            }
        }
    }

    fn new(key: &[u8; 32], seed: [u8; 32]) -> Result<Self, WalletError> {
        let key = SigningKey::from_slice(key).map_err(WalletError::new)?;
        let address = Address::evm(signature::address(key.verifying_key()));
        Ok(Self {
            key,
            address,
            seed,
            count: AtomicU64::new(0),
        })
    }

    /// The account's address.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The private key: `0x` and 64 hexadecimal digits.
    pub fn to_key(&self) -> String {
        hex::text(&self.key.to_bytes())
    }

    /// Signs a payment for this offer, valid from now on for as long as the offer wants it.
    ///
    /// # Errors
    ///
    /// If the offer is not one that this wallet understands.
    pub fn sign(
        &self,
        offer: &PaymentRequirements,
        now: Duration,
    ) -> Result<Box<RawValue>, WalletError> {
        let is_upto = match &*offer.scheme {
            "exact" => false,
            "upto" => true,
            other => {
                let problem = format!("`{other}` is not a scheme that is known");
                return Err(WalletError::new(problem));
            }
        };
        let network: Network = offer.network.parse().map_err(WalletError::new)?;
        let chain_id = network
            .evm_chain_id()
            .ok_or_else(|| WalletError::new(format!("{network} is no EVM chain")))?;
        let address = |text: &str| {
            Address::read(&network, text)
                .map(|address| evm(&address))
                .ok_or_else(|| WalletError::new(format!("`{text}` is no address")))
        };
        let (asset, pay_to) = (address(&offer.asset)?, address(&offer.pay_to)?);
        let valid_before = Amount::from(now.as_secs() + offer.max_timeout_seconds);
        let text = |name: &str| offer.extra.read::<String>(name).map_err(WalletError::new);
        let missing = |what| WalletError::new(format!("the offer does not say {what}"));
        let over_permit2 = text("assetTransferMethod")?.as_deref() == Some("permit2");
        let payload = if is_upto || over_permit2 {
            let facilitator = match is_upto {
                true => {
                    let named = text("facilitatorAddress")?;
                    let named = named.ok_or_else(|| missing("who may settle it"))?;
                    Some(address(&named)?)
                }
                false => None,
            };
            let spender = match is_upto {
                true => PERMIT2_UPTO_PROXY,
                false => PERMIT2_EXACT_PROXY,
            };
            let permit = Permit {
                token: asset,
                amount: offer.amount,
                spender: evm(&spender),
                nonce: Amount::from_be_bytes(self.nonce()),
                deadline: valid_before,
                to: pay_to,
                facilitator,
                valid_after: Amount::ZERO,
            };
            self.permit2_payload(&permit, chain_id)
        } else {
            let name = text("name")?.ok_or_else(|| missing("the token's name"))?;
            let version = text("version")?.ok_or_else(|| missing("the token's version"))?;
            let transfer = Transfer {
                from: evm(&self.address),
                to: pay_to,
                value: offer.amount,
                valid_after: Amount::ZERO,
                valid_before,
                nonce: self.nonce(),
            };
            let token = Token {
                name: &name,
                version: &version,
                chain_id,
                address: asset,
            };
            self.eip3009_payload(&transfer, &token)
        };
        serde_json::value::to_raw_value(&payload).map_err(WalletError::new)
    }

    fn eip3009_payload(&self, transfer: &Transfer, token: &Token<'_>) -> serde_json::Value {
        json!({
            "signature": self.sign_digest(&transfer.digest(token)),
            "authorization": {
                "from": self.address.to_string(),
                "to": Address::evm(transfer.to).to_string(),
                "value": transfer.value,
                "validAfter": transfer.valid_after,
                "validBefore": transfer.valid_before,
                "nonce": hex::text(&transfer.nonce),
            },
        })
    }

    fn permit2_payload(&self, permit: &Permit, chain_id: u64) -> serde_json::Value {
        let mut payload = json!({
            "signature": self.sign_digest(&permit.digest(chain_id)),
            "permit2Authorization": {
                "from": self.address.to_string(),
                "permitted": {
                    "token": Address::evm(permit.token).to_string(),
                    "amount": permit.amount,
                },
                "spender": Address::evm(permit.spender).to_string(),
                "nonce": permit.nonce,
                "deadline": permit.deadline,
                "witness": {
                    "to": Address::evm(permit.to).to_string(),
                    "validAfter": permit.valid_after,
                },
            },
        });
        if let Some(facilitator) = permit.facilitator {
            payload["permit2Authorization"]["witness"]["facilitator"] =
                json!(Address::evm(facilitator).to_string());
        }
        payload
    }

    pub(super) fn sign_digest(&self, digest: &[u8; 32]) -> String {
        signature::sign(&self.key, digest)
    }

    fn nonce(&self) -> [u8; 32] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 40];
        bytes[..32].copy_from_slice(&self.seed);
        bytes[32..].copy_from_slice(&count.to_be_bytes());
        keccak256(&bytes)
    }
}

impl fmt::Debug for Wallet {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A [`Wallet`] cannot be made, or cannot sign.
#[derive(Debug)]
pub struct WalletError(Box<dyn StdError + Send + Sync>);

impl WalletError {
    fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for WalletError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for WalletError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
