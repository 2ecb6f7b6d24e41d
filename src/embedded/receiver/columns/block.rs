//! Blocks of ClickHouse's Native format.
//!
//! Layout, as a client of revision 0 writes it: the number of columns and of rows, then for each
//! column its name, its type and its values.

use super::column::{Column, write_length, write_text};

/// A block that is being written.
#[derive(Debug)]
pub struct Block {
    bytes: Vec<u8>,
    rows: usize,
}

impl Block {
    /// Begins a block of so many columns and rows, with room for `size` bytes.
    pub fn new(columns: usize, rows: usize, size: usize) -> Self {
        let mut bytes = Vec::with_capacity(size + size / 8 + 4096);
        write_length(columns, &mut bytes);
        write_length(rows, &mut bytes);
        Self { bytes, rows }
    }

    /// Appends a column and lets go of it.
    pub fn column<C: Column>(&mut self, name: &str, column: C) {
        debug_assert_eq!(column.len(), self.rows, "{name}");
        write_text(name, &mut self.bytes);
        write_text(&C::type_name(), &mut self.bytes);
        if self.rows > 0 {
            C::write_prefix(&mut self.bytes);
            column.write(&mut self.bytes);
        }
    }

    /// The whole block.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Defines a table's columns once: as fields to append to, as the columns of its `INSERT`, and as
/// those of the block that goes with it.
macro_rules! columns {
    (
        $(#[$attribute:meta])*
        struct $name:ident into $table:literal {
            $first:ident: $first_type:ty => $first_column:literal,
            $($field:ident: $type:ty => $column:literal,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        pub struct $name {
            $first: $first_type,
            $($field: $type,)*
        }

        impl $name {
            const TABLE_NAME: &str = $table;

            const INSERT_INTO: &str = concat!(
                "INSERT INTO ", $table, " (`", $first_column, "`", $(", `", $column, "`",)* ")"
            );

            const COLUMNS: usize = [$first_column, $($column,)*].len();

            fn row_count(&self) -> usize {
                $crate::embedded::receiver::columns::column::Column::len(&self.$first)
            }

            fn size(&self) -> usize {
                use $crate::embedded::receiver::columns::column::Column as _;
                self.$first.byte_size() $(+ self.$field.byte_size())*
            }

            fn into_block(self) -> Vec<u8> {
                let mut block = $crate::embedded::receiver::columns::block::Block::new(
                    Self::COLUMNS,
                    self.row_count(),
                    self.size(),
                );
                block.column($first_column, self.$first);
                $(block.column($column, self.$field);)*
                block.finish()
            }
        }
    };
}

pub(super) use columns;
