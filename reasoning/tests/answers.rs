//! Which answer is found in a text, and the form in which it is compared.

use forethought_reasoning::{AnswerKind, MAX_TEXT_BYTES, extract};

fn check(kind: &AnswerKind, text: &str, expect: Option<&str>) {
    let answer = extract(kind, text).map(|answer| answer.canonical);
    assert_eq!(answer.as_deref(), expect, "{kind:?} in {text:?}");
}

fn number(text: &str, expect: &str) {
    check(&AnswerKind::Number, text, Some(expect));
}

fn json(text: &str, expect: Option<&str>) {
    check(&AnswerKind::Json { pointer: None }, text, expect);
}

#[test]
fn a_number_has_one_form() {
    for text in ["1200", "1,200", "1,200.0", "1200.", "$1,200.00", "\\frac{2400}{2}", "1.2e3", "1.2 × 10^3", "12E+2"] {
        number(text, "1200");
    }
    for text in ["1{,}200", "1.2 \\times 10^{3}", "**1,200**", "1,200 apples", "2400/2", "+1200", "0001200"] {
        number(text, "1200");
    }
    for text in ["-5", "−5", "-5.0", "is -5.", "x=-5", "-$5", "$-5", "(-5)", "-\\frac{10}{2}", "-10/2"] {
        number(text, "-5");
    }
    for text in ["1/2", "0.5", ".5", "\\dfrac12", "50e-2", "\\frac{1.5}{3}"] {
        number(text, "0.5");
    }
    number("$3.50", "3.5");
    number("50%", "50");
    number("2/6", "1/3");
    number("1 1/2", "1.5");
    number("2\\frac{1}{3}", "7/3");
    number("-0.0", "0");
    number("0.30000000000000004", "0.30000000000000004");
    number("123456789012345678901234567890", "123456789012345678901234567890");
    number("1e999999999", "1e999999999");
    number("0e999999999", "0");
    number("2.50e-100", "2.5e-100");
}

#[test]
fn the_number_that_answers_is_found() {
    for text in
        ["9 - 9 = 0", "0", "The number is 0.", "9 - 9 is 0.", "9 - 9 = 0.", "The answer is 9 - 9 = 0.", "0 = 9 - 9"]
    {
        number(text, "0");
    }
    number("What is 9 - 9? Reply with the number.\n\n0", "0");
    number("What is 9 - 9 = ?\n0", "0");
    number("9 + 4 = 13. There are 2 numbers.", "13");
    number("First, 5 + 4 = 9. So 5 * 4 equals 20.", "20");
    number("20 Equals 5 * 4", "20");
    number("7 + 5 equals what? 12", "12");
    number("The answer is 12. I hope this helps 100%", "12");
    number("The answer to 12 + 30 is 42.", "42");
    number("**Answer:** 42", "42");
    number("Answer:\n\n42\n", "42");
    number("The answer is 42. Explain your answer", "42");
    number("So \\boxed{42} because 1 + 1 = 2", "42");
    number("1. Add 9 and 4\n2. The sum is 13\n3. Done it all", "13");
    number("21 + 49 = 70 quarters, so she has 70 quarters", "70");
    number("4 * 6 = 24 and 24 + 1 = 25", "25");
    number("She was 7th of 12", "12");
    number("10 -5 is 5", "5");
    number("The answer is 9 + 4, which equals 13.", "13");
    number("What is 9 + 4? The answer is 13.", "13");
    number("The answer to 9 - 9 is 0.", "0");
    number("13 (that is 9 + 4)", "13");
    number("The answer is 5 times 4, which equals 20.", "20");
    number("The answer is 3, which is 3 - 3, which equals 0.", "0");
    number("To answer this, we add: 5 + 4 = 9. Then 9 * 2 = 18.", "18");
    number("To answer this question is easy: 3 steps. 4 + 4 = 8", "8");
    number("Answer:\n1. Multiply 5 by 4.\n2. The result is 20.", "20");
    number("To find the answer, follow these steps:\n\n1. Multiply 5 by 4.\n2. She has 20 quarters.", "20");
    check(&AnswerKind::Number, "What is 9 - 9? Reply with the number.", None);
    check(&AnswerKind::Number, "5 * 4", None);
    for text in
        ["", "no idea", "it was 1/2/2024", "version 1.2.3", "Q3", "1/0", "1e9999999999999999999", "e5", "\\frac{1}{0}"]
    {
        check(&AnswerKind::Number, text, None);
    }
}

