//! Who a kernel is: what its source tells and what the one who registers it says, brought together.

use crate::error::{Error, Result};
use kernel_source::{Description, Part, Unknown};
use store::Time;
use store::kernels::Kernel;
use store::products::Product;
use time::Date;

/// Most characters of a release: the kernel's own limit.
const LONGEST_RELEASE: usize = 64;

/// What the one who registers a kernel says. `None` leaves it to the source.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub arch: Option<String>,
    pub flavor: Option<String>,
    /// `uname -r`.
    pub release: Option<String>,
    /// `preview`, `released` or `retired`; needed for a new kernel.
    pub status: Option<String>,
    /// Day and moment of the planned release.
    pub planned: Option<(Date, Time)>,
    /// Whole vermagic of a module of the kernel, or what follows its first word.
    pub vermagic: Option<String>,
    /// `sizeof(struct module)`, bytes.
    pub this_module_size: Option<u64>,
}

/// A kernel of which everything is settled that makes its identity.
#[derive(Debug)]
pub(super) struct Settled {
    /// In the product's spelling.
    pub arch: String,
    pub flavor: String,
    pub release: String,
    pub kernel: Description,
    /// The parts of this source, before it is added up with what is known.
    pub own_parts: Vec<Part>,
}

impl Settled {
    pub fn new(product: &Product, told: &Told, mut kernel: Description) -> Result<Settled> {
        let release = agree(
            "release",
            told.release.as_deref(),
            kernel.release.as_deref(),
        )?;
        let release = release.ok_or_else(|| {
            missing(
                "release",
                "what `uname -r` prints on this kernel, as `release`",
            )
        })?;
        check_release(&release)?;
        let had_release = kernel.release.is_some();
        let read_arch = kernel.arch.clone();
        if !had_release {
            kernel.called(&release);
        }
        // What only follows from a release that was said is no other opinion.
        let said_arch = told.arch.clone().or_else(|| kernel.arch.clone());
        let arch = settle_arch(product, said_arch.as_deref(), read_arch.as_deref())?;
        let flavor = settle_flavor(product, told, &kernel, had_release)?;
        if let Some(text) = &told.vermagic {
            let tail = vermagic_tail(text);
            agree("vermagic", Some(&tail), kernel.vermagic_tail.as_deref())?;
            kernel.vermagic_tail = Some(tail);
        }
        if let Some(bytes) = told.this_module_size {
            let read = kernel.this_module_size.map(|bytes| bytes.to_string());
            agree(
                "this_module_size",
                Some(&bytes.to_string()),
                read.as_deref(),
            )?;
            kernel.this_module_size = Some(bytes);
        }
        kernel.release = Some(release.clone());
        kernel.arch = Some(arch.clone());
        kernel.flavor = Some(flavor.clone());
        Ok(Settled {
            arch,
            flavor,
            release,
            own_parts: kernel.parts.clone(),
            kernel,
        })
    }
}

/// A part that is to be added to a kernel must not be of another one.
pub(super) fn of_same_kernel(kernel: &Kernel, mut part: Description) -> Result<Description> {
    agree("release", Some(&kernel.release), part.release.as_deref())?;
    if let Some(arch) = &part.arch
        && !kabi::arch::is_same(arch, &kernel.arch)
    {
        agree("arch", Some(&kernel.arch), Some(arch))?;
    }
    if let Some(flavor) = part.flavor.as_deref().filter(|flavor| !flavor.is_empty()) {
        agree("flavor", Some(&kernel.flavor), Some(flavor))?;
    }
    part.release = Some(kernel.release.clone());
    part.arch = Some(kernel.arch.clone());
    part.flavor = Some(kernel.flavor.clone());
    Ok(part)
}

/// Refuses what would be judged wrongly: every package needs symbols of the kernel image.
pub(super) fn check_completeness(kernel: &Description) -> Result<()> {
    let unknown = kernel.unknown();
    let detail = if unknown.contains(&Unknown::Symbols) {
        match kernel.symsets {
            0 => "The source tells of no symbol that the kernel exports.".to_owned(),
            sets => format!(
                "The source provides {sets} symbol sets (`kernel(set) = hash`), which do not tell \
                 the versions of single symbols."
            ),
        }
    } else if unknown.contains(&Unknown::Image) {
        "The source tells of modules only: what the kernel image itself exports is not known, and \
         every driver needs some of it."
            .to_owned()
    } else {
        return Ok(());
    };
    Err(Error::unprocessable(format!(
        "{detail} Send the kernel's symvers file or the package with its image first, or together \
         with this one as parts of one form."
    )))
}

fn settle_arch(product: &Product, told: Option<&str>, read: Option<&str>) -> Result<String> {
    if let (Some(told), Some(read)) = (told, read)
        && !kabi::arch::is_same(told, read)
    {
        agree("arch", Some(told), Some(read))?;
    }
    let arch = told
        .or(read)
        .ok_or_else(|| missing("architecture", "it as `arch`, in rpm's spelling (`x86_64`)"))?;
    let mut arches = product.arches.iter();
    match arches.find(|known| kabi::arch::is_same(known, arch)) {
        Some(arch) => Ok(arch.clone()),
        None => Err(not_in_product(product, "arch", arch, &product.arches)),
    }
}

