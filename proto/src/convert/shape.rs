//! Three macros that write a conversion from the names of fields: `record` for a struct,
//! `enumeration` for an enum without data, `choice` for an enum with data (`oneof kind`).
//!
//! Both sides use the same names, so a conversion is a list of names; the compiler refuses one
//! that leaves a field out. A limit other than the usual one stands in brackets.

/// `record!(Domain = WireMessage { field, field[LIMIT] })`.
macro_rules! record {
    ($domain:ident = $wire:ident { $($field:ident $([$limit:expr])?),* $(,)? }) => {
        impl $crate::convert::field::OnWire<$crate::wire::$wire> for $domain {
            #[allow(unused_variables, reason = "a message may have no fields")]
            fn read(
                wire: $crate::wire::$wire,
                at: &$crate::convert::invalid::At<'_>,
            ) -> Result<Self, $crate::convert::invalid::Invalid> {
                Ok(Self { $(
                    $field: $crate::convert::field::OnWire::read(
                        wire.$field,
                        &at.field(stringify!($field))$(.limited($limit))?,
                    )?,
                )* })
            }
            fn write(&self) -> $crate::wire::$wire {
                $crate::wire::$wire {
                    $($field: $crate::convert::field::OnWire::write(&self.$field),)*
                }
            }
        }
        $crate::convert::shape::required!($domain = $wire);
    };
}

/// A message that must be there where it is a field of another.
macro_rules! required {
    ($domain:ty = $wire:ident) => {
        impl $crate::convert::field::OnWire<Option<$crate::wire::$wire>> for $domain {
            fn read(
                wire: Option<$crate::wire::$wire>,
                at: &$crate::convert::invalid::At<'_>,
            ) -> Result<Self, $crate::convert::invalid::Invalid> {
                let wire = wire.ok_or_else(|| at.missing())?;
                $crate::convert::field::OnWire::read(wire, at)
            }
            fn write(&self) -> Option<$crate::wire::$wire> {
                Some($crate::convert::field::OnWire::write(self))
            }
        }
    };
}

/// `enumeration!(Domain { Variant, … })`; the wire's enum has the same name and variants.
macro_rules! enumeration {
    ($domain:ident { $($variant:ident),* $(,)? }) => {
        impl $crate::convert::field::OnWire<i32> for $domain {
            fn read(
                wire: i32,
                at: &$crate::convert::invalid::At<'_>,
            ) -> Result<Self, $crate::convert::invalid::Invalid> {
                match $crate::wire::$domain::try_from(wire) {
                    $( Ok($crate::wire::$domain::$variant) => Ok(Self::$variant), )*
                    Ok($crate::wire::$domain::Unspecified) => Err(at.missing()),
                    Err(_) => Err(at.invalid(format!("{wire} is not a value known here"))),
                }
            }
            fn write(&self) -> i32 {
                match self {
                    $( Self::$variant => $crate::wire::$domain::$variant.into(), )*
                }
            }
        }
    };
}

/// `choice!(Domain in module { Unit, Struct { field }, Tuple(value) })`, where `module` is the
/// one that holds the generated `Kind`.
macro_rules! choice {
    ($domain:ident in $module:ident {
        $($variant:ident
            $({ $($field:ident $([$limit:expr])?),* $(,)? })?
            $(($inner:ident $([$bound:expr])?))?
        ),* $(,)?
    }) => {
        impl $crate::convert::field::OnWire<$crate::wire::$domain> for $domain {
            fn read(
                wire: $crate::wire::$domain,
                at: &$crate::convert::invalid::At<'_>,
            ) -> Result<Self, $crate::convert::invalid::Invalid> {
                use $crate::wire::$module::Kind;
                match wire.kind {
                    $( Some(Kind::$variant(value)) => {
                        $crate::convert::shape::choice!(
                            @read value, at, $variant
                            $({ $($field $([$limit])?),* })? $(($inner $([$bound])?))?
                        )
                    } )*
                    // Also what a newer peer's variant looks like from here.
                    None => Err(at.invalid("missing, or of a kind not known here")),
                }
            }
            fn write(&self) -> $crate::wire::$domain {
                use $crate::wire::$module::Kind;
                let kind = match self {
                    $( Self::$variant $({ $($field),* })? $(($inner))? => {
                        Kind::$variant($crate::convert::shape::choice!(
                            @write $module, $variant $({ $($field),* })? $(($inner))?
                        ))
                    } )*
                };
                $crate::wire::$domain { kind: Some(kind) }
            }
        }
        $crate::convert::shape::required!($domain = $domain);
    };
    (@read $value:ident, $at:ident, $variant:ident) => {{
        let $crate::wire::Nothing {} = $value;
        Ok(Self::$variant)
    }};
    (@read $value:ident, $at:ident, $variant:ident {
        $($field:ident $([$limit:expr])?),*
    }) => {{
        let at = $at.variant(stringify!($variant));
        Ok(Self::$variant { $(
            $field: $crate::convert::field::OnWire::read(
                $value.$field,
                &at.field(stringify!($field))$(.limited($limit))?,
            )?,
        )* })
    }};
    (@read $value:ident, $at:ident, $variant:ident ($inner:ident $([$limit:expr])?)) => {
        Ok(Self::$variant($crate::convert::field::OnWire::read(
            $value,
            &$at.variant(stringify!($variant))$(.limited($limit))?,
        )?))
    };
    (@write $module:ident, $variant:ident) => { $crate::wire::Nothing {} };
    (@write $module:ident, $variant:ident { $($field:ident),* }) => {
        $crate::wire::$module::$variant {
            $($field: $crate::convert::field::OnWire::write($field),)*
        }
    };
    (@write $module:ident, $variant:ident ($inner:ident)) => {
        $crate::convert::field::OnWire::write($inner)
    };
}

pub(crate) use {choice, enumeration, record, required};
