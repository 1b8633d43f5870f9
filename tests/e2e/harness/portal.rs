//! A portal with people in it: a product, two vendors with their keys, tokens and users.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use xtask::demo::api::escape;
use xtask::demo::story::file_name;
use xtask::fixtures::VENDORS;
use xtask::fixtures::manifest::{KernelEntry, Package};
use xtask::kernels::Role;

use super::http::{Ask, Reply};
use super::server::Server;
use super::{all_good, fixtures, good, kernel, until};

/// The product of the base kernel and those near it.
pub const PRODUCT: &str = "debian-12";
/// The product of the next series of kernels.
pub const NEXT_PRODUCT: &str = "debian-12-backports";
/// A product without kernels that holds all packages.
pub const ARCHIVE: &str = "archive";
/// The day on which the breaking kernel will be released.
pub const RELEASE_DATE: &str = "2031-03-09";
/// The same as people read it.
pub const RELEASE_DAY: &str = "9 Mar 2031";

/// Secrets are by the name of a vendor, or this.
pub const DISTRIBUTOR: &str = "distributor";

/// Seconds in which a package is decided and published, on a slow machine.
const WAIT: u32 = 90;

pub struct Portal {
    pub server: Server,
    tokens: BTreeMap<&'static str, String>,
}

impl Portal {
    /// One without kernels and packages.
    pub fn open(options: &[&str]) -> Portal {
        Portal::of(Server::start(options))
    }

    /// The same of a server that runs already.
    pub fn of(server: Server) -> Portal {
        add_product(&server, PRODUCT, &[&kernel(Role::Base).flavor]);
        let mut tokens = BTreeMap::new();
        for (vendor, display_name, email) in VENDORS {
            server.admin(&[
                "vendor",
                "add",
                vendor,
                "--display-name",
                display_name,
                "--email",
                email,
            ]);
            let key = fixtures().keys[vendor].public.to_str().unwrap();
            server.admin(&["vendor-key", "add", vendor, key]);
            tokens.insert(
                vendor,
                server.admin(&["token", "create", "--vendor", vendor]),
            );
        }
        tokens.insert(
            DISTRIBUTOR,
            server.admin(&["token", "create", "--distributor"]),
        );
        Portal { server, tokens }
    }

    /// The same with the base kernel.
    pub fn with_base_kernel(options: &[&str]) -> Portal {
        Portal::open(options).and_base_kernel()
    }

    /// Registers the base kernel.
    pub fn and_base_kernel(self) -> Portal {
        self.register(PRODUCT, kernel(Role::Base), "released", "")
            .expect(201);
        self
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base())
    }

    /// The token of a vendor or of the [`DISTRIBUTOR`].
    pub fn token(&self, whose: &str) -> &str {
        &self.tokens[whose]
    }

    pub fn get(&self, path: &str) -> Reply {
        Ask::get(self.url(path)).send()
    }

    /// What the API tells the distributor, who sees everything.
    pub fn json(&self, path: &str) -> Value {
        Ask::get(self.url(path))
            .token(self.token(DISTRIBUTOR))
            .send()
            .expect(200)
            .json()
    }

    /// Waits until no work is left, and none was given up. What was refused is then gone, too: its
    /// bytes are removed right behind the answer.
    #[track_caller]
    pub fn finish(&self) {
        until("all work is done", Duration::from_secs(60), || {
            let health = self.get("/healthz").expect(200).json();
            assert_eq!(health["jobs"]["failed"], 0, "{health}");
            (health["jobs"]["open"] == 0).then_some(())
        });
    }

    /// Registers a kernel; `more` are further parameters, each behind a `&`.
    pub fn register(&self, product: &str, kernel: &KernelEntry, status: &str, more: &str) -> Reply {
        let path = format!(
            "/api/v1/kernels?product={product}&flavor={}&arch={}&release={}&status={status}\
             &wait={WAIT}{more}",
            escape(&kernel.flavor),
            escape(&kernel.arch),
            escape(&kernel.release),
        );
        let symvers = fs::read(&kernel.symvers).unwrap();
        Ask::new("POST", self.url(&path))
            .token(self.token(DISTRIBUTOR))
            .body(symvers)
            .send()
    }

    /// Uploads a package as its vendor; `query` without its question mark, may be empty.
    pub fn upload(&self, package: &Package, query: &str) -> Reply {
        let bytes = fs::read(&package.path).unwrap();
        self.put(&file_name(package), query, &package.vendor, bytes)
    }

    /// Uploads bytes under a name.
    pub fn put(&self, name: &str, query: &str, vendor: &str, bytes: Vec<u8>) -> Reply {
        self.upload_of(name, query, vendor, bytes).send()
    }

    /// The request of an upload that is answered when the package is decided and visible, unless
    /// the query says otherwise.
    pub fn upload_of(&self, name: &str, query: &str, vendor: &str, bytes: Vec<u8>) -> Ask {
        let wait = match query.contains("wait=") {
            true => String::new(),
            false => format!("&wait={WAIT}"),
        };
        let path = format!("/api/v1/packages/{}?{query}{wait}", escape(name)).replace("?&", "?");
        Ask::new("PUT", self.url(&path))
            .token(self.token(vendor))
            .body(bytes)
    }
}

