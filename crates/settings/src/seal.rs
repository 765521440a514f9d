//! A seal on a text: only who has the key can make it, and it holds for these very bytes. HMAC with SHA-256.

use ring::hmac::{self, HMAC_SHA256, Key};

use crate::hex;

/// The seal of a text under this key, 64 hexadecimal digits.
pub fn seal(key: &[u8], text: &str) -> String {
    hex(hmac::sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref())
}

/// Whether this is the seal of the text under this key. How long it takes says nothing about the right one.
pub fn is_sealed(key: &[u8], text: &str, seal: &str) -> bool {
    let bytes = (0..seal.len()).step_by(2).map(|at| u8::from_str_radix(seal.get(at..at + 2)?, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    let key = Key::new(HMAC_SHA256, key);
    bytes.is_some_and(|bytes| hmac::verify(&key, text.as_bytes(), &bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_one_key_and_one_text() {
        let made = seal(b"key", "text");
        assert!(is_sealed(b"key", "text", &made));
        assert!(!is_sealed(b"kez", "text", &made) && !is_sealed(b"key", "texu", &made));
        for wrong in ["", "zz", &made[1..], &made[2..], "ä"] {
            assert!(!is_sealed(b"key", "text", wrong), "{wrong}");
        }
        // RFC 4231, test case 2.
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(seal(b"Jefe", "what do ya want for nothing?"), known);
    }
}
