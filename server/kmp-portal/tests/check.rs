//! `kmp-portal check` as its users run it: files in a folder, options, output and exit code.

use quick_xml::events::Event;
use serde_json::{Value, json};
use std::process::Command;
use tempfile::TempDir;
use testkit::{module::ModuleBuilder, rpm::RpmBuilder};

/// Release, version magic and layout version of the builders' modules.
const RELEASE: &str = "6.1.0-56-amd64";
const VERMAGIC: &str = "6.1.0-56-amd64 SMP preempt mod_unload modversions ";
const LAYOUT: &str = "0xfa596f96\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n";

/// A folder that the program runs in.
struct Folder(TempDir);

/// How the program ended.
struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Folder {
    /// With these kernels: `symvers-RELEASE` and, changed and without `hidden`, `symvers-6.1.0-57-amd64`.
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let symbols = "0x00000001\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x00000002\thidden\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
        folder.put(&format!("symvers-{RELEASE}"), format!("{LAYOUT}{symbols}"));
        let symbols = "0x00000009\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n";
        folder.put("symvers-6.1.0-57-amd64", format!("{LAYOUT}{symbols}"));
        folder
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn module(&self, name: &str, change: impl FnOnce(ModuleBuilder) -> ModuleBuilder) {
        let module = change(ModuleBuilder::new(name)).build();
        self.put(&format!("{name}.ko"), module);
    }

    fn check(&self, arguments: &str) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_kmp-portal"))
            .arg("check")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap();
        Outcome {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Exit code and, for each line of JSON, `file kernel verdict code symbol …` without notes.
    fn judged(&self, arguments: &str) -> (Option<i32>, Vec<String>) {
        let outcome = self.check(&format!("{arguments} --format json"));
        let lines = outcome.out.lines().map(summary).collect();
        (outcome.code, lines)
    }
}

fn summary(line: &str) -> String {
    let object: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut words: Vec<String> = ["file", "kernel", "verdict"]
        .map(|k| text(&object[k]))
        .into();
    for reason in object["reasons"].as_array().unwrap() {
        if reason["severity"] != "info" {
            words.extend([text(&reason["code"]), text(&reason["symbol"])]);
        }
    }
    words.join(" ")
}

fn package(name: &str, modules: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let package = RpmBuilder::new(name, "1.0_k6.1.0_56", "1", "x86_64").kmp();
    let add = |package: RpmBuilder, (module, bytes): &(&str, Vec<u8>)| {
        let path = format!("/lib/modules/{RELEASE}/updates/{module}.ko");
        package.file(&path, bytes.clone())
    };
    modules.iter().fold(package, add).build()
}

#[test]
fn one_file_on_one_kernel() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    folder.module("changed", |m| m.imports("printk", 7));
    folder.module("gone", |m| m.imports("no_such_call", 1));
    folder.module("closed", |m| m.imports("hidden", 2).license("Proprietary"));
    folder.module("other", |m| {
        m.imports("printk", 1)
            .vermagic("6.1.0-56-rt-amd64 SMP preempt_rt mod_unload modversions ")
    });
    folder.module("arm", |m| m.imports("printk", 1).bits32());
    folder.module("plain", |m| {
        m.imports_unversioned("printk").without_modversions()
    });
    let cases = [
        ("fits", 0, "compatible"),
        ("changed", 1, "incompatible crc-mismatch printk"),
        ("gone", 1, "incompatible symbol-missing no_such_call"),
        ("closed", 1, "incompatible symbol-gpl-only hidden"),
        ("other", 1, "unloadable_flavor flavor-mismatch -"),
        ("arm", 1, "unloadable_flavor arch-mismatch -"),
        ("plain", 1, "incompatible modversions-missing-module -"),
    ];
    for (file, code, expected) in cases {
        let arguments = format!("--kernel symvers-{RELEASE} {file}.ko");
        let expected = vec![format!("{file}.ko {RELEASE} {expected}")];
        assert_eq!(folder.judged(&arguments), (Some(code), expected), "{file}");
    }
}

