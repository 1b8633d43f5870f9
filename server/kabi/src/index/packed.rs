//! A package as bytes: what judging needs of its modules, and nothing else.
//!
//! ```text
//! package = version number module*
//! module  = text(name) text(class) number export* number id (id - previous id)*
//! class   = number(e_machine) bits more [text(vermagic)] [number(size)] [text(license)]
//!           number text(namespace)*
//! export  = text(symbol) bits [crc] [text(namespace)]
//! ```
//!
//! Numbers, texts and versions are those of [`crate::bytes`]. Needs are numbers in rising order, of
//! which the differences are small: some 1.2 bytes each.

use super::PackedError;
use super::need::{Need, NeedId};
use crate::bytes::{Damaged, Reader, crc, number, text};
use crate::judge::rules::REFUSED_FILES;
use kmod::{Btf, Export, Machine, Module, Oddity, Versions};

/// First byte of every package.
const VERSION: u8 = 1;

/// A module as it stands in the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PackedModule<'a> {
    pub name: &'a str,
    /// Undecoded: equal bytes are one class.
    pub class: &'a [u8],
    pub exports: Vec<Export>,
    /// Rising.
    pub needs: Vec<NeedId>,
}

/// Writes a package. `id_of` says the number of each need, or that it has none.
pub(super) fn write<E>(
    modules: &[Module],
    mut id_of: impl FnMut(&Need) -> Result<NeedId, E>,
) -> Result<Vec<u8>, E> {
    let mut out = vec![VERSION];
    number(&mut out, modules.len() as u64);
    for module in modules {
        text(&mut out, module.name.as_bytes());
        text(&mut out, &class_of(module));
        number(&mut out, module.exports.len() as u64);
        for one in &module.exports {
            export(&mut out, one);
        }
        let mut ids = Vec::with_capacity(module.imports.len());
        for import in &module.imports {
            ids.push(id_of(&Need::of(module, import))?);
        }
        needs(&mut out, ids);
    }
    Ok(out)
}

fn needs(out: &mut Vec<u8>, mut ids: Vec<NeedId>) {
    ids.sort_unstable();
    number(out, ids.len() as u64);
    let mut previous = 0;
    for NeedId(id) in ids {
        number(out, u64::from(id - previous));
        previous = id;
    }
}

fn class_of(module: &Module) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    let license = module.licenses().next();
    number(&mut out, u64::from(module.machine.e_machine));
    let versions = VERSIONS.iter().position(|v| *v == module.versions);
    let mut bits = versions.unwrap_or_default() as u8;
    for (bit, is_set) in [
        (IS_64, module.machine.is_64),
        (LITTLE_ENDIAN, module.machine.little_endian),
        (LIVEPATCH, module.livepatch),
        (HAS_VERMAGIC, module.vermagic.is_some()),
        (HAS_SIZE, module.this_module_size.is_some()),
        (HAS_LICENSE, license.is_some()),
    ] {
        bits |= if is_set { bit } else { 0 };
    }
    let btf = BTF.iter().position(|b| *b == module.btf);
    let mut more = btf.unwrap_or_default() as u8;
    for (place, (oddity, _)) in REFUSED_FILES.iter().enumerate() {
        let is_odd = module.oddities.iter().any(|odd| odd.code == *oddity);
        more |= u8::from(is_odd) << (BTF_BITS + place);
    }
    out.extend([bits, more]);
    if let Some(vermagic) = &module.vermagic {
        text(&mut out, vermagic.as_bytes());
    }
    if let Some(size) = module.this_module_size {
        number(&mut out, size);
    }
    if let Some(license) = license {
        text(&mut out, license.as_bytes());
    }
    let mut namespaces: Vec<&str> = module.import_namespaces().collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    number(&mut out, namespaces.len() as u64);
    for namespace in namespaces {
        text(&mut out, namespace.as_bytes());
    }
    out
}

fn export(out: &mut Vec<u8>, export: &Export) {
    text(out, export.symbol.as_bytes());
    let bits = u8::from(export.gpl) * EXPORT_GPL
        + u8::from(export.crc.is_some()) * EXPORT_CRC
        + u8::from(export.namespace.is_some()) * EXPORT_NAMESPACE;
    out.push(bits);
    if let Some(version) = export.crc {
        crc(out, version);
    }
    if let Some(namespace) = &export.namespace {
        text(out, namespace.as_bytes());
    }
}

