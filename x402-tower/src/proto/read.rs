//! JSON that somebody else wrote, read in place and in one pass.
//!
//! It is written out here because every payment begins with it: this takes a third of the instructions of `serde_json`,
//! which has to look at what it keeps raw twice. The tests hold it against that.

use std::borrow::Cow;
use std::fmt;

use super::header::MOST_DEPTH;

/// A piece of JSON that is known to be some, as it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    /// JSON that was written here, or is part of what was.
    pub(crate) const fn known(text: &'a str) -> Self {
        Self(text)
    }

    /// The text.
    pub const fn get(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for RawJson<'_> {
    /// Shows nothing of it: it may be a payment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}

/// Reads a text from its beginning to its end.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Reads all of a text.
    pub(crate) fn all<T>(
        text: &'a str,
        read: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let mut reader = Self {
            text,
            at: 0,
            depth: 0,
        };
        let value = read(&mut reader)?;
        match reader.next() {
            None => Ok(value),
            Some(_) => Err(reader.error(Problem::Syntax)),
        }
    }

    /// An object: `member` is called with the name of each of its members, and has to read the value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.list(b'{', b'}', |reader| {
            let name = reader.text()?;
            reader.expect(b':')?;
            member(reader, &name)
        })
    }

    /// The value of a member that there may be only one of.
    pub(crate) fn once<T>(
        &mut self,
        member: &mut Option<T>,
        read: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<(), ReadError> {
        // Two programs that disagree about which of two members counts can be played off against each other.
        if member.is_some() {
            return Err(self.error(Problem::Twice));
        }
        *member = Some(read(self)?);
        Ok(())
    }

    /// What was read of a member that there has to be.
    pub(crate) fn need<T>(member: Option<T>, name: &'static str) -> Result<T, ReadError> {
        member.ok_or_else(|| ReadError::new(Problem::Missing(name)))
    }

    /// A string.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, ReadError> {
        self.next();
        let start = self.at;
        let is_plain = self.string()?;
        if is_plain {
            return Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1]));
        }
        self.unescaped(start)
    }

    /// The string that began at `start`, as what it stands for.
    #[cold]
    fn unescaped(&self, start: usize) -> Result<Cow<'a, str>, ReadError> {
        match serde_json::from_str(&self.text[start..self.at]) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => Err(self.error(Problem::Syntax)),
        }
    }

    /// An integer that fits.
    pub(crate) fn number(&mut self) -> Result<u64, ReadError> {
        let number = self.raw()?;
        number
            .get()
            .parse()
            .map_err(|_| self.error(Problem::Unexpected))
    }

    /// Anything, or null for nothing.
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        if self.next() == Some(b'n') {
            self.word("null")?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// Anything, as it was written.
    pub(crate) fn raw(&mut self) -> Result<RawJson<'a>, ReadError> {
        self.next();
        let start = self.at;
        self.skip()?;
        Ok(RawJson(&self.text[start..self.at]))
    }

    /// A value that may be one that is known. If `know` says what the text from here on begins with, and how long that
    /// is, that much need not be read.
    pub(crate) fn known<T>(
        &mut self,
        know: impl FnOnce(&'a str) -> Option<(T, usize)>,
    ) -> Option<T> {
        self.next();
        let (known, length) = know(self.text.get(self.at..)?)?;
        self.at += length;
        Some(known)
    }

    /// Anything.
    pub(crate) fn skip(&mut self) -> Result<(), ReadError> {
        match self.next() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.list(b'{', b'}', |reader| {
                reader.next();
                reader.string()?;
                reader.expect(b':')?;
                reader.skip()
            }),
            Some(b'[') => self.list(b'[', b']', Self::skip),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.digits(),
        }
    }

    /// An error here.
    #[cold]
    fn error(&self, problem: impl FnOnce(usize) -> Problem) -> ReadError {
        ReadError::new(problem(self.at))
    }

    /// The byte that comes next, if it is no space.
    fn here(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes on behind spaces. Programs write none.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        match self.here() {
            Some(byte @ b'!'..) => Some(byte),
            _ => self.next_behind_spaces(),
        }
    }

    #[cold]
    fn next_behind_spaces(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.here() {
            self.at += 1;
        }
        self.here()
    }

    fn expect(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.next() != Some(byte) {
            return Err(self.error(Problem::Syntax));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), ReadError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error(Problem::Syntax));
        }
        self.at += word.len();
        Ok(())
    }

    /// What stands between two brackets, with commas between.
    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut entry: impl FnMut(&mut Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if self.next() != Some(open) {
            return Err(self.error(Problem::Unexpected));
        }
        if self.depth == MOST_DEPTH {
            return Err(self.error(Problem::Depth));
        }
        self.depth += 1;
        self.at += 1;
        if self.next() != Some(close) {
            entry(self)?;
            while self.next() == Some(b',') {
                self.at += 1;
                entry(self)?;
            }
        }
        self.depth -= 1;
        self.expect(close)
    }

    /// A string that begins here, and whether it stands for itself.
    #[inline]
    fn string(&mut self) -> Result<bool, ReadError> {
        if self.here() != Some(b'"') {
            return Err(self.error(Problem::Unexpected));
        }
        self.at += 1;
        self.at += plain(&self.text.as_bytes()[self.at..]);
        if self.here() == Some(b'"') {
            self.at += 1;
            return Ok(true);
        }
        self.rest_of_string()
    }

    /// What is left of a string from where it is not plain on.
    #[cold]
    fn rest_of_string(&mut self) -> Result<bool, ReadError> {
        let mut is_plain = true;
        loop {
            match self.here() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_plain);
                }
                Some(b'\\') => {
                    is_plain = false;
                    self.escape()?;
                }
                Some(0x80..) => self.at += 1,
                _ => return Err(self.error(Problem::Syntax)),
            }
            self.at += plain(&self.text.as_bytes()[self.at..]);
        }
    }

    fn escape(&mut self) -> Result<(), ReadError> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                6
            }
            _ => return Err(self.error(Problem::Syntax)),
        };
        Ok(())
    }

    /// A number of any size.
    fn digits(&mut self) -> Result<(), ReadError> {
        self.at += usize::from(self.here() == Some(b'-'));
        match self.here() {
            Some(b'0') => self.at += 1,
            _ => self.some_digits()?,
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.here(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.here(), Some(b'+' | b'-')));
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), ReadError> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.error(Problem::Syntax)),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }
}

