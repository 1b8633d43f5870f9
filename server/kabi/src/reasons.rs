//! The reasons of a verdict as bytes: what databases keep, ten thousand at a time.
//!
//! ```text
//! reasons = version number text* number module*
//! module  = place(name) verdict number(needed_total) number(needed_ok) number reason*
//! reason  = place(code) bits [place(symbol)] [crc(expected)] [crc(found)] [place(provider)]
//!           [place(detail)]
//! place   = number, of a text among those at the beginning
//! bits    = 0 and 1: severity; then symbol, expected, found, provider, detail: whether it is there
//! ```
//!
//! Texts, of which codes and providers repeat, stand there once; numbers and the rest are written as
//! those of packed packages are. Some 30 bytes for a reason.

use crate::bytes::{Damaged, Reader, crc, number, text};
use crate::verdict::{ModuleVerdict, Reason, Severity, Verdict};
use std::collections::HashMap;

/// First byte.
const VERSION: u8 = 1;

/// By their number in bits 0 and 1.
const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warn, Severity::Fatal];
const SEVERITY: u8 = 0b11;
const SYMBOL: u8 = 1 << 2;
const EXPECTED: u8 = 1 << 3;
const FOUND: u8 = 1 << 4;
const PROVIDER: u8 = 1 << 5;
const DETAIL: u8 = 1 << 6;
const ALL: u8 = (1 << 7) - 1;

/// Packs the verdicts on some modules with their reasons.
#[must_use]
pub fn pack(modules: &[ModuleVerdict]) -> Vec<u8> {
    let mut texts = Texts::default();
    let mut body = Vec::with_capacity(256);
    number(&mut body, modules.len() as u64);
    for module in modules {
        write_module(&mut body, &mut texts, module);
    }
    let mut out = Vec::with_capacity(body.len() + 16 * texts.list.len());
    out.push(VERSION);
    number(&mut out, texts.list.len() as u64);
    for one in &texts.list {
        text(&mut out, one.as_bytes());
    }
    out.extend(body);
    out
}

/// What [`pack`] packed.
///
/// # Errors
/// The bytes are something else, or damaged.
pub fn unpack(bytes: &[u8]) -> Result<Vec<ModuleVerdict>, Damaged> {
    let mut reader = Reader::of(bytes);
    if reader.byte()? != VERSION {
        return Err(Damaged { at: 0 });
    }
    let texts = (0..reader.count()?).map(|_| reader.text());
    let texts = texts.collect::<Result<Vec<&str>, _>>()?;
    let modules = (0..reader.count()?).map(|_| read_module(&mut reader, &texts));
    let modules = modules.collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(modules)
}

/// Every distinct text, in the order in which they came.
#[derive(Default)]
struct Texts<'a> {
    list: Vec<&'a str>,
    places: HashMap<&'a str, u64>,
}

impl<'a> Texts<'a> {
    fn place(&mut self, text: &'a str) -> u64 {
        let next = self.list.len() as u64;
        *self.places.entry(text).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }
}

fn write_module<'a>(out: &mut Vec<u8>, texts: &mut Texts<'a>, module: &'a ModuleVerdict) {
    number(out, texts.place(&module.module));
    let verdict = Verdict::ALL.iter().position(|v| *v == module.verdict);
    out.push(verdict.unwrap_or_default() as u8);
    number(out, module.needed_total as u64);
    number(out, module.needed_ok as u64);
    number(out, module.reasons.len() as u64);
    for reason in &module.reasons {
        write_reason(out, texts, reason);
    }
}

fn write_reason<'a>(out: &mut Vec<u8>, texts: &mut Texts<'a>, reason: &'a Reason) {
    number(out, texts.place(&reason.code));
    let severity = SEVERITIES.iter().position(|s| *s == reason.severity);
    let mut bits = severity.unwrap_or_default() as u8;
    for (bit, is_there) in [
        (SYMBOL, reason.symbol.is_some()),
        (EXPECTED, reason.expected.is_some()),
        (FOUND, reason.found.is_some()),
        (PROVIDER, reason.provider.is_some()),
        (DETAIL, reason.detail.is_some()),
    ] {
        bits |= if is_there { bit } else { 0 };
    }
    out.push(bits);
    if let Some(symbol) = &reason.symbol {
        number(out, texts.place(symbol));
    }
    for version in [reason.expected, reason.found].into_iter().flatten() {
        crc(out, version);
    }
    for one in [&reason.provider, &reason.detail].into_iter().flatten() {
        number(out, texts.place(one));
    }
}

