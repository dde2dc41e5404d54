//! Which code was probably meant.

/// The code nearest to what was written, if it is near: at most a third of the letters differ. Case does not count.
pub(crate) fn nearest<'a>(written: &str, codes: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = written.to_lowercase();
    codes
        .map(|code| (distance(&wanted, &code.to_lowercase()), code))
        .filter(|(distance, code)| *distance <= code.len().min(wanted.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, code)| code)
}

/// How many letters to add, remove or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (line, left) in a.chars().enumerate() {
        let mut before = line;
        let mut corner = line + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = before + usize::from(left != right);
            before = *cell;
            corner = changed.min(before + 1).min(corner + 1);
            *cell = corner;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "axc", 1),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn near_and_far() {
        let codes = ["tokenExpired", "tokenMissing", "mandateExpired"];
        let nearest = |written| nearest(written, codes.into_iter());
        assert_eq!(nearest("tokenExpird"), Some("tokenExpired"));
        assert_eq!(nearest("TOKENMISSING"), Some("tokenMissing"));
        assert_eq!(nearest("mandatExpired"), Some("mandateExpired"));
        assert_eq!(nearest("x"), None);
        assert_eq!(nearest("somethingElse"), None);
    }
}
