//! Modules signed by openssl and by the kernel's own `sign-file`, judged by the certificate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmod::{Certificate, Limits, Module};
use kmp::ModuleVerdict;
use tempfile::TempDir;
use testkit::{ModuleBuilder, RpmBuilder};

use crate::tools::run;

const MAGIC: &[u8] = b"~Module signature appended~\n";
/// How openssl makes each kind of key that kernels verify by.
const KINDS: [(&str, &[&str]); 4] = [
    ("RSA 2048", &["rsa:2048"]),
    ("RSA 4096", &["rsa:4096"]),
    ("P-256", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("P-384", &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
];

/// A key of an X.509 certificate in a folder of its own.
struct Signer {
    folder: TempDir,
    certificate: Certificate,
}

impl Signer {
    fn new(kind: &[&str]) -> Signer {
        let folder = tempfile::tempdir().unwrap();
        let mut make = openssl(folder.path());
        make.args(["req", "-x509", "-nodes", "-subj", "/CN=Acme module key"])
            .args([
                "-set_serial",
                "4711",
                "-keyout",
                "key.pem",
                "-out",
                "cert.pem",
            ])
            .arg("-newkey")
            .args(kind);
        run(&mut make);
        let mut convert = openssl(folder.path());
        run(convert.args([
            "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der",
        ]));
        let der = fs::read(folder.path().join("cert.der")).unwrap();
        Signer {
            folder,
            certificate: Certificate::read(&der).unwrap(),
        }
    }

    /// As `openssl cms` signs it.
    fn sign(&self, module: &[u8], options: &[&str]) -> Vec<u8> {
        fs::write(self.folder.path().join("a.ko"), module).unwrap();
        let mut cms = openssl(self.folder.path());
        cms.args(["cms", "-sign", "-binary", "-nocerts", "-outform", "DER"])
            .args(["-signer", "cert.pem", "-inkey", "key.pem"])
            .args(["-in", "a.ko", "-out", "a.p7s"])
            .args(options);
        run(&mut cms);
        let signature = fs::read(self.folder.path().join("a.p7s")).unwrap();
        let length = u32::try_from(signature.len()).unwrap().to_be_bytes();
        [
            module,
            &signature,
            &[0, 0, 2, 0, 0, 0, 0, 0],
            &length,
            MAGIC,
        ]
        .concat()
    }

    fn verdict(&self, file: &[u8]) -> Option<ModuleVerdict> {
        let read = Module::read_sealed(file, "acme.ko", &Limits::default());
        let (module, seal) = read.unwrap();
        let signature = module.signature.unwrap();
        let judged = keyring::judge_module(&signature, seal.as_ref(), &[&self.certificate]);
        judged.map(|(_, verdict)| verdict)
    }
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder);
    command
}

fn module() -> Vec<u8> {
    ModuleBuilder::new("acme").license("GPL").build()
}

/// Changes a byte of the licence, which leaves the module readable.
fn changed(mut file: Vec<u8>) -> Vec<u8> {
    let text = b"license=GPL";
    let at = file.windows(text.len()).position(|found| found == text);
    file[at.unwrap() + text.len() - 1] = b'K';
    file
}

#[test]
fn every_kind_of_key_and_digest_is_verified() {
    for (name, kind) in KINDS {
        let signer = Signer::new(kind);
        for digest in ["sha256", "sha384", "sha512"] {
            for more in [&["-noattr"][..], &[], &["-noattr", "-keyid"]] {
                let options = [&["-md", digest], more].concat();
                let signed = signer.sign(&module(), &options);
                let good = Some(ModuleVerdict::Good);
                assert_eq!(signer.verdict(&signed), good, "{name} {options:?}");
                let bad = Some(ModuleVerdict::Bad);
                assert_eq!(signer.verdict(&changed(signed)), bad, "{name} {options:?}");
            }
        }
    }
}

#[test]
fn another_key_under_the_same_name_is_bad_and_another_name_is_not_judged() {
    let (signer, other) = (Signer::new(&["rsa:2048"]), Signer::new(&["rsa:2048"]));
    // Issuer and serial number are the same, the key is not.
    let signed = other.sign(&module(), &["-noattr"]);
    assert_eq!(signer.verdict(&signed), Some(ModuleVerdict::Bad));
    let by_key_id = other.sign(&module(), &["-noattr", "-keyid"]);
    assert_eq!(signer.verdict(&by_key_id), None);
    // A signature by a kind of key that the certificate is not of.
    let curve = Signer::new(KINDS[2].1).sign(&module(), &["-noattr"]);
    assert_eq!(signer.verdict(&curve), Some(ModuleVerdict::Bad));
}

#[test]
fn what_the_kernels_own_program_signs_is_good() {
    let signer = Signer::new(&["rsa:2048"]);
    let path = |name: &str| signer.folder.path().join(name);
    for digest in ["sha256", "sha512"] {
        fs::write(path("a.ko"), module()).unwrap();
        let mut sign = Command::new(sign_file());
        sign.arg(digest)
            .args([path("key.pem"), path("cert.pem"), path("a.ko")]);
        run(&mut sign);
        let signed = fs::read(path("a.ko")).unwrap();
        assert_eq!(signer.verdict(&signed), Some(ModuleVerdict::Good));
        assert_eq!(signer.verdict(&changed(signed)), Some(ModuleVerdict::Bad));
    }
}

#[test]
fn modules_of_a_package_are_judged_each() {
    let signer = Signer::new(&["rsa:2048"]);
    let signed = signer.sign(&module(), &["-noattr"]);
    let folder = "/lib/modules/6.4.0-default/updates";
    let package = RpmBuilder::new("acme-kmp-default", "1", "1", "x86_64")
        .file(&format!("{folder}/a.ko"), signed.clone())
        .file(&format!("{folder}/b.ko"), changed(signed))
        .file(&format!("{folder}/c.ko"), module())
        .build();
    let limits = kmp::Limits::default();
    let judge = |package| {
        let judged = keyring::judge_modules(&package, &[&signer.certificate]);
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let verdicts = judged.into_iter().map(|it| (name(&it.path), it.verdict));
        verdicts.collect::<Vec<_>>()
    };
    let sealed = kmp::read_sealed(&*package, &limits).unwrap();
    let expected = [
        ("a.ko".to_owned(), ModuleVerdict::Good),
        ("b.ko".to_owned(), ModuleVerdict::Bad),
    ];
    assert_eq!(judge(sealed), expected);
    let unsealed = judge(kmp::read(&*package, &limits).unwrap());
    assert!(matches!(unsealed[0].1, ModuleVerdict::Unjudged { .. }));
}

/// The program of some kernel's build files: an installed one's, or that of the fixtures.
fn sign_file() -> PathBuf {
    let mut folders = ["/usr/src", "/usr/src/kernels", "/usr/lib"]
        .map(PathBuf::from)
        .to_vec();
    if let Some(manifest) = std::env::var_os("KMP_PORTAL_FIXTURES") {
        folders.push(PathBuf::from(manifest).with_file_name("headers/usr/lib"));
    }
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let found = entries
        .flatten()
        .map(|entry| entry.unwrap().path().join("scripts/sign-file"));
    let mut found: Vec<PathBuf> = found.filter(|file| file.is_file()).collect();
    found.sort();
    found.pop().expect(
        "no kernel's build files bring scripts/sign-file: run `cargo xtask test`, or apt-get install \
         linux-headers-amd64",
    )
}
