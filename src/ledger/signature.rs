//! Who vouches for a chain: an Ed25519 key pair, and what it signs.
//!
//! The private key never leaves the store; the public one is given to whoever checks exports, and kept by
//! them: an export names the key that signed it, but cannot say that it is ours.

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::hex::{from_hex, to_hex};

/// Sets these signatures apart from whatever else the key could be made to sign.
const DOMAIN: &[u8] = b"privaflow ledger head 1\n";

/// Signs heads. Printing it is safe, and it is wiped when dropped.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// From the 32 bytes of its key.
    pub fn new(key: &[u8; 32]) -> Signer {
        Signer(SigningKey::from_bytes(key))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature over a text, as hexadecimal digits.
    pub fn sign(&self, text: &[u8]) -> String {
        to_hex(&self.0.sign(&[DOMAIN, text].concat()).to_bytes())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(redacted)")
    }
}

/// A text that is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no Ed25519 public key as `privaflow ledger key` prints it")]
pub struct BadKey;

/// Checks signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a PEM file.
    pub fn of_pem(text: &str) -> Result<PublicKey, BadKey> {
        VerifyingKey::from_public_key_pem(text.trim()).map(PublicKey).map_err(|_| BadKey)
    }

    /// Reads the digits that an export has.
    pub fn of_hex(text: &str) -> Option<PublicKey> {
        VerifyingKey::from_bytes(&from_hex(text)?).ok().map(PublicKey)
    }

    /// As PEM, the way other programs read it.
    pub fn pem(&self) -> Result<String, BadKey> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| BadKey)
    }

    /// Its 32 bytes, as hexadecimal digits.
    pub fn hex(&self) -> String {
        to_hex(self.0.as_bytes())
    }

    /// The first 32 digits of the SHA-256 over its 32 bytes: short enough to be read out.
    pub fn fingerprint(&self) -> String {
        to_hex(&Sha256::digest(self.0.as_bytes())).chars().take(32).collect()
    }

    /// Whether this key's owner signed a text.
    pub fn has_signed(&self, text: &[u8], signature: &str) -> bool {
        let Some(signature) = from_hex(signature).map(|bytes| Signature::from_bytes(&bytes)) else {
            return false;
        };
        self.0.verify_strict(&[DOMAIN, text].concat(), &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_text_and_key_only() {
        let (own, other) = (Signer::new(&[7; 32]), Signer::new(&[8; 32]));

        let signature = own.sign(b"text");

        assert!(own.public().has_signed(b"text", &signature));
        assert!(!own.public().has_signed(b"texts", &signature));
        assert!(!other.public().has_signed(b"text", &signature));
        assert!(!own.public().has_signed(b"text", &signature.to_uppercase()));
        assert_eq!(format!("{own:?}"), "Signer(redacted)");
    }

    #[test]
    fn a_public_key_is_read_as_it_was_written() {
        let key = Signer::new(&[7; 32]).public();

        let pem = key.pem().unwrap();

        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
        assert_eq!(PublicKey::of_pem(&format!("\n{pem}\n")), Ok(key));
        assert_eq!(PublicKey::of_hex(&key.hex()), Some(key));
        assert_eq!(PublicKey::of_pem("-----BEGIN"), Err(BadKey));
        assert_eq!(key.fingerprint().len(), 32);
    }
}
