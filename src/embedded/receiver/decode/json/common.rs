//! Messages that all signals have.

use opentelemetry_proto::tonic::{
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    resource::v1::Resource,
};
use serde::de::MapAccess;

use super::field::{Field, Object};

impl Object for AnyValue {
    const NAME: &'static str = "a value";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        let value = match field.name() {
            "stringValue" => Some(Value::StringValue(field.text()?)),
            "boolValue" => field.optional_number()?.map(Value::BoolValue),
            "intValue" => field.optional_number()?.map(Value::IntValue),
            "doubleValue" => field.optional_number()?.map(Value::DoubleValue),
            "arrayValue" => field.object()?.map(Value::ArrayValue),
            "kvlistValue" => field.object()?.map(Value::KvlistValue),
            "bytesValue" => field.bytes()?.map(Value::BytesValue),
            _ => return field.ignore(),
        };
        // Of several the last counts, as in protobuf; but `null` is nothing.
        if value.is_some() {
            self.value = value;
        }
        Ok(())
    }
}

impl Object for ArrayValue {
    const NAME: &'static str = "a list of values";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "values" => self.values = field.objects_or_default()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for KeyValueList {
    const NAME: &'static str = "a map of values";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "values" => self.values = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for KeyValue {
    const NAME: &'static str = "an attribute";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "key" => self.key = field.text()?,
            "value" => self.value = field.object()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for InstrumentationScope {
    const NAME: &'static str = "a scope";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "name" => self.name = field.text()?,
            "version" => self.version = field.text()?,
            "attributes" => self.attributes = field.objects()?,
            "droppedAttributesCount" => self.dropped_attributes_count = field.number()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Resource {
    const NAME: &'static str = "a resource";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "attributes" => self.attributes = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}
