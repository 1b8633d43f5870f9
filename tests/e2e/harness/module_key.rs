//! Keys that vendors sign modules with, made and used by openssl as the kernel's scripts do it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::sh;

/// A key for modules with its certificate, made by openssl.
pub struct ModuleKey {
    folder: PathBuf,
    /// DER.
    pub certificate: Vec<u8>,
    /// SHA-1, upper-case hex.
    pub fingerprint: String,
}

impl ModuleKey {
    /// Makes one, with its files in that folder.
    pub fn make(folder: &Path) -> ModuleKey {
        let (key, pem, der) = (
            folder.join("key.pem"),
            folder.join("cert.pem"),
            folder.join("cert.der"),
        );
        openssl(
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=Mill module key",
            ],
            &[("-keyout", &key), ("-out", &pem)],
        );
        openssl(
            &["x509", "-outform", "DER"],
            &[("-in", &pem), ("-out", &der)],
        );
        let text = sh::output(
            Command::new("openssl")
                .args(["x509", "-noout", "-fingerprint", "-sha1", "-in"])
                .arg(&pem),
        )
        .unwrap();
        let digits = text.split_once('=').unwrap().1;
        ModuleKey {
            folder: folder.to_owned(),
            certificate: fs::read(der).unwrap(),
            fingerprint: digits.trim().replace(':', ""),
        }
    }

    /// As `scripts/sign-file` does it.
    pub fn sign(&self, module: &[u8]) -> Vec<u8> {
        let file = |name: &str| self.folder.join(name);
        fs::write(file("module.ko"), module).unwrap();
        openssl(
            &[
                "cms", "-sign", "-binary", "-noattr", "-nocerts", "-md", "sha256", "-outform",
                "DER",
            ],
            &[
                ("-signer", &file("cert.pem")),
                ("-inkey", &file("key.pem")),
                ("-in", &file("module.ko")),
                ("-out", &file("module.p7s")),
            ],
        );
        let signature = fs::read(file("module.p7s")).unwrap();
        let length = u32::try_from(signature.len()).unwrap();
        let mut signed = module.to_vec();
        signed.extend(signature);
        signed.extend([0, 0, 2, 0, 0, 0, 0, 0]);
        signed.extend(length.to_be_bytes());
        signed.extend(b"~Module signature appended~\n");
        signed
    }
}

fn openssl(arguments: &[&str], files: &[(&str, &Path)]) {
    let mut command = Command::new("openssl");
    command.args(arguments);
    for (option, file) in files {
        command.arg(option).arg(file);
    }
    sh::output(&mut command).unwrap();
}
