//! The `rpm` program and `createrepo_c` say the same of packages that `rpmbuild` made, and of ours.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmp::{Dependency, Package};

use crate::{COMPRESSORS, OLD_FORMATS, codes, full, module, read};

/// Every kind of tag that is read, in one package. `@MODULE@` is the path of a module to pack.
const SPEC: &str = r#"
%global __os_install_post %{nil}
%global __strip /bin/true
%global debug_package %{nil}
%global krel 6.4.0-150600.21-default
Name: acme-net-kmp-default
Epoch: 3
Version: 1.0_k6.4.0_150600.21
Release: 7
Summary: Treiber für Netzwerkkarten
Summary(de): Zweite Sprache
License: GPL-2.0-only
Group: System/Kernel
Vendor: Acme Inc.
Packager: A Person <person@example.com>
URL: https://example.com/
AutoReqProv: no
Provides: ksym(default:acme_open) = 1234abc
Provides: acme-net-kmp = %{version}
Provides: multiversion(kernel)
Requires: ksym(default:printk) = 92997ed8
Requires: kernel >= 6.4
Requires: (acme-firmware if linux-firmware else other)
Requires: ((a >= 1 and b) or (c without d < 2))
Conflicts: (acme-gui unless server)
Requires(post): coreutils
Requires(pre,postun): grep
Conflicts: acme-net-kmp-default-k6.4.0 < 2
Obsoletes: acme-old < 1.0
Recommends: acme-tools >= 2
Suggests: acme-doc
Supplements: modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)
Supplements: (kernel-default and acme-net)
Enhances: kernel-default
OrderWithRequires: acme-firmware

%description
First line
second line & <third>.

%install
mkdir -p %{buildroot}/lib/modules/%{krel}/updates/sub %{buildroot}/usr/share/acme %{buildroot}/etc
cp @MODULE@ %{buildroot}/lib/modules/%{krel}/updates/acme.ko
xz -k -c @MODULE@ > %{buildroot}/lib/modules/%{krel}/updates/sub/acme2.ko.xz
head -c 70000 /dev/zero > %{buildroot}/usr/share/acme/one
ln %{buildroot}/usr/share/acme/one %{buildroot}/usr/share/acme/two
ln %{buildroot}/usr/share/acme/one %{buildroot}/usr/share/acme/three
ln -s ../elsewhere %{buildroot}/usr/share/acme/link
: > %{buildroot}/usr/share/acme/empty
echo readme > %{buildroot}/usr/share/acme/README
echo a=b > %{buildroot}/etc/acme.conf
mkdir %{buildroot}/usr/share/acme/dir
echo x > "%{buildroot}/usr/share/acme/with blank"

%pre -p /usr/bin/perl
1;
%post
/usr/lib/module-init-tools/kernel-scriptlets/kmp-post "$@"
%preun
true
%postun -p /sbin/ldconfig
%pretrans -p <lua>
print("x")
%posttrans
false
%verifyscript
exit 0
%triggerin -- kernel-default > 6.0, kernel-rt
echo in
%triggerun -- other
echo un
%triggerpostun -- past-acme < 2
echo gone
%filetriggerin -- /lib/modules /usr/lib/modules
cat
%transfiletriggerin -- /lib/firmware
depmod
%transfiletriggerpostun -- /lib/firmware /lib/modules
depmod -a

%files
/lib/modules/%{krel}
/usr/share/acme
%attr(4750, root, bin) /usr/share/acme/empty
%doc /usr/share/acme/README
%config(noreplace) /etc/acme.conf
%ghost /var/log/acme.log
%attr(0700, daemon, daemon) %dir /usr/share/acme/dir

%changelog
* Tue Jul 02 2024 A Vendor <a@example.com> - 1.0-2
- second entry
- with two points
* Mon Jul 01 2024 B Vendor <b@example.com> - 1.0-1
- first entry
"#;

/// Names of rpm's payload settings and of the compressor that the header then names.
const PAYLOADS: [(&str, &str); 6] = [
    ("w9.gzdio", "gzip"),
    ("w6.xzdio", "xz"),
    ("w3.zstdio", "zstd"),
    ("w9.bzdio", "bzip2"),
    ("w6.lzdio", "lzma"),
    ("w.ufdio", "none"),
];

fn run(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; apt-get install rpm createrepo-c xz-utils zstd")
        });
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{program} {arguments:?}\n{text}\n{}",
        errors(&out.stderr)
    );
    text
}

