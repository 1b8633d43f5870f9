//! Packages that differ in everything: most of them from one spec with very many subpackages, so that
//! one run of rpmbuild makes them; those of formats that this rpmbuild does not write by the test kit.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use testkit::{Format, RpmBuilder};

/// Subpackages of the spec.
const BUILT: usize = 220;

/// Makes them, and says how many there are.
pub fn packages(work: &Path, folder: &Path) -> usize {
    fs::create_dir_all(folder).unwrap();
    let spec = work.join("varied.spec");
    fs::write(&spec, text()).unwrap();
    let define = |key: &str, value: &str| format!("{key} {value}");
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bb", "--quiet", "--target", "x86_64"]);
    let settings = [
        define("_topdir", work.to_str().unwrap()),
        define("_rpmdir", folder.to_str().unwrap()),
        define(
            "_build_name_fmt",
            "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        ),
        define("_build_id_links", "none"),
        define("_buildhost", "build.example"),
        define("_binary_payload", "w1.gzdio"),
    ];
    for setting in &settings {
        rpmbuild.args(["--define", setting]);
    }
    super::run("rpm", rpmbuild.arg(&spec));
    for (number, package) in of_other_formats().into_iter().enumerate() {
        fs::write(folder.join(format!("other-{number}.rpm")), package.build()).unwrap();
    }
    fs::read_dir(folder).unwrap().count()
}

/// Numbers that look like chance and are the same each time (Knuth's multiplier).
struct Dice(u32);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(u32::try_from(words.len()).unwrap()) as usize]
    }
}

const NAMES: [&str; 14] = [
    "kernel-default",
    "libfoo.so.1()(64bit)",
    "libc.so.6(GLIBC_2.4)(64bit)",
    "libc.so.6(GLIBC_2.34)(64bit)",
    "ksym(default:printk)",
    "ksym(default:module_layout)",
    "kernel(memcpy)",
    "/usr/bin/perl",
    "/opt/tool",
    "perl(Foo::Bar)",
    "own-capability",
    "font(:lang=el)",
    "a+b~c",
    "config(thing)",
];
const VERSIONS: [&str; 10] = [
    "1",
    "1.0-1",
    "2:1.0-1",
    "0:3",
    "1.0~rc1",
    "1.0^git5-2",
    "20260101.abc-1.2",
    "a01b2345",
    "0",
    "4000000000:1-1",
];
const RICH: [&str; 4] = [
    "(red or green)",
    "(one >= 1:1.0-1 and (two < 3 or three))",
    "(a with b)",
    "(a or (b and c))",
];
const MODALIASES: [&str; 4] = [
    "modalias(kernel-default:pci:v00008086d0000150[123]sv*sd*bc*sc*i*)",
    "modalias(kernel-default:of:N*T*Craspberrypi%2Cbcm2835%2DfirmwareC*)",
    "packageand(kernel-default:beta)",
    "modalias(usb:v1D6Bp0002d*dc*dsc*dp*ic*isc*ip*in*)",
];
const TEXTS: [&str; 6] = [
    "A <small> \"package\" & its 'quotes'",
    "Grüße, Ελληνικά, 日本語 und 𐍈",
    "plain",
    "tab\tinside",
    "ends in blanks   ",
    "%% percent",
];
const SCRIPTLETS: [&str; 7] = [
    "pre",
    "post",
    "preun",
    "postun",
    "pretrans",
    "posttrans",
    "interp",
];
const KINDS: [&str; 7] = [
    "Requires",
    "Provides",
    "Conflicts",
    "Obsoletes",
    "Recommends",
    "Suggests",
    "Enhances",
];

fn text() -> String {
    let mut dice = Dice(7);
    let mut text = String::from(
        "Name: varied\nVersion: 1\nRelease: 1\nSummary: Many\nLicense: MIT\n%description\nMany.\n",
    );
    let (mut files, mut install) = (String::new(), String::from("%install\n"));
    for number in 0..BUILT {
        subpackage(&mut text, &mut dice, number);
        file_list(&mut files, &mut install, &mut dice, number);
    }
    // Entries of one day, more than are kept, and an author without an address.
    let mut changelog = String::from("%changelog\n");
    for day in (1..14).rev() {
        let _ = writeln!(
            changelog,
            "* Mon Jan {:02} 2024 Jörg <j@example.org> - 1.{day}\n- line <{day}>\n- & more\n",
            1 + 7 * (day / 3)
        );
    }
    format!("{text}{install}%files\n{files}{changelog}")
}

