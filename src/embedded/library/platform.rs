//! The platforms that chDB is published for.

/// A platform that chDB is published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Linux with glibc on `x86_64`.
    LinuxX64,
    /// Linux with glibc on `aarch64`.
    LinuxArm64,
    /// macOS on Apple silicon.
    MacosArm64,
    /// macOS on Intel.
    MacosX64,
}

impl Platform {
    /// The platform this program was built for; `None` if there is no chDB for it.
    pub const fn current() -> Option<Self> {
        let glibc = cfg!(all(target_os = "linux", target_env = "gnu"));
        let macos = cfg!(target_os = "macos");
        // Both halves of a pair have 64 bits: x32 calls itself x86_64 as well.
        let x64 = cfg!(all(target_arch = "x86_64", target_pointer_width = "64"));
        let arm64 = cfg!(all(target_arch = "aarch64", target_pointer_width = "64"));
        match (glibc, macos, x64, arm64) {
            (true, _, true, _) => Some(Self::LinuxX64),
            (true, _, _, true) => Some(Self::LinuxArm64),
            (_, true, _, true) => Some(Self::MacosArm64),
            (_, true, true, _) => Some(Self::MacosX64),
            _ => None,
        }
    }

    /// What this program was built for, such as `x86_64 linux (musl)`.
    pub(super) fn describe_current() -> String {
        use std::env::consts::{ARCH, OS};
        let libc = if cfg!(target_env = "musl") {
            " (musl)"
        } else {
            ""
        };
        format!("{ARCH} {OS}{libc}")
    }

    /// Its name, as chDB's npm packages end in it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinuxX64 => "linux-x64-gnu",
            Self::LinuxArm64 => "linux-arm64-gnu",
            Self::MacosArm64 => "darwin-arm64",
            Self::MacosX64 => "darwin-x64",
        }
    }

    /// The archive among the files of a chDB release.
    pub(super) const fn release_asset(self) -> &'static str {
        match self {
            Self::LinuxX64 => "linux-x86_64-libchdb.tar.gz",
            Self::LinuxArm64 => "linux-aarch64-libchdb.tar.gz",
            Self::MacosArm64 => "macos-arm64-libchdb.tar.gz",
            Self::MacosX64 => "macos-x86_64-libchdb.tar.gz",
        }
    }

    /// What the library's file is called here.
    pub const fn library_file(self) -> &'static str {
        match self {
            Self::LinuxX64 | Self::LinuxArm64 => "libchdb.so",
            Self::MacosArm64 | Self::MacosX64 => "libchdb.dylib",
        }
    }
}
