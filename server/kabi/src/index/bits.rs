//! A set of small numbers, one bit each.

/// Numbers that [`Bits::has_all`] looks at before it branches.
pub(super) const AT_ONCE: usize = 16;

/// A set of numbers below a bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// No number below `bound` yet.
    pub fn none(bound: usize) -> Bits {
        Bits(vec![0; bound.div_ceil(64)])
    }

    pub fn set(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    /// Numbers beyond the bound are not in it.
    pub fn has(&self, number: u32) -> bool {
        self.0
            .get(number as usize / 64)
            .is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Are all of these in it? Looks at several before it branches.
    #[inline]
    pub fn has_all(&self, numbers: &[u32]) -> bool {
        let bit = |number: &u32| {
            let word = self.0.get(*number as usize / 64).copied();
            word.unwrap_or_default() >> (number % 64)
        };
        let has_chunk = |chunk: &[u32]| chunk.iter().map(bit).fold(1, |all, bit| all & bit) == 1;
        numbers.chunks(AT_ONCE).all(has_chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_in_it() {
        let mut bits = Bits::none(130);
        let numbers: Vec<u32> = (0..130).filter(|n| n % 3 == 0).collect();
        numbers.iter().for_each(|n| bits.set(*n));
        for number in 0..300 {
            assert_eq!(bits.has(number), numbers.contains(&number), "{number}");
        }
        assert!(bits.has_all(&numbers) && bits.has_all(&[]));
        for place in 0..numbers.len() {
            let mut others = numbers.clone();
            others[place] = if place % 2 == 0 { 1 } else { 4000 };
            assert!(!bits.has_all(&others), "{place}");
        }
    }
}
