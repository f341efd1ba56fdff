//! Repairs JSON in which one half of a surrogate pair, such as `\uD83D`, stands alone.

/// The same bytes with `\uFFFD` (the replacement character) for every lone surrogate escape; all else is unchanged.
pub fn mended(json: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(json.len());
    let mut rest = json;
    while let [first, tail @ ..] = rest {
        let take = match (first, escape(rest)) {
            (_, Some(0xD800..=0xDBFF)) if rest.get(6..).and_then(escape).is_some_and(is_low) => 12,
            (_, Some(0xD800..=0xDFFF)) => {
                mended.extend_from_slice(b"\\uFFFD");
                rest = rest.get(6..).unwrap_or_default();
                continue;
            }
            // A backslash takes the next byte with it, so that in `\\ud83d` the second one does not start an escape.
            (b'\\', _) if !tail.is_empty() => 2,
            _ => 1,
        };
        let (whole, left) = rest.split_at_checked(take).unwrap_or((rest, &[]));
        mended.extend_from_slice(whole);
        rest = left;
    }
    mended
}

/// The UTF-16 code unit if the bytes begin with `\uXXXX`.
fn escape(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_low(unit: u16) -> bool {
    (0xDC00..=0xDFFF).contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_halves_are_replaced() {
        let cases = [
            (r#"["a"]"#, r#"["a"]"#),
            (r#"["\ud83d\ude02"]"#, r#"["\ud83d\ude02"]"#),
            (r#"["x\ud83d"]"#, r#"["x\uFFFD"]"#),
            (r#"["\ude02\ud83d\ud83d\ude02"]"#, r#"["\uFFFD\uFFFD\ud83d\ude02"]"#),
            (r#"["\\ud83d"]"#, r#"["\\ud83d"]"#),
            (r#"["\\\ud83d"]"#, r#"["\\\uFFFD"]"#),
            (r#"["\n\u00e9é"]"#, r#"["\n\u00e9é"]"#),
            (r"\u12", r"\u12"),
            (r"\", r"\"),
            ("", ""),
        ];
        for (json, expected) in cases {
            assert_eq!(String::from_utf8(mended(json.as_bytes())).unwrap(), expected, "{json}");
        }
    }
}