#[test]
fn symbols_of_other_files() {
    let folder = Folder::new();
    folder.module("user", |m| m.imports("core_call", 5));
    folder.module("core", |m| m.exports("core_call", 5));
    folder.module("old_core", |m| m.exports("core_call", 4));
    let core = ModuleBuilder::new("core").exports("core_call", 5).build();
    folder.put(
        "core.rpm",
        package("acme-core-kmp-default", &[("core", core)]),
    );
    let kernel = format!("--kernel symvers-{RELEASE}");
    let alone = format!("user.ko {RELEASE} incompatible symbol-missing core_call");
    let with = format!("user.ko {RELEASE} needs_other_package symbol-from-other-package core_call");
    let wrong = format!("user.ko {RELEASE} incompatible ksym-provider-crc-differs core_call");
    let core = format!("core.ko {RELEASE} compatible");
    let cases = [
        ("user.ko", 1, vec![alone]),
        ("user.ko --with core.ko", 0, vec![with.clone()]),
        ("user.ko --with core.rpm", 0, vec![with.clone()]),
        ("user.ko --with old_core.ko", 1, vec![wrong]),
        ("user.ko core.ko", 0, vec![with, core]),
    ];
    for (arguments, code, expected) in cases {
        let found = folder.judged(&format!("{kernel} {arguments}"));
        assert_eq!(found, (Some(code), expected), "{arguments}");
    }
}

#[test]
fn a_package_is_judged_as_a_whole_and_each_module_named() {
    let folder = Folder::new();
    let good = ModuleBuilder::new("good").exports("good_call", 3).build();
    let user = ModuleBuilder::new("user").imports("good_call", 3).build();
    let bad = ModuleBuilder::new("bad").imports("printk", 7).build();
    let modules = [("good", good), ("user", user), ("bad", bad)];
    folder.put("acme.rpm", package("acme-kmp-default", &modules));
    let kernel = format!("--kernel symvers-{RELEASE}");
    let (code, lines) = folder.judged(&format!("{kernel} acme.rpm"));
    assert_eq!(code, Some(1));
    let fine = format!("acme.rpm {RELEASE} compatible");
    let bad = format!("acme.rpm {RELEASE} incompatible crc-mismatch printk");
    // In the order of the payload, which rpm sorts by path.
    assert_eq!(lines, [bad, fine.clone(), fine]);
    let text = folder.check(&format!("{kernel} acme.rpm")).out;
    assert!(text.contains("  acme.rpm  will not load\n"), "{text}");
    assert!(
        text.contains("      `printk` changed 0x00000007 → 0x00000001 (bad)\n"),
        "{text}"
    );
    assert!(!text.contains("will work"), "{text}");
}

#[test]
fn two_kernels_at_once() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    let kernels = format!("--kernel symvers-{RELEASE} --kernel symvers-6.1.0-57-amd64");
    let (code, lines) = folder.judged(&format!("{kernels} fits.ko"));
    assert_eq!(code, Some(1));
    assert_eq!(
        lines,
        [
            "fits.ko 6.1.0-56-amd64 compatible",
            "fits.ko 6.1.0-57-amd64 incompatible crc-mismatch printk",
        ]
    );
}

