//! What expressions come to, checked from outside and against the evaluator of the `cel` crate.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn scope() -> Scope {
    scope_of(json!({
        "request": {"id": "r-1", "kind": "consent", "received_at": "2026-11-20T10:00:00Z"},
        "subject": {"email": "A@example.com", "country": "FR", "aliases": []},
        "consents": [
            {"purpose_id": "p1", "status": "ACTIVE", "n": 1}, {"purpose_id": "p2", "status": "WITHDRAWN", "n": 2},
        ],
        "vars": {"t": {"p1": "g1", "p2": {"a": [1, 2]}}, "list": [3, 1, 2], "empty": [], "n": 7, "d": 1.5,
                 "big": u64::MAX, "none": null, "yes": true, "text": "häß"},
    }))
}

fn scope_of(data: Value) -> Scope {
    match data {
        Value::Object(map) => Scope::new(map),
        other => panic!("no map: {other}"),
    }
}

fn compile(text: &str) -> Condition {
    Condition::compile(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}

fn error(text: &str) -> String {
    compile(text).value(&scope()).unwrap_err().to_string()
}

/// Expressions that our evaluator and that of the `cel` crate must answer alike.
const ALIKE: &[&str] = &[
    "request.kind == 'consent' && size(consents) > 0",
    "consents.filter(c, c.purpose_id in vars.t).map(c, vars.t[c.purpose_id])",
    "consents.map(c, c.status == 'ACTIVE', c.purpose_id)",
    "consents.exists(c, c.status == 'ACTIVE') && !consents.all(c, c.n > 1)",
    "consents.exists_one(c, c.n == 2)",
    "consents.exists(c, c.nope == 1 || c.n == 2)",
    "consents.map(c, vars.list.map(x, x + c.n))",
    "vars.list.map(x, x)",
    "size(vars.t.map(k, k))",
    "vars.t.all(k, k.startsWith('p'))",
    "[1, 2] + vars.list",
    "{'a': 1, 'b': [vars.n]}",
    "'FR' in ['DE', 'FR'] && subject.country in ['FR'] && 'p1' in vars.t && !('x' in vars.t)",
    "3 in vars.list && 3.0 in vars.list && !(4 in vars.list)",
    "has(subject.email) && !has(subject.phone)",
    "has(vars.t.p2.a)",
    "vars.n + 1 * 2 - 3 / 2 % 2",
    "-vars.n + -(-7)",
    "vars.d * 2.0 / 4.0 - 1.0",
    "7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1",
    "1 == 1.0 && 1 != 2.0 && 1u == 1 && 1 < 1.5 && 2u > 1",
    "1 == 'a' || true",
    "vars.none == null && vars.n != null",
    "[1, 2] == [1, 2.0] && [1] != [2] && {'a': 1} == {'a': 1.0}",
    "vars.big == 18446744073709551615u",
    "'b' > 'a' && 'ä' > 'z' && false < true",
    "vars.yes ? 'x' : missing",
    "false && missing",
    "missing && false",
    "true || missing",
    "missing || true",
    "size('häß') == 3 && 'häß'.size() == 3 && size(vars.t) == 2 && [].size() == 0",
    "subject.email.contains('@') && subject.email.endsWith('.com') && subject.email.startsWith('A')",
    "subject.email.matches('^[A-Z]@.*') && matches('abc', 'b')",
    "int('12') + int(3.9) + int(4u) == 19",
    "double('1.5') + double(2) == 3.5",
    "string(1) + string(true) + string('x') + string(2u)",
    "uint(3) == 3u && bool('true')",
    "timestamp('2026-11-20T10:00:00Z') < timestamp('2026-11-20T11:00:00+00:30')",
    "timestamp(request.received_at) + duration('24h') == timestamp('2026-11-21T10:00:00Z')",
    "timestamp('2026-11-21T10:00:00Z') - timestamp(request.received_at) == duration('24h')",
    "duration('1h30m') == duration('90m') && duration('1.5s') == duration('1500ms')",
    "timestamp(request.received_at).getFullYear() == 2026 && timestamp(request.received_at).getMonth() == 10",
    "timestamp(request.received_at).getDayOfWeek() == 5 && timestamp(request.received_at).getDayOfMonth() == 19",
    "timestamp(request.received_at).getDate() == 20 && timestamp(request.received_at).getDayOfYear() == 323",
    "timestamp(request.received_at).getHours() == 10 && duration('90m').getHours() == 1",
    "int(timestamp(request.received_at))",
    "vars.t['p1'] == 'g1' && vars.list[0] == 3 && vars.t.p2.a[1] == 2",
    "vars['n']",
    "dyn(vars.n)",
    "\"\\u00e9\\n\" + r'\\n'",
    "0x1F + 1",
    // Both fail.
    "missing",
    "subject.phone",
    "vars.t['x']",
    "vars.list[3]",
    "vars.list[-1]",
    "1 + 'a'",
    "1 + 1.0",
    "'a' < 1",
    "1 && true",
    "!1",
    "1 ? 2 : 3",
    "1 / 0",
    "1 % 0",
    "9223372036854775807 + 1",
    "-9223372036854775808 - 1",
    "size(1)",
    "'a' in 'abc'",
    "vars.n.contains('a')",
    "consents.map(c, c.nope)",
    "consents.all(c, c.nope)",
    "timestamp('soon')",
    "duration('soon')",
    "int('x')",
    "has(missing.x)",
    "vars.none.x",
    "missing && true",
    "{'a': 1, 'a': 2}",
];

#[test]
fn expressions_come_to_what_the_cel_crate_says() {
    let differing: Vec<_> = ALIKE
        .iter()
        .map(|text| (text, compile(text).value(&scope()).ok(), theirs(text)))
        .filter(|(_, ours, theirs)| ours != theirs)
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
}

fn theirs(text: &str) -> Option<Value> {
    let mut context = cel::Context::default();
    for (name, value) in scope().data() {
        context.add_variable_from_value(name.as_str(), cel_of(value));
    }
    cel::Program::compile(text).unwrap().execute(&context).ok().map(|value| json_of(&value))
}

/// A whole number is an int, as in our scope.
fn cel_of(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(yes) => (*yes).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => int.into(),
            (None, Some(uint)) => uint.into(),
            (None, None) => number.as_f64().unwrap().into(),
        },
        Value::String(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(cel_of).collect::<Vec<_>>().into(),
        Value::Object(map) => {
            let map: std::collections::HashMap<String, cel::Value> =
                map.iter().map(|(key, value)| (key.clone(), cel_of(value))).collect();
            map.into()
        }
    }
}

