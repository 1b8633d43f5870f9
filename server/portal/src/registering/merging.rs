//! Finds the place of a source among the revisions of its release.

use crate::error::{Error, Problem, Result};
use anyhow::Context as _;
use kernel_source::{Contradictions, Description};
use std::collections::HashSet;
use store::PgConnection;
use store::kernels::Kernel;
use uuid::Uuid;

/// Where a source belongs.
pub(super) enum Place {
    /// It is a kernel of its own, or the next revision of one.
    New,
    /// It tells of this kernel; the description is now the sum of both.
    Known(Uuid),
}

/// Looks through the revisions, the one in force first.
pub(super) async fn place(
    conn: &mut PgConnection,
    revisions: &[Kernel],
    told: &mut Description,
) -> Result<Place> {
    let hash = told.symvers.content_hash();
    let same = revisions.iter().find(|kernel| kernel.content_hash == hash);
    if let Some(kernel) = same {
        let mut sum = stored(conn, kernel).await?;
        sum.add(told.clone())
            .map_err(|why| contradicts(kernel, &why))?;
        *told = sum;
        return Ok(Place::Known(kernel.id));
    }
    for kernel in revisions {
        let mut sum = stored(conn, kernel).await?;
        let builds = builds(conn, kernel.id).await?;
        let belongs = is_of(&sum, &builds, told);
        if belongs && sum.add(told.clone()).is_ok() {
            *told = sum;
            return Ok(Place::Known(kernel.id));
        }
    }
    Ok(Place::New)
}

/// What is stored of a kernel, as if read from a source.
pub(super) async fn stored(conn: &mut PgConnection, kernel: &Kernel) -> Result<Description> {
    let packed = store::kernels::symvers_for_judging(conn, kernel.id)
        .await?
        .with_context(|| format!("kernel {} has no symvers", kernel.id))?;
    let symvers = kabi::symvers::parse(&packed)
        .with_context(|| format!("stored symvers of kernel {}", kernel.id))?;
    let is_told = |word: &str| !kernel.unknown.iter().any(|unknown| unknown == word);
    Ok(Description {
        release: Some(kernel.release.clone()),
        arch: Some(kernel.arch.clone()),
        flavor: Some(kernel.flavor.clone()),
        vermagic_tail: kernel.vermagic_tail.clone(),
        this_module_size: kernel
            .this_module_size
            .and_then(|size| u64::try_from(size).ok()),
        symvers,
        is_whole: is_told("image"),
        ..Description::default()
    })
}

/// 409 with every contradiction, as far as they are listed.
pub(super) fn contradicts(kernel: &Kernel, why: &Contradictions) -> Error {
    let list: Vec<String> = why.list.iter().map(ToString::to_string).collect();
    let problem: Problem = Error::conflict_problem(format!(
        "The source contradicts what is registered of {} in {} places: {why}. Nothing was changed. \
         If the kernel was built anew, register it as a whole: it becomes the next revision.",
        kernel.release, why.total
    ));
    problem
        .with("contradictions", list)
        .with("contradictions_total", why.total)
        .into()
}

/// Name and build of each package that a kernel was added up from.
type Builds = HashSet<(String, String)>;

async fn builds(conn: &mut PgConnection, id: Uuid) -> Result<Builds> {
    let parts = store::kernel_parts::of_kernel(conn, id).await?;
    Ok(parts
        .into_iter()
        .filter_map(|part| Some((part.name, part.build?)))
        .collect())
}

/// Does a source tell of the kernel `known`, which has another set of exports?
fn is_of(known: &Description, builds: &Builds, told: &Description) -> bool {
    let ours = versions(known);
    let theirs = versions(told);
    if ours == theirs {
        // One of them says less of the same symbols.
        return true;
    }
    // Packages of one build belong together, the same package with other content does not.
    let is_other_part = told.parts.iter().all(|part| {
        let Some(build) = &part.build else {
            return false;
        };
        let is_same_build = builds.iter().any(|(_, known)| known == build);
        is_same_build && !builds.contains(&(part.name.clone(), build.clone()))
    });
    if is_other_part && !told.parts.is_empty() {
        return true;
    }
    // A package of a part that is in the sum already. A whole kernel with fewer symbols is another.
    !told.is_whole && theirs.is_subset(&ours)
}

fn versions(kernel: &Description) -> HashSet<(&str, u32)> {
    let rows = kernel.symvers.rows.iter();
    rows.map(|row| (row.symbol.as_str(), row.crc.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kabi::Symvers;
    use kernel_source::{Kind, Part};

    fn described(symbols: &str, package: Option<(&str, &str)>) -> Description {
        let lines = symbols.split_whitespace();
        let text: String = lines
            .map(|s| format!("0x1\t{s}\tvmlinux\tEXPORT_SYMBOL\t\n"))
            .collect();
        let symvers = match text.is_empty() {
            true => Symvers::default(),
            false => kabi::symvers::parse(text.as_bytes()).unwrap(),
        };
        Description {
            symvers,
            is_whole: package.is_none(),
            parts: vec![Part {
                kind: Kind::Rpm,
                name: package.map_or("symvers", |(name, _)| name).to_owned(),
                build: package.map(|(_, build)| build.to_owned()),
                label: String::new(),
                sha256: None,
                symbols: 0,
                modules: 0,
            }],
            ..Description::default()
        }
    }

    #[test]
    fn what_belongs_to_a_kernel() {
        let builds = Builds::from([("kernel-default".to_owned(), "6.4-1".to_owned())]);
        let known = described("a b", None);
        let cases = [
            ("a b", None, true, "the same symbols"),
            ("a b c", None, false, "a whole kernel with more symbols"),
            ("a", None, false, "a whole kernel with fewer symbols"),
            (
                "c",
                Some(("kernel-default-extra", "6.4-1")),
                true,
                "another part of the build",
            ),
            (
                "c",
                Some(("kernel-default-extra", "6.4-2")),
                false,
                "a part of another build",
            ),
            (
                "a c",
                Some(("kernel-default", "6.4-1")),
                false,
                "the package built anew",
            ),
            (
                "a",
                Some(("kernel-default-base", "6.4-9")),
                true,
                "a part with known symbols",
            ),
        ];
        for (symbols, package, expected, what) in cases {
            let told = described(symbols, package);
            assert_eq!(is_of(&known, &builds, &told), expected, "{what}");
        }
    }
}
