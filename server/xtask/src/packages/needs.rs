//! The table of what is needed: how to see that it is there, and what its package is called.

use super::probe::Probe::{self, File, Program, StaticProgram};
use super::{Family, Group};
use Group::{Bench, Build, Clients, Fixtures, Fuzz, Tests, Truth};

/// One program or library.
pub struct Need {
    /// For messages.
    pub what: &'static str,
    pub probe: Probe,
    /// Package names by family, in the order Debian, SUSE, Red Hat; empty where there is nothing
    /// to install.
    names: [&'static [&'static str]; 3],
    pub groups: &'static [Group],
    /// Its absence costs a feature of the tests, not the tests.
    pub optional: bool,
}

impl Need {
    pub fn packages(&self, family: Family) -> &'static [&'static str] {
        match family {
            Family::Debian => self.names[0],
            Family::Suse => self.names[1],
            Family::RedHat => self.names[2],
        }
    }
}

const fn need(
    what: &'static str,
    probe: Probe,
    names: [&'static [&'static str]; 3],
    groups: &'static [Group],
) -> Need {
    Need {
        what,
        probe,
        names,
        groups,
        optional: false,
    }
}

#[rustfmt::skip]
pub static NEEDS: [Need; 34] = [
    need("nettle headers", File(&["/usr/include/nettle/nettle-meta.h"]),
        [&["nettle-dev"], &["libnettle-devel"], &["nettle-devel"]], &[Build]),
    need("libclang",
        File(&["/usr/lib/llvm-*/lib/libclang.so", "/usr/lib*/libclang.so", "/usr/lib64/llvm*/lib/libclang.so"]),
        [&["libclang-dev"], &["clang-devel"], &["clang-devel"]], &[Build]),
    need("pkg-config", Program(&["pkg-config"]),
        [&["pkg-config"], &["pkg-config"], &["pkgconf-pkg-config"]], &[Build]),
    need("PostgreSQL server",
        File(&["/usr/lib/postgresql/*/bin/initdb", "/usr/lib/postgresql*/bin/initdb",
            "/usr/pgsql-*/bin/initdb", "/usr/bin/initdb"]),
        [&["postgresql"], &["postgresql-server"], &["postgresql-server"]], &[Build]),
    need("PostgreSQL client", Program(&["psql"]),
        [&["postgresql-client"], &["postgresql"], &["postgresql"]], &[Build]),
    need("C compiler", Program(&["gcc"]), [&["gcc"], &["gcc"], &["gcc"]], &[Build, Fixtures]),

    need("make", Program(&["make"]), [&["make"], &["make"], &["make"]], &[Fixtures]),
    need("binutils", Program(&["objcopy"]),
        [&["binutils"], &["binutils"], &["binutils"]], &[Fixtures]),
    // objtool, which builds modules, is linked with it.
    need("libelf", File(&["/usr/lib/*/libelf.so.1", "/usr/lib64/libelf.so.1", "/lib/*/libelf.so.1"]),
        [&["libelf1"], &["libelf1"], &["elfutils-libelf"]], &[Fixtures]),
    // Newer headers bring type data, from which the modules' own is made.
    need("pahole", Program(&["pahole"]), [&["pahole"], &["dwarves"], &["dwarves"]], &[Fixtures]),
    // Debian's are fetched by the fixture builder, without installing them.
    need("kernel headers", File(&["/usr/src/linux-*", "/usr/src/kernels/*"]),
        [&[], &["kernel-default-devel"], &["kernel-devel"]], &[Fixtures]),
    need("kmod", Program(&["modprobe"]), [&["kmod"], &["kmod"], &["kmod"]], &[Fixtures, Bench]),
    need("gpg", Program(&["gpg"]), [&["gnupg"], &["gpg2"], &["gnupg2"]], &[Fixtures]),
    need("openssl", Program(&["openssl"]), [&["openssl"], &["openssl"], &["openssl"]], &[Fixtures, Clients]),
    need("rpm", Program(&["rpmkeys"]), [&["rpm"], &["rpm"], &["rpm"]], &[Fixtures, Clients]),
    need("rpmbuild", Program(&["rpmbuild"]),
        [&["rpm"], &["rpm-build"], &["rpm-build"]], &[Fixtures, Bench]),
    need("rpmsign", Program(&["rpmsign"]), [&["rpm"], &["rpm-build"], &["rpm-sign"]], &[Fixtures]),
    need("createrepo_c", Program(&["createrepo_c"]),
        [&["createrepo-c"], &["createrepo_c"], &["createrepo_c"]], &[Fixtures]),
    need("static busybox", StaticProgram("busybox"),
        [&["busybox-static"], &["busybox-static"], &["busybox"]], &[Fixtures]),

    need("zypper", Program(&["zypper"]), [&["zypper"], &["zypper"], &["zypper"]], &[Clients]),
    need("dnf", Program(&["dnf"]), [&["dnf"], &["dnf"], &["dnf"]], &[Clients]),
    need("curl", Program(&["curl"]), [&["curl"], &["curl"], &["curl"]], &[Clients]),

    need("libsolv tools", Program(&["dumpsolv"]),
        [&["libsolv-tools"], &["libsolv-tools"], &["libsolv-tools"]], &[Tests]),
    need("xz", Program(&["xz"]), [&["xz-utils"], &["xz"], &["xz"]], &[Tests, Truth]),
    need("zstd", Program(&["zstd"]), [&["zstd"], &["zstd"], &["zstd"]], &[Tests]),
    need("Chromium", Program(&["chromium", "chromium-browser", "google-chrome"]),
        [&["chromium"], &["chromium"], &["chromium"]], &[Tests]),
    need("chromedriver", Program(&["chromedriver"]),
        [&["chromium-driver"], &["chromedriver"], &["chromedriver"]], &[Tests]),
    need("SMTP sink (aiosmtpd)",
        File(&["/usr/lib/python3/dist-packages/aiosmtpd", "/usr/lib/python3*/site-packages/aiosmtpd"]),
        [&["python3-aiosmtpd"], &["python3-aiosmtpd"], &["python3-aiosmtpd"]], &[Tests]),
    need("C++ compiler", Program(&["c++", "g++"]),
        [&["g++"], &["gcc-c++"], &["gcc-c++"]], &[Fuzz]),
    need("libkmod headers", File(&["/usr/include/libkmod.h"]),
        [&["libkmod-dev"], &["libkmod-devel"], &["kmod-devel"]], &[Tests, Bench]),
    need("rpm2cpio", Program(&["rpm2cpio"]), [&["rpm2cpio"], &["rpm"], &["rpm"]], &[Bench]),
    need("cpio", Program(&["cpio"]), [&["cpio"], &["cpio"], &["cpio"]], &[Bench, Truth]),
    need("qemu", Program(&["qemu-system-x86_64"]),
        [&["qemu-system-x86"], &["qemu-x86"], &["qemu-kvm"]], &[Truth]),
    Need {
        what: "docker compose",
        probe: Program(&["docker-compose"]),
        names: [&["docker-compose"], &["docker-compose"], &["docker-compose"]],
        groups: &[Tests],
        optional: true,
    },
];
