//! What a person or a program sees: printer, tables, progress, JSON envelope.
