//! Numbers as ClickHouse stores them.

/// A number with a ClickHouse type of the same layout.
pub trait Number: Copy {
    /// That type.
    const TYPE: &'static str;

    /// Appends numbers in little-endian order.
    fn write_all(numbers: &[Self], block: &mut Vec<u8>);
}

macro_rules! number {
    ($($number:ty => $name:literal,)*) => {$(
        impl Number for $number {
            const TYPE: &'static str = $name;

            fn write_all(numbers: &[Self], block: &mut Vec<u8>) {
                block.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
    )*};
}

number! {
    u8 => "UInt8",
    u16 => "UInt16",
    u32 => "UInt32",
    u64 => "UInt64",
    i32 => "Int32",
    i64 => "Int64",
    f64 => "Float64",
}

impl Number for bool {
    const TYPE: &'static str = "Bool";

    fn write_all(numbers: &[Self], block: &mut Vec<u8>) {
        block.extend(numbers.iter().map(|number| u8::from(*number)));
    }
}