#[test]
fn what_is_not_understood_is_no_number() {
    for text in [
        "\\boxed{2^{10}}",
        "2 * 5 = 10, so \\boxed{2^{10}}",
        "\\boxed{3\\sqrt{2}}",
        "\\boxed{\\sqrt{2}}",
        "\\boxed{2\\pi}",
        "3√2",
        "The answer is 3:30",
        "The answer is 3:45.",
        "I begin at 1 and end at 3:45",
        "It takes 2 hours. The answer is 3:30.",
        "2:30 + 1:15 = 3:45",
    ] {
        check(&AnswerKind::Number, text, None);
    }
    number("The ratio is 3:4, so the answer is 5.", "5");
    number("The area is 25 m^2", "25");
    number("The area is 25 m^{2}.", "25");
    number("x^2 = 16, so x = 4", "4");
    number("2^10 = 1024", "1024");
    number("2^{10} = 1024", "1024");
    number("At 3:30 she has 4 apples", "4");
    number("1.2 × 10^{3}", "1200");
    number("\\boxed{B} is 5", "5");
    number("Answer:5", "5");
}

#[test]
fn a_pattern_finds_its_last_match() {
    let regex = |pattern: &str, text: &str, expect: Option<&str>| {
        check(&AnswerKind::regex(pattern).expect("a pattern"), text, expect);
    };
    regex(r"\d+", "1, 22 and 333", Some("333"));
    regex(r"\d+", "none", None);
    regex(r"(?i)result:\s*(\w+)", "Result: a\nresult: bc \n", Some("bc"));
    regex(r"code (\d+)|none", "code 5 or none", Some("none"));
    regex(r"^[A-Z]{2}-\d+$", " AB-12\n", Some("AB-12"));
    regex(r"(?m)^> (.*)$", "> one\n> two \nthree", Some("two"));
    regex(r"\d*", "7 a", Some("7"));
    regex(r"ä+", "ä ää", Some("ää"));
    regex(r"", "text", None);
    regex(r"(?s)a.*", &format!("{}a b", "x".repeat(MAX_TEXT_BYTES)), Some("a b"));
    let pattern = AnswerKind::regex("a+").expect("a pattern");
    assert_eq!(pattern, AnswerKind::regex("a+").expect("a pattern"));
    assert_ne!(pattern, AnswerKind::regex("a*").expect("a pattern"));
    assert!(AnswerKind::regex("(").is_err());
    assert!(AnswerKind::regex(r"\w{1000}{1000}").is_err(), "too large");
}

