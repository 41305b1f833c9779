use std::hash::Hasher as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::ledger::Reference;
use crate::proto::base64;

/// How long a reference is in text.
pub(crate) const REFERENCE_LENGTH: usize = 24;

/// Makes the references of challenges, and knows its own again without remembering them.
///
/// A reference is a time, a serial number, and 80 bits that only this seller can compute. So nobody can guess one that
/// was given to somebody else, and a price that a reference was made for can be honoured as long as it says.
#[derive(Debug)]
pub(crate) struct Seal {
    /// Seals challenges, and with another key quotes.
    challenges: SipHasher24,
    quotes: SipHasher24,
    serial: AtomicU32,
}

/// A reference that is our own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) reference: Reference,
    pub(crate) issued: Duration,
}

impl Seal {
    /// Seals with a secret. Servers that share one know each other's references.
    pub(crate) fn new(secret: &[u8], start: u32) -> Self {
        let keyed = |name| {
            let digest = crate::Digest::of(name, [secret]);
            let mut key = [0; 16];
            key.copy_from_slice(&digest.as_bytes()[..16]);
            SipHasher24::new_with_key(&key)
        };
        Self {
            challenges: keyed("seal"),
            quotes: keyed("seal of quotes"),
            serial: AtomicU32::new(start),
        }
    }

    /// Makes the references of one challenge.
    pub(crate) fn issue(&self, now: Duration) -> Issue<'_> {
        let mut head = [0; 8];
        // Seconds fit 32 bits for eighty years to come, and a reference lives for minutes.
        head[..4].copy_from_slice(&(now.as_secs() as u32).to_be_bytes());
        head[4..].copy_from_slice(&self.serial.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Issue { seal: self, head }
    }

    /// Opens a reference that was made for this `purpose`; nothing if it was not, or not by us.
    pub(crate) fn open(&self, text: &str, purpose: &Purpose<'_>) -> Option<Opened> {
        let raw = base64::decode_url_safe(text.as_bytes().try_into().ok()?)?;
        let (head, tag) = raw.split_first_chunk()?;
        let expected = self.tag(*head, purpose);
        let difference = tag
            .iter()
            .zip(expected)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        if difference != 0 {
            return None;
        }
        let seconds = u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]);
        let mut value = [0; 16];
        value.copy_from_slice(&raw[2..]);
        Some(Opened {
            reference: Reference::new(u128::from_be_bytes(value)),
            issued: Duration::from_secs(seconds.into()),
        })
    }

    fn tag(&self, head: [u8; 8], purpose: &Purpose<'_>) -> [u8; 10] {
        let mut hasher = match purpose {
            Purpose::Challenge => self.challenges,
            Purpose::Quote { .. } => self.quotes,
        };
        hasher.write_u64(u64::from_le_bytes(head));
        if let Purpose::Quote { request, terms } = purpose {
            for part in request.iter().chain(terms) {
                hasher.write(&(part.len() as u32).to_be_bytes());
                hasher.write(part);
            }
        }
        let mut tag = [0; 10];
        tag.copy_from_slice(&hasher.finish128().as_bytes()[..10]);
        tag
    }
}

/// What a reference is good for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// To prove that one has seen a challenge.
    Challenge,
    /// To prove, beside, that these terms were offered for this request.
    Quote {
        request: [&'a [u8]; 3],
        terms: [&'a [u8]; 6],
    },
}

/// The references of one challenge: one number, sealed for each of its offers.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    seal: &'a Seal,
    head: [u8; 8],
}

impl Issue<'_> {
    pub(crate) fn reference(&self, purpose: &Purpose<'_>) -> [u8; REFERENCE_LENGTH] {
        let mut raw = [0; 18];
        raw[..8].copy_from_slice(&self.head);
        raw[8..].copy_from_slice(&self.seal.tag(self.head, purpose));
        base64::encode_url_safe(&raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_790_000_000);

    fn text(reference: [u8; REFERENCE_LENGTH]) -> String {
        String::from_utf8(reference.to_vec()).unwrap()
    }

    #[test]
    fn only_ones_own_references_open() {
        let seal = Seal::new(b"secret", 7);
        let reference = text(seal.issue(NOW).reference(&Purpose::Challenge));
        let opened = seal.open(&reference, &Purpose::Challenge).unwrap();
        assert_eq!(opened.issued, NOW);
        assert!(
            Seal::new(b"secret", 0)
                .open(&reference, &Purpose::Challenge)
                .is_some(),
            "a replica knows it"
        );
        assert!(
            Seal::new(b"other", 7)
                .open(&reference, &Purpose::Challenge)
                .is_none()
        );
        for i in 0..reference.len() {
            let mut forged = reference.clone().into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            assert!(
                seal.open(std::str::from_utf8(&forged).unwrap(), &Purpose::Challenge)
                    .is_none(),
                "{i}"
            );
        }
        for junk in [
            "",
            "A",
            &"A".repeat(24),
            &reference[1..],
            &format!("{reference}A"),
        ] {
            assert!(seal.open(junk, &Purpose::Challenge).is_none(), "{junk}");
        }
    }

    #[test]
    fn no_two_challenges_share_a_reference() {
        let seal = Seal::new(b"secret", u32::MAX);
        let references: std::collections::HashSet<_> = (0..1000)
            .map(|_| text(seal.issue(NOW).reference(&Purpose::Challenge)))
            .collect();
        assert_eq!(references.len(), 1000);
    }

    #[test]
    fn a_quote_is_for_its_terms_and_its_request() {
        let seal = Seal::new(b"secret", 0);
        let quote = |url: &'static str, amount: &'static str| Purpose::Quote {
            request: [b"GET", url.as_bytes(), b"large"],
            terms: [
                b"exact",
                b"eip155:8453",
                amount.as_bytes(),
                b"0x1",
                b"0x2",
                b"300",
            ],
        };
        let reference = text(seal.issue(NOW).reference(&quote("/small", "1")));
        assert!(seal.open(&reference, &quote("/small", "1")).is_some());
        assert!(seal.open(&reference, &quote("/large", "1")).is_none());
        assert!(seal.open(&reference, &quote("/small", "2")).is_none());
        assert!(seal.open(&reference, &Purpose::Challenge).is_none());
    }
}
