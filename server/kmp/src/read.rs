//! The whole way through one package.
//!
//! ```text
//! package = lead (96 bytes), signature header, padding to 8, header, payload
//! ```

use std::io;

use crate::dependency::Dependencies;
use crate::error::Part;
use crate::files::FileList;
use crate::header::Header;
use crate::identity::{self, Identity};
use crate::lead::Lead;
use crate::oddities::Oddities;
use crate::payload::Payload;
use crate::signature::SignatureHeader;
use crate::source::Source;
use crate::text::{note_odd_data, text};
use crate::{Error, Keep, KeptFile, Limits, Package, expectations, scriptlet, tag};

/// Reads a package from its first byte to its last: what it says of itself, and what is in it.
///
/// The input is read once, in pieces; buffering it is not needed. Beside the facts themselves, no
/// more is in memory than the header, the decompressor, one module, and another of 1 MiB at most that
/// waits to be hashed with it.
///
/// # Errors
/// Only when there is no way to go on, see [`Error`]. A digest that does not match is no error, see
/// [`Package::digests`]; neither is a signature, which is not looked at.
pub fn read(input: impl io::Read, limits: &Limits) -> Result<Package, Error> {
    read_with(input, limits, Wanted::default()).map(|(package, _)| package)
}

/// The same, and gathers what verifying the modules' own signatures takes, see
/// [`crate::PackagedModule::seal`]. Each signed module is hashed once more.
///
/// # Errors
/// As [`read`].
pub fn read_sealed(input: impl io::Read, limits: &Limits) -> Result<Package, Error> {
    let wanted = Wanted {
        seals: true,
        ..Wanted::default()
    };
    read_with(input, limits, wanted).map(|(package, _)| package)
}

/// What a package says of itself. Its payload is hashed as it is packed and not unpacked: there are no
/// modules, no certificates, and no digests of what is inside. An archive size that the package does
/// not say is 0.
///
/// # Errors
/// As [`read`], but for what only unpacking shows.
pub fn read_headers(input: impl io::Read, limits: &Limits) -> Result<Package, Error> {
    read_as_far_as(input, limits, None).map(|(package, _)| package)
}

/// The same, and hands out the contents of the regular files that `keep` asks for, in the order of
/// the payload. Modules are read, never handed out.
///
/// # Errors
/// As [`read`]; and files to be kept that are larger than `keep` allows.
pub fn read_keeping(
    input: impl io::Read,
    limits: &Limits,
    keep: Keep,
) -> Result<(Package, Vec<KeptFile>), Error> {
    let wanted = Wanted {
        keep,
        ..Wanted::default()
    };
    read_with(input, limits, wanted)
}

/// What to take along beside the facts.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) keep: Keep,
    pub(crate) seals: bool,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted {
            keep: Keep::NOTHING,
            seals: false,
        }
    }
}

fn read_with(
    input: impl io::Read,
    limits: &Limits,
    wanted: Wanted,
) -> Result<(Package, Vec<KeptFile>), Error> {
    read_as_far_as(input, limits, Some(wanted))
}

/// Unpacks the payload only if something is wanted of it, were it the modules alone.
fn read_as_far_as(
    input: impl io::Read,
    limits: &Limits,
    wanted: Option<Wanted>,
) -> Result<(Package, Vec<KeptFile>), Error> {
    let mut source = Source::new(input, limits.file_size);
    let mut oddities = Oddities::default();
    let lead = Lead::read(&mut source, &mut oddities)?;
    let signature = SignatureHeader::read(&mut source, limits, &mut oddities)?;
    source.watch(signature.whole_checks());
    let header = Header::read(&mut source, Part::Header, limits, &mut oddities)?;
    note_odd_data(&header, &mut oddities);
    let identity = Identity::read(&header, &mut oddities)?;
    lead.compare(&identity, &mut oddities);
    let list = FileList::read(&header, identity.is_source, limits, &mut oddities)?;
    let dependencies = Dependencies::read(&header, &identity, limits, &mut oddities)?;
    let changelog = identity::changelog(&header, limits, &mut oddities)?;
    let scriptlets = scriptlet::read(&header, &mut oddities);

    let packed = expectations::packed(&header, &mut oddities);
    let archive_size = archive_size(&signature, &header);
    let mut payload = if let Some(wanted) = wanted {
        source.watch(packed);
        let work = (limits, wanted);
        let payload = Payload::read(source, &header, &list, &signature, work, &mut oddities)?;
        let expected = expected_size(&signature, &header);
        payload.note_odd_sizes(archive_size, expected, &mut oddities);
        payload
    } else {
        if !packed.is_empty() && signature.has_header_digests() {
            // Together they say the same as the one over both.
            source.watch_no_more();
            source.watch(packed);
        }
        Payload::pass_over(source, &header, &mut oddities)?
    };
    let mut digests = signature.header_checks(&header.bytes);
    digests.append(&mut payload.digests);
    digests.append(&mut payload.contents.digests);
    oddities.extend(payload.contents.oddities);

    let package = Package {
        summary: text(&header, tag::SUMMARY).unwrap_or_default(),
        description: text(&header, tag::DESCRIPTION).unwrap_or_default(),
        license: text(&header, tag::LICENSE),
        vendor: text(&header, tag::VENDOR),
        packager: text(&header, tag::PACKAGER),
        group: text(&header, tag::GROUP),
        url: text(&header, tag::URL),
        build_host: text(&header, tag::BUILD_HOST),
        source_rpm: text(&header, tag::SOURCE_RPM),
        build_time: header.number(tag::BUILD_TIME).unwrap_or(0),
        installed_size: first_number(&header, [tag::LONG_SIZE, tag::SIZE]).unwrap_or(0),
        archive_size: archive_size.unwrap_or(payload.contents.archive_size),
        name: identity.name,
        epoch: identity.epoch,
        version: identity.version,
        release: identity.release,
        arch: identity.arch,
        is_source: identity.is_source,
        rpm_format: identity.rpm_format,
        dependencies,
        files: list.files,
        scriptlets,
        changelog,
        modules: payload.contents.modules,
        certificates: payload.contents.certificates,
        compressor: payload.compressor.to_owned(),
        file_size: payload.file_size,
        sha256: payload.sha256,
        header_start: header.start,
        header_end: header.end(),
        header_bytes: header.bytes,
        signatures: signature.signatures,
        digests,
        oddities: oddities.into_vec(),
    };
    Ok((package, payload.contents.kept))
}

/// Bytes of the unpacked payload, as the package says.
pub(crate) fn archive_size(signature: &SignatureHeader, header: &Header) -> Option<u64> {
    let tags = [
        tag::PAYLOAD_SIZE_ALT,
        tag::LONG_ARCHIVE_SIZE,
        tag::ARCHIVE_SIZE,
    ];
    signature
        .archive_size
        .or_else(|| first_number(header, tags))
}

/// Bytes of the whole file, as the package says.
pub(crate) fn expected_size(signature: &SignatureHeader, header: &Header) -> Option<u64> {
    let by_signature = signature
        .size
        .and_then(|size| header.start.checked_add(size));
    let payload = header.number(tag::PAYLOAD_SIZE);
    by_signature.or_else(|| header.end().checked_add(payload?))
}

fn first_number<const N: usize>(header: &Header, tags: [u32; N]) -> Option<u64> {
    tags.into_iter().find_map(|tag| header.number(tag))
}
