//! Where each number of a set stands among the others: a bit for each number there could be, and a
//! count for each 64 of them.

/// A set of numbers and their ranks.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    words: Vec<u64>,
    /// Numbers of the set below each word.
    before: Vec<u32>,
}

impl Places {
    /// Of rising numbers.
    pub fn of(numbers: &[u32]) -> Places {
        let bound = numbers.last().map_or(0, |last| *last as usize + 1);
        let mut words = vec![0u64; bound.div_ceil(64)];
        for number in numbers {
            words[*number as usize / 64] |= 1 << (number % 64);
        }
        let mut sum = 0;
        let before = words.iter().map(|word| {
            let before = sum;
            sum += word.count_ones();
            before
        });
        Places {
            before: before.collect(),
            words,
        }
    }

    /// How many numbers of the set are smaller; `None`: it is not in the set.
    pub fn find(&self, number: u32) -> Option<usize> {
        let place = number as usize / 64;
        let word = *self.words.get(place)?;
        let bit = 1u64 << (number % 64);
        if word & bit == 0 {
            return None;
        }
        let rank = self.before[place] + (word & (bit - 1)).count_ones();
        Some(rank as usize)
    }

    pub fn bytes(&self) -> usize {
        self.words.capacity() * 8 + self.before.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_where_they_do_in_the_list() {
        let numbers = [0, 1, 63, 64, 127, 128, 1000];
        let places = Places::of(&numbers);
        for number in 0..1100 {
            let place = numbers.iter().position(|n| *n == number);
            assert_eq!(places.find(number), place, "{number}");
        }
        assert_eq!(Places::of(&[]).find(0), None);
    }
}