#[test]
fn two_builds_of_one_release_are_told_apart() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    let rebuilt = format!("{LAYOUT}0x5\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n");
    folder.put(&format!("rebuilt/symvers-{RELEASE}"), rebuilt);
    let kernels = format!("--kernel symvers-{RELEASE} --kernel rebuilt/symvers-{RELEASE}");
    let (code, lines) = folder.judged(&format!("{kernels} fits.ko"));
    assert_eq!(code, Some(1));
    let rebuilt = format!("{RELEASE} from rebuilt/symvers-{RELEASE}");
    let expected = [
        format!("fits.ko {RELEASE} compatible"),
        format!("fits.ko {rebuilt} incompatible crc-mismatch printk"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_reason_in_full() {
    let folder = Folder::new();
    folder.module("changed", |m| m.imports("printk", 7));
    let kernel = format!("--kernel symvers-{RELEASE} --vermagic SMP");
    let outcome = folder.check(&format!("{kernel} changed.ko --format json"));
    let object: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(object["module"], "changed");
    let reasons = object["reasons"].as_array().unwrap();
    assert_eq!(
        reasons[0],
        json!({
            "code": "vermagic-mismatch",
            "symbol": null,
            "expected": null,
            "found": null,
            "detail": "`SMP preempt mod_unload modversions ` in the module, `SMP` in the kernel",
            "severity": "fatal",
            "provider": null,
        })
    );
    assert_eq!(
        reasons[1],
        json!({
            "code": "crc-mismatch",
            "symbol": "printk",
            "expected": "0x00000007",
            "found": "0x00000001",
            "detail": null,
            "severity": "fatal",
            "provider": "vmlinux",
        })
    );
}

#[test]
fn what_a_bare_symvers_file_does_not_tell() {
    let folder = Folder::new();
    folder.put(
        "Module.symvers",
        format!("{LAYOUT}0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"),
    );
    folder.put("unversioned", "0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n");
    folder.module("fits", |m| m.imports("printk", 1));
    folder.module("patch", |m| {
        m.imports("printk", 1).modinfo("livepatch", "Y")
    });
    folder.module("plain", |m| {
        m.imports_unversioned("printk")
            .without_modversions()
            .vermagic("6.1.0 SMP mod_unload ")
    });
    let cases = [
        // kernel and options, file, exit code, kernel and verdict
        ("Module.symvers", "fits", 0, "Module.symvers compatible"),
        (
            "Module.symvers",
            "patch",
            1,
            "Module.symvers indeterminate livepatch -",
        ),
        (
            "Module.symvers --release 6.1.0-9-amd64",
            "fits",
            0,
            "6.1.0-9-amd64 compatible",
        ),
        (
            "Module.symvers --release 6.1.0-9-rt-amd64",
            "fits",
            1,
            "6.1.0-9-rt-amd64 unloadable_flavor flavor-mismatch -",
        ),
        (
            "Module.symvers --flavor amd64",
            "fits",
            0,
            "Module.symvers compatible",
        ),
        (
            "Module.symvers --flavor rt",
            "fits",
            1,
            "Module.symvers unloadable_flavor flavor-mismatch -",
        ),
        (
            "Module.symvers --arch aarch64",
            "fits",
            1,
            "Module.symvers unloadable_flavor arch-mismatch -",
        ),
        (
            "Module.symvers --this-module-size 900 --release 6.12.0-9-amd64",
            "fits",
            1,
            "6.12.0-9-amd64 unloadable_flavor this-module-size-mismatch -",
        ),
        (
            "unversioned",
            "plain",
            1,
            "unversioned indeterminate vermagic-tail-unknown -",
        ),
        (
            "unversioned --release 6.1.1",
            "plain",
            1,
            "6.1.1 incompatible vermagic-exact-required - vermagic-tail-unknown -",
        ),
    ];
    for (kernel, file, code, expected) in cases {
        let found = folder.judged(&format!("--kernel {kernel} {file}.ko"));
        let expected = vec![format!("{file}.ko {expected}")];
        assert_eq!(found, (Some(code), expected), "{kernel}");
    }
    let err = folder
        .check("--kernel Module.symvers fits.ko --format tsv")
        .err;
    for option in ["--release", "--arch", "--vermagic", "--this-module-size"] {
        assert!(err.contains(option), "{err}");
    }
}

#[test]
fn a_version_magic_with_its_release_names_the_kernel() {
    let folder = Folder::new();
    folder.put("Module.symvers", "0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n");
    folder.module("plain", |m| {
        m.imports_unversioned("printk")
            .without_modversions()
            .vermagic("6.1.0 SMP mod_unload ")
    });
    let run = |vermagic: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_kmp-portal"))
            .args([
                "check",
                "--kernel",
                "Module.symvers",
                "plain.ko",
                "--format",
                "json",
            ])
            .args(["--vermagic", vermagic])
            .current_dir(folder.0.path())
            .output()
            .unwrap();
        summary(&String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run("6.1.0 SMP mod_unload "), "plain.ko 6.1.0 compatible");
    let other = "plain.ko 6.1.1 incompatible vermagic-exact-required -";
    assert_eq!(run("6.1.1 SMP mod_unload "), other);
    // Without the release the tail alone shows nothing.
    let open = "plain.ko Module.symvers indeterminate vermagic-tail-unknown -";
    assert_eq!(run("SMP mod_unload "), open);
}

/// A part of a kernel as its distributor packs it.
fn kernel_part(name: &str, release: &str, provides: &[&str]) -> RpmBuilder {
    let part = RpmBuilder::new(name, "6.1.0", "56", "x86_64")
        .provides(&format!("kernel-uname-r = {release}"));
    provides.iter().fold(part, |part, text| part.provides(text))
}

#[test]
fn packages_of_one_kernel_add_up() {
    let folder = Folder::new();
    let suse = "6.1.0-56-default";
    let base = [
        "ksym(default:module_layout) = fa596f96",
        "ksym(default:printk) = 1",
    ];
    folder.put(
        "base.rpm",
        kernel_part("kernel-default", suse, &base).build(),
    );
    let extra = ModuleBuilder::new("extra")
        .vermagic("6.1.0-56-default SMP preempt mod_unload modversions ")
        .exports_gpl("extra_call", 5);
    let path = format!("/lib/modules/{suse}/kernel/drivers/extra.ko");
    let provides = ["ksym(default:extra_call) = 5"];
    let part = kernel_part("kernel-default-extra", suse, &provides).file(&path, extra.build());
    folder.put("extra.rpm", part.build());
    let red_hat = [
        "kernel(module_layout) = 0xfa596f96",
        "kernel(printk) = 0x00000001",
    ];
    let part = kernel_part("kernel-core", "6.1.0-56.el9.x86_64", &red_hat);
    folder.put("core.rpm", part.build());
    let tail = "SMP preempt mod_unload modversions ";
    folder.module("user", |m| {
        m.imports("extra_call", 5)
            .imports("printk", 1)
            .vermagic(&format!("{suse} {tail}"))
    });
    folder.module("other", |m| {
        m.imports("printk", 1).vermagic(&format!("{suse} SMP "))
    });
    folder.module("kmod", |m| {
        m.imports("printk", 1)
            .vermagic(&format!("6.1.0-50.el9.x86_64 {tail}"))
    });
    let cases = [
        (
            "base.rpm",
            "user",
            1,
            format!("{suse} incompatible symbol-missing extra_call"),
        ),
        (
            "base.rpm --kernel extra.rpm",
            "user",
            0,
            format!("{suse} compatible"),
        ),
        (
            "extra.rpm --kernel base.rpm",
            "user",
            0,
            format!("{suse} compatible"),
        ),
        // The version magic is that of the module in one of them.
        (
            "base.rpm --kernel extra.rpm",
            "other",
            1,
            format!("{suse} unloadable_flavor vermagic-mismatch -"),
        ),
        (
            "core.rpm",
            "kmod",
            0,
            "6.1.0-56.el9.x86_64 compatible".to_owned(),
        ),
        (
            "core.rpm",
            "user",
            1,
            "6.1.0-56.el9.x86_64 unloadable_flavor flavor-mismatch - symbol-missing extra_call"
                .to_owned(),
        ),
    ];
    for (kernel, file, code, expected) in cases {
        let found = folder.judged(&format!("--kernel {kernel} {file}.ko"));
        let expected = vec![format!("{file}.ko {expected}")];
        assert_eq!(found, (Some(code), expected), "{kernel} {file}");
    }
    let text = folder.check("--kernel base.rpm user.ko").out;
    let note = "  note: of some of its symbols it is not known whether they are for GPL";
    assert!(text.contains(note), "{text}");
}

#[test]
fn packed_files() {
    let folder = Folder::new();
    let module = ModuleBuilder::new("fits").imports("printk", 1).build();
    folder.put("fits.ko", module);
    let packers = [
        ("gzip", "gz"),
        ("xz", "xz"),
        ("zstd", "zst"),
        ("bzip2", "bz2"),
    ];
    for (program, suffix) in packers {
        for file in ["fits.ko", &format!("symvers-{RELEASE}")] {
            let path = folder.0.path().join(file);
            let output = Command::new(program).arg("-c").arg(&path).output();
            let output = output.unwrap_or_else(|_| {
                panic!("{program} is missing: apt-get install gzip xz-utils zstd bzip2")
            });
            folder.put(&format!("{file}.{suffix}"), output.stdout);
        }
        let arguments = format!("--kernel symvers-{RELEASE}.{suffix} fits.ko.{suffix}");
        let expected = vec![format!("fits.ko.{suffix} {RELEASE} compatible")];
        assert_eq!(folder.judged(&arguments), (Some(0), expected));
    }
}

#[test]
fn trouble_is_exit_code_2_and_a_sentence() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    folder.put("bad.symvers", format!("{LAYOUT}printk is fine\n"));
    folder.put("text.ko", "no module");
    folder.put(
        "empty.rpm",
        RpmBuilder::new("empty", "1", "1", "noarch").build(),
    );
    folder.put(
        "broken.rpm",
        package("acme-kmp-default", &[("acme", b"no ELF".to_vec())]),
    );
    let good = format!("--kernel symvers-{RELEASE}");
    let cases = [
        (
            "--kernel bad.symvers fits.ko",
            vec!["--kernel bad.symvers", "line 2"],
        ),
        (
            "--kernel absent fits.ko",
            vec!["--kernel absent", "cannot be opened"],
        ),
        (
            "--kernel empty.rpm fits.ko",
            vec!["--kernel empty.rpm", "tells of no kernel"],
        ),
        (
            &format!("{good} --with text.ko fits.ko"),
            vec!["--with text.ko", "neither an RPM"],
        ),
        (
            &format!("{good} text.ko"),
            vec!["text.ko", "neither an RPM"],
        ),
        (
            &format!("{good} empty.rpm"),
            vec!["empty.rpm", "no kernel modules"],
        ),
        (
            &format!("{good} broken.rpm"),
            vec!["broken.rpm", "updates/acme.ko", "ELF"],
        ),
        (
            "--kernel bad.symvers --kernel Module.symvers",
            vec!["required arguments", "FILE"],
        ),
    ];
    for (arguments, words) in cases {
        let outcome = folder.check(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments}: {}", outcome.err);
        for word in words {
            assert!(outcome.err.contains(word), "{arguments}: {}", outcome.err);
        }
    }
    // The files that can be read are judged all the same.
    let (code, lines) = folder.judged(&format!("{good} text.ko fits.ko"));
    assert_eq!((code, lines.len()), (Some(2), 1));
}

#[test]
fn a_release_is_of_one_kernel() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    let symvers = std::fs::read(folder.0.path().join(format!("symvers-{RELEASE}"))).unwrap();
    folder.put("a", &symvers);
    folder.put("b", &symvers);
    let outcome = folder.check("--kernel a --kernel b --release 6.1.0 fits.ko");
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("several kernels"), "{}", outcome.err);
    let kernels = format!("--kernel symvers-{RELEASE} --kernel symvers-6.1.0-57-amd64");
    let outcome = folder.check(&format!("{kernels} --release 6.1.0 fits.ko"));
    assert!(
        outcome.err.contains("no --kernel has the release"),
        "{}",
        outcome.err
    );
}

