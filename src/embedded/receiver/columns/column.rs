//! The kinds of columns that a block is made of.

use super::number::Number;

/// A column in the making.
pub trait Column: Default {
    /// The column's ClickHouse type, as a block's header names it.
    fn type_name() -> String;

    /// Values so far.
    fn len(&self) -> usize;

    /// Bytes that the values occupy in memory, roughly.
    fn byte_size(&self) -> usize;

    /// Appends what stands before the data of a column, wherever in its type it is nested.
    fn write_prefix(_block: &mut Vec<u8>) {}

    /// Appends the values; not called for a nested column without any.
    fn write(self, block: &mut Vec<u8>);
}

/// Numbers.
#[derive(Debug)]
pub struct Numbers<N>(Vec<N>);

impl<N> Default for Numbers<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N: Number> Numbers<N> {
    /// Appends a number.
    pub fn push(&mut self, number: N) {
        self.0.push(number);
    }

    /// Appends numbers.
    pub fn extend(&mut self, numbers: &[N]) {
        self.0.extend_from_slice(numbers);
    }
}

impl<N: Number> Column for Numbers<N> {
    fn type_name() -> String {
        N::TYPE.to_owned()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn byte_size(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    fn write(self, block: &mut Vec<u8>) {
        N::write_all(&self.0, block);
    }
}

/// Points in time, to the nanosecond.
#[derive(Debug, Default)]
pub struct Times(Numbers<i64>);

impl Times {
    /// Appends a Unix time in nanoseconds. ClickHouse's calendar of nanoseconds ends in April
    /// 2262; what is later than that becomes its last moment.
    pub fn push(&mut self, nanoseconds: u64) {
        self.0.push(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
    }
}

impl Column for Times {
    fn type_name() -> String {
        "DateTime64(9, 'UTC')".to_owned()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn byte_size(&self) -> usize {
        self.0.byte_size()
    }

    fn write(self, block: &mut Vec<u8>) {
        self.0.write(block);
    }
}

/// Points in time, to the second.
#[derive(Debug, Default)]
pub struct Seconds(Numbers<u32>);

impl Seconds {
    /// Appends a Unix time in seconds.
    pub fn push(&mut self, seconds: u32) {
        self.0.push(seconds);
    }
}

impl Column for Seconds {
    fn type_name() -> String {
        "DateTime('UTC')".to_owned()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn byte_size(&self) -> usize {
        self.0.byte_size()
    }

    fn write(self, block: &mut Vec<u8>) {
        self.0.write(block);
    }
}

/// Texts that seldom repeat.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    rows: usize,
}

impl Texts {
    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        write_text(text, &mut self.bytes);
        self.rows += 1;
    }

    /// Appends an id of `N` bytes in hexadecimal. What is not an id, or all zero, is none.
    pub fn push_id<const N: usize>(&mut self, id: &[u8]) {
        // The longest OTLP has are 16 bytes.
        let mut digits = [0; 32];
        let digits = &mut digits[..2 * N];
        let is_id = id.len() == N && id.iter().any(|byte| *byte != 0);
        if is_id && hex::encode_to_slice(id, digits).is_ok() {
            write_length(digits.len(), &mut self.bytes);
            self.bytes.extend_from_slice(digits);
        } else {
            write_length(0, &mut self.bytes);
        }
        self.rows += 1;
    }

    /// Appends texts as another column of texts has encoded them.
    pub(super) fn extend(&mut self, texts: &Self) {
        self.bytes.extend_from_slice(&texts.bytes);
        self.rows += texts.rows;
    }
}

impl Column for Texts {
    fn type_name() -> String {
        "String".to_owned()
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn byte_size(&self) -> usize {
        self.bytes.len()
    }

    fn write(self, block: &mut Vec<u8>) {
        block.extend_from_slice(&self.bytes);
    }
}

/// A list for each row.
#[derive(Debug, Default)]
pub struct Lists<C> {
    items: C,
    ends: Numbers<u64>,
}

impl<C: Column> Lists<C> {
    /// Appends to the list of the row that [`Lists::end`] ends.
    pub fn items(&mut self) -> &mut C {
        &mut self.items
    }

    /// Ends the list of a row.
    pub fn end(&mut self) {
        self.ends.push(self.items.len() as u64);
    }
}

impl<C: Column> Column for Lists<C> {
    fn type_name() -> String {
        format!("Array({})", C::type_name())
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn byte_size(&self) -> usize {
        self.items.byte_size() + self.ends.byte_size()
    }

    fn write_prefix(block: &mut Vec<u8>) {
        C::write_prefix(block);
    }

    fn write(self, block: &mut Vec<u8>) {
        self.ends.write(block);
        if self.items.len() > 0 {
            self.items.write(block);
        }
    }
}

/// Appends a number of bytes or items as Native writes it: seven bits at a time, lowest first.
pub fn write_length(length: usize, block: &mut Vec<u8>) {
    let mut rest = length;
    while rest >= 0x80 {
        block.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    block.push(rest.to_le_bytes()[0]);
}

/// Appends a text as Native writes it.
pub fn write_text(text: &str, block: &mut Vec<u8>) {
    write_length(text.len(), block);
    block.extend_from_slice(text.as_bytes());
}
