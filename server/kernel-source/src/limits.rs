//! Upper bounds while reading one source.

/// Upper bounds while reading one source. Going over one is an [`crate::Error::TooLarge`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the source after its own compression is undone.
    pub unpacked: u64,
    /// Files and folders in an archive.
    pub files: usize,
    /// Bytes of one path in an archive.
    pub path_length: usize,
    /// Bytes of one symvers file as it comes.
    pub symvers: usize,
    /// What it may hold.
    pub symvers_content: kabi::symvers::Limits,
    /// Bytes of one small text: a configuration, a generated header, a control file.
    pub text: usize,
    /// Bytes of an unpacked kernel image. Those without debug information have some 60 MB.
    pub image: usize,
    /// Modules of all kernels in one source.
    pub modules: usize,
    /// Bytes that the names, exports and aliases of all modules may take.
    pub module_facts: usize,
    /// Symbols that all kernels of one repository may provide, each counted per kernel.
    pub provides: usize,
    /// Kernels in one source.
    pub kernels: usize,
    /// For each module alone.
    pub module: kmod::Limits,
    /// For RPM packages.
    pub rpm: kmp::Limits,
}

const MIB: usize = 1 << 20;

impl Default for Limits {
    /// Room for a whole distribution kernel, or for some 600 in one repository.
    fn default() -> Self {
        Limits {
            unpacked: 6 << 30,
            files: 1 << 18,
            path_length: 4096,
            symvers: 64 * MIB,
            symvers_content: kabi::symvers::Limits::default(),
            text: 4 * MIB,
            image: 512 * MIB,
            modules: 1 << 15,
            module_facts: 256 * MIB,
            provides: 16 * MIB,
            kernels: 2048,
            module: kmod::Limits::default(),
            rpm: kmp::Limits::default(),
        }
    }
}
