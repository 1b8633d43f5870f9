//! Who could provide what to whom: all that decides which modules load together, without a text to
//! compare. The judge makes it of modules, the index of numbers.

/// Modules and what they need of each other.
#[derive(Debug, Default)]
pub(crate) struct Web<'a> {
    pub nodes: Vec<Node<'a>>,
    /// The kernel hands the taint of a proprietary module on to the modules that use it.
    pub taint_is_inherited: bool,
}

/// One module.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// Which package it belongs to; modules of one package stand together.
    pub package: usize,
    pub package_name: &'a str,
    pub module_name: &'a str,
    /// Its licence lets it use GPL-only symbols.
    pub is_gpl: bool,
    /// It uses GPL-only symbols of the kernel.
    pub uses_gpl_only: bool,
    pub alone: Alone,
    /// What the kernel does not satisfy, but some module might.
    pub needs: Vec<Open>,
}

/// What the kernel says to a module, its open needs aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Alone {
    Loads,
    Unknown,
    Refused,
}

/// A need that modules might satisfy.
#[derive(Debug)]
pub(crate) struct Open {
    /// Only modules of its own package count: one of them stands in for the kernel's.
    pub own_only: bool,
    /// Modules whose export suits it, as far as the two alone can say: in the order of the names of
    /// packages and modules.
    pub fitting: Vec<usize>,
}

impl Web<'_> {
    /// Are these modules of one package?
    pub fn is_own(&self, node: usize, other: usize) -> bool {
        self.nodes[node].package == self.nodes[other].package
    }
}
