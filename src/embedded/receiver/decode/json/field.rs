//! Objects and their fields.

use std::{borrow::Cow, fmt, marker::PhantomData};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::scalar::{AnyScalar, Scalar};

/// Base64 as anybody writes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A message, read from a JSON object field by field.
pub trait Object: Default {
    /// What an error calls it.
    const NAME: &'static str;

    /// Reads a field; those not read are ignored.
    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error>;
}

/// A field whose value has not been read.
pub struct Field<'a, A> {
    name: &'a str,
    map: &'a mut A,
}

impl<'a, 'de, A: MapAccess<'de>> Field<'a, A> {
    /// Its name in camel case.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Skips the value, whatever it is.
    pub fn ignore(self) -> Result<(), A::Error> {
        self.map.next_value::<IgnoredAny>().map(drop)
    }

    /// A text; numbers and truth values are taken as they are written.
    pub fn text(self) -> Result<String, A::Error> {
        Ok(self.scalar()?.into_text().into_owned())
    }

    /// A number.
    pub fn number<N: super::scalar::FromScalar>(self) -> Result<N, A::Error> {
        self.optional_number().map(Option::unwrap_or_default)
    }

    /// A number, or none.
    pub fn optional_number<N: super::scalar::FromScalar>(self) -> Result<Option<N>, A::Error> {
        let name = self.name;
        match self.scalar()? {
            Scalar::Null => Ok(None),
            scalar => N::from_scalar(&scalar)
                .map(Some)
                .ok_or_else(|| unfit(name, N::EXPECTED, &scalar)),
        }
    }

    /// A value of an enum, by number or by name. `by_name` knows the names.
    pub fn choice(self, by_name: impl Fn(&str) -> Option<i32>) -> Result<i32, A::Error> {
        let name = self.name;
        match self.scalar()? {
            Scalar::Null => Ok(0),
            Scalar::Text(text) if by_name(&text).is_some() => {
                Ok(by_name(&text).unwrap_or_default())
            }
            scalar => <i32 as super::scalar::FromScalar>::from_scalar(&scalar)
                .ok_or_else(|| unfit(name, "one of its names or numbers", &scalar)),
        }
    }

    /// An id in hexadecimal. What is not hexadecimal comes out as an impossible id, so that what
    /// bears it is rejected alone.
    pub fn id(self) -> Result<Vec<u8>, A::Error> {
        const IMPOSSIBLE: [u8; 1] = [0];
        let text = self.scalar()?.into_text();
        Ok(hex::decode(text.as_bytes()).unwrap_or_else(|_| IMPOSSIBLE.to_vec()))
    }

    /// Bytes in base64.
    pub fn bytes(self) -> Result<Option<Vec<u8>>, A::Error> {
        let name = self.name;
        match self.scalar()? {
            Scalar::Null => Ok(None),
            scalar => {
                let standard = scalar
                    .clone()
                    .into_text()
                    .replace('-', "+")
                    .replace('_', "/");
                let bytes = BASE64.decode(standard);
                bytes.map(Some).map_err(|_| unfit(name, "base64", &scalar))
            }
        }
    }

    /// A message, unless it is `null`.
    pub fn object<T: Object>(self) -> Result<Option<T>, A::Error> {
        self.map.next_value_seed(ObjectSeed(PhantomData))
    }

    /// A list of messages, without its `null`s.
    pub fn objects<T: Object>(self) -> Result<Vec<T>, A::Error> {
        let items = self
            .map
            .next_value_seed(ListSeed(ObjectSeed(PhantomData)))?;
        Ok(items.into_iter().flatten().collect())
    }

    /// A list of messages; `null` is an empty one.
    pub fn objects_or_default<T: Object>(self) -> Result<Vec<T>, A::Error> {
        let items = self
            .map
            .next_value_seed(ListSeed(ObjectSeed(PhantomData)))?;
        Ok(items.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// A list of numbers.
    pub fn numbers<N: super::scalar::FromScalar>(self) -> Result<Vec<N>, A::Error> {
        let name = self.name;
        let scalars = self
            .map
            .next_value_seed(ListSeed(PhantomData::<AnyScalar>))?;
        scalars
            .iter()
            .map(|AnyScalar(scalar)| {
                N::from_scalar(scalar).ok_or_else(|| unfit(name, N::EXPECTED, scalar))
            })
            .collect()
    }

    fn scalar(self) -> Result<Scalar<'de>, A::Error> {
        self.map.next_value::<AnyScalar<'de>>().map(|any| any.0)
    }
}

fn unfit<E: Error>(name: &str, expected: &str, scalar: &Scalar<'_>) -> E {
    E::custom(format_args!("`{name}` is to be {expected}, not {scalar}"))
}

/// Reads a message, unless it is `null`.
pub fn read<'de, T: Object, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    ObjectSeed(PhantomData).deserialize(deserializer)
}

struct ObjectSeed<T>(PhantomData<T>);

impl<T> Clone for ObjectSeed<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ObjectSeed<T> {}

impl<'de, T: Object> DeserializeSeed<'de> for ObjectSeed<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Object> Visitor<'de> for ObjectSeed<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (an object)", T::NAME)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut object = T::default();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            object.read(Field {
                name: &name.0,
                map: &mut map,
            })?;
        }
        Ok(Some(object))
    }
}

/// The items of a list; `null` has none.
#[derive(Clone, Copy)]
struct ListSeed<S>(S);

impl<'de, S: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for ListSeed<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<S::Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for ListSeed<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<S::Value>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<S::Value>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(items)
    }
}

/// The name of a field, in camel case.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let AnyScalar(scalar) = AnyScalar::deserialize(deserializer)?;
        let name = scalar.into_text();
        Ok(Self(if name.contains('_') {
            camel_case(&name).into()
        } else {
            name
        }))
    }
}

fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut raise = false;
    for character in name.chars() {
        if character == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            camel.push(character.to_ascii_uppercase());
        } else {
            camel.push(character);
        }
    }
    camel
}
