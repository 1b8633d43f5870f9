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
        let base = format!("mill{number:03}");
        let module = module_bytes(kernel, &base, layout);
        self.sign(driver_package(kernel, layout, &base, "1", module))
    }

    /// A driver for the base kernel with this base name and release. What becomes of its module's
    /// bytes, and what else is in the package, the caller says.
    pub fn driver(
        &self,
        base: &str,
        release: &str,
        module: impl FnOnce(Vec<u8>) -> Vec<u8>,
        more: impl FnOnce(RpmBuilder) -> RpmBuilder,
    ) -> Made {
        let kernel = kernel(Role::Base);
        let layout = layout(kernel);
        let stem = base.replace('-', "_");
        let module = module(module_bytes(kernel, &stem, layout));
        let (file_name, package) = driver_package(kernel, layout, base, release, module);
        self.sign((file_name, more(package)))
    }

    /// A module for the base kernel that drives these devices.
    pub fn module(name: &str, alias: &str) -> Vec<u8> {
        let base = kernel(Role::Base);
        builder(base, name, layout(base)).alias(alias).build()
    }

    /// A package without modules.
    pub fn companion(&self, name: &str, path: &str, bytes: Vec<u8>) -> Made {
        let package = RpmBuilder::new(name, "1.0", "1", "noarch")
            .vendor("Mill")
            .file(path, bytes);
        self.sign((format!("{name}-1.0-1.noarch.rpm"), package))
    }

    fn sign(&self, (file_name, package): (String, RpmBuilder)) -> Made {
        let key = self.key.clone();
        let signed = package.signed(move |header| key.sign_packet(header, now()).unwrap());
        Made {
            file_name,
            bytes: signed.build(),
        }
    }
}

/// File name and content of a driver with one module, not signed yet.
fn driver_package(
    kernel: &KernelEntry,
    layout: u32,
    base: &str,
    release: &str,
    module: Vec<u8>,
) -> (String, RpmBuilder) {
    let name = format!("{base}-kmp-{}", kernel.flavor);
    let version = format!("1.0_k{}", kernel.version.replace('-', "_"));
    let stem = base.replace('-', "_");
    let path = format!("/lib/modules/{}/updates/{stem}.ko", kernel.release);
    let package = RpmBuilder::new(&name, &version, release, &kernel.arch)
        .kmp()
        .vendor("Mill")
        .requires(&format!(
            "ksym({}:module_layout) = {layout:x}",
            kernel.flavor
        ))
        .file(&path, module);
    let file_name = format!("{name}-{version}-{release}.{}.rpm", kernel.arch);
    (file_name, package)
}

fn module_bytes(kernel: &KernelEntry, name: &str, layout: u32) -> Vec<u8> {
    builder(kernel, name, layout).build()
}

fn builder(kernel: &KernelEntry, name: &str, layout: u32) -> ModuleBuilder {
    let vermagic = kernel
        .vermagic
        .as_deref()
        .expect("modules are built for the base kernel");
    ModuleBuilder::new(name)
        .vermagic(vermagic)
        .module_layout(layout)
}

/// The version of `module_layout`, as a real module of the kernel carries it.
fn layout(kernel: &KernelEntry) -> u32 {
    let module = &driver("acme-core", kernel.role).modules[0];
    u32::from_str_radix(&module.needs["module_layout"], 16).unwrap()
}
