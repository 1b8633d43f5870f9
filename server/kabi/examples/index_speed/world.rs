//! Very many packages, and an index that knows them.

use crate::made_up::{Random, package};
use kabi::index::Index;
use kmod::Module;
use std::convert::Infallible;

/// Packages, and an index that knows their needs.
pub struct World {
    pub index: Index<u32, u32>,
    packed: Vec<Vec<u8>>,
    /// By package: the numbers of its needs, module after module.
    pub needs: Vec<Vec<u32>>,
}

impl World {
    pub fn of(modules: &[Module], count: usize, random: &mut Random) -> World {
        let mut world = World {
            index: Index::default(),
            packed: Vec::with_capacity(count),
            needs: Vec::with_capacity(count),
        };
        for key in 0..count as u32 {
            let modules = package(modules, key, random);
            let mut needs = Vec::new();
            world.index.pack(&modules);
            let packed = kabi::index::pack(&modules, |need| {
                let id = world.index.needs().id(need).expect("just packed");
                needs.push(id.0);
                Ok::<_, Infallible>(id)
            });
            let Ok(packed) = packed;
            world
                .index
                .add_package(key, "acme-kmp", &packed)
                .expect("just packed");
            world.packed.push(packed);
            world.needs.push(needs);
        }
        world
    }

    /// The same index as a process that starts makes it.
    pub fn index_again(&self) -> Index<u32, u32> {
        let mut index = Index::default();
        for (id, need) in self.index.needs().iter() {
            index.insert_need(id, &need).expect("each once");
        }
        for (key, packed) in self.packed.iter().enumerate() {
            index
                .add_package(key as u32, "acme-kmp", packed)
                .expect("packed before");
        }
        index
    }

    pub fn needs_total(&self) -> usize {
        self.needs.iter().map(Vec::len).sum()
    }

    pub fn packed_bytes(&self) -> usize {
        self.packed.iter().map(Vec::len).sum()
    }
}
