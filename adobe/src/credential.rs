//! What proves who we are to IMS. Kept in memory only, in types that cannot be printed.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The scopes that Adobe documents for Experience Platform (experience-platform.md §1.1). Audience Manager's own scope
/// is shown by the Developer Console only (audience-manager.md §1.1), so a Secret may name others.
pub const DEFAULT_SCOPES: &str =
    "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext";

/// An OAuth server-to-server credential.
#[derive(Clone)]
pub struct Credential {
    pub client_id: String,
    pub client_secret: SecretString,
    /// Separated by commas, as IMS takes them.
    pub scopes: String,
}

impl Credential {
    /// Tells whether a credential was rotated. It is not a secret's substitute: it is kept in memory, like the secret.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        for field in [
            self.client_id.as_str(),
            self.client_secret.expose_secret(),
            self.scopes.as_str(),
        ] {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        Fingerprint(hash.finalize().into())
    }
}

impl Credential {
    /// Whether a text that would be reported repeats the secret.
    pub(super) fn is_in(&self, text: &str) -> bool {
        repeats(text, self.client_secret.expose_secret())
    }
}

/// Bytes. IMS' secrets have some forty, its tokens hundreds; what is shorter is in a code by chance.
const SECRET_BYTES_MIN: usize = 8;

pub(super) fn repeats(text: &str, secret: &str) -> bool {
    secret.len() >= SECRET_BYTES_MIN && text.contains(secret)
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(…)")
    }
}

/// Equal exactly for equal credentials.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;

    fn credential(client_id: &str, client_secret: &str, scopes: &str) -> Credential {
        Credential {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scopes: scopes.into(),
        }
    }

    #[test]
    fn the_fingerprint_follows_every_field_and_its_bounds() {
        let first = credential("id", "secret", "a,b").fingerprint();
        assert_eq!(first, credential("id", "secret", "a,b").fingerprint());
        for other in [
            ("ix", "secret", "a,b"),
            ("id", "secres", "a,b"),
            ("id", "secret", "a"),
            ("ids", "ecret", "a,b"),
        ] {
            assert_ne!(
                first,
                credential(other.0, other.1, other.2).fingerprint(),
                "{other:?}"
            );
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let credential = credential("canary-id", "canary-secret", "canary-scope");
        assert_eq!(
            format!("{credential:?} {:?}", credential.fingerprint()),
            "Credential(…) Fingerprint(…)"
        );
    }
}