fn subpackage(text: &mut String, dice: &mut Dice, number: usize) {
    let name = format!("p{number:03}");
    let _ = writeln!(text, "%package -n {name}");
    let _ = writeln!(text, "Summary: {}", dice.pick(&TEXTS));
    if dice.below(2) == 0 {
        let _ = writeln!(
            text,
            "Version: {}",
            dice.pick(&["1.0", "1.0_k6.4.0_150600.21", "2~rc1^git"])
        );
        let _ = writeln!(text, "Release: {}", dice.pick(&["1", "0.a+b", "1.2.3"]));
    }
    if dice.below(4) == 0 {
        let _ = writeln!(text, "Epoch: {}", dice.pick(&["0", "1", "7", "4000000000"]));
    }
    if dice.below(3) == 0 {
        let _ = writeln!(
            text,
            "Group: System/Kernel\nURL: https://example.org/?a=1&b={number}"
        );
    }
    if dice.below(5) == 0 {
        text.push_str("BuildArch: noarch\n");
    }
    for _ in 0..dice.below(14) {
        dependency(text, dice);
    }
    if number % 40 == 9 {
        // Huge, as those of kernels are.
        for symbol in 0..3000_u32 {
            let crc = symbol.wrapping_mul(2_654_435_761);
            let _ = writeln!(
                text,
                "Provides: ksym(default:symbol_{number}_{symbol}) = {crc:x}"
            );
        }
    }
    let _ = writeln!(
        text,
        "%description -n {name}\n{}\n\n  indented {number}",
        dice.pick(&TEXTS)
    );
    scriptlets(text, dice, &name);
}

fn dependency(text: &mut String, dice: &mut Dice) {
    let kind = dice.pick(&KINDS);
    // rpm obsoletes packages, no capabilities.
    let name = match kind {
        "Obsoletes" => dice.pick(&["older", "kernel-default", "a+b"]),
        _ => dice.pick(&NAMES),
    };
    let line = match dice.below(10) {
        0 if !["Provides", "Obsoletes"].contains(&kind) => {
            format!("{kind}: {}", dice.pick(&RICH))
        }
        1 => format!("Supplements: {}", dice.pick(&MODALIASES)),
        2 => format!(
            "Requires({}): {}",
            dice.pick(&SCRIPTLETS),
            dice.pick(&NAMES)
        ),
        3..=6 => format!("{kind}: {name}"),
        _ if name.starts_with('/') => format!("{kind}: {name}"),
        _ => {
            let comparison = match kind {
                "Provides" => "=",
                _ => dice.pick(&["=", "<", "<=", ">", ">="]),
            };
            format!("{kind}: {name} {comparison} {}", dice.pick(&VERSIONS))
        }
    };
    let _ = writeln!(text, "{line}");
}

fn scriptlets(text: &mut String, dice: &mut Dice, name: &str) {
    let interpreters = ["", " -p /sbin/ldconfig", " -p /usr/bin/perl", " -p <lua>"];
    for kind in ["pre", "post", "preun", "postun", "posttrans"] {
        if dice.below(6) == 0 {
            let with = dice.pick(&interpreters);
            let body = if with.contains("ldconfig") {
                ""
            } else {
                "print(1)\n"
            };
            let _ = writeln!(text, "%{kind} -n {name}{with}\n{body}");
        }
    }
    if dice.below(10) == 0 {
        let _ = writeln!(text, "%triggerin -n {name} -- other > 1\ntrue\n");
    }
}

fn file_list(files: &mut String, install: &mut String, dice: &mut Dice, number: usize) {
    let _ = writeln!(files, "%files -n p{number:03}");
    let folders = [
        "usr/bin",
        "etc",
        "opt/a b",
        "usr/lib/modules/6.4.0-default/updates",
        "srv/é",
    ];
    for file in 0..dice.below(4) {
        let folder = dice.pick(&folders);
        let path = format!("{folder}/f{number}-{file}");
        let _ = writeln!(install, "mkdir -p \"%{{buildroot}}/{folder}\"");
        let _ = writeln!(install, "echo {number} > \"%{{buildroot}}/{path}\"");
        let mark = dice.pick(&["", "%config(noreplace) ", "%doc ", "%ghost "]);
        let _ = writeln!(files, "{mark}\"/{path}\"");
    }
    if dice.below(5) == 0 {
        let _ = writeln!(install, "mkdir -p %{{buildroot}}/var/d{number}");
        let _ = writeln!(install, "ln -s ../x %{{buildroot}}/var/d{number}/link");
        let _ = writeln!(files, "/var/d{number}");
    }
}

/// This rpmbuild (4.18) writes format 4 only. createrepo_c 0.17.3 reads all of these by its librpm, also
/// format 6, which is two years younger.
fn of_other_formats() -> Vec<RpmBuilder> {
    let mut packages = Vec::new();
    for format in [Format::V3, Format::V4, Format::V4Large, Format::V6] {
        for number in 0..6 {
            let name = format!("{format:?}-{number}").to_lowercase();
            let mut package = RpmBuilder::new(&name, "1.0", "1", "x86_64")
                .format(format)
                .vendor("Größe <GmbH>")
                .requires("ksym(default:printk) = 92997ed8")
                .changelog(1_690_000_000, "A <a@example.com> - 1.0", "- new")
                .file(&format!("/usr/bin/{name}"), b"x".to_vec());
            if number % 2 == 0 {
                package = package.epoch(number).ghost("/etc/ghost");
            }
            if number % 3 == 0 {
                package = package.obsoletes("older < 2").conflicts("other");
            }
            packages.push(package);
        }
    }
    packages
}
