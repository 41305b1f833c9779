/// The known word that was probably meant.
pub(crate) fn nearest<T: AsRef<str>>(word: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .filter_map(|known| likeness(&word, &known.as_ref().to_lowercase()).map(|far| (far, known)))
        .min_by_key(|(far, _)| *far)
        .map(|(_, known)| known)
}

/// `; did you mean …?`, if something was.
pub(crate) fn did_you_mean<T: AsRef<str>>(
    word: &str,
    known: impl IntoIterator<Item = T>,
) -> String {
    nearest(word, known)
        .map(|known| format!("; did you mean `{}`?", known.as_ref()))
        .unwrap_or_default()
}

/// How far two words are apart, if they are near: few letters differ, or one is a part of the other.
fn likeness(word: &str, known: &str) -> Option<usize> {
    let far = distance(word, known);
    let bound = (word.len().max(known.len()) / 3).max(1);
    let is_part =
        (word.len() >= 3 && known.contains(word)) || (known.len() >= 4 && word.contains(known));
    (far <= bound || is_part).then_some(far)
}

/// How many letters have to be put in, taken out or changed to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["price", "network", "pay_to", "mime_type", "max_timeout"];
        for (word, meant) in [
            ("pric", Some("price")),
            ("prise", Some("price")),
            ("Network", Some("network")),
            ("payto", Some("pay_to")),
            ("mimetype", Some("mime_type")),
            ("timeout", Some("max_timeout")),
            ("price_usd", Some("price")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn distances_are_counted_in_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("äö", "ao"), 2);
    }
}