/// Bits 0 and 1 of a class: the place in [`VERSIONS`].
const VERSIONS: [Versions; 4] = [
    Versions::None,
    Versions::Basic,
    Versions::Extended,
    Versions::Both,
];
const IS_64: u8 = 1 << 2;
const LITTLE_ENDIAN: u8 = 1 << 3;
const LIVEPATCH: u8 = 1 << 4;
const HAS_VERMAGIC: u8 = 1 << 5;
const HAS_SIZE: u8 = 1 << 6;
const HAS_LICENSE: u8 = 1 << 7;
/// Bits 0 and 1 of the byte behind: the place in this list. The bits above: in [`REFUSED_FILES`].
const BTF: [Btf; 3] = [Btf::None, Btf::Split, Btf::Distilled];
const BTF_BITS: usize = 2;

const EXPORT_GPL: u8 = 1;
const EXPORT_CRC: u8 = 2;
const EXPORT_NAMESPACE: u8 = 4;

/// Reads a package.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<PackedModule<'_>>, PackedError> {
    let mut reader = Reader::of(bytes);
    let version = reader.byte()?;
    if version != VERSION {
        return Err(PackedError::Version { found: version });
    }
    let count = reader.count()?;
    let mut modules = Vec::with_capacity(count);
    for _ in 0..count {
        modules.push(reader.module()?);
    }
    reader.end()?;
    Ok(modules)
}

/// A class as a module without name and symbols.
pub(super) fn read_class(bytes: &[u8]) -> Result<Module, PackedError> {
    let mut reader = Reader::of(bytes);
    let module = reader.class()?;
    reader.end()?;
    Ok(module)
}

impl<'a> Reader<'a> {
    fn module(&mut self) -> Result<PackedModule<'a>, Damaged> {
        let name = self.text()?;
        let class = self.run()?;
        let exports = (0..self.count()?)
            .map(|_| self.export())
            .collect::<Result<_, _>>()?;
        let count = self.count()?;
        let mut needs = Vec::with_capacity(count);
        let mut id = 0u32;
        for _ in 0..count {
            let step = u32::try_from(self.number()?).map_err(|_| self.damaged())?;
            id = id.checked_add(step).ok_or_else(|| self.damaged())?;
            needs.push(NeedId(id));
        }
        Ok(PackedModule {
            name,
            class,
            exports,
            needs,
        })
    }

    fn class(&mut self) -> Result<Module, Damaged> {
        let e_machine = u16::try_from(self.number()?).map_err(|_| self.damaged())?;
        let bits = self.byte()?;
        let has = |bit: u8| bits & bit != 0;
        let more = usize::from(self.byte()?);
        let btf = more & ((1 << BTF_BITS) - 1);
        let btf = *BTF.get(btf).ok_or_else(|| self.damaged())?;
        let mut odd = more >> BTF_BITS;
        if odd >> REFUSED_FILES.len() != 0 {
            return Err(self.damaged());
        }
        let mut oddities = Vec::new();
        for (oddity, _) in REFUSED_FILES {
            if odd & 1 != 0 {
                oddities.push(Oddity {
                    code: oddity.to_owned(),
                    detail: String::new(),
                });
            }
            odd >>= 1;
        }
        let vermagic = has(HAS_VERMAGIC).then(|| self.text()).transpose()?;
        let size = has(HAS_SIZE).then(|| self.number()).transpose()?;
        let license = has(HAS_LICENSE).then(|| self.text()).transpose()?;
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut modinfo: Vec<_> = license.map(|l| entry("license", l)).into_iter().collect();
        for _ in 0..self.count()? {
            modinfo.push(entry("import_ns", self.text()?));
        }
        Ok(Module {
            name: String::new(),
            machine: Machine {
                e_machine,
                is_64: has(IS_64),
                little_endian: has(LITTLE_ENDIAN),
            },
            vermagic: vermagic.map(str::to_owned),
            modinfo,
            imports: Vec::new(),
            exports: Vec::new(),
            versions: VERSIONS[usize::from(bits & 3)],
            this_module_size: size,
            signature: None,
            livepatch: has(LIVEPATCH),
            btf,
            oddities,
        })
    }

    fn export(&mut self) -> Result<Export, Damaged> {
        let symbol = self.text()?.to_owned();
        let bits = self.byte()?;
        if bits > EXPORT_GPL + EXPORT_CRC + EXPORT_NAMESPACE {
            return Err(self.damaged());
        }
        let crc = (bits & EXPORT_CRC != 0).then(|| self.crc()).transpose()?;
        let namespace = (bits & EXPORT_NAMESPACE != 0).then(|| self.text());
        Ok(Export {
            symbol,
            crc,
            gpl: bits & EXPORT_GPL != 0,
            namespace: namespace.transpose()?.map(str::to_owned),
        })
    }
}
