//! Tests of rows, in every way that they are written.

use std::time::Duration;

use super::*;

#[derive(Default)]
struct Kept(Vec<String>);

impl Sink for Kept {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        let words = cells.iter().map(|cell| match cell {
            Cell::Null => "-".to_owned(),
            Cell::Plain(text) => format!("p:{text}"),
            Cell::Text(text) => format!("t:{text}"),
            other => format!("{other:?}"),
        });
        self.0.push(words.collect::<Vec<_>>().join(" "));
        Ok(())
    }
}

fn rows(kind: Kind, text: &[u8]) -> Result<(Vec<String>, Vec<String>), TableError> {
    let (stop, _call_off) = Stop::after(Duration::from_mins(1));
    let mut kept = Kept::default();
    read(kind, text, &stop, &mut kept).map(|headers| (headers.0, kept.0))
}

fn check(kind: Kind, text: &str, headers: &[&str], expect: &[&str]) {
    let (found, rows) = rows(kind, text.as_bytes()).expect(text);
    assert_eq!((found, rows), (strings(headers), strings(expect)), "{text}");
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn refused(kind: Kind, text: &[u8], expect: &str) {
    let error = rows(kind, text).expect_err(expect).to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn separated_values_are_read_as_programs_write_them() {
    check(Kind::Csv, "a,b\n1,x\n", &["a", "b"], &["p:1 p:x"]);
    check(
        Kind::Csv,
        "\u{feff}a, b \r\n1,\r\n\r\n\"2\n3\",\"say \"\"x\"\"\"",
        &["a", "b"],
        &["p:1 -", "p:2\n3 p:say \"x\""],
    );
    check(Kind::Csv, "a;b\n1,5;2\n", &["a", "b"], &["p:1,5 p:2"]);
    check(Kind::Tsv, "a,x\tb\n1\t\n", &["a,x", "b"], &["p:1 -"]);
    // Some programs leave out empty cells at the end, others write more of them.
    check(Kind::Csv, "a,b,c\n1\n1,2,3,,\n", &["a", "b", "c"], &["p:1", "p:1 p:2 p:3"]);
    check(Kind::Csv, "a,b\n", &["a", "b"], &[]);
    refused(Kind::Csv, b"", "empty");
    refused(Kind::Csv, b"\n\n", "empty");
    refused(Kind::Csv, b",,\n1,2,3\n", "empty");
    refused(Kind::Csv, b"a,b\n1,2\n1,2,3\n", "row 3 has 3 values");
}

#[test]
fn objects_are_rows_in_the_order_of_their_keys() {
    let objects =
        r#"[{"b": 1, "a": "x"}, {"a": null, "c": true, "b": 2.5}, {}, {"d": {"n": [1]}, "b": 18446744073709551615}]"#;
    let expect = ["Integer(1) t:x", "Real(2.5) - Truth(true)", "- - -", "t:18446744073709551615 - - t:{\"n\":[1]}"];
    check(Kind::Json, objects, &["b", "a", "c", "d"], &expect);
    check(Kind::JsonLines, "{\"a\": 1}\n\n{\"a\": -2}", &["a"], &["Integer(1)", "Integer(-2)"]);
    for (kind, text) in [(Kind::Json, "{}"), (Kind::Json, "5"), (Kind::Json, "[1]"), (Kind::JsonLines, "[{}]")] {
        refused(kind, text.as_bytes(), "objects are expected");
    }
    refused(Kind::Json, b"[]", "no object with a key");
    refused(Kind::JsonLines, b"", "no object with a key");
    refused(Kind::Json, b"[{\"a\": 1}, {\"a\": ", "object 2 cannot be read");
    refused(Kind::Json, b"[{\"a\": 1}] x", "cannot be read");
    refused(Kind::Json, "[".repeat(100_000).as_bytes(), "cannot be read");
    refused(Kind::JsonLines, format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes(), "cannot be read");
}

#[test]
fn what_would_fill_the_memory_is_refused_before_it_does() {
    let header = (0..1_000_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    refused(Kind::Csv, header.as_bytes(), "more than 131072 bytes");
    refused(Kind::Csv, &header.as_bytes()[..5000], "more than 200 columns");
    let cell = "x".repeat(MAX_ROW + 2 * BUFFER);
    refused(Kind::Csv, format!("a\n1\n{cell}\n").as_bytes(), "row 3 has more than");
    refused(Kind::Csv, format!("a,b\n1,\"2\n{}", "3,4\n".repeat(100_000)).as_bytes(), "a quote is not closed");
    refused(Kind::Json, format!("[{{\"a\":\"{cell}\"}}]").as_bytes(), "row 1 has more than");
    refused(Kind::Json, format!("[{}", " ".repeat(1_000_000)).as_bytes(), "more than");
    let keys: Vec<String> = (0..300).map(|n| format!("{{\"k{n}\":1}}")).collect();
    refused(Kind::JsonLines, keys.join("\n").as_bytes(), "more than 200 columns");
    // Many rows are no large row.
    let many = format!("a\n{}", "1234567\n".repeat(100_000));
    assert_eq!(rows(Kind::Csv, many.as_bytes()).expect("read").1.len(), 100_000);
    let many = "{\"a\":1}\n".repeat(100_000);
    assert_eq!(rows(Kind::JsonLines, many.as_bytes()).expect("read").1.len(), 100_000);
    let many = format!("[{}{{\"a\":1}}]", "{\"a\":1},".repeat(99_999));
    assert_eq!(rows(Kind::Json, many.as_bytes()).expect("read").1.len(), 100_000);
}

#[test]
fn reading_ends_when_nobody_waits() {
    let (stop, call_off) = Stop::after(Duration::from_mins(1));
    drop(call_off);
    for kind in [Kind::Csv, Kind::Json, Kind::JsonLines] {
        let read = read(kind, "a\n1\n".as_bytes(), &stop, &mut Kept::default());
        assert_eq!(read, Err(TableError::Stopped));
    }
}
