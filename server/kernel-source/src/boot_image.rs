//! vmlinuz: the kernel image packed into a program that unpacks it while booting.
//!
//! ```text
//! offset 0x1f1  sectors of the setup code behind the first (0: 4)
//! offset 0x202  "HdrS", then the version of the protocol (2 bytes)
//! offset 0x248  payload's offset from the end of the setup code, 0x24c its length  ; from 2.08 on
//! ```
//! Source: `Documentation/arch/x86/boot.rst`. Other processors have other wrappings, which are not
//! undone here; a compressed vmlinux is.

use std::borrow::Cow;

use crate::unpack::{Stream, read_up_to};
use crate::{Error, Limits};

const MAGIC_AT: usize = 0x202;
const SECTOR: usize = 512;
/// First protocol that says where the payload is.
const PROTOCOL: u16 = 0x0208;

/// Does a boot image begin with these bytes?
pub(crate) fn begins(head: &[u8]) -> bool {
    head.get(MAGIC_AT..)
        .is_some_and(|rest| rest.starts_with(b"HdrS"))
}

/// The ELF image inside, or the bytes themselves where nothing is around them.
pub(crate) fn unpack<'b>(
    bytes: &'b [u8],
    place: &str,
    limits: &Limits,
) -> Result<Cow<'b, [u8]>, Error> {
    let packed = match begins(bytes) {
        true => payload(bytes).ok_or_else(|| {
            let why = "the boot image does not say where its payload is";
            broken(place, why)
        })?,
        false => bytes,
    };
    if packed.starts_with(b"\x7fELF") {
        return Ok(Cow::Borrowed(packed));
    }
    if kmod::compression(packed).is_none() {
        let why = "the kernel image is wrapped or packed in a way that is not known here (gzip, \
                   xz, zstd and bzip2 are)";
        return Err(broken(place, why));
    }
    let input = |source| Error::input(place, source);
    let mut stream = Stream::new(packed)
        .and_then(|stream| stream.unpacked(limits.image as u64 + 1))
        .map_err(input)?;
    // Behind the packed image its size stands, which is no further stream.
    let unpacked = match read_up_to(&mut stream.all, limits.image) {
        Ok(unpacked) => unpacked,
        Err(error) => return Err(input(error)),
    };
    unpacked.map(Cow::Owned).ok_or_else(|| Error::TooLarge {
        place: place.to_owned(),
        what: "bytes of the unpacked kernel image",
        limit: limits.image as u64,
    })
}

/// The packed image; without the four bytes of its unpacked size behind it.
fn payload(bytes: &[u8]) -> Option<&[u8]> {
    const SIZE: usize = 4;
    let number = |at: usize| {
        let bytes = bytes.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let protocol = u16::from_le_bytes(*bytes.get(MAGIC_AT + 4..)?.first_chunk()?);
    if protocol < PROTOCOL {
        return None;
    }
    let setup = match bytes.get(0x1f1)? {
        0 => 4,
        &sectors => usize::from(sectors),
    };
    let start = (setup + 1) * SECTOR + number(0x248)?;
    let end = start.checked_add(number(0x24c)?)?.checked_sub(SIZE)?;
    bytes.get(start..end)
}

fn broken(place: &str, why: &'static str) -> Error {
    Error::Image {
        place: place.to_owned(),
        why,
    }
}
