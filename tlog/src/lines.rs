//! Texts that are lines, and numbers with one spelling.

/// A decimal number without a sign, a leading zero or anything beside digits, if the text is one that fits.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let spelled = digits && (text == "0" || !text.starts_with('0'));
    if spelled { text.parse().ok() } else { None }
}

/// Takes the next line off a text, without the newline that ends it. None when no newline is left.
pub(crate) fn next_line<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let (line, behind) = rest.split_once('\n')?;
    *rest = behind;
    Some(line)
}

/// Takes the lines up to an empty one and that one off a text. None when there are more than `most`, or none is empty.
pub(crate) fn lines_to_blank<'t>(rest: &mut &'t str, most: usize) -> Option<Vec<&'t str>> {
    let mut lines = vec![];
    loop {
        match next_line(rest)? {
            "" => return Some(lines),
            _ if lines.len() == most => return None,
            line => lines.push(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(decimal(text), expected, "{text}");
    }

    #[test]
    fn a_number_has_one_spelling() {
        check("0", Some(0));
        check("7", Some(7));
        check("10", Some(10));
        check("18446744073709551615", Some(u64::MAX));
        for wrong in ["", "00", "07", "+7", "-7", " 7", "7 ", "7.0", "٧", "0x7", "1_0", "18446744073709551616"] {
            check(wrong, None);
        }
    }

    #[test]
    fn lines_end_at_a_blank_one() {
        let mut rest = "a\nb\n\nc";
        assert_eq!(lines_to_blank(&mut rest, 2), Some(vec!["a", "b"]));
        assert_eq!(rest, "c");
        assert_eq!(lines_to_blank(&mut "a\nb\n\n", 1), None);
        assert_eq!(lines_to_blank(&mut "\n", 0), Some(vec![]));
        assert_eq!(lines_to_blank(&mut "a\n", 5), None);
        assert_eq!(next_line(&mut "a"), None);
    }
}