fn json_of(value: &cel::Value) -> Value {
    match value {
        cel::Value::Int(int) => json!(int),
        cel::Value::UInt(uint) => json!(uint),
        cel::Value::Float(double) => json!(double),
        cel::Value::Bool(yes) => json!(yes),
        cel::Value::String(text) => json!(text.as_str()),
        cel::Value::Null => Value::Null,
        cel::Value::List(items) => items.iter().map(json_of).collect(),
        cel::Value::Map(map) => {
            Value::Object(map.map.iter().map(|(key, value)| (key.to_string(), json_of(value))).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_cel_crate_does_not_have_works_too() {
    for (text, expected) in [
        ("subject.?phone.orValue('none')", json!("none")),
        ("subject.?email.orValue('none')", json!("A@example.com")),
        // The crate goes through a map in any order, we in that of the file.
        ("vars.t.map(k, k)", json!(["p1", "p2"])),
        ("vars.t.?p2.a.hasValue()", json!(true)),
        ("vars.t.?x.?y.orValue(1)", json!(1)),
        ("vars.t[?'x'].or(vars.t[?'p1']).value()", json!("g1")),
        ("vars.list[?9].hasValue()", json!(false)),
        ("[1, ?subject.?phone, ?subject.?country]", json!([1, "FR"])),
        ("subject.email.lowerAscii()", json!("a@example.com")),
        ("vars.text.upperAscii() + ' x '.trim()", json!("HäßX".replace('X', "x"))),
        ("'a-b-c'.split('-').join('+')", json!("a+b+c")),
        ("'a-b'.replace('-', '')", json!("ab")),
        (
            "vars.text.substring(1) + vars.text.substring(0, 1) + string(vars.text.indexOf('ß'))",
            json!("äßh2"),
        ),
        ("timestamp(request.received_at)", json!("2026-11-20T10:00:00Z")),
        ("duration('30d') + duration('-1.5s')", json!("2591998.5s")),
        ("subject.email.matches(vars.text)", json!(false)),
    ] {
        assert_eq!(compile(text).value(&scope()), Ok(expected), "{text}");
    }
}

#[test]
fn a_condition_that_is_not_true_or_false_is_an_error() {
    let test = |text: &str| compile(text).test(&scope());

    assert_eq!(test("size(consents) == 2"), Ok(true));
    assert_eq!(test("size(consents) > 2"), Ok(false));
    assert_eq!(test("vars.n"), Err(EvalError::NotBool { found: "int" }));
    assert_eq!(test("vars.none"), Err(EvalError::NotBool { found: "null" }));
}

#[test]
fn errors_name_paths_functions_and_types() {
    for (text, expected) in [
        ("subject.phone == 'x'", "`subject.phone` is missing"),
        ("vars.none.x.y", "`vars.none.x` is missing"),
        ("vars.t[subject.country]", "`vars.t[subject.country]` is missing"),
        ("consents.map(c, c.nope)", "`c.nope` is missing"),
        ("consents[0].nope", "`consents[0].nope` is missing"),
        ("subject.email + 1", "`+` cannot be applied to string and int"),
        ("subject.email > vars.n", "`>` cannot be applied to string and int"),
        ("timestamp(subject.email)", "`timestamp`: this is no RFC 3339 time"),
        ("subject.email.all(x, true)", "`all` cannot be applied to string"),
        ("subject.?email", "`?`: finish with `.orValue(…)`"),
        ("vars.n / 0", "`/`: division by zero"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn long_lists_and_large_results_are_refused() {
    let data = scope_of(json!({
        "long": vec![1; 10_001], "list": vec![1; 10_000], "big": "x".repeat(1 << 20),
    }));
    let answer = |text: &str| compile(text).value(&data).map(|_| ());

    assert_eq!(error_of(answer("long.map(x, x)")), "`map`: the list has more than 10000 items");
    assert_eq!(answer("size(list.map(x, x)) == 10000"), Ok(()));
    assert_eq!(answer("list.all(x, list.all(y, y == x))"), Err(EvalError::TooMuch));
    assert_eq!(answer("list.all(x, !(2 in list))"), Err(EvalError::TooMuch));
    assert_eq!(answer("list.map(x, big + big)"), Err(EvalError::TooMuch));
    assert_eq!(answer("big.replace('x', big)"), Err(EvalError::TooMuch));
}

fn error_of(answer: Result<(), EvalError>) -> String {
    answer.unwrap_err().to_string()
}

#[test]
fn names_are_told_with_their_place_and_whether_they_may_be_missing() {
    let text = "'ä' != subject.email && has(subject.phone) && vars.t[\"a b\"] == vars.t[c.x] \
                && consents.exists(c, c.id in vars.ids && c.?y.hasValue()) && steps.find.?output.hasValue() \
                && consents[0].id == item && vars[?'z'].hasValue()";
    let condition = compile(text);

    let names: Vec<_> =
        condition.names().iter().map(|n| (n.path(), &text[n.at.clone()], n.optional)).collect();

    let expected = [
        ("subject.email", "subject.email", false),
        ("subject.phone", "subject.phone", true),
        ("vars.t.a b", "vars.t[\"a b\"]", false),
        ("vars.t", "vars.t", false),
        ("c.x", "c.x", false),
        ("consents", "consents", false),
        ("vars.ids", "vars.ids", false),
        ("steps.find.output", "steps.find.?output", true),
        ("consents", "consents", false),
        ("item", "item", false),
        ("vars.z", "vars[?'z']", true),
    ];
    assert_eq!(names, expected.map(|(path, written, optional)| (path.to_owned(), written, optional)));
}

#[test]
fn every_string_is_told() {
    let condition = compile("a == 'ACTIVE' || b in ['x', \"y\"] || c['z'] || d.map(e, e == 'w') == ['v']");

    assert_eq!(condition.strings(), ["ACTIVE", "x", "y", "z", "w", "v"]);
}

#[test]
fn mistakes_are_named_at_their_place_and_in_plain_words() {
    for (text, code, at, message, help) in [
        ("a = 1", "bad_condition", "=", "`=` is not expected here", "compare with `==`"),
        (
            "a and b",
            "bad_condition",
            "and",
            "`and` is not expected here",
            "write `&&` for and, `||` for or, `!` for not",
        ),
        ("a == 'x", "bad_condition", "'x", "this string is never closed", ""),
        ("'é' == \"x", "bad_condition", "\"x", "this string is never closed", ""),
        ("a ==", "bad_condition", "", "the expression ends too early", ""),
        ("(a", "bad_condition", "", "the expression ends too early", ""),
        ("", "bad_condition", "", "the expression is empty", ""),
        ("a b", "bad_condition", "b", "`b` is not expected here", ""),
        ("if == 1", "bad_condition", "if", "`if` is a reserved word", "choose another name"),
        ("{{ a }} == 1", "bad_condition", "", "", "an expression stands without braces"),
        ("has(a)", "bad_condition", "", "`has` takes a path with a member, such as `has(subject.email)`", ""),
        ("'ä' == siz(a)", "unknown_function", "siz", "unknown function `siz`", "did you mean `size`?"),
        (
            "a.startswith('x')",
            "unknown_function",
            "startswith",
            "unknown function `startswith`",
            "did you mean `startsWith`?",
        ),
        (
            "startsWith(a, 'x')",
            "bad_condition",
            "startsWith",
            "`startsWith` stands behind its value: `value.startsWith(…)`",
            "",
        ),
        ("a.int()", "bad_condition", "int", "`int` stands before its value: `int(value)`", ""),
        ("a.contains()", "bad_condition", "contains", "`contains` takes 1 values, not 0", ""),
        ("a.map(b)", "bad_condition", "map", "`map` is not used like this", "such as"),
        ("a.matches('(')", "bad_condition", "'('", "this is no regular expression, or too large a one", ""),
        ("a == b'x'", "bad_condition", "b'x'", "bytes cannot be used here", "write a string"),
        ("A{b: 1}", "bad_condition", "", "messages cannot be made here", "write a map"),
        (
            "a.map(b, b.map(c, c.map(d, d)))",
            "condition_too_deep",
            "map",
            "more than 2 list macros stand inside one another",
            "",
        ),
    ] {
        let mistake = Condition::compile(text).unwrap_err().remove(0);
        let shown = format!("{text}: {mistake:?}");
        assert_eq!(mistake.code, code, "{shown}");
        assert!(message.is_empty() || mistake.message == message, "{shown}");
        assert!(at.is_empty() || &text[mistake.at.clone()] == at, "{shown}");
        assert!(mistake.help.unwrap_or_default().starts_with(help), "{shown}");
    }
}

#[test]
fn hostile_expressions_are_refused_without_harm() {
    let code = |text: &str| Condition::compile(text).err().map(|mistakes| mistakes[0].code);
    assert_eq!(code(&"a".repeat(2049)), Some("condition_too_long"));
    assert_eq!(code(&"(".repeat(2000)), Some("condition_too_deep"));
    assert_eq!(code(&format!("{}1{}", "[".repeat(33), "]".repeat(33))), Some("condition_too_deep"));
    for unclosed in ["(", "[", "{'a':", "a.map(x,", "size(", "a?(", "!(", "-(", "[{1:"] {
        let times = 32 / unclosed.bytes().filter(|byte| b"([{".contains(byte)).count();
        assert!(Condition::compile(&unclosed.repeat(times)).is_err(), "{unclosed}");
    }
    for chain in ["+a", ".b", "[0]", "&&a", "?a:a", "-a", "==a", ".?b"] {
        let text = format!("a{}", chain.repeat(2047 / chain.len()));
        if let Ok(condition) = Condition::compile(&text) {
            assert!(condition.value(&Scope::default()).is_err(), "{chain}");
        }
    }
    for sign in ["!", "-"] {
        assert!(compile(&format!("{}a", sign.repeat(2040))).value(&Scope::default()).is_err());
    }
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn what_is_compiled_is_shared_between_threads() {
    assert_shared::<Condition>();
}

proptest! {
    #[test]
    fn no_text_brings_the_compiler_down(
        text in "(a|b\\.c|'x'|[0-9]|\\.map\\(x, |\\.exists\\(|has\\(|size\\(|&&|\\|\\||==|<|\\?|:|[-+*/%!.,()\\[\\]{}'\" é\n]|in |true|null){0,30}"
    ) {
        match Condition::compile(&text) {
            Ok(condition) => drop(condition.value(&scope())),
            Err(mistakes) => {
                for mistake in mistakes {
                    prop_assert!(text.get(mistake.at.clone()).is_some(), "{:?} in {:?}", mistake, text);
                }
            }
        }
    }

    #[test]
    fn no_error_shows_a_value(text in "secret[a-z0-9]{0,8}") {
        let data = scope_of(json!({"a": text, "list": [text], "map": {(text.clone()): text}}));
        for expression in [
            "a + 1", "a < 1", "a.b", "map[a + 'x']", "list[a]", "list.map(x, x.y)", "int(a)", "timestamp(a)",
            "duration(a)", "a in a", "a ? 1 : 2", "a && true", "!a", "size(1)", "list.all(x, x)", "{a: 1, a: 2}",
            "a.matches('(' + a)", "-a", "a.join()", "map.x", "double(a)", "bool(a)", "a.substring(99)",
        ] {
            let error = compile(expression).value(&data).unwrap_err().to_string();
            prop_assert!(!error.contains("secret"), "{}: {}", expression, error);
        }
    }
}