/// How many bytes from here on are ASCII that stands for itself in a string.
#[inline]
fn plain(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 0xff;
    const HIGH: u64 = EACH << 7;
    let mut rest = text;
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        // Eight at a time: what is subtracted from turns negative. What is behind the first may be marked wrongly, nothing
        // before it. The exclusive or puts the quotation mark where the space is, next to the control characters, which
        // stay where they are among themselves.
        let word = u64::from_le_bytes(*word);
        let control_or_quote = (word ^ (EACH * 0x02)).wrapping_sub(EACH * 0x21);
        let backslash = (word ^ (EACH * 0x5c)).wrapping_sub(EACH);
        let special = (control_or_quote | backslash | word) & HIGH;
        if special != 0 {
            return text.len() - rest.len() + (special.trailing_zeros() / 8) as usize;
        }
        rest = behind;
    }
    let in_rest = rest.iter().take_while(|byte| is_plain(**byte)).count();
    text.len() - rest.len() + in_rest
}

/// Whether this is ASCII that stands for itself in a string.
pub(super) const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..0x80) && byte != b'"' && byte != b'\\'
}

/// Why a text is not the JSON that was expected. It repeats nothing of it.
///
/// Boxed, so that it takes no room where nothing is wrong.
#[derive(Debug)]
pub(crate) struct ReadError(Box<Problem>);

#[derive(Debug)]
enum Problem {
    Syntax(usize),
    Unexpected(usize),
    Twice(usize),
    Depth(usize),
    Missing(&'static str),
    Version,
}

impl ReadError {
    fn new(problem: Problem) -> Self {
        Self(Box::new(problem))
    }

    /// The message is of another version.
    pub(crate) fn version() -> Self {
        Self::new(Problem::Version)
    }