/// With no flavors, any will do.
fn add_product(server: &Server, name: &str, flavors: &[&str]) {
    let arch = &kernel(Role::Base).arch;
    let mut command = vec!["product", "add", name, "--family", "suse", "--arch", arch];
    command.extend(flavors.iter().flat_map(|flavor| ["--flavor", flavor]));
    server.admin(&command);
}

/// A portal in full use, for tests that only look: both series of kernels, all good packages, and
/// the kernel that will break one of them.
pub struct Shared {
    pub portal: Portal,
    /// What each upload was answered with, by file name.
    pub uploads: BTreeMap<String, Value>,
    /// What each registration was answered with, by release.
    pub kernels: BTreeMap<String, Value>,
}

/// Opened by the first test that asks, and ended with the last.
pub fn shared() -> &'static Shared {
    static SHARED: LazyLock<Shared> = LazyLock::new(Shared::open);
    &SHARED
}

impl Shared {
    fn open() -> Shared {
        let portal = Portal::open(&[]);
        let (uploads, kernels) = (BTreeMap::new(), BTreeMap::new());
        let mut shared = Shared {
            portal,
            uploads,
            kernels,
        };
        shared.register(PRODUCT, Role::Base, "released", "");
        if let Some(next) = fixtures().kernel(Role::NextSeries) {
            add_product(&shared.portal.server, NEXT_PRODUCT, &[&next.flavor]);
            shared.register(NEXT_PRODUCT, Role::NextSeries, "released", "");
        }
        for package in good(Role::Base).chain(good(Role::NextSeries)) {
            // The product is found by the kernel that the package was built for.
            shared.upload(package, "", 201);
        }
        add_product(&shared.portal.server, ARCHIVE, &[]);
        for package in all_good() {
            // Those that are there already go to one more product.
            let is_known = shared.uploads.contains_key(&file_name(package));
            let status = if is_known { 200 } else { 201 };
            shared.upload(package, &format!("product={ARCHIVE}"), status);
        }
        let date = format!("&release_date={RELEASE_DATE}&vendors=acme,beta");
        shared.register(PRODUCT, Role::Breaking, "preview", &date);
        shared
    }

    fn register(&mut self, product: &str, role: Role, status: &str, more: &str) {
        let kernel = kernel(role);
        let answer = self
            .portal
            .register(product, kernel, status, more)
            .expect(201)
            .json();
        self.kernels.insert(kernel.release.clone(), answer);
    }

    /// The first answer is kept.
    fn upload(&mut self, package: &Package, query: &str, status: u16) {
        let answer = self.portal.upload(package, query).expect(status).json();
        self.uploads.entry(file_name(package)).or_insert(answer);
    }

    pub fn kernel_id(&self, role: Role) -> &str {
        self.kernels[&kernel(role).release]["id"].as_str().unwrap()
    }

    pub fn package_id(&self, package: &Package) -> &str {
        self.uploads[&file_name(package)]["id"].as_str().unwrap()
    }
}
