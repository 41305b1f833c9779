//! Signatures of accounts, recoverable and in the one form that contracts take.

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};

use crate::hex;
use crate::money::hash::keccak256;

pub(super) fn sign(key: &SigningKey, digest: &[u8; 32]) -> String {
    let (signature, recovery) = key.sign_prehash_recoverable(digest);
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = 27 + recovery.to_byte();
    hex::text(&bytes)
}

/// Who signed this; nobody if it is no signature. One of the two signatures that every signature has is refused, as
/// contracts refuse it: else anybody could turn one into the other.
pub(super) fn signer(digest: &[u8; 32], signature: &str) -> Option<[u8; 20]> {
    let bytes: [u8; 65] = hex::read(signature)?;
    let (rs, v) = bytes.split_at(64);
    let signature = Signature::from_slice(rs).ok()?;
    if signature.normalize_s() != signature {
        return None;
    }
    let recovery = RecoveryId::from_byte(match v[0] {
        27 | 28 => v[0] - 27,
        other => other,
    })?;
    let key = VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok()?;
    Some(address(&key))
}

/// The account of a key.
pub(super) fn address(key: &VerifyingKey) -> [u8; 20] {
    let point = key.to_sec1_point(false);
    let hash = keccak256(&point.as_bytes()[1..]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    address
}
