//! Logins of HTTP's Basic scheme (RFC 7617).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// Who somebody says that they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The name, which need not be text.
    pub name: Vec<u8>,
    /// The password, likewise.
    pub password: Vec<u8>,
}

/// What a password is known by: hashes are of one length, so that comparing them tells nothing of
/// the password's.
pub struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// The hash of a password.
    pub fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }
}

impl Login {
    /// What the header for it says; `None` if there is none that can be understood.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        Some(Self {
            name: decoded[..colon].to_vec(),
            password: decoded[colon + 1..].to_vec(),
        })
    }

    /// Whether it is this user's, in a time that does not tell how nearly.
    pub fn is(&self, name: &[u8], password: &PasswordHash) -> bool {
        let named = Choice::from(u8::from(self.name == name));
        let PasswordHash(given) = PasswordHash::of(&self.password);
        bool::from(named & password.0.ct_eq(&given))
    }
}
