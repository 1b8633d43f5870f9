//! The decompressors of rpm, as state machines that neither read nor allocate without bound.

use bzip2::Decompress as Bzip2;
use flate2::{Decompress as Gzip, FlushDecompress};
use liblzma::stream::{Action, Error as LzmaError, Status as LzmaStatus, Stream as Lzma};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// How the payload is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compressor {
    None,
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
}

impl Compressor {
    /// By the name in the header.
    pub(crate) fn from_name(name: &str) -> Option<Compressor> {
        Some(match name {
            "gzip" => Compressor::Gzip,
            "bzip2" => Compressor::Bzip2,
            "xz" => Compressor::Xz,
            "lzma" => Compressor::Lzma,
            "zstd" => Compressor::Zstd,
            "none" => Compressor::None,
            _ => return None,
        })
    }

    /// By the payload's first bytes. LZMA streams are not told apart: their beginning is not fixed.
    pub(crate) fn sniff(bytes: &[u8]) -> Option<Compressor> {
        let candidates = [
            Compressor::None,
            Compressor::Gzip,
            Compressor::Bzip2,
            Compressor::Xz,
            Compressor::Zstd,
        ];
        candidates
            .into_iter()
            .find(|compressor| compressor.begins(bytes))
    }

    /// Whether a stream of this kind begins here.
    pub(crate) fn begins(self, bytes: &[u8]) -> bool {
        match self {
            Compressor::None => bytes.starts_with(b"07070"),
            Compressor::Gzip => bytes.starts_with(&[0x1f, 0x8b]),
            Compressor::Bzip2 => bytes.starts_with(b"BZh"),
            Compressor::Xz => bytes.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]),
            Compressor::Lzma => false,
            Compressor::Zstd => {
                let skippable = bytes.len() >= 4 && bytes[0] & 0xf0 == 0x50;
                bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
                    || skippable && bytes[1..4] == [0x2a, 0x4d, 0x18]
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Compressor::None => "none",
            Compressor::Gzip => "gzip",
            Compressor::Bzip2 => "bzip2",
            Compressor::Xz => "xz",
            Compressor::Lzma => "lzma",
            Compressor::Zstd => "zstd",
        }
    }
}

/// Most bytes that [`Compressor::begins`] looks at.
pub(super) const MAGIC_SIZE: usize = 6;

/// One stream being unpacked.
pub(super) enum Decoder {
    None,
    Gzip(Gzip),
    Bzip2(Bzip2),
    Lzma(Lzma),
    Zstd(DCtx<'static>),
}

/// What one step did.
#[derive(Default)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The stream is complete.
    pub(super) finished: bool,
}

/// Why a step could not be made.
pub(super) enum Failure {
    /// The stream is not sound.
    Broken,
    /// It asks for more memory than it may have.
    Memory,
}

impl Decoder {
    /// A decoder that stays below so many bytes of memory.
    pub(super) fn new(compressor: Compressor, memory: u64) -> Result<Decoder, Failure> {
        Ok(match compressor {
            Compressor::None => Decoder::None,
            Compressor::Gzip => Decoder::Gzip(Gzip::new_gzip(GZIP_WINDOW_LOG)),
            Compressor::Bzip2 => Decoder::Bzip2(Bzip2::new(false)),
            Compressor::Xz => Decoder::Lzma(Lzma::new_stream_decoder(memory, 0).map_err(lzma)?),
            Compressor::Lzma => Decoder::Lzma(Lzma::new_lzma_decoder(memory).map_err(lzma)?),
            Compressor::Zstd => {
                let mut context = DCtx::try_create().ok_or(Failure::Memory)?;
                let window = memory
                    .max(1)
                    .ilog2()
                    .clamp(ZSTD_WINDOW_MIN, ZSTD_WINDOW_MAX);
                let limit = DParameter::WindowLogMax(window);
                context.set_parameter(limit).map_err(|_| Failure::Memory)?;
                Decoder::Zstd(context)
            }
        })
    }

    /// Unpacks from the input's front to the output's front.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Failure> {
        match self {
            Decoder::None => Ok(copy(input, output)),
            Decoder::Gzip(stream) => gzip_step(stream, input, output),
            Decoder::Bzip2(stream) => bzip2_step(stream, input, output),
            Decoder::Lzma(stream) => lzma_step(stream, input, output),
            Decoder::Zstd(context) => zstd_step(context, input, output),
        }
    }
}

/// 32 KiB, the only window gzip has.
const GZIP_WINDOW_LOG: u8 = 15;
/// Bounds of what zstd takes as the logarithm of its window.
const ZSTD_WINDOW_MIN: u32 = 10;
const ZSTD_WINDOW_MAX: u32 = 31;

fn copy(input: &[u8], output: &mut [u8]) -> Step {
    let count = input.len().min(output.len());
    output[..count].copy_from_slice(&input[..count]);
    Step {
        consumed: count,
        produced: count,
        finished: false,
    }
}

fn gzip_step(stream: &mut Gzip, input: &[u8], output: &mut [u8]) -> Result<Step, Failure> {
    let (read, written) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, output, FlushDecompress::None);
    Ok(Step {
        finished: status.map_err(|_| Failure::Broken)? == flate2::Status::StreamEnd,
        consumed: (stream.total_in() - read) as usize,
        produced: (stream.total_out() - written) as usize,
    })
}

fn bzip2_step(stream: &mut Bzip2, input: &[u8], output: &mut [u8]) -> Result<Step, Failure> {
    let (read, written) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, output);
    Ok(Step {
        finished: status.map_err(|_| Failure::Broken)? == bzip2::Status::StreamEnd,
        consumed: (stream.total_in() - read) as usize,
        produced: (stream.total_out() - written) as usize,
    })
}

fn lzma_step(stream: &mut Lzma, input: &[u8], output: &mut [u8]) -> Result<Step, Failure> {
    let (read, written) = (stream.total_in(), stream.total_out());
    let status = stream.process(input, output, Action::Run);
    Ok(Step {
        finished: status.map_err(lzma)? == LzmaStatus::StreamEnd,
        consumed: (stream.total_in() - read) as usize,
        produced: (stream.total_out() - written) as usize,
    })
}

fn lzma(error: LzmaError) -> Failure {
    match error {
        LzmaError::MemLimit | LzmaError::Mem => Failure::Memory,
        _ => Failure::Broken,
    }
}

fn zstd_step(context: &mut DCtx<'_>, input: &[u8], output: &mut [u8]) -> Result<Step, Failure> {
    let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(output));
    let result = context.decompress_stream(&mut to, &mut from);
    let left = result.map_err(|code| match zstd_needs_memory(code) {
        true => Failure::Memory,
        false => Failure::Broken,
    })?;
    Ok(Step {
        consumed: from.pos(),
        produced: to.pos(),
        finished: left == 0,
    })
}

fn zstd_needs_memory(code: usize) -> bool {
    use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode as Code;
    let kinds = [
        Code::ZSTD_error_frameParameter_windowTooLarge,
        Code::ZSTD_error_memory_allocation,
    ];
    kinds
        .into_iter()
        .any(|kind| zstd::zstd_safe::is_error_kind(code, kind))
}
