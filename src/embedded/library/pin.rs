//! The one version of the library that is fetched, and the digests of the archives it is in.

use std::{borrow::Cow, fmt, io};

use sha2::{Sha256, Sha512};

use super::Platform;

/// The version of the npm packages that hold the library.
pub const VERSION: &str = "26.7.3-stable.1";

/// What the library in them says of itself; the tag of its release is the same behind a `v`.
pub const ENGINE_VERSION: &str = "26.7.3";

/// The digest that an archive must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// In hexadecimal.
    Sha256(Cow<'static, str>),
    /// In hexadecimal.
    Sha512(Cow<'static, str>),
}

/// The archives of one platform, as pinned.
#[derive(Clone, Debug)]
pub(super) struct Pins {
    /// The npm package's; where it is `None`, the package counts as good when it is what the
    /// registry says it is, which npm checks.
    pub npm: Option<Digest>,
    /// The release's.
    pub release: Digest,
}

impl Pins {
    pub(super) const fn of(platform: Platform) -> Self {
        let (npm, release) = match platform {
            Platform::LinuxX64 => (
                Some(
                    "5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35\
                     a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7",
                ),
                "bc33260c32acf78eade2ac41a9115f38e00404651fa42e3bb4c419e4f011c031",
            ),
            Platform::LinuxArm64 => (
                None,
                "d153adad1ff39b2e3caf0417f09d8bd9edd41939c7c67a3c4978a61e73fb9227",
            ),
            Platform::MacosArm64 => (
                None,
                "5640e50dccf711bf3dd5551333d08e43f433edf7bd94b2289f36c2539e627762",
            ),
            Platform::MacosX64 => (
                None,
                "af5ded3ed3e84c31af1cd198dcf459f11d2b6aad4f6ddeccc04b8a519b0300fc",
            ),
        };
        Self {
            npm: match npm {
                Some(hex) => Some(Digest::Sha512(Cow::Borrowed(hex))),
                None => None,
            },
            release: Digest::Sha256(Cow::Borrowed(release)),
        }
    }
}

impl Digest {
    /// The digest, by the same algorithm, of all that `reader` gives.
    pub(super) fn of_same_kind(&self, reader: impl io::Read) -> io::Result<Self> {
        Ok(match self {
            Self::Sha256(_) => Self::Sha256(hash::<Sha256>(reader)?.into()),
            Self::Sha512(_) => Self::Sha512(hash::<Sha512>(reader)?.into()),
        })
    }
}

/// The SHA-256 of all that `reader` gives, in hexadecimal.
pub(super) fn sha256(reader: impl io::Read) -> io::Result<String> {
    hash::<Sha256>(reader)
}

fn hash<D: sha2::Digest + io::Write>(reader: impl io::Read) -> io::Result<String> {
    let mut hasher = D::new();
    let mut reader = io::BufReader::with_capacity(1 << 18, reader);
    io::copy(&mut reader, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "SHA-256 {hex}"),
            Self::Sha512(hex) => write!(f, "SHA-512 {hex}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_a_digest() {
        for platform in [
            Platform::LinuxX64,
            Platform::LinuxArm64,
            Platform::MacosArm64,
            Platform::MacosX64,
        ] {
            let Pins { npm, release } = Pins::of(platform);
            for digest in npm.into_iter().chain([release]) {
                let (text, bytes) = match digest {
                    Digest::Sha256(text) => (text, 32),
                    Digest::Sha512(text) => (text, 64),
                };
                assert_eq!(hex::decode(&*text).unwrap().len(), bytes, "{platform:?}");
            }
        }
    }

    #[test]
    fn a_digest_is_of_the_bytes() {
        let abc = sha256(&b"abc"[..]).unwrap();
        assert!(abc.starts_with("ba7816bf") && abc.ends_with("f20015ad"));
    }
}
