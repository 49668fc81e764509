//! Names of languages, and the scripts that they are written in.

use unicode_script::Script;

/// By ISO 639-1 and 639-3: every language that can be told. Han, Hiragana and Katakana go with Japanese.
const NAMES: &[(&str, &str, &[Script])] = &[
    ("af", "afr", LATIN),
    ("am", "amh", &[Script::Ethiopic]),
    ("ar", "ara", &[Script::Arabic]),
    ("az", "aze", LATIN),
    ("be", "bel", CYRILLIC),
    ("bg", "bul", CYRILLIC),
    ("bn", "ben", &[Script::Bengali]),
    ("ca", "cat", LATIN),
    ("cs", "ces", LATIN),
    ("cy", "cym", LATIN),
    ("da", "dan", LATIN),
    ("de", "deu", LATIN),
    ("el", "ell", &[Script::Greek]),
    ("en", "eng", LATIN),
    ("eo", "epo", LATIN),
    ("es", "spa", LATIN),
    ("et", "est", LATIN),
    ("fa", "pes", &[Script::Arabic]),
    ("fi", "fin", LATIN),
    ("fr", "fra", LATIN),
    ("gu", "guj", &[Script::Gujarati]),
    ("he", "heb", &[Script::Hebrew]),
    ("hi", "hin", &[Script::Devanagari]),
    ("hr", "hrv", LATIN),
    ("hu", "hun", LATIN),
    ("hy", "hye", &[Script::Armenian]),
    ("id", "ind", LATIN),
    ("it", "ita", LATIN),
    ("ja", "jpn", &[Script::Hiragana, Script::Katakana, Script::Han]),
    ("jv", "jav", LATIN),
    ("ka", "kat", &[Script::Georgian]),
    ("km", "khm", &[Script::Khmer]),
    ("kn", "kan", &[Script::Kannada]),
    ("ko", "kor", &[Script::Hangul, Script::Han]),
    ("la", "lat", LATIN),
    ("lt", "lit", LATIN),
    ("lv", "lav", LATIN),
    ("mk", "mkd", CYRILLIC),
    ("ml", "mal", &[Script::Malayalam]),
    ("mr", "mar", &[Script::Devanagari]),
    ("my", "mya", &[Script::Myanmar]),
    ("nb", "nob", LATIN),
    ("ne", "nep", &[Script::Devanagari]),
    ("nl", "nld", LATIN),
    ("or", "ori", &[Script::Oriya]),
    ("pa", "pan", &[Script::Gurmukhi]),
    ("pl", "pol", LATIN),
    ("pt", "por", LATIN),
    ("ro", "ron", LATIN),
    ("ru", "rus", CYRILLIC),
    ("si", "sin", &[Script::Sinhala]),
    ("sk", "slk", LATIN),
    ("sl", "slv", LATIN),
    ("sn", "sna", LATIN),
    ("sr", "srp", &[Script::Cyrillic, Script::Latin]),
    ("sv", "swe", LATIN),
    ("ta", "tam", &[Script::Tamil]),
    ("te", "tel", &[Script::Telugu]),
    ("th", "tha", &[Script::Thai]),
    ("tk", "tuk", LATIN),
    ("tl", "tgl", LATIN),
    ("tr", "tur", LATIN),
    ("uk", "ukr", CYRILLIC),
    ("ur", "urd", &[Script::Arabic]),
    ("uz", "uzb", LATIN),
    ("vi", "vie", LATIN),
    ("yi", "yid", &[Script::Hebrew]),
    ("zh", "cmn", &[Script::Han, Script::Bopomofo]),
    ("zu", "zul", LATIN),
    ("ak", "aka", LATIN),
];

const LATIN: &[Script] = &[Script::Latin];
const CYRILLIC: &[Script] = &[Script::Cyrillic];

/// A language's name in ISO 639-3, by either name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(two, three, _)| *two == name || *three == name).map(|(_, three, _)| *three)
}

/// The scripts of a language, by its name in ISO 639-3.
pub(super) fn scripts(name: &str) -> &'static [Script] {
    NAMES.iter().find(|(_, three, _)| *three == name).map_or(&[], |(_, _, scripts)| scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_that_can_be_told_has_a_name() {
        for language in whatlang::Lang::all() {
            assert!(known(language.code()).is_some(), "{language:?}");
        }
        for language in whichlang::LANGUAGES {
            assert!(known(&format!("{language:?}").to_lowercase()).is_some(), "{language:?}");
        }
        let mut names: Vec<&str> = NAMES.iter().flat_map(|(two, three, _)| [*two, *three]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len() * 2);
    }
}
