//! Packages made on the spot, as many as a test needs, signed by the key of a vendor of their own.

use keyring::{KeyAlgorithm, SigningKey};
use testkit::{ModuleBuilder, RpmBuilder};
use xtask::fixtures::manifest::KernelEntry;
use xtask::kernels::Role;

use super::portal::Portal;
use super::repository::now;
use super::{driver, kernel};

/// A vendor with a signing key.
pub struct Maker {
    pub token: String,
    key: SigningKey,
}

/// A signed package.
pub struct Made {
    pub file_name: String,
    pub bytes: Vec<u8>,
}

impl Maker {
    /// Short name of the vendor.
    pub const NAME: &str = "mill";

    /// Registers the vendor with its key.
    pub fn join(portal: &Portal) -> Maker {
        const NAME: &str = Maker::NAME;
        let key = SigningKey::generate("Mill <mill@mill.example>", KeyAlgorithm::Rsa3072, now());
        let key = key.unwrap();
        let server = &portal.server;
        let file = server.data().with_file_name("mill.asc");
        std::fs::write(&file, key.certificate().to_armored()).unwrap();
        server.admin(&["vendor", "add", NAME, "--email", "mill@mill.example"]);
        server.admin(&["vendor-key", "add", NAME, file.to_str().unwrap()]);
        let token = server.admin(&["token", "create", "--vendor", NAME]);
        Maker { token, key }
    }

    /// A driver for the base kernel; each number is another package.
    pub fn make(&self, number: usize) -> Made {
        let base = kernel(Role::Base);
        self.make_for(base, layout(base), number)
    }

    /// A driver for a kernel whose `module_layout` has this version.
    pub fn make_for(&self, kernel: &KernelEntry, layout: u32, number: usize) -> Made {
        let name = format!("mill{number:03}-kmp-{}", kernel.flavor);
        let version = format!("1.0_k{}", kernel.version.replace('-', "_"));
        let module = format!("mill{number:03}");
        let path = format!("/lib/modules/{}/updates/{module}.ko", kernel.release);
        let key = self.key.clone();
        let bytes = RpmBuilder::new(&name, &version, "1", &kernel.arch)
            .kmp()
            .vendor("Mill")
            .requires(&format!(
                "ksym({}:module_layout) = {layout:x}",
                kernel.flavor
            ))
            .file(&path, module_bytes(kernel, &module, layout))
            .signed(move |header| key.sign_packet(header, now()).unwrap())
            .build();
        Made {
            file_name: format!("{name}-{version}-1.{}.rpm", kernel.arch),
            bytes,
        }
    }
}

fn module_bytes(kernel: &KernelEntry, name: &str, layout: u32) -> Vec<u8> {
    let vermagic = kernel
        .vermagic
        .as_deref()
        .expect("modules are built for the base kernel");
    ModuleBuilder::new(name)
        .vermagic(vermagic)
        .module_layout(layout)
        .build()
}

/// The version of `module_layout`, as a real module of the kernel carries it.
fn layout(kernel: &KernelEntry) -> u32 {
    let module = &driver("acme-core", kernel.role).modules[0];
    u32::from_str_radix(&module.needs["module_layout"], 16).unwrap()
}
