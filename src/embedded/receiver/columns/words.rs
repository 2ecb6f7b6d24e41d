//! Texts that repeat, as `LowCardinality(String)`: each distinct one once, and a number per row.
//!
//! Layout of the data in Native (`SerializationLowCardinality` of ClickHouse): a flag word, the
//! number of keys, the keys, the number of rows, and each row's position among the keys in the
//! narrowest integer that holds them all.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    column::{Column, write_text},
    number::Number,
};

/// Before the data of every such column: its keys come with each block.
const KEYS_IN_BLOCK: u64 = 1;

/// In the flag word: the block has keys of its own, and they replace those of earlier blocks.
const HAS_KEYS: u64 = 1 << 9 | 1 << 10;

/// Texts that repeat.
#[derive(Debug, Default)]
pub struct Words {
    numbers: HashMap<Box<str>, Word, RandomState>,
    /// The distinct texts, in the order of their numbers.
    keys: Vec<u8>,
    rows: Vec<Word>,
}

/// A text of one column of [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(u32);

impl Words {
    /// Makes a text known, to be pushed as often as it occurs.
    pub fn word(&mut self, text: &str) -> Word {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let number = u32::try_from(self.numbers.len()).expect("a block is smaller than 4 GiB");
        self.numbers.insert(text.into(), Word(number));
        write_text(text, &mut self.keys);
        Word(number)
    }

    /// Appends a known text.
    pub fn push(&mut self, word: Word) {
        self.rows.push(word);
    }

    /// Appends known texts.
    pub fn extend(&mut self, words: &[Word]) {
        self.rows.extend_from_slice(words);
    }

    /// Appends a text.
    pub fn push_text(&mut self, text: &str) {
        let word = self.word(text);
        self.push(word);
    }

    fn write_rows<N: Number + TryFrom<u32>>(self, width: u64, block: &mut Vec<u8>) {
        u64::write_all(&[HAS_KEYS | width, self.numbers.len() as u64], block);
        block.extend_from_slice(&self.keys);
        u64::write_all(&[self.rows.len() as u64], block);
        let rows: Vec<N> = self
            .rows
            .iter()
            .map_while(|Word(number)| N::try_from(*number).ok())
            .collect();
        N::write_all(&rows, block);
    }
}

impl Column for Words {
    fn type_name() -> String {
        "LowCardinality(String)".to_owned()
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn byte_size(&self) -> usize {
        // A key is also in the table, with its number and a pointer.
        2 * self.keys.len() + 24 * self.numbers.len() + size_of_val(self.rows.as_slice())
    }

    fn write_prefix(block: &mut Vec<u8>) {
        u64::write_all(&[KEYS_IN_BLOCK], block);
    }

    fn write(self, block: &mut Vec<u8>) {
        match self.numbers.len() {
            0..=0x100 => self.write_rows::<u8>(0, block),
            0x101..=0x1_0000 => self.write_rows::<u16>(1, block),
            _ => self.write_rows::<u32>(2, block),
        }
    }
}
