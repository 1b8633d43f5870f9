//! Texts that repeat (symbols, names of modules), each once and under a number.

use std::collections::HashMap;
use std::sync::Arc;

/// Texts that repeat, each once, counted from 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    texts: Vec<Arc<str>>,
    by_text: HashMap<Arc<str>, u32>,
    heap: usize,
}

impl Texts {
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(place) = self.find(text) {
            return place;
        }
        let place = u32::try_from(self.texts.len()).expect("memory ends before u32 does");
        let shared: Arc<str> = text.into();
        self.heap += text.len() + ARC_HEAD;
        self.texts.push(shared.clone());
        self.by_text.insert(shared, place);
        place
    }

    pub fn find(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    pub fn get(&self, place: u32) -> &str {
        &self.texts[place as usize]
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn bytes(&self) -> usize {
        self.heap
            + self.texts.capacity() * size_of::<Arc<str>>()
            + self.by_text.capacity() * (size_of::<(Arc<str>, u32)>() + 1)
    }
}

/// The two counters in front of a shared text.
const ARC_HEAD: usize = 2 * size_of::<usize>();