fn settle_flavor(
    product: &Product,
    told: &Told,
    kernel: &Description,
    had_release: bool,
) -> Result<String> {
    let read = kernel.flavor.as_deref().filter(|flavor| !flavor.is_empty());
    // What only follows from a release that was said is no other opinion.
    let opinion = read.filter(|_| had_release);
    agree("flavor", told.flavor.as_deref(), opinion)?;
    let flavor = told.flavor.as_deref().or(read).or(kernel.flavor.as_deref());
    let flavor = flavor.ok_or_else(|| missing("flavor", "it as `flavor`; it may be empty"))?;
    let is_known = product.flavors.is_empty() || product.flavors.iter().any(|f| f == flavor);
    match is_known {
        true => Ok(flavor.to_owned()),
        false => Err(not_in_product(product, "flavor", flavor, &product.flavors)),
    }
}

/// The one that is there, or both when they are the same.
fn agree(what: &str, told: Option<&str>, read: Option<&str>) -> Result<Option<String>> {
    match (told, read) {
        (Some(told), Some(read)) if told != read => Err(Error::unprocessable(format!(
            "The {what} of the kernel was given as `{told}`, but its source says `{read}`. Leave it \
             out, or send the source of the kernel that is meant."
        ))),
        _ => Ok(told.or(read).map(str::to_owned)),
    }
}

fn missing(what: &str, hint: &str) -> Error {
    Error::bad_request(format!(
        "The source does not tell the {what} of the kernel: give {hint}."
    ))
}

fn not_in_product(product: &Product, what: &str, value: &str, list: &[String]) -> Error {
    Error::not_found(format!(
        "{} has no {what} `{value}`; it has {}. The operator adds one with `kmp-portal admin \
         product add`.",
        product.name,
        list.join(", ")
    ))
}

fn check_release(release: &str) -> Result<()> {
    let is_word = release.chars().all(|c| c.is_ascii_graphic() && c != '/');
    if release.is_empty() || release.len() > LONGEST_RELEASE || !is_word {
        return Err(Error::bad_request(format!(
            "`release` is what `uname -r` prints on this kernel: 1 to {LONGEST_RELEASE} printable \
             characters without blanks and slashes."
        )));
    }
    Ok(())
}

/// What follows the first word, verbatim: a blank at its end counts.
fn vermagic_tail(vermagic: &str) -> String {
    match vermagic.split_once(' ') {
        Some((first, tail)) if first.contains('.') => tail.to_owned(),
        _ => vermagic.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vermagic_may_come_whole_or_as_its_tail() {
        for given in [
            "6.1.0-56-amd64 SMP preempt mod_unload modversions ",
            "SMP preempt mod_unload modversions ",
        ] {
            assert_eq!(vermagic_tail(given), "SMP preempt mod_unload modversions ");
        }
    }

    fn settled(told: Told, kernel: Description) -> Result<(String, String, String)> {
        let product = Product {
            id: 1,
            name: "sle-15".to_owned(),
            display_name: "SLE 15".to_owned(),
            family: "suse".to_owned(),
            arches: vec!["x86_64".to_owned()],
            flavors: vec!["default".to_owned(), "amd64".to_owned()],
            channels: vec!["stable".to_owned()],
            default_channel: "stable".to_owned(),
            entry_channel: None,
            two_person: false,
        };
        let settled = Settled::new(&product, &told, kernel)?;
        Ok((settled.release, settled.arch, settled.flavor))
    }

    fn read(release: &str, arch: &str, flavor: &str) -> Description {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Description {
            release: some(release),
            arch: some(arch),
            flavor: some(flavor),
            ..Description::default()
        }
    }

    fn told(release: &str, arch: &str, flavor: &str) -> Told {
        let read = read(release, arch, flavor);
        Told {
            release: read.release,
            arch: read.arch,
            flavor: read.flavor,
            ..Told::default()
        }
    }

    #[test]
    fn what_is_said_and_what_is_read_are_brought_together() {
        let full = ("6.4.0-1-default", "x86_64", "default");
        let cases = [
            (told("", "", ""), read(full.0, full.1, full.2), Ok(full)),
            (told(full.0, full.1, full.2), read("", "", ""), Ok(full)),
            (told(full.0, "amd64", ""), read("", "x86_64", ""), Ok(full)),
            (
                // The flavor that a release names is a guess, and the product's word counts.
                told("6.4.0-1-amd64", "x86_64", "default"),
                read("", "", ""),
                Ok(("6.4.0-1-amd64", "x86_64", "default")),
            ),
            (
                told("6.4.0-2-default", "", ""),
                read(full.0, full.1, full.2),
                Err("given as `6.4.0-2-default`, but its source says `6.4.0-1-default`"),
            ),
            (
                told("", "aarch64", ""),
                read(full.0, full.1, full.2),
                Err("arch of the kernel was given as `aarch64`, but its source says `x86_64`"),
            ),
            (
                told("", "", "amd64"),
                read(full.0, full.1, full.2),
                Err("flavor of the kernel was given as `amd64`, but its source says `default`"),
            ),
            (
                told("", "", ""),
                read("", "x86_64", "default"),
                Err("does not tell the release"),
            ),
            (
                told(full.0, "", ""),
                read("", "", ""),
                Err("does not tell the architecture"),
            ),
            (
                told("6.4.0-1-rt", "x86_64", ""),
                read("", "", ""),
                Err("sle-15 has no flavor `rt`; it has default, amd64"),
            ),
            (
                told("a b", "x86_64", "default"),
                read("", "", ""),
                Err("without blanks"),
            ),
        ];
        for (told, read, expected) in cases {
            match (settled(told, read), expected) {
                (Ok((release, arch, flavor)), Ok(expected)) => {
                    assert_eq!((&*release, &*arch, &*flavor), expected);
                }
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{error}");
                }
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        }
    }
}