#[test]
fn one_reason_a_line() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    folder.module("changed", |m| m.imports("printk", 7));
    let arguments = format!("--kernel symvers-{RELEASE} --format tsv fits.ko changed.ko");
    let outcome = folder.check(&arguments);
    let rows: Vec<Vec<&str>> = outcome
        .out
        .lines()
        .map(|l| l.split('\t').collect())
        .collect();
    let header = "file module kernel verdict code symbol expected found detail severity provider";
    assert_eq!(rows[0].join(" "), header);
    assert!(
        rows.iter().all(|row| row.len() == rows[0].len()),
        "{rows:?}"
    );
    let change = rows.iter().find(|row| row[4] == "crc-mismatch").unwrap();
    assert_eq!(
        change.join(" "),
        format!(
            "changed.ko changed {RELEASE} incompatible crc-mismatch printk 0x00000007 0x00000001  \
             fatal vmlinux"
        )
    );
    assert!(
        rows.iter()
            .any(|row| row[1] == "fits" && row[3] == "compatible")
    );
}

#[test]
fn sarif_names_rule_file_and_kernel() {
    let folder = Folder::new();
    folder.module("changed", |m| m.imports("printk", 7));
    folder.put("text.ko", "no module");
    let arguments = format!("--kernel symvers-{RELEASE} --format sarif changed.ko text.ko");
    let outcome = folder.check(&arguments);
    assert_eq!(outcome.code, Some(2));
    let log: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&json!("crc-mismatch"), &json!("error"))
    );
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], "crc-mismatch");
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "changed.ko");
    assert_eq!(
        result["properties"],
        json!({"kernel": RELEASE, "verdict": "incompatible"})
    );
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let notifications = run["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notifications.contains("neither an RPM"), "{notifications}");
    assert!(notifications.contains("--vermagic"), "{notifications}");
}

