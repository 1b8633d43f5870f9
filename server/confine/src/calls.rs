//! Seccomp: the few system calls that computing takes. Any other fails with `EPERM`, so that what a
//! library tries in passing does not end the process.

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// Calls that are allowed whatever their arguments: reading and writing what is open, memory,
/// waiting for threads of its own, time, and an end in order or by a fault.
const FREE: [i64; 30] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sysinfo,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Forbids all others to the calling thread and those it will start.
pub(crate) fn few() -> Result<(), seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let allowed = SeccompFilter::new(allowed()?, denied, SeccompAction::Allow, arch)?;
    // What glibc starts threads with, but its flags lie in memory, where no filter sees them. Told
    // that there is no such call, glibc takes `clone`.
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let no_clone3 = SeccompFilter::new(rules, SeccompAction::Allow, missing, arch)?;
    // Of two filters the stricter answer counts. The one that forbids installing filters comes last.
    apply_filter(&BpfProgram::try_from(no_clone3)?)?;
    apply_filter(&BpfProgram::try_from(allowed)?)
}

fn allowed() -> Result<Rules, BackendError> {
    let mut rules: Rules = FREE.into_iter().map(|call| (call, Vec::new())).collect();
    // Memory, but never for code.
    let no_code = || rule(2, SeccompCmpOp::MaskedEq(flag(libc::PROT_EXEC)), 0);
    rules.insert(libc::SYS_mmap, vec![no_code()?]);
    rules.insert(libc::SYS_mprotect, vec![no_code()?]);
    // Threads, but never processes.
    let thread = flag(libc::CLONE_THREAD);
    let threads = rule(0, SeccompCmpOp::MaskedEq(thread), thread)?;
    rules.insert(libc::SYS_clone, vec![threads]);
    // Answered by a filter of its own.
    rules.insert(libc::SYS_clone3, Vec::new());
    // `abort` signals the process itself, and nobody else may be signalled.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    Ok(rules)
}

fn rule(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let length = SeccompCmpArgLen::Dword;
    SeccompRule::new(vec![SeccompCondition::new(
        argument, length, operation, value,
    )?])
}

fn flag(bits: i32) -> u64 {
    u64::from(bits.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{self, ErrorKind};
    use std::net::UdpSocket;
    use std::process::Command;
    use std::thread;

    #[test]
    fn computing_goes_on_and_nothing_else() {
        // A filter is the thread's own, so the other tests go on.
        let confined = thread::spawn(|| {
            let other = rustix::process::getppid().unwrap();
            if let Err(error) = few() {
                assert!(!error.to_string().is_empty());
                return;
            }
            let denied = |result: io::Result<()>| {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
            };
            denied(File::open("/etc/passwd").map(drop));
            denied(UdpSocket::bind("127.0.0.1:0").map(drop));
            denied(std::os::unix::net::UnixStream::pair().map(drop));
            denied(Command::new("/bin/true").status().map(drop));
            denied(rustix::process::test_kill_process(other).map_err(io::Error::from));
            let sum = thread::Builder::new().spawn(|| vec![1_u8; 1 << 20].len());
            assert_eq!(sum.unwrap().join().unwrap(), 1 << 20);
        });
        confined.join().unwrap();
    }
}
