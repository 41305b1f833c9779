use std::fmt;

use crate::hash::{keccak256, sha256};
use crate::{Network, base58};

/// An account or a contract on some network, checked and in canonical form.
///
/// ```
/// use x402_money::{Address, Network};
///
/// let usdc = Address::parse(&Network::BASE_SEPOLIA, "0x036CbD53842c5426634e7929541eC2318f3dCF7e")?;
/// let same = Address::parse(&Network::BASE_SEPOLIA, "0x036cbd53842c5426634e7929541ec2318f3dcf7e")?;
/// assert_eq!(usdc, same);
/// assert_eq!(same.to_string(), "0x036CbD53842c5426634e7929541eC2318f3dCF7e");
///
/// // One letter in the wrong case is a mistyped address.
/// assert!(Address::parse(&Network::BASE_SEPOLIA, "0x036CBD53842c5426634e7929541eC2318f3dCF7e").is_err());
/// # Ok::<_, x402_money::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Evm([u8; 20]),
    Tron([u8; 20]),
    Solana([u8; 32]),
    Other(Box<str>),
}

impl Address {
    /// Reads an address of `network`.
    ///
    /// EVM: `0x` and 40 hexadecimal digits, all in one case or with the checksum of EIP-55. TRON: base58 with its
    /// checksum. Solana: 32 bytes in base58. Elsewhere any text of letters, digits and `:._-` that is not empty.
    pub fn parse(network: &Network, text: &str) -> Result<Self, AddressError> {
        let error = |kind| AddressError {
            text: text.to_owned(),
            kind,
        };
        match network.namespace() {
            "eip155" => evm(text).map(Self::evm).map_err(error),
            "tron" => tron(text).map(Self::tron).map_err(error),
            "solana" => base58::decode(text)
                .map(|bytes| Self(Repr::Solana(bytes)))
                .ok_or_else(|| error(AddressErrorKind::Solana)),
            _ if is_plain(text) => Ok(Self(Repr::Other(text.into()))),
            _ => Err(error(AddressErrorKind::Other)),
        }
    }

    /// Reads the address of somebody who is paid: like [`Address::parse`], but not the one of nobody. Tokens refuse to be sent
    /// there, so whoever forgot to fill it in would never be paid.
    ///
    /// ```
    /// use x402_money::{Address, Network};
    ///
    /// let forgotten = "0x0000000000000000000000000000000000000000";
    /// assert!(Address::payee(&Network::BASE, forgotten).is_err());
    /// ```
    pub fn payee(network: &Network, text: &str) -> Result<Self, AddressError> {
        let address = Self::parse(network, text)?;
        let is_nobody = match &address.0 {
            Repr::Evm(bytes) | Repr::Tron(bytes) => *bytes == [0; 20],
            Repr::Solana(bytes) => *bytes == [0; 32],
            Repr::Other(_) => false,
        };
        if is_nobody {
            return Err(AddressError {
                text: text.to_owned(),
                kind: AddressErrorKind::Nobody,
            });
        }
        Ok(address)
    }

    /// The EVM account or contract with these bytes.
    pub const fn evm(bytes: [u8; 20]) -> Self {
        Self(Repr::Evm(bytes))
    }

    /// The TRON account or contract with these bytes (without the `0x41` in front).
    pub const fn tron(bytes: [u8; 20]) -> Self {
        Self(Repr::Tron(bytes))
    }

    /// The 20 bytes that typed data on EVM chains and TRON is signed over.
    pub fn to_evm_bytes(&self) -> Option<[u8; 20]> {
        match self.0 {
            Repr::Evm(bytes) | Repr::Tron(bytes) => Some(bytes),
            Repr::Solana(_) | Repr::Other(_) => None,
        }
    }