    /// Whether it is nested too deeply.
    pub(crate) const fn is_too_deep(&self) -> bool {
        matches!(*self.0, Problem::Depth(_))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Problem::Syntax(at) => write!(f, "no JSON at byte {at}"),
            Problem::Unexpected(at) => write!(f, "a value of another type at byte {at}"),
            Problem::Twice(at) => write!(f, "a second member of one name at byte {at}"),
            Problem::Depth(at) => write!(f, "nested too deeply at byte {at}"),
            Problem::Missing(name) => write!(f, "there is no `{name}`"),
            Problem::Version => f.write_str("`x402Version` is another"),
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn raw(text: &str) -> Option<&str> {
        Reader::all(text, Reader::raw).ok().map(RawJson::get)
    }

    fn expected(text: &str) -> Option<&str> {
        serde_json::from_str::<&RawValue>(text)
            .ok()
            .map(RawValue::get)
    }

    /// JSON in all its spellings, broken here and there.
    fn text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
            "null|true|false|nul|0[0-9]|-|1\\.|1e|\\.5|\\+1|[a-z\\x01]",
            "\"([ -!#-\\[\\]-~é€𝄞\\x00\\x1f]|\\\\[\"\\\\/bfnrtx]|\\\\u[0-9a-fA-F]{4}|\\\\u[0-9g]{3}){0,40}\"?",
        ];
        let space = "[ \\n\\t\\r]{0,2}";
        leaf.prop_recursive(4, 32, 4, move |inner| {
            let spaced = (space, inner, space).prop_map(|(a, inner, b)| format!("{a}{inner}{b}"));
            let lists = proptest::collection::vec(spaced.clone(), 0..4);
            let objects = proptest::collection::vec(("[a-c]", space, spaced), 0..4);
            prop_oneof![
                (lists, "\\[,?", ",?\\]|\\}|")
                    .prop_map(|(list, open, close)| { format!("{open}{}{close}", list.join(",")) }),
                (objects, "[,:]{0,1}", "\\}|\\}|\\]|").prop_map(|(members, odd, close)| {
                    let members = members
                        .into_iter()
                        .map(|(name, space, value)| format!("{space}\"{name}\"{space}:{value}"));
                    format!(
                        "{{{}{}{close}",
                        members.collect::<Vec<_>>().join(","),
                        if odd == ":" { "" } else { &odd }
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_is_json(text in text(), cut in 0usize..400) {
            prop_assert_eq!(raw(&text), expected(&text), "{}", text);
            let begun: String = text.chars().take(cut).collect();
            prop_assert_eq!(raw(&begun), expected(&begun), "{}", begun);
        }

        #[test]
        fn agrees_with_serde_json_on_what_it_means(text in text()) {
            let meant = Reader::all(&text, Reader::text).ok();
            let expected = serde_json::from_str::<String>(&text).ok();
            prop_assert_eq!(meant.as_deref(), expected.as_deref(), "{}", text);
            let counted = Reader::all(&text, Reader::number).ok();
            prop_assert_eq!(counted, serde_json::from_str::<u64>(&text).ok(), "{}", text);
        }

        #[test]
        fn members_come_in_their_order(value in text()) {
            let mut names = Vec::new();
            let read = Reader::all(&value, |reader| {
                reader.object(|reader, name| {
                    names.push(name.to_owned());
                    reader.skip()
                })
            });
            let expected = serde_json::from_str::<HashMap<String, &RawValue>>(&value);
            prop_assert_eq!(read.is_ok(), expected.is_ok(), "{}", value);
            if read.is_ok() {
                let all: crate::proto::Object = match serde_json::from_str(&value) {
                    Ok(all) => all,
                    // It refuses two members of one name, which nobody here looks at.
                    Err(_) => return Ok(()),
                };
                prop_assert!(all.iter().map(|(name, _)| name).eq(names.iter().map(String::as_str)));
            }
        }
    }

    #[test]
    fn strings_of_any_length_end_where_they_end() {
        for length in 0..70 {
            for (escape, plain) in [("", true), ("\\n", false), ("\\u00e9", false), ("é", true)] {
                let text = format!(
                    "\"{}{escape}{}\" ",
                    "x".repeat(length),
                    "y".repeat(length / 3)
                );
                let read = Reader::all(&text, Reader::text).unwrap();
                assert_eq!(read, serde_json::from_str::<String>(&text).unwrap());
                assert_eq!(matches!(read, Cow::Borrowed(_)), plain);
            }
            for end in ["", "\\", "\\u12", "\n\"", "\u{0}\"", "\\x\""] {
                let text = format!("\"{}{end}", "x".repeat(length));
                assert!(raw(&text).is_none(), "{text:?}");
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(raw(&nested(MOST_DEPTH)).is_some());
        let error = Reader::all(&nested(MOST_DEPTH + 1), Reader::raw).unwrap_err();
        assert!(error.is_too_deep());
        let side_by_side = format!("[{}]", ["[]"; 100].join(","));
        assert!(raw(&side_by_side).is_some());
    }

    #[test]
    fn nothing_is_there_twice() {
        let read = |text| {
            let mut found = None;
            Reader::all(text, |reader| {
                reader.object(|reader, name| match name {
                    "a" => reader.once(&mut found, |reader| reader.optional(Reader::number)),
                    _ => reader.skip(),
                })
            })
            .map(|()| found)
        };
        assert_eq!(read(r#"{"b":1,"b":2}"#).unwrap(), None);
        assert_eq!(read(r#"{"a":null}"#).unwrap(), Some(None));
        assert_eq!(read(r#"{"\u0061":7}"#).unwrap(), Some(Some(7)));
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":null,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            let error = read(twice).unwrap_err();
            assert!(error.to_string().starts_with("a second member"), "{error}");
        }
    }
}
