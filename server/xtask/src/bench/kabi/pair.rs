//! Two real kernels of one machine of which the second breaks what was built for the first.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::kernels::flavors::Flavor;
use crate::kernels::images::Image;
use crate::kernels::{Release, Symvers};

/// Of the symbols of the first at least so many change, or go: one in so many. A rebuild or a kernel
/// whose ABI is kept changes none or a few, and would measure nothing.
const ONE_IN: usize = 10;

/// What is measured on.
pub struct Pair {
    /// `lib/modules/RELEASE` of the first.
    pub modules: PathBuf,
    /// Its `Module.symvers`.
    pub old: PathBuf,
    /// That of the second.
    pub new: PathBuf,
    /// Both releases, and how many symbols changed.
    pub text: String,
}

impl Pair {
    /// The first kernel with whole modules, and of the others the nearest that differs enough: of the
    /// same series rather than of another, and another flavor only where there is nothing else.
    pub fn of(images: &[Image], flavors: &[Flavor]) -> Result<Pair> {
        let first = images.first().context("there is no whole kernel")?;
        let old = Symvers::read(&first.symvers)?;
        let series = |release: &str| Release::parse(release).map(|release| release.series());
        let mut others: Vec<(&str, &PathBuf)> = Vec::new();
        let of_machine = images.iter().filter(|image| image.arch == first.arch);
        others.extend(of_machine.map(|image| (image.release.as_str(), &image.symvers)));
        others.sort_by_key(|(release, _)| series(release) != series(&first.release));
        let flavors = flavors.iter();
        others.extend(flavors.map(|flavor| (flavor.release.as_str(), &flavor.symvers)));
        for (release, symvers) in others {
            let changed = changed(&old, &Symvers::read(symvers)?);
            if changed * ONE_IN >= old.iter().count() {
                return Ok(Pair {
                    modules: first.modules.clone(),
                    old: first.symvers.clone(),
                    new: symvers.clone(),
                    text: format!("{} to {release}, {changed} symbols changed", first.release),
                });
            }
        }
        anyhow::bail!(
            "no kernel here differs enough from {}: fetch another (`cargo xtask fixtures`)",
            first.release
        )
    }

    /// As the programs that measure take it.
    pub fn tell(&self, program: &mut Command) {
        program.arg("--modules").arg(&self.modules);
        program.arg("--old").arg(&self.old);
        program.arg("--new").arg(&self.new);
    }
}

/// How many symbols have another version in the second, or are not in it.
fn changed(old: &Symvers, new: &Symvers) -> usize {
    let changed = old
        .iter()
        .filter(|(symbol, crc)| new.crc(symbol) != Some(*crc));
    changed.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn image(folder: &Path, release: &str, crc: u32) -> Image {
        let symvers = folder.join(release);
        let line = |n: u32| format!("{:#010x}\ts{n}\tvmlinux\tEXPORT_SYMBOL\t\n", n + crc);
        fs::write(&symvers, (0..20).map(line).collect::<String>()).unwrap();
        Image {
            release: release.to_owned(),
            arch: "amd64".to_owned(),
            modules: folder.join("modules"),
            symvers,
            every: 1,
        }
    }

    #[test]
    fn the_nearest_kernel_that_differs_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let image = |release, crc| image(folder.path(), release, crc);
        let first = image("6.1.0-56-amd64", 1);
        let twin = image("6.1.0-55-amd64", 1);
        let other = image("6.12.117+deb12-amd64", 2);
        let near = image("6.1.0-53-amd64", 3);
        let all = [first, other, twin.clone(), near];
        let pair = Pair::of(&all, &[]).unwrap();
        assert!(pair.new.ends_with("6.1.0-53-amd64"));
        assert!(pair.text.ends_with("6.1.0-53-amd64, 20 symbols changed"));
        let flavor = Flavor {
            release: "6.1.0-56-rt-amd64".to_owned(),
            kind: "rt".to_owned(),
            symvers: all[3].symvers.clone(),
            config: PathBuf::new(),
        };
        let pair = Pair::of(&[all[0].clone(), twin.clone()], &[flavor]).unwrap();
        assert!(pair.text.contains("-rt-"));
        assert!(Pair::of(&[all[0].clone(), twin], &[]).is_err());
    }
}
