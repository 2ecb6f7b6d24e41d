//! Values that are neither objects nor lists, and what can be made of them.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A scalar as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'de> {
    Null,
    Truth(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'de, str>),
}

impl<'de> Scalar<'de> {
    /// The scalar as text; `null` is empty.
    pub fn into_text(self) -> Cow<'de, str> {
        match self {
            Self::Null => "".into(),
            Self::Truth(truth) => truth.to_string().into(),
            Self::Unsigned(number) => number.to_string().into(),
            Self::Signed(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Text(text) => text,
        }
    }
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 40;
        match self {
            Self::Null => f.write_str("`null`"),
            Self::Text(text) if text.chars().count() > LONGEST => {
                let start: String = text.chars().take(LONGEST).collect();
                write!(f, "`\"{start}…`")
            }
            Self::Text(text) => write!(f, "`\"{text}\"`"),
            other => write!(f, "`{}`", other.clone().into_text()),
        }
    }
}

/// A number, or a truth value, that can be made of a scalar.
pub trait FromScalar: Default {
    /// What an error says was expected.
    const EXPECTED: &'static str;

    /// Makes it; `None` if that cannot be.
    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self>;
}

impl FromScalar for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Null => Some(false),
            Scalar::Truth(truth) => Some(*truth),
            Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            other => f64::from_scalar(other).map(|number| number != 0.0),
        }
    }
}

impl FromScalar for f64 {
    const EXPECTED: &'static str = "a number";

    #[expect(clippy::cast_precision_loss, reason = "as near as a float can be")]
    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Null => Some(0.0),
            Scalar::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Scalar::Unsigned(number) => Some(*number as Self),
            Scalar::Signed(number) => Some(*number as Self),
            Scalar::Float(number) => Some(*number),
            // Also `NaN`, `Infinity` and `-Infinity`.
            Scalar::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl FromScalar for i128 {
    const EXPECTED: &'static str = "an integer";

    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Null => Some(0),
            Scalar::Truth(truth) => Some(Self::from(*truth)),
            Scalar::Unsigned(number) => Some(Self::from(*number)),
            Scalar::Signed(number) => Some(Self::from(*number)),
            Scalar::Float(number) => whole(*number),
            Scalar::Text(text) => {
                let text = text.trim();
                let float = || whole(text.parse().ok()?);
                text.parse().ok().or_else(float)
            }
        }
    }
}

/// A float without its fraction; it may be of any size, for what it goes into has limits anyway.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn whole(number: f64) -> Option<i128> {
    (!number.is_nan()).then_some(number as i128)
}

/// Integers: what is beyond the limits of the type becomes its limit.
macro_rules! integer {
    ($($integer:ty)*) => {$(
        impl FromScalar for $integer {
            const EXPECTED: &'static str = i128::EXPECTED;

            fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
                let number = match scalar {
                    Scalar::Unsigned(number) => i128::from(*number),
                    other => i128::from_scalar(other)?,
                };
                let number = number.clamp(Self::MIN.into(), Self::MAX.into());
                Self::try_from(number).ok()
            }
        }
    )*};
}

integer!(u32 u64 i32 i64);

/// Any scalar.
pub struct AnyScalar<'de>(pub Scalar<'de>);

impl<'de> Deserialize<'de> for AnyScalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Self)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or a truth value")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.to_owned().into()))
    }
}