    /// What the address is on its network: 20 or 32 bytes, or text where nothing shorter is known.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Evm(bytes) | Repr::Tron(bytes) => bytes,
            Repr::Solana(bytes) => bytes,
            Repr::Other(text) => text.as_bytes(),
        }
    }

    /// Reads what another program sent: like [`Address::parse`], but EVM addresses in any case, checksum or not.
    pub fn read(network: &Network, text: &str) -> Option<Self> {
        match network.namespace() {
            "eip155" => unchecked_evm(text).map(Self::evm),
            _ => Self::parse(network, text).ok(),
        }
    }

    /// Whether `text` spells this address, read like [`Address::read`].
    pub fn is_spelled(&self, text: &str) -> bool {
        match &self.0 {
            Repr::Evm(bytes) => unchecked_evm(text).is_some_and(|spelled| spelled == *bytes),
            Repr::Tron(bytes) => tron(text).is_ok_and(|spelled| spelled == *bytes),
            Repr::Solana(bytes) => {
                base58::decode(text).is_some_and(|spelled: [u8; 32]| spelled == *bytes)
            }
            Repr::Other(own) => **own == *text,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Evm(bytes) => f.write_str(&String::from_utf8_lossy(&checksummed(bytes))),
            Repr::Tron(bytes) => {
                let mut all = [0; 25];
                all[0] = TRON_PREFIX;
                all[1..21].copy_from_slice(bytes);
                let check = tron_check(&all);
                all[21..].copy_from_slice(&check);
                f.write_str(&base58::encode(&all))
            }
            Repr::Solana(bytes) => f.write_str(&base58::encode(bytes)),
            Repr::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

fn evm(text: &str) -> Result<[u8; 20], AddressErrorKind> {
    let bytes = unchecked_evm(text).ok_or(AddressErrorKind::Evm)?;
    let digits = &text[2..];
    let mixed = digits.contains(|c: char| c.is_ascii_lowercase())
        && digits.contains(|c: char| c.is_ascii_uppercase());
    if mixed {
        let expected = checksummed(&bytes);
        if expected != text.as_bytes() {
            let expected = String::from_utf8_lossy(&expected).into_owned();
            return Err(AddressErrorKind::EvmChecksum { expected });
        }
    }
    Ok(bytes)
}

fn unchecked_evm(text: &str) -> Option<[u8; 20]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let digits: &[u8; 40] = digits.try_into().ok()?;
    let mut digits = *digits;
    // In two passes without a branch, which compilers turn into vector instructions.
    let mut all = 0;
    for digit in &mut digits {
        *digit = value(*digit);
        all |= *digit;
    }
    let mut bytes = [0; 20];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = high << 4 | low;
    }
    (all <= 0xf).then_some(bytes)
}

/// What a character is as a digit; more than 15 if it is none.
const fn value(character: u8) -> u8 {
    let number = character.wrapping_sub(b'0');
    let letter = (character | 0x20).wrapping_sub(b'a');
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        0xff
    }
}

/// EIP-55: a letter is upper-case where the hash of the lower-case digits has a digit of eight or more.
fn checksummed(bytes: &[u8; 20]) -> [u8; 42] {
    let mut text = *b"0x0000000000000000000000000000000000000000";
    let digits = &mut text[2..];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    let hash = keccak256(digits);
    for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
            if nibble >= 8 {
                digit.make_ascii_uppercase();
            }
        }
    }
    text
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

const TRON_PREFIX: u8 = 0x41;

fn tron(text: &str) -> Result<[u8; 20], AddressErrorKind> {
    let all: [u8; 25] = base58::decode(text).ok_or(AddressErrorKind::Tron)?;
    if all[0] != TRON_PREFIX {
        return Err(AddressErrorKind::Tron);
    }
    if all[21..] != tron_check(&all) {
        return Err(AddressErrorKind::TronChecksum);
    }
    all[1..21].try_into().map_err(|_| AddressErrorKind::Tron)
}

fn tron_check(all: &[u8; 25]) -> [u8; 4] {
    let hash = sha256(&sha256(&all[..21]));
    [hash[0], hash[1], hash[2], hash[3]]
}

fn is_plain(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b":._-".contains(&byte))
}

