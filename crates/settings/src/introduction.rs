//! How a one-time code introduces a collector to a node that does not know its certificate yet.
//!
//! Both know the code, and nobody between them does. The node asks, trusting nobody, for the collector's authority; the
//! answer carries a proof that only who knows the code, or what the collector keeps of it, can make for these very
//! bytes. Then the node trusts that authority and no other, and gives the code over a connection that it has checked.

use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256, Key};

use crate::hex;

/// What is meant by a code, however it was typed: its letters and digits in capitals.
pub fn letters(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// What a collector keeps of a code: the SHA-256 of its letters, in hexadecimal digits.
pub fn kept(code: &str) -> String {
    hex(digest(&SHA256, letters(code).as_bytes()).as_ref())
}

/// Names a code to who keeps it and to nobody else.
pub fn name(kept: &str) -> String {
    hex(hmac::sign(&key(kept), b"name").as_ref())
}

/// The proof that who knows the code vouches for this authority, PEM.
pub fn proof(kept: &str, authority: &str) -> String {
    hex(hmac::sign(&key(kept), &vouched(authority)).as_ref())
}

/// Whether a proof is that of this authority.
pub fn is_proof(kept: &str, authority: &str, proof: &str) -> bool {
    let bytes = (0..proof.len()).step_by(2).map(|at| u8::from_str_radix(proof.get(at..at + 2)?, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.is_some_and(|bytes| hmac::verify(&key(kept), &vouched(authority), &bytes).is_ok())
}

fn key(kept: &str) -> Key {
    Key::new(HMAC_SHA256, kept.as_bytes())
}

fn vouched(authority: &str) -> Vec<u8> {
    [b"authority\n", authority.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_one_code_and_one_authority() {
        let kept_by_collector = kept("ABCD-EFGH-JKLM");
        let proof = proof(&kept_by_collector, "PEM");
        assert!(is_proof(&kept(" abcd efgh jklm"), "PEM", &proof), "however the code was typed");
        assert!(!is_proof(&kept("ABCD-EFGH-JKLN"), "PEM", &proof));
        assert!(!is_proof(&kept_by_collector, "PEN", &proof));
        for wrong in ["", "zz", &proof[1..], &proof[2..], "ä"] {
            assert!(!is_proof(&kept_by_collector, "PEM", wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_is_the_sha_256_of_the_letters_and_a_name_tells_neither() {
        // The hash of FIPS 180-2's example is of small letters; this is `printf ABC | sha256sum`.
        assert_eq!(kept("a-b-c"), "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78");
        assert_ne!(name(&kept("abc")), kept("abc"));
    }
}
