//! RPM architecture names against the processor in a module's ELF header.
//!
//! Sources: `e_machine` numbers of the ELF gABI, architecture names of rpm's `rpmrc`, and those
//! Debian uses for the same processors.

use kmod::Machine;

/// One processor under all its names.
struct Processor {
    names: &'static [&'static str],
    machine: Machine,
}

const fn little_64(e_machine: u16) -> Machine {
    Machine {
        e_machine,
        is_64: true,
        little_endian: true,
    }
}

const fn little_32(e_machine: u16) -> Machine {
    Machine {
        e_machine,
        is_64: false,
        little_endian: true,
    }
}

const fn big_64(e_machine: u16) -> Machine {
    Machine {
        e_machine,
        is_64: true,
        little_endian: false,
    }
}

const fn big_32(e_machine: u16) -> Machine {
    Machine {
        e_machine,
        is_64: false,
        little_endian: false,
    }
}

/// The first name is rpm's own.
static PROCESSORS: &[Processor] = &[
    Processor {
        names: &["x86_64", "amd64", "x86_64_v2", "x86_64_v3"],
        machine: little_64(62),
    },
    Processor {
        names: &["i686", "i586", "i486", "i386", "athlon", "geode"],
        machine: little_32(3),
    },
    Processor {
        names: &["aarch64", "arm64"],
        machine: little_64(183),
    },
    Processor {
        names: &[
            "armv7hl", "armv7hnl", "armv7l", "armv6hl", "armv6l", "armv5tel", "armhf", "armel",
        ],
        machine: little_32(40),
    },
    Processor {
        names: &["ppc64le", "ppc64el"],
        machine: little_64(21),
    },
    Processor {
        names: &["ppc64"],
        machine: big_64(21),
    },
    Processor {
        names: &["ppc", "powerpc"],
        machine: big_32(20),
    },
    Processor {
        names: &["s390x"],
        machine: big_64(22),
    },
    Processor {
        names: &["s390"],
        machine: big_32(22),
    },
    Processor {
        names: &["riscv64"],
        machine: little_64(243),
    },
    Processor {
        names: &["loongarch64", "loong64"],
        machine: little_64(258),
    },
    Processor {
        names: &["ia64"],
        machine: little_64(50),
    },
    Processor {
        names: &["sparc64"],
        machine: big_64(43),
    },
];

/// Does a kernel of this architecture run code for that processor? `None` when the name is unknown.
///
/// The kernel itself, not what it runs beside: an `x86_64` kernel takes no 32-bit modules.
pub fn runs(arch: &str, machine: Machine) -> Option<bool> {
    let processor = PROCESSORS.iter().find(|p| p.names.contains(&arch))?;
    Some(processor.machine == machine)
}

/// The machine that modules for this architecture name in their heads.
pub fn machine(arch: &str) -> Option<Machine> {
    let processor = PROCESSORS.iter().find(|p| p.names.contains(&arch))?;
    Some(processor.machine)
}

/// Are these names of one processor? Packages for `i586` serve kernels for `i686`.
pub fn is_same(a: &str, b: &str) -> bool {
    a == b
        || PROCESSORS
            .iter()
            .any(|p| p.names.contains(&a) && p.names.contains(&b))
}

/// rpm's name of a processor that has another one too (`amd64`: `x86_64`); `None` when nobody knows
/// it.
pub fn rpm_name(name: &str) -> Option<&'static str> {
    let processor = PROCESSORS.iter().find(|p| p.names.contains(&name))?;
    Some(processor.names[0])
}

/// The processor's name as rpm says it (`x86_64`), or its number (`ELF machine 9`).
pub fn name(machine: Machine) -> String {
    PROCESSORS
        .iter()
        .find(|p| p.machine == machine)
        .map_or_else(
            || {
                let bits = if machine.is_64 { 64 } else { 32 };
                let order = if machine.little_endian {
                    "little"
                } else {
                    "big"
                };
                format!(
                    "ELF machine {}, {bits} bit, {order}-endian",
                    machine.e_machine
                )
            },
            |p| p.names[0].to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_and_machines() {
        let cases = [
            ("x86_64", little_64(62), Some(true)),
            ("amd64", little_64(62), Some(true)),
            ("x86_64", little_32(62), Some(false)),
            ("x86_64", little_32(3), Some(false)),
            ("i586", little_32(3), Some(true)),
            ("aarch64", little_64(183), Some(true)),
            ("aarch64", little_64(62), Some(false)),
            ("ppc64le", little_64(21), Some(true)),
            ("ppc64", little_64(21), Some(false)),
            ("s390x", big_64(22), Some(true)),
            ("armv7hl", little_32(40), Some(true)),
            ("noarch", little_64(62), None),
            ("", little_64(62), None),
        ];
        for (arch, machine, expected) in cases {
            assert_eq!(runs(arch, machine), expected, "{arch} {machine:?}");
        }
    }

    #[test]
    fn names_of_one_processor() {
        assert!(is_same("i586", "i686"));
        assert!(is_same("amd64", "x86_64"));
        assert!(is_same("mips", "mips"));
        assert!(!is_same("x86_64", "i686"));
    }

    #[test]
    fn every_name_stands_once_and_names_its_machine() {
        let mut seen = std::collections::HashSet::new();
        for processor in PROCESSORS {
            assert_eq!(name(processor.machine), processor.names[0]);
            for name in processor.names {
                assert_eq!(rpm_name(name), Some(processor.names[0]));
                assert!(seen.insert(name), "{name}");
            }
        }
        assert_eq!(name(big_32(9)), "ELF machine 9, 32 bit, big-endian");
    }
}