fn errors(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Builds the spec with a payload setting; gives the binary and the source package.
fn rpmbuild(dir: &Path, payload: &str) -> [PathBuf; 2] {
    let top = dir.join(payload);
    fs::create_dir_all(&top).unwrap();
    let ko = top.join("acme.ko");
    fs::write(&ko, module()).unwrap();
    let spec = top.join("acme.spec");
    fs::write(&spec, SPEC.replace("@MODULE@", ko.to_str().unwrap())).unwrap();
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let top = top.to_str().unwrap();
    let mut arguments = vec![
        "-ba".to_owned(),
        "--quiet".to_owned(),
        "--target=x86_64".to_owned(),
    ];
    arguments.extend(define("_topdir", top));
    arguments.extend(define("_binary_payload", payload));
    arguments.extend(define("_source_payload", payload));
    arguments.push(spec.to_str().unwrap().to_owned());
    run(
        "rpmbuild",
        &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let nvr = "acme-net-kmp-default-1.0_k6.4.0_150600.21-7";
    let top = Path::new(top);
    [
        top.join(format!("RPMS/x86_64/{nvr}.x86_64.rpm")),
        top.join(format!("SRPMS/{nvr}.src.rpm")),
    ]
}

/// One question to `rpm -qp` and our answer to it.
type Question = (&'static str, fn(&Package) -> String);

const QUESTIONS: [Question; 30] = [
    ("%{NAME}", |p| p.name.clone()),
    ("%{EPOCH}", |p| {
        p.epoch
            .map_or("(none)".to_owned(), |epoch| epoch.to_string())
    }),
    ("%{VERSION}", |p| p.version.clone()),
    ("%{RELEASE}", |p| p.release.clone()),
    // rpm names the architecture that a source package was made on; createrepo_c says `src`.
    ("%{NEVR}.%|SOURCERPM?{%{ARCH}}:{src}|", Package::nevra),
    ("%{SUMMARY}", |p| p.summary.clone()),
    ("%{DESCRIPTION}", |p| p.description.clone()),
    ("%{LICENSE}", |p| or_none(&p.license)),
    ("%{VENDOR}", |p| or_none(&p.vendor)),
    ("%{PACKAGER}", |p| or_none(&p.packager)),
    ("%{GROUP}", |p| or_none(&p.group)),
    ("%{URL}", |p| or_none(&p.url)),
    ("%{BUILDHOST}", |p| or_none(&p.build_host)),
    ("%{SOURCERPM}", |p| or_none(&p.source_rpm)),
    ("%{BUILDTIME}", |p| p.build_time.to_string()),
    ("%{LONGSIZE}", |p| p.installed_size.to_string()),
    ("%{LONGARCHIVESIZE}", |p| p.archive_size.to_string()),
    (
        "[%{PROVIDENAME}\\t%{PROVIDEFLAGS}\\t%{PROVIDEVERSION}\\n]",
        |p| lines(&p.dependencies.provides),
    ),
    (
        "[%{REQUIRENAME}\\t%{REQUIREFLAGS}\\t%{REQUIREVERSION}\\n]",
        |p| lines(&p.dependencies.requires),
    ),
    (
        "[%{CONFLICTNAME}\\t%{CONFLICTFLAGS}\\t%{CONFLICTVERSION}\\n]",
        |p| lines(&p.dependencies.conflicts),
    ),
    (
        "[%{OBSOLETENAME}\\t%{OBSOLETEFLAGS}\\t%{OBSOLETEVERSION}\\n]",
        |p| lines(&p.dependencies.obsoletes),
    ),
    (
        "[%{RECOMMENDNAME}\\t%{RECOMMENDFLAGS}\\t%{RECOMMENDVERSION}\\n]",
        |p| lines(&p.dependencies.recommends),
    ),
    (
        "[%{SUGGESTNAME}\\t%{SUGGESTFLAGS}\\t%{SUGGESTVERSION}\\n]",
        |p| lines(&p.dependencies.suggests),
    ),
    (
        "[%{SUPPLEMENTNAME}\\t%{SUPPLEMENTFLAGS}\\t%{SUPPLEMENTVERSION}\\n]",
        |p| lines(&p.dependencies.supplements),
    ),
    (
        "[%{ENHANCENAME}\\t%{ENHANCEFLAGS}\\t%{ENHANCEVERSION}\\n]",
        |p| lines(&p.dependencies.enhances),
    ),
    ("[%{ORDERNAME}\\t%{ORDERFLAGS}\\t%{ORDERVERSION}\\n]", |p| {
        lines(&p.dependencies.order_with_requires)
    }),
    (
        "[%{FILENAMES}\\t%{FILEMODES}\\t%{LONGFILESIZES}\\t%{FILEFLAGS}\\t%{FILEDIGESTS}\\t\
         %{FILELINKTOS}\\t%{FILEUSERNAME}\\t%{FILEGROUPNAME}\\n]",
        file_lines,
    ),
    (
        "[%{CHANGELOGTIME}\\t%{CHANGELOGNAME}\\t%{CHANGELOGTEXT}\\n]",
        |p| {
            let line = |e: &kmp::ChangelogEntry| format!("{}\t{}\t{}\n", e.time, e.author, e.text);
            p.changelog.iter().map(line).collect()
        },
    ),
    (
        "%{PREIN}|%{POSTIN}|%{PREUN}|%{POSTUN}|%{PRETRANS}|%{POSTTRANS}|%{VERIFYSCRIPT}|\
         [%{PREINPROG} ]|[%{POSTINPROG} ]|[%{PREUNPROG} ]|[%{POSTUNPROG} ]|[%{PRETRANSPROG} ]|\
         [%{POSTTRANSPROG} ]|[%{VERIFYSCRIPTPROG} ]",
        scriptlet_line,
    ),
    (
        "[%{TRIGGERSCRIPTS}|][%{TRIGGERSCRIPTPROG}|][%{TRIGGERNAME}|][%{TRIGGERFLAGS}|]\
         [%{FILETRIGGERSCRIPTS}|][%{FILETRIGGERNAME}|]\
         [%{TRANSFILETRIGGERSCRIPTS}|][%{TRANSFILETRIGGERNAME}|]",
        trigger_line,
    ),
];

fn or_none(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "(none)".to_owned())
}

fn lines(list: &[Dependency]) -> String {
    list.iter()
        .map(|d| format!("{}\t{}\t{}\n", d.name, d.flags, d.version))
        .collect()
}

fn file_lines(package: &Package) -> String {
    let line = |file: &kmp::File| {
        let kmp::File {
            path,
            mode,
            size,
            flags,
            digest,
            link_target,
            user,
            group,
            ..
        } = file;
        let (digest, target) = (digest.as_deref(), link_target.as_deref());
        let (digest, target) = (digest.unwrap_or_default(), target.unwrap_or_default());
        format!("{path}\t{mode}\t{size}\t{flags}\t{digest}\t{target}\t{user}\t{group}\n")
    };
    package.files.iter().map(line).collect()
}

fn scriptlet_line(package: &Package) -> String {
    let kinds = [
        "pre",
        "post",
        "preun",
        "postun",
        "pretrans",
        "posttrans",
        "verify",
    ];
    let find = |kind: &&str| {
        package
            .scriptlets
            .iter()
            .find(|script| script.kind == *kind)
    };
    let body = |kind| match find(kind) {
        Some(script) if !script.body.is_empty() => script.body.clone(),
        _ => "(none)".to_owned(),
    };
    let program = |kind| match find(kind) {
        Some(script) => script
            .interpreter
            .iter()
            .map(|word| format!("{word} "))
            .collect(),
        // rpm prints this also inside of brackets when the whole tag is missing.
        None => "(none)".to_owned(),
    };
    let all = kinds.iter().map(body).chain(kinds.iter().map(program));
    all.collect::<Vec<String>>().join("|").replace("(none)", "")
}

fn trigger_line(package: &Package) -> String {
    let family = |start: &str| {
        let of_it = |script: &&kmp::Scriptlet| script.kind.starts_with(start);
        package.scriptlets.iter().filter(of_it).collect::<Vec<_>>()
    };
    let joined = |items: Vec<String>| {
        items
            .iter()
            .map(|item| format!("{item}|"))
            .collect::<String>()
    };
    let bodies =
        |list: &[&kmp::Scriptlet]| joined(list.iter().map(|script| script.body.clone()).collect());
    let conditions = |list: &[&kmp::Scriptlet], show: fn(&Dependency) -> String| {
        joined(
            list.iter()
                .flat_map(|script| script.triggers.iter().map(show))
                .collect(),
        )
    };
    let (packages, files) = (family("trigger"), family("filetrigger"));
    let transactions = family("transfiletrigger");
    [
        bodies(&packages),
        joined(
            packages
                .iter()
                .map(|script| script.interpreter.join(" "))
                .collect(),
        ),
        conditions(&packages, |condition| condition.name.clone()),
        conditions(&packages, |condition| condition.flags.to_string()),
        bodies(&files),
        conditions(&files, |condition| condition.name.clone()),
        bodies(&transactions),
        conditions(&transactions, |condition| condition.name.clone()),
    ]
    .concat()
}

fn compare_with_rpm(path: &Path, package: &Package) {
    let separator = "\u{1}";
    let format = QUESTIONS.map(|(question, _)| question).join(separator);
    let arguments = [
        "-qp",
        "--nosignature",
        "--qf",
        &format,
        path.to_str().unwrap(),
    ];
    let answers = run("rpm", &arguments);
    let answers: Vec<&str> = answers.split(separator).collect();
    assert_eq!(answers.len(), QUESTIONS.len());
    for ((question, ours), theirs) in QUESTIONS.iter().zip(answers) {
        let ours = ours(package);
        // rpm's word for a missing array is the same as for a missing text.
        let is_list = question.starts_with('[') || question.contains("}|[");
        let theirs = if is_list {
            theirs.replace("(none)", "")
        } else {
            theirs.to_owned()
        };
        assert_eq!(ours, theirs, "{question} of {}", path.display());
    }
    run("rpm", &["-K", "--nosignature", path.to_str().unwrap()]);
    let bad: Vec<_> = package
        .digests
        .iter()
        .filter(|check| !check.matches())
        .collect();
    assert!(bad.is_empty(), "rpm found the digests right: {bad:?}");
}

/// Sizes, checksum and header range of every package in the folder.
fn compare_with_createrepo(dir: &Path, packages: &[(PathBuf, Package)]) {
    let arguments = [
        "--quiet",
        "--no-database",
        "--simple-md-filenames",
        dir.to_str().unwrap(),
    ];
    run("createrepo_c", &arguments);
    let packed = fs::File::open(dir.join("repodata/primary.xml.gz")).unwrap();
    let mut primary = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut primary)
        .unwrap();
    for (path, package) in packages {
        let sha256 = hex::encode(package.sha256);
        let block = primary
            .split("<package ")
            .find(|block| block.contains(&sha256));
        let block = block.unwrap_or_else(|| panic!("{} is not in primary.xml", path.display()));
        let expected = [
            format!(
                "<rpm:header-range start=\"{}\" end=\"{}\"/>",
                package.header_start, package.header_end
            ),
            format!(
                "<size package=\"{}\" installed=\"{}\" archive=\"{}\"/>",
                package.file_size, package.installed_size, package.archive_size
            ),
            format!("<arch>{}</arch>", package.arch),
            format!("build=\"{}\"", package.build_time),
        ];
        for line in expected {
            assert!(
                block.contains(&line),
                "{line} of {} in {block}",
                path.display()
            );
        }
    }
}

#[test]
fn packages_of_rpmbuild() {
    let dir = tempfile::tempdir().unwrap();
    let mut packages = Vec::new();
    for (payload, compressor) in PAYLOADS {
        for path in rpmbuild(dir.path(), payload) {
            let package = read(&fs::read(&path).unwrap());
            assert_eq!(package.compressor, compressor, "{payload}");
            compare_with_rpm(&path, &package);
            packages.push((path, package));
        }
    }
    for (path, package) in packages.iter().filter(|(_, package)| !package.is_source) {
        assert_eq!(
            codes(package),
            ["hard-link", "symlink"],
            "{}",
            path.display()
        );
        assert_eq!(package.modules.len(), 2);
        for module in &package.modules {
            let name = &module.module.as_ref().expect("is a module").name;
            assert_eq!(name, "acme", "{}", module.path);
        }
    }
    compare_with_createrepo(dir.path(), &packages);
}

#[test]
fn packages_of_our_builder() {
    let dir = tempfile::tempdir().unwrap();
    let mut packages = Vec::new();
    for format in OLD_FORMATS {
        for compressor in COMPRESSORS {
            let bytes = full(format, compressor).build();
            let path = dir.path().join(format!("{format:?}-{compressor}.rpm"));
            fs::write(&path, &bytes).unwrap();
            let package = read(&bytes);
            compare_with_rpm(&path, &package);
            packages.push((path, package));
        }
    }
    compare_with_createrepo(dir.path(), &packages);
}

/// What rpm finds wrong, we find wrong: one byte changed, all through a package.
#[test]
fn damage_is_seen_by_both() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.rpm");
    let good = full(testkit::Format::V4, "gzip").build();
    let header = read(&good).header_start as usize;
    for at in (header..good.len()).step_by(good.len() / 60) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        fs::write(&path, &bytes).unwrap();
        let rpm = Command::new("rpm")
            .args(["-K", "--nosignature"])
            .arg(&path)
            .output();
        let theirs = rpm.expect("apt-get install rpm").status.success();
        let ours = crate::try_read(&bytes)
            .is_ok_and(|package| package.digests.iter().all(kmp::DigestCheck::matches));
        assert_eq!(ours, theirs, "byte {at} of {}", good.len());
    }
}