/// Why a text is not an [`Address`] of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: String,
    kind: AddressErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AddressErrorKind {
    Evm,
    EvmChecksum { expected: String },
    Tron,
    TronChecksum,
    Solana,
    Other,
    Nobody,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.kind {
            AddressErrorKind::Evm => {
                write!(
                    f,
                    "`{text}` is not an EVM address: `0x` and 40 hexadecimal digits"
                )
            }
            AddressErrorKind::EvmChecksum { expected } => write!(
                f,
                "`{text}` has upper and lower case where its checksum does not: \
                 if every digit is right it is `{expected}`"
            ),
            AddressErrorKind::Tron => {
                write!(
                    f,
                    "`{text}` is not a TRON address: 34 letters and digits of base58 that begin with `T`"
                )
            }
            AddressErrorKind::TronChecksum => {
                write!(
                    f,
                    "`{text}` does not fit its checksum: a character of the TRON address is wrong"
                )
            }
            AddressErrorKind::Solana => {
                write!(f, "`{text}` is not a Solana address: 32 bytes in base58")
            }
            AddressErrorKind::Other => write!(f, "`{text}` is not an address"),
            AddressErrorKind::Nobody => {
                write!(f, "`{text}` is nobody's account: name one that is yours")
            }
        }
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    const NILE_USDT: &str = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf";

    #[test]
    fn tron_addresses_carry_the_bytes_that_typed_data_uses() {
        let address = Address::parse(&Network::TRON_NILE, NILE_USDT).unwrap();
        let bytes = unchecked_evm("0xeca9bc828a3005b9a3b909f2cc5c2a54794de05f").unwrap();
        assert_eq!(address.to_evm_bytes(), Some(bytes));
        assert_eq!(Address::tron(bytes).to_string(), NILE_USDT);
        assert!(address.is_spelled(NILE_USDT));
    }

    #[test]
    fn a_changed_character_is_noticed() {
        let tron = "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg";
        assert_eq!(
            Address::parse(&Network::TRON_NILE, tron).unwrap_err().kind,
            AddressErrorKind::TronChecksum
        );
        assert!(
            !Address::parse(&Network::TRON_NILE, NILE_USDT)
                .unwrap()
                .is_spelled(tron)
        );
        let evm = "0x036CbD53842c5426634e7929541eC2318f3dCF7f";
        let error = Address::parse(&Network::BASE, evm).unwrap_err();
        assert!(matches!(error.kind, AddressErrorKind::EvmChecksum { .. }));
    }

    #[test]
    fn nobody_is_not_paid() {
        for (network, nobody, somebody) in [
            (
                Network::BASE,
                "0x0000000000000000000000000000000000000000",
                "0x0000000000000000000000000000000000000001",
            ),
            (
                Network::TRON,
                "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
                NILE_USDT,
            ),
            (
                Network::SOLANA,
                "11111111111111111111111111111111",
                "So11111111111111111111111111111111111111112",
            ),
        ] {
            let error = Address::payee(&network, nobody).unwrap_err();
            assert_eq!(error.kind, AddressErrorKind::Nobody, "{nobody}");
            assert!(Address::parse(&network, nobody).is_ok());
            assert!(Address::payee(&network, somebody).is_ok());
        }
    }

    #[test]
    fn evm_addresses_need_no_checksum_in_one_case() {
        let lower = "0x52908400098527886e0f7030069857d2e4169ee7";
        let upper = "0x52908400098527886E0F7030069857D2E4169EE7";
        let address = Address::parse(&Network::BASE, lower).unwrap();
        assert_eq!(Address::parse(&Network::BASE, upper).unwrap(), address);
        assert!(address.is_spelled("0x52908400098527886e0F7030069857d2e4169EE7"));
    }

    #[test]
    fn the_examples_of_eip_55_hold() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            assert_eq!(
                Address::parse(&Network::ETHEREUM, text)
                    .unwrap()
                    .to_string(),
                text
            );
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let no_evm = [
            "",
            "0x",
            "0x1",
            "036CbD53842c5426634e7929541eC2318f3dCF7e",
            NILE_USDT,
        ];
        let padded = format!("0x{}g", "0".repeat(39));
        for text in no_evm.into_iter().chain([
            padded.as_str(),
            "0X036cbd53842c5426634e7929541ec2318f3dcf7e",
        ]) {
            assert_eq!(
                Address::parse(&Network::BASE, text).unwrap_err().kind,
                AddressErrorKind::Evm,
                "{text}"
            );
        }
        for text in [
            "",
            "T",
            "0xeca9bc828a3005b9a3b909f2cc5c2a54794de05f",
            "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf1",
        ] {
            assert_eq!(
                Address::parse(&Network::TRON, text).unwrap_err().kind,
                AddressErrorKind::Tron,
                "{text}"
            );
        }
        for text in ["", "EPjF", NILE_USDT] {
            assert_eq!(
                Address::parse(&Network::SOLANA, text).unwrap_err().kind,
                AddressErrorKind::Solana
            );
        }
        for text in ["", "a b", "\"", "ä"] {
            assert_eq!(
                Address::parse(&Network::STELLAR, text).unwrap_err().kind,
                AddressErrorKind::Other
            );
        }
    }
}
