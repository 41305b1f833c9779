//! The kinds of typed data that payments on EVM chains are signed with (EIP-712).

use crate::money::hash::keccak256;
use crate::money::{Address, Amount};
use crate::scheme::PERMIT2;

/// `TransferWithAuthorization` of EIP-3009.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) from: [u8; 20],
    pub(super) to: [u8; 20],
    pub(super) value: Amount,
    pub(super) valid_after: Amount,
    pub(super) valid_before: Amount,
    pub(super) nonce: [u8; 32],
}

/// `PermitWitnessTransferFrom` of Permit2, with the witness of x402.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    pub(super) token: [u8; 20],
    pub(super) amount: Amount,
    pub(super) spender: [u8; 20],
    pub(super) nonce: Amount,
    pub(super) deadline: Amount,
    pub(super) to: [u8; 20],
    /// Who may settle it: only for `upto`.
    pub(super) facilitator: Option<[u8; 20]>,
    pub(super) valid_after: Amount,
}

/// What a token calls itself, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) chain_id: u64,
    pub(super) address: [u8; 20],
}

impl Transfer {
    /// What is signed.
    pub(super) fn digest(&self, token: &Token<'_>) -> [u8; 32] {
        let domain = hash(&[
            keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256(token.name.as_bytes()),
            keccak256(token.version.as_bytes()),
            number(token.chain_id),
            address(&token.address),
        ]);
        let message = hash(&[
            keccak256(
                b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,\
                  uint256 validBefore,bytes32 nonce)",
            ),
            address(&self.from),
            address(&self.to),
            self.value.to_be_bytes(),
            self.valid_after.to_be_bytes(),
            self.valid_before.to_be_bytes(),
            self.nonce,
        ]);
        signed(domain, message)
    }
}

impl Permit {
    /// What is signed.
    pub(super) fn digest(&self, chain_id: u64) -> [u8; 32] {
        const PERMITTED: &str = "TokenPermissions(address token,uint256 amount)";
        let domain = hash(&[
            keccak256(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
            keccak256(b"Permit2"),
            number(chain_id),
            address(&evm(&PERMIT2)),
        ]);
        let permitted = hash(&[
            keccak256(PERMITTED.as_bytes()),
            address(&self.token),
            self.amount.to_be_bytes(),
        ]);
        let (witness_kind, facilitator) = match &self.facilitator {
            None => ("Witness(address to,uint256 validAfter)", None),
            Some(facilitator) => (
                "Witness(address to,address facilitator,uint256 validAfter)",
                Some(address(facilitator)),
            ),
        };
        let mut witness = vec![keccak256(witness_kind.as_bytes()), address(&self.to)];
        witness.extend(facilitator);
        witness.push(self.valid_after.to_be_bytes());
        let witness = hash(&witness);
        let kind = format!(
            "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,\
             Witness witness){PERMITTED}{witness_kind}"
        );
        let message = hash(&[
            keccak256(kind.as_bytes()),
            permitted,
            address(&self.spender),
            self.nonce.to_be_bytes(),
            self.deadline.to_be_bytes(),
            witness,
        ]);
        signed(domain, message)
    }
}

/// The bytes of an address that is known to be one of an EVM chain.
pub(super) fn evm(address: &Address) -> [u8; 20] {
    address.to_evm_bytes().unwrap_or_default()
}

fn signed(domain: [u8; 32], message: [u8; 32]) -> [u8; 32] {
    let mut bytes = [0; 66];
    bytes[0] = 0x19;
    bytes[1] = 0x01;
    bytes[2..34].copy_from_slice(&domain);
    bytes[34..].copy_from_slice(&message);
    keccak256(&bytes)
}

fn hash(words: &[[u8; 32]]) -> [u8; 32] {
    keccak256(words.as_flattened())
}

fn number(number: u64) -> [u8; 32] {
    Amount::from(number).to_be_bytes()
}

fn address(address: &[u8; 20]) -> [u8; 32] {
    let mut word = [0; 32];
    word[12..].copy_from_slice(address);
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Wallet;
    use crate::scheme::{PERMIT2_EXACT_PROXY, PERMIT2_UPTO_PROXY};

    fn hex(text: &str) -> [u8; 20] {
        evm(&Address::evm(crate::hex::read(text).unwrap()))
    }

    /// Signed by another implementation.
    #[test]
    fn the_same_is_signed_as_elsewhere() {
        let wallet =
            Wallet::from_key("0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")
                .unwrap();
        assert_eq!(
            wallet.address().to_string(),
            "0x6370eF2f4Db3611D657b90667De398a2Cc2a370C"
        );

        let transfer = Transfer {
            from: evm(wallet.address()),
            to: [0x11; 20],
            value: 10_000u64.into(),
            valid_after: Amount::ZERO,
            valid_before: 1_790_000_300u64.into(),
            nonce: [0x11; 32],
        };
        let token = Token {
            name: "USDC",
            version: "2",
            chain_id: 84_532,
            address: hex("0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        };
        assert_eq!(
            wallet.sign_digest(&transfer.digest(&token)),
            "0xc1047ba3ddab42ff6cdbf72457e96619ae2d1769e8d9d5f1c6ff1c7f8f145045\
             67564f2b51088acf09fb1c8392485cb3fd169f03a78bbb21e056ddf9ddfbe51d1b"
        );

        let permit = Permit {
            token: hex("0x55d398326f99059fF775485246999027B3197955"),
            amount: 10_000_000_000_000_000u64.into(),
            spender: evm(&PERMIT2_EXACT_PROXY),
            nonce: 42u64.into(),
            deadline: 1_790_000_300u64.into(),
            to: [0x11; 20],
            facilitator: None,
            valid_after: Amount::ZERO,
        };
        assert_eq!(
            wallet.sign_digest(&permit.digest(56)),
            "0x8b346403541b8525d99291c1b2ede9bf4e4a3c4a2c4bd761522ba4d3d40eb93d\
             696ffe7ad58c403273af5053f8b83621424ff81b192baffbcb4387434de26df71b"
        );

        let permit = Permit {
            token: token.address,
            amount: 50_000u64.into(),
            spender: evm(&PERMIT2_UPTO_PROXY),
            facilitator: Some([0xfa; 20]),
            valid_after: 1_789_999_400u64.into(),
            ..permit
        };
        assert_eq!(
            wallet.sign_digest(&permit.digest(84_532)),
            "0x35019f9423c3e3516876faa8f74416ee184e28f2ac9b859f217b81d6638debb7\
             4efb4d185f95b4f04415ec059569368583a0827f372481920d66ce6701a2b2aa1b"
        );
    }
}
