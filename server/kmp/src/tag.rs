//! Numbers of the tags that are read (rpm's `rpmtag.h`), and which class of data each holds.

/// Tags of the signature header.
pub(crate) mod signature {
    pub(crate) const DSA: u32 = 267;
    pub(crate) const RSA: u32 = 268;
    pub(crate) const SHA1: u32 = 269;
    pub(crate) const LONG_SIZE: u32 = 270;
    pub(crate) const LONG_ARCHIVE_SIZE: u32 = 271;
    pub(crate) const SHA256: u32 = 273;
    pub(crate) const OPENPGP: u32 = 278;
    pub(crate) const SHA3_256: u32 = 279;
    pub(crate) const SIZE: u32 = 1000;
    pub(crate) const PGP: u32 = 1002;
    pub(crate) const MD5: u32 = 1004;
    pub(crate) const GPG: u32 = 1005;
    pub(crate) const ARCHIVE_SIZE: u32 = 1007;
}

pub(crate) const REGIONS: std::ops::RangeInclusive<u32> = 61..=63;
pub(crate) const LONG_ARCHIVE_SIZE: u32 = 271;
pub(crate) const NAME: u32 = 1000;
pub(crate) const VERSION: u32 = 1001;
pub(crate) const RELEASE: u32 = 1002;
pub(crate) const EPOCH: u32 = 1003;
pub(crate) const SUMMARY: u32 = 1004;
pub(crate) const DESCRIPTION: u32 = 1005;
pub(crate) const BUILD_TIME: u32 = 1006;
pub(crate) const BUILD_HOST: u32 = 1007;
pub(crate) const SIZE: u32 = 1009;
pub(crate) const VENDOR: u32 = 1011;
pub(crate) const LICENSE: u32 = 1014;
pub(crate) const PACKAGER: u32 = 1015;
pub(crate) const GROUP: u32 = 1016;
pub(crate) const URL: u32 = 1020;
pub(crate) const ARCH: u32 = 1022;
pub(crate) const OLD_FILE_NAMES: u32 = 1027;
pub(crate) const FILE_SIZES: u32 = 1028;
pub(crate) const FILE_MODES: u32 = 1030;
pub(crate) const FILE_DIGESTS: u32 = 1035;
pub(crate) const FILE_LINK_TARGETS: u32 = 1036;
pub(crate) const FILE_FLAGS: u32 = 1037;
pub(crate) const FILE_USERS: u32 = 1039;
pub(crate) const FILE_GROUPS: u32 = 1040;
pub(crate) const SOURCE_RPM: u32 = 1044;
pub(crate) const ARCHIVE_SIZE: u32 = 1046;
pub(crate) const NO_SOURCE: u32 = 1051;
pub(crate) const NO_PATCH: u32 = 1052;
pub(crate) const CHANGELOG_TIMES: u32 = 1080;
pub(crate) const CHANGELOG_AUTHORS: u32 = 1081;
pub(crate) const CHANGELOG_TEXTS: u32 = 1082;
pub(crate) const FILE_DEVICES: u32 = 1095;
pub(crate) const FILE_INODES: u32 = 1096;
pub(crate) const DIR_INDEXES: u32 = 1116;
pub(crate) const BASE_NAMES: u32 = 1117;
pub(crate) const DIR_NAMES: u32 = 1118;
pub(crate) const PAYLOAD_FORMAT: u32 = 1124;
pub(crate) const PAYLOAD_COMPRESSOR: u32 = 1125;
pub(crate) const LONG_FILE_SIZES: u32 = 5008;
pub(crate) const LONG_SIZE: u32 = 5009;
pub(crate) const FILE_CAPABILITIES: u32 = 5010;
pub(crate) const FILE_DIGEST_ALGORITHM: u32 = 5011;
pub(crate) const PAYLOAD_DIGEST: u32 = 5092;
pub(crate) const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
pub(crate) const PAYLOAD_DIGEST_ALT: u32 = 5097;
pub(crate) const PAYLOAD_SIZE: u32 = 5112;
pub(crate) const PAYLOAD_SIZE_ALT: u32 = 5113;
pub(crate) const RPM_FORMAT: u32 = 5114;
pub(crate) const PAYLOAD_SHA512: u32 = 5121;
pub(crate) const PAYLOAD_SHA512_ALT: u32 = 5122;
pub(crate) const PAYLOAD_SHA3_256: u32 = 5123;
pub(crate) const PAYLOAD_SHA3_256_ALT: u32 = 5124;

/// What kind of data a tag holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Text,
    Number,
}

/// The class of a tag of the main header that is read; `None` for all others.
pub(crate) fn class(tag: u32) -> Option<Class> {
    Some(match tag {
        NAME..=RELEASE
        | SUMMARY
        | DESCRIPTION
        | BUILD_HOST
        | VENDOR
        | LICENSE..=GROUP
        | URL
        | ARCH
        | OLD_FILE_NAMES
        | FILE_DIGESTS
        | FILE_LINK_TARGETS
        | FILE_USERS
        | FILE_GROUPS
        | SOURCE_RPM
        | CHANGELOG_AUTHORS
        | CHANGELOG_TEXTS
        | BASE_NAMES
        | DIR_NAMES
        | PAYLOAD_FORMAT
        | PAYLOAD_COMPRESSOR
        | FILE_CAPABILITIES
        | PAYLOAD_DIGEST
        | PAYLOAD_DIGEST_ALT
        | PAYLOAD_SHA512..=PAYLOAD_SHA3_256_ALT => Class::Text,
        LONG_ARCHIVE_SIZE
        | EPOCH
        | BUILD_TIME
        | SIZE
        | FILE_SIZES
        | FILE_MODES
        | FILE_FLAGS
        | ARCHIVE_SIZE
        | CHANGELOG_TIMES
        | FILE_DEVICES
        | FILE_INODES
        | DIR_INDEXES
        | LONG_FILE_SIZES
        | LONG_SIZE
        | FILE_DIGEST_ALGORITHM
        | PAYLOAD_DIGEST_ALGORITHM
        | PAYLOAD_SIZE..=RPM_FORMAT => Class::Number,
        _ => return crate::dependency::class(tag).or_else(|| crate::scriptlet::class(tag)),
    })
}
