//! One declaration a message: the struct, how it is read and how it is written.

/// Declares a message whose unknown members are kept in `rest`.
///
/// `need` is a member that has to be there; `may` one that can be missing, and that null means missing for; `fall` one
/// that has a default. A message with a version reads no other and writes it first.
macro_rules! message {
    (
        $(#[$meta:meta])*
        $name:ident $(, x402Version $version:literal)? {
            $( $(#[$field_meta:meta])* $how:ident $field:ident: $type:ty = $wire:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $crate::proto::message::member!(type $how $type), )*
            /// Members that this version of the crate does not know.
            pub rest: $crate::proto::Object,
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $( map.serialize_entry("x402Version", &$version)?; )?
                $( $crate::proto::message::member!(write $how map, $wire, &self.$field); )*
                for (name, value) in self.rest.iter() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        use serde::de::Error as _;
                        $( let mut $field: Option<Option<$type>> = None; )*
                        let mut rest = $crate::proto::Object::new();
                        while let Some(name) = map.next_key::<$crate::proto::object::Name<'de>>()? {
                            match &*name.0 {
                                $( "x402Version" => {
                                    let version: u64 = map.next_value()?;
                                    if version != $version {
                                        return Err(A::Error::custom(format_args!(
                                            "`x402Version` is {version} and not {}", $version
                                        )));
                                    }
                                } )?
                                $( $wire => {
                                    if $field.replace(map.next_value()?).is_some() {
                                        return Err(A::Error::duplicate_field($wire));
                                    }
                                } )*
                                _ => rest.add(name.0.into_owned(), map.next_value()?).map_err(A::Error::custom)?,
                            }
                        }
                        Ok($name {
                            $( $field: $crate::proto::message::member!(read $how $field.flatten(), $wire), )*
                            rest,
                        })
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
}

macro_rules! member {
    (type may $type:ty) => { Option<$type> };
    (type $how:ident $type:ty) => { $type };
    (write may $map:ident, $wire:literal, $value:expr) => {
        if let Some(value) = $value {
            $map.serialize_entry($wire, value)?;
        }
    };
    (write $how:ident $map:ident, $wire:literal, $value:expr) => { $map.serialize_entry($wire, $value)? };
    (read need $found:expr, $wire:literal) => { $found.ok_or_else(|| A::Error::missing_field($wire))? };
    (read may $found:expr, $wire:literal) => { $found };
    (read fall $found:expr, $wire:literal) => { $found.unwrap_or_default() };
}

pub(super) use {member, message};