#[test]
fn junit_counts_what_does_not_load() {
    let folder = Folder::new();
    folder.module("fits", |m| m.imports("printk", 1));
    folder.module("changed", |m| m.imports("printk", 7));
    folder.put("text&.ko", "no module");
    let arguments =
        format!("--kernel symvers-{RELEASE} --format junit fits.ko changed.ko text&.ko");
    let xml = folder.check(&arguments).out;
    for part in [
        r#"<testsuite name="6.1.0-56-amd64" tests="2" failures="1" errors="0">"#,
        r#"<testcase classname="fits.ko" name="fits">"#,
        r#"<failure type="incompatible" message="will not load">"#,
        "`printk`, built against 0x00000007, found 0x00000001, from vmlinux",
        r#"<testcase classname="text&amp;.ko" name="can be read">"#,
        r#"<error message="is neither an RPM nor a kernel module"#,
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    assert_well_formed(&xml);
}

/// Every element that opens closes, in order (the reader compares the names).
fn assert_well_formed(xml: &str) {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut opened, mut closed) = (0, 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(_) => opened += 1,
            Event::End(_) => closed += 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(opened, closed, "{xml}");
}

#[test]
fn the_folder_names_the_kernel() {
    let folder = Folder::new();
    let symvers = std::fs::read(folder.0.path().join(format!("symvers-{RELEASE}"))).unwrap();
    let place = format!("usr/src/linux-headers-{RELEASE}/Module.symvers");
    folder.put(&place, symvers);
    folder.module("fits", |m| m.imports("printk", 1).vermagic(VERMAGIC));
    let text = folder.check(&format!("--kernel {place} fits.ko")).out;
    let head = format!("{RELEASE} (x86_64, flavor amd64, 3 symbols, from {place})\n");
    assert!(text.starts_with(&head), "{text}");
    assert!(text.contains("  fits.ko  will load\n"), "{text}");
}
