use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON object whose members keep their order and their spelling: what this crate does not know passes through it
/// unchanged, numbers of any size included.
///
/// ```
/// use x402_tower::proto::Object;
///
/// let text = r#"{"name":"USDC","supply":123456789012345678901234567890}"#;
/// let object: Object = serde_json::from_str(text)?;
/// assert_eq!(object.read::<String>("name")?.as_deref(), Some("USDC"));
/// assert_eq!(serde_json::to_string(&object)?, text);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(String, Box<RawValue>)>,
}

impl Object {
    /// The empty object.
    pub const fn new() -> Self {
        Self {
            members: Vec::new(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.members
            .iter()
            .map(|(name, value)| (name.as_str(), &**value))
    }

    /// The member of this name as it was written.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.iter()
            .find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The member of this name, read as a `T`; `None` if it is missing or null.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, serde_json::Error> {
        self.get(name)
            .map_or(Ok(None), |value| serde_json::from_str(value.get()))
    }

    /// Sets a member, at its old place if there was one of this name.
    pub fn set(
        &mut self,
        name: impl Into<String>,
        value: &impl Serialize,
    ) -> Result<(), serde_json::Error> {
        let (name, value) = (name.into(), serde_json::value::to_raw_value(value)?);
        match self.members.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => self.members.push((name, value)),
        }
        Ok(())
    }

    /// The same object with one more member, for values that are text.
    #[must_use]
    pub fn with_text(mut self, name: &str, text: &str) -> Self {
        // Text always has a spelling in JSON.
        let _ = self.set(name, &text);
        self
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.members.iter().position(|(own, _)| own == name)?;
        Some(self.members.remove(at).1)
    }

    /// Adds a member that is not there yet.
    pub(super) fn add(&mut self, name: String, value: Box<RawValue>) -> Result<(), String> {
        // Two programs that disagree about which of two members counts can be played off against each other.
        if self.get(&name).is_some() {
            return Err(format!("two members are called `{name}`"));
        }
        if self.members.len() == MOST_MEMBERS {
            return Err("too many members".to_owned());
        }
        self.members.push((name, value));
        Ok(())
    }
}

/// The name of a member, borrowed where it is spelled without escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// No message of the protocol comes near; the check above is quadratic.
const MOST_MEMBERS: usize = 512;

impl PartialEq for Object {
    /// Equal if the members are spelled alike, in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.iter()
            .map(|(name, value)| (name, value.get()))
            .eq(other.iter().map(|(name, value)| (name, value.get())))
    }
}

impl Eq for Object {}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::new();
                while let Some((name, value)) = map.next_entry()? {
                    object.add(name, value).map_err(A::Error::custom)?;
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        let error = serde_json::from_str::<Object>(r#"{"a":1,"\u0061":2}"#).unwrap_err();
        assert!(
            error.to_string().contains("two members are called `a`"),
            "{error}"
        );
    }

    #[test]
    fn null_reads_as_missing_and_is_kept() {
        let object: Object = serde_json::from_str(r#"{"a":null}"#).unwrap();
        assert_eq!(object.read::<u8>("a").unwrap(), None);
        assert_eq!(serde_json::to_string(&object).unwrap(), r#"{"a":null}"#);
    }
}