#[test]
fn a_json_value_has_one_form() {
    let expect = Some(r#"{"age":42,"name":"Luca Rahman"}"#);
    json("Sure!\n```json\n{\n \"name\": \" Luca Rahman \", \"age\": 42.0\n}\n```\nAnything else?", expect);
    json(r#"As in [1]: {"age": 4.2e1, "name": "Luca Rahman"} and {"age": 1}"#, expect);
    json(r#"{oops {"age":42,"name":"Luca Rahman"}"#, expect);
    json(r#"{"a":"}{","b":[true,false,null,{}],"c":[]}"#, Some(r#"{"a":"}{","b":[true,false,null,{}],"c":[]}"#));
    json(r#"[{"a":1}]"#, Some(r#"[{"a":1}]"#));
    json("[1, 2.50]", Some("[1,2.5]"));
    json(r#"{"name":"A","address":{"city":"X"},"sal"#, None);
    json(r#"{"name":"A","address":{"city":"X"},}"#, None);
    json(r#"Use {"name": ...}: {"name":"A"}"#, Some(r#"{"name":"A"}"#));
    json(r#"{"a":"\u00e9\n!"}"#, Some("{\"a\":\"é\\n!\"}"));
    for text in ["", "{", "[[[", r#"{"a":1"#, r#"{"a":01}"#, r#"{"a":1.}"#, r"{'a':1}", "\"text\"", "42", r#"{"a":"\"#]
    {
        json(text, None);
    }
    json(&format!("{}{}", "[".repeat(32), "]".repeat(32)), Some(&format!("{}{}", "[".repeat(32), "]".repeat(32))));
    json(&"[".repeat(100_000), None);
    let pointer = |at: &str| AnswerKind::Json { pointer: Some(at.to_owned()) };
    check(&pointer("/a/1/b~1c"), r#"{"a":[0,{"b/c":" x "}]}"#, Some("\"x\""));
    check(&pointer("/b"), r#"{"a":1}"#, None);
}

#[test]
fn a_choice_is_a_letter() {
    let b = [
        "B",
        "(B)",
        "b",
        "B.",
        "**B**",
        "Answer: B",
        "The answer is (b).",
        "the correct option is B",
        "B) 4",
        "B. Because A is wrong",
    ];
    for text in b.into_iter().chain([
        "A) 3\nB) 4\nC) 5\nAnswer: B",
        "A) 3\nB) 4\nThe right one is B.",
        "\\boxed{B}",
        "I think it is B",
    ]) {
        check(&AnswerKind::Choice, text, Some("B"));
    }
    check(&AnswerKind::Choice, "The answer is A.", Some("A"));
    let options =
        "To answer the question, consider each option:\nA) 3 is too small.\nB) 4 fits.\nThe correct one is B.";
    check(&AnswerKind::Choice, options, Some("B"));
    for text in ["", "none", "A dog is here", "I don't know", "K", "Z."] {
        check(&AnswerKind::Choice, text, None);
    }
}

#[test]
fn boxes_and_texts() {
    check(&AnswerKind::Boxed, "\\boxed{1} or \\boxed{\\frac{2400}{2}}", Some("1200"));
    check(&AnswerKind::Boxed, "\\boxed{ X^{2} + Y }", Some("x^{2}+y"));
    for text in ["50\\%", "50%", "50", "\\$50"] {
        check(&AnswerKind::Boxed, &format!("\\boxed{{{text}}}"), Some("50"));
    }
    for text in ["(1,2)", "[1,2]", "[1,2)", "5!", "1 2", "x y"] {
        check(&AnswerKind::Boxed, &format!("\\boxed{{{text}}}"), Some(text));
    }
    check(&AnswerKind::Boxed, "\\boxed{( 1, 2 ).}", Some("(1,2)"));
    check(&AnswerKind::Boxed, "\\boxed{1", None);
    check(&AnswerKind::Boxed, "42", None);
    for text in ["Paris", " paris. ", "**PARIS**", "The answer is Paris!", "Answer: “Paris”"] {
        check(&AnswerKind::Text, text, Some("paris"));
    }
    check(&AnswerKind::Text, "C++  rocks\n", Some("c++ rocks"));
    check(&AnswerKind::Text, " ... ", None);
    check(&AnswerKind::Text, &"a".repeat(MAX_TEXT_BYTES + 1), None);
}

#[test]
fn a_prompt_says_what_it_wants() {
    let check = |prompt: &str, schema, expect| assert_eq!(AnswerKind::infer(prompt, schema), expect, "{prompt}");
    let json = AnswerKind::Json { pointer: None };
    check("What is 9 - 9? Reply with the number.", false, AnswerKind::Number);
    check("What is 9 - 9?", false, AnswerKind::Number);
    check("How many quarters does she have now ?", false, AnswerKind::Number);
    check("Tori was 4.4 feet tall . How tall is Tori now ?", false, AnswerKind::Number);
    check("Return only a JSON object with the keys name, age (a number) and city.", false, json.clone());
    check("Who is it?", true, json);
    check("Which?\nA) 3\nB) 4", false, AnswerKind::Choice);
    check("Which? (A) 3 (B) 4", false, AnswerKind::Choice);
    check("Put it in \\boxed{}.", false, AnswerKind::Boxed);
    check("Write a letter to 2-3 friends on 1/2/2024.", false, AnswerKind::Text);
    check("Who wrote Faust?", false, AnswerKind::Text);
    check("Which computer company was founded in 1976?", false, AnswerKind::Text);
    check("What is the name of the 2nd president?", false, AnswerKind::Text);
    check("What is the sum of 4 and 5?", false, AnswerKind::Number);
}