fn read_module(reader: &mut Reader<'_>, texts: &[&str]) -> Result<ModuleVerdict, Damaged> {
    let module = read_place(reader, texts)?;
    let verdict = Verdict::ALL.get(usize::from(reader.byte()?)).copied();
    let verdict = verdict.ok_or_else(|| reader.damaged())?;
    let needed_total = reader.size()?;
    let needed_ok = reader.size()?;
    let reasons = (0..reader.count()?).map(|_| read_reason(reader, texts));
    Ok(ModuleVerdict {
        module,
        verdict,
        reasons: reasons.collect::<Result<_, _>>()?,
        needed_total,
        needed_ok,
    })
}

fn read_reason(reader: &mut Reader<'_>, texts: &[&str]) -> Result<Reason, Damaged> {
    let code = read_place(reader, texts)?;
    let bits = reader.byte()?;
    let has = |bit: u8| bits & bit != 0;
    let severity = SEVERITIES.get(usize::from(bits & SEVERITY)).copied();
    let severity = severity.filter(|_| bits <= ALL);
    Ok(Reason {
        code,
        severity: severity.ok_or_else(|| reader.damaged())?,
        symbol: has(SYMBOL).then(|| read_place(reader, texts)).transpose()?,
        expected: has(EXPECTED).then(|| reader.crc()).transpose()?,
        found: has(FOUND).then(|| reader.crc()).transpose()?,
        provider: has(PROVIDER)
            .then(|| read_place(reader, texts))
            .transpose()?,
        detail: has(DETAIL).then(|| read_place(reader, texts)).transpose()?,
    })
}

fn read_place(reader: &mut Reader<'_>, texts: &[&str]) -> Result<String, Damaged> {
    let text = texts.get(reader.size()?).copied();
    Ok(text.ok_or_else(|| reader.damaged())?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmod::Crc;
    use proptest::prelude::*;

    fn any_reason() -> impl Strategy<Value = Reason> {
        let text = || proptest::option::of("[a-z\\x00é]{0,6}");
        let version = || proptest::option::of(any::<u32>().prop_map(Crc));
        let severity = prop::sample::select(&SEVERITIES);
        let parts = (
            "[a-z-]{1,9}",
            severity,
            text(),
            version(),
            version(),
            text(),
            text(),
        );
        parts.prop_map(
            |(code, severity, symbol, expected, found, provider, detail)| Reason {
                code,
                severity,
                symbol,
                expected,
                found,
                provider,
                detail,
            },
        )
    }

    fn any_modules() -> impl Strategy<Value = Vec<ModuleVerdict>> {
        let verdict = prop::sample::select(&Verdict::ALL);
        let reasons = proptest::collection::vec(any_reason(), 0..5);
        let module = ("[a-z]{0,3}", verdict, reasons, 0usize..999, 0usize..999);
        let module =
            module.prop_map(
                |(module, verdict, reasons, needed_total, needed_ok)| ModuleVerdict {
                    module,
                    verdict,
                    reasons,
                    needed_total,
                    needed_ok,
                },
            );
        proptest::collection::vec(module, 0..4)
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_out(modules in any_modules()) {
            let packed = pack(&modules);
            prop_assert_eq!(unpack(&packed), Ok(modules));
            for length in 0..packed.len() {
                prop_assert!(unpack(&packed[..length]).is_err(), "cut to {}", length);
            }
        }

        #[test]
        fn any_bytes_are_survived(
            modules in any_modules(),
            noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut packed = pack(&modules);
            for (place, byte) in noise {
                let place = place.index(packed.len());
                packed[place] = byte;
            }
            // An answer or an error, and what is understood means the same when packed again.
            if let Ok(understood) = unpack(&packed) {
                prop_assert_eq!(unpack(&pack(&understood)), Ok(understood));
            }
        }
    }

    #[test]
    fn a_reason_is_short() {
        let reason = |n: u32| {
            Reason::fatal(crate::codes::CRC_MISMATCH)
                .symbol(&format!("some_symbol_{n}"))
                .expected(Crc(n))
                .found(Crc(!n))
                .provider("vmlinux")
        };
        let module = ModuleVerdict {
            module: "acme".to_owned(),
            verdict: Verdict::Incompatible,
            reasons: (0..20).map(reason).collect(),
            needed_total: 200,
            needed_ok: 180,
        };
        let packed = pack(&[module]);
        assert!(packed.len() < 20 * 30 + 40, "{} bytes", packed.len());
    }
}
