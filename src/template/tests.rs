//! What templates do with data, checked from outside and against the `handlebars` crate itself.

use handlebars::Handlebars;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn scope(data: Value) -> Scope {
    match data {
        Value::Object(map) => Scope::new(map),
        other => panic!("no map: {other}"),
    }
}

fn render(text: &str, data: Value) -> Result<Option<Value>, RenderError> {
    let leaf = Leaf::compile(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    leaf.render(&scope(data), &Extra::new([7; 16]))
}

fn value(text: &str, data: Value) -> Value {
    render(text, data).unwrap().unwrap()
}

fn mistake(text: &str) -> crate::source::Mistake {
    Leaf::compile(text).unwrap_err().remove(0)
}

#[test]
fn a_leaf_that_is_one_expression_keeps_the_json_type() {
    for data in [json!(1), json!(1.5), json!(true), json!(null), json!([1, {"a": []}]), json!({"a": "{{b}}"})]
    {
        assert_eq!(value("{{ vars.x }}", json!({"vars": {"x": data}})), data);
        assert_eq!(value("{{{vars.x}}}", json!({"vars": {"x": data}})), data);
        assert_eq!(value("{{lookup vars \"x\"}}", json!({"vars": {"x": data}})), data);
    }
}

#[test]
fn any_other_leaf_is_a_string_and_takes_no_list_map_or_null() {
    assert_eq!(value(" {{n}}", json!({"n": 7})), json!(" 7"));
    assert_eq!(value("{{n}}{{b}}", json!({"n": 7.5, "b": true})), json!("7.5true"));
    for (data, kind) in [(json!([1]), "a list"), (json!({}), "a map"), (json!(null), "null")] {
        let error = render("x {{vars.n}}", json!({"vars": {"n": data}})).unwrap_err();
        assert_eq!(error.to_string(), format!("`vars.n` is {kind}, which cannot stand in a text"));
    }
}

#[test]
fn a_missing_value_is_an_error_that_names_the_path() {
    for text in ["{{subject.email}}", "to {{subject.email}}", "{{lower subject.email}}"] {
        let error = render(text, json!({"subject": {}})).unwrap_err();
        assert_eq!(error, RenderError::Missing { path: "subject.email".into() }, "{text}");
    }
    let error = render("{{lookup vars.t c}}", json!({"vars": {"t": {"a": 1}}, "c": "secret"})).unwrap_err();
    assert_eq!(error.to_string(), "`lookup vars.t c` is missing");
}

#[test]
fn optional_leaves_the_key_out_however_deep_it_stands() {
    let data = json!({"subject": {"n": null}, "vars": {"t": {}}});
    for text in [
        "{{optional subject.email}}",
        "{{optional subject.n}}",
        "{{optional (lookup vars.t subject.email)}}",
        "{{optional (lookup vars.t \"x\")}}",
        "{{optional (lower subject.email)}}",
        "{{lower (optional subject.email)}}",
        "Dear {{optional subject.email}}",
        "{{#if vars}}{{optional subject.email}}{{/if}}",
    ] {
        assert_eq!(render(text, data.clone()), Ok(None), "{text}");
    }
    assert_eq!(value("{{default (optional subject.a) subject.n \"x\"}}", data.clone()), json!("x"));
    assert_eq!(value("{{default (lookup vars.t \"x\") 5}}", data.clone()), json!(5));
    assert!(render("{{default subject.a subject.b}}", data).is_err());
}

#[test]
fn data_stays_data() {
    let data = json!({"a": "{{b}} <&'\"> \\{{ {{{c}}}", "b": "never"});
    assert_eq!(value("{{a}}", data.clone()), data["a"]);
    assert_eq!(value("x{{a}}", data.clone()), json!(format!("x{}", data["a"].as_str().unwrap())));
    assert_eq!(value("{{#with a}}{{this}}{{/with}}", data.clone()), data["a"]);
}

/// Blocks mean what the `handlebars` crate says they mean.
#[test]
fn blocks_render_as_handlebars_renders_them() {
    let data = json!({
        "a": {"list": [{"n": 1, "in": [10, 20]}, {"n": 2, "in": []}], "map": {"x": 1, "y": "z"}, "name": "N"},
        "empty": [], "zero": 0, "text": "t", "yes": true, "rows": [[1, 2], [3]],
    });
    let mut theirs = Handlebars::new();
    theirs.register_escape_fn(handlebars::no_escape);
    theirs.set_strict_mode(true);
    for text in [
        "{{#each a.list}}{{n}}{{this.n}}{{./n}}{{../a.name}}{{@root.text}}{{@index}}{{@first}}{{@last}};{{/each}}",
        "{{#each a.list}}{{#each in}}{{this}}-{{../n}}-{{@../index}}-{{../../text}} {{/each}}{{/each}}",
        "{{#each a.map}}{{@key}}={{this}},{{@index}}{{/each}}",
        "{{#each a.map as |v k|}}{{k}}={{v}};{{/each}}",
        "{{#each a.list as |item i|}}{{i}}{{item.n}}{{#each item.in as |x|}}{{x}}{{item.n}}{{i}}{{/each}}{{/each}}",
        "{{#each rows as |row|}}{{#each row as |cell c|}}{{cell}}/{{c}} {{/each}}{{/each}}",
        "{{#each rows}}{{this.[0]}}{{lookup this 0}}{{/each}}",
        "{{#each empty}}x{{else}}none{{/each}}",
        "{{#each empty}}x{{/each}}|",
        "{{#with a}}{{name}}{{#each list}}{{../name}}{{n}}{{/each}}{{/with}}",
        "{{#each a.list}}{{#with in}}{{@index}}{{this.[0]}}{{else}}no{{/with}}{{/each}}",
        "{{#with a as |b|}}{{b.name}}{{/with}}",
        "{{#if zero}}a{{else}}b{{/if}}{{#if zero includeZero=true}}a{{else}}b{{/if}}{{#unless zero}}c{{/unless}}",
        "{{#if missing.path}}a{{else if yes}}b{{else}}c{{/if}}",
        "{{#if missing}}a{{else if empty}}b{{else if zero}}c{{else}}d{{/if}}",
        "{{#if (eq text \"t\")}}same{{/if}} {{#if (and yes text)}}and{{/if}} {{#if (or empty zero)}}x{{/if}}",
        "{{#eq text \"t\"}}same{{else}}other{{/eq}}{{#not empty}}n{{/not}}",
        "{{len a.list}} {{gt 2 1}} {{lt \"a\" \"b\"}} {{gte 2 \"2\"}} {{ne 1 1}} {{not zero}} {{eq 1 1}}",
        "  {{~text~}}  x  {{~#if yes~}}  y  {{~/if~}}  z",
        "line\n  {{#if yes}}\n  body\n  {{/if}}\nend\n",
        "{{#each a.list}}\n- {{n}}\n{{/each}}\n",
        "a{{! comment }}b{{!-- other }} --}}c",
        "\\{{text}} \\\\{{text}} {{text}}",
        "{{{{raw}}}} {{text}} {{#if}} {{{{/raw}}}}",
        "{{&text}}{{{text}}}{{ text }}",
        "ä {{text}} 😀 {{a.[name]}} {{a/name}}",
    ] {
        let expected = theirs.render_template(text, &data).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value(text, data.clone()), json!(expected), "{text}");
    }
}

#[test]
fn every_helper_has_an_example_that_holds() {
    let data = |doc: &HelperDoc| scope(serde_json::from_str(doc.scope).unwrap());
    for doc in HELPERS {
        let given = Leaf::compile(doc.template).unwrap().render(&data(doc), &Extra::new([0; 16])).unwrap();
        let given = given.map(|value| value.to_string()).unwrap_or_default();
        assert_eq!(given, doc.gives, "{}", doc.name);
    }
    for name in helper::names() {
        assert!(HELPERS.iter().any(|doc| doc.name == name), "`{name}` is not described");
    }
}

#[test]
fn identifiers_are_the_same_when_a_run_is_carried_out_again() {
    let leaf = Leaf::compile("{{uuid}} {{#if true}}{{uuid}}{{/if}}").unwrap();
    let render = |extra: &Extra| leaf.render(&Scope::default(), extra).unwrap().unwrap();
    let extra = Extra::new([1; 16]);

    let first = render(&extra);
    let second = render(&extra);

    assert_ne!(first, second);
    let again = Extra::new([1; 16]);
    assert_eq!([&first, &second], [&render(&again), &render(&again)]);
    assert_ne!(first, render(&Extra::new([2; 16])));
}

#[test]
fn a_helper_that_fails_says_which_and_never_what() {
    let data = json!({"s": {"phone": "secret-1", "when": "secret-2", "list": ["secret-3", []]}});
    for text in [
        "{{e164 s.phone \"US\"}}",
        "{{e164 s.phone s.when}}",
        "{{date s.when \"%Y\"}}",
        "{{date \"2026-01-01T00:00:00Z\" \"%Q%\"}}",
        "{{date_add \"2026-01-01T00:00:00Z\" s.when}}",
        "{{date_add \"2026-01-01T00:00:00Z\" \"999999999999d\"}}",
        "{{epoch s.when}}",
        "{{join s.list s.phone}}",
        "{{join s.phone \",\"}}",
        "{{pluck s.list \"x\"}}",
        "{{lookup s.phone \"x\"}}",
        "{{lookup s s.list}}",
        "{{lt s.list s.phone}}",
        "{{replace s.phone \"\" \"x\"}}",
        "{{#each s.phone}}{{/each}}",
        "{{concat s.list}}",
    ] {
        let error = render(text, data.clone()).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{text}: {error}");
    }
}

#[test]
fn a_text_has_an_end() {
    let data = json!({"big": "x".repeat(1 << 20), "rows": [1, 2, 3, 4, 5]});

    let error = render("{{#each rows}}{{@root.big}}{{/each}}", data.clone()).unwrap_err();
    let replaced = render("{{replace big \"x\" \"0123456789\"}}", data.clone()).unwrap_err();

    assert_eq!(error, RenderError::TooLong { most: 4 << 20 });
    assert_eq!(replaced, error);
    assert_eq!(value("{{big}}", data.clone()), data["big"]);
    assert_eq!(value("{{big}}!", data.clone()).as_str().unwrap().len(), (1 << 20) + 1);
}

#[test]
fn mistakes_are_named_at_their_place() {
    for (text, code, at, message) in [
        ("ä {{lowr a.b}}", "unknown_helper", "lowr", "unknown helper `lowr`"),
        ("{{lower}} {{lower a b}}", "bad_template", "{{lower}}", "`lower` takes 1 values, not 0"),
        ("{{> part}}", "bad_template", "{{> part}}", "partials and decorators cannot be used"),
        ("{{#*inline \"x\"}}{{/inline}}", "bad_template", "", "partials and decorators cannot be used"),
        ("x {{log \"a\"}}", "unknown_helper", "log", "unknown helper `log`"),
        ("x {{subject.email", "bad_template", "{{subject.email", "`{{` is never closed"),
        ("{{}}", "bad_template", "{{}}", "nothing stands between these braces"),
        ("{{#if a}}x{{/each}}", "bad_template", "{{/each}}", "`{{#if}}` is closed by `{{/each}}`"),
        (
            "{{#if a}}x",
            "bad_template",
            "",
            "this block is never closed, or an expression in it cannot be read",
        ),
        ("a {{b c.}}", "bad_template", "{{b c.}}", "this expression cannot be read"),
        ("{{this}}", "bad_template", "this", "`this` names nothing: it stands in no `#each` or `#with`"),
        ("{{../a}}", "bad_template", "../a", "`../a` leads out of the template"),
        ("{{@index}}", "bad_template", "@index", "`@index` stands in no `#each`"),
        ("{{#each a}}{{@odd}}{{/each}}", "bad_template", "@odd", "`@odd` is not known"),
        ("{{#lower a}}x{{/lower}}", "bad_template", "{{#lower a}}", "`lower` cannot be a block"),
        ("{{lower a x=1}}", "bad_template", "", "`lower` has no option `x`"),
    ] {
        let found = mistake(text);
        assert_eq!((found.code, found.message.as_str()), (code, message), "{text}");
        assert!(at.is_empty() || text[found.at.clone()] == *at, "{text}: {:?}", &text[found.at]);
    }
    assert_eq!(mistake("{{lowr a}}").help.as_deref(), Some("did you mean `lower`?"));
}

#[test]
fn names_are_told_with_their_place_and_whether_they_may_be_missing() {
    let text = "email {{subject.email}} {{#if subject.email}}{{default fields.[a b] vars.x}}{{/if}}\
                {{#each consents as |c|}}{{c.id}}{{this.x}}{{../request.id}}{{/each}}\
                {{#with subject}}{{phone}}{{@root.run.id}}{{/with}}{{lookup vars.t \"k\"}}";
    let leaf = Leaf::compile(text).unwrap();

    let names: Vec<_> = leaf.names().iter().map(|n| (n.path(), &text[n.at.clone()], n.optional)).collect();

    let expected = [
        ("subject.email", "subject.email", false),
        ("subject.email", "subject.email", true),
        ("fields.a b", "fields.[a b]", true),
        ("vars.x", "vars.x", false),
        ("consents", "consents", false),
        ("request.id", "../request.id", false),
        ("subject", "subject", false),
        ("subject.phone", "phone", false),
        ("run.id", "@root.run.id", false),
        ("vars.t", "vars.t", false),
    ];
    assert_eq!(names, expected.map(|(path, written, optional)| (path.to_owned(), written, optional)));
    assert_eq!(leaf.names()[0].at, 8..21);
}

#[test]
fn only_what_is_not_about_a_person_is_shown_in_messages() {
    let data = json!({
        "request": {"id": "SL1:7f", "kind": "deletion", "received_at": "2026"}, "reason": "refused",
        "steps": {"erase": {"status": "done", "output": "secret"}}, "subject": {"email": "secret@example.com"},
    });
    let shown = |text: &str| Leaf::compile(text).unwrap().redacted(&scope(data.clone()));

    let text = "{{request.id}} {{request.kind}} {{reason}} {{steps.erase.status}} {{subject.email}} {{lower reason}}";
    assert_eq!(shown(text), "SL1:7f deletion refused done ‹redacted› ‹redacted›");
    assert_eq!(shown("{{steps.erase.output}}"), "‹redacted›");
    assert_eq!(shown("id {{#if subject.email}}{{subject.email}}{{/if}}"), "‹redacted›");
    assert_eq!(shown("plain"), "plain");
    let odd = scope(json!({"request": {"id": "a@b.c", "kind": "a@b.c"}, "reason": {"a": 1}}));
    let shown = Leaf::compile("{{request.id}} {{request.kind}} {{reason}}").unwrap().redacted(&odd);
    assert!(shown.starts_with("sha256:") && shown.ends_with(" ‹redacted› ‹redacted›"), "{shown}");
}

#[test]
fn printing_a_scope_shows_no_value() {
    assert_eq!(
        format!("{:?}", scope(json!({"subject": {"email": "secret"}}))),
        r#"Scope { names: ["subject"], .. }"#
    );
}

#[test]
fn the_deepest_template_that_is_allowed_still_renders() {
    let blocks = "{{#if true}}".repeat(64) + "x" + &"{{/if}}".repeat(64);
    let calls =
        format!("{{{{{}\"X\"{}}}}}", "lower (".repeat(63), ")".repeat(63)).replace("(\"X\")", "\"X\"");

    assert_eq!(value(&blocks, json!({})), json!("x"));
    assert_eq!(value(&calls, json!({})), json!("x"));
    for unclosed in ["lower (", "a [", "a {\"b\":", "lower x=("] {
        assert_eq!(mistake(&format!("{{{{{}", unclosed.repeat(60))).code, "bad_template", "{unclosed}");
    }
    assert_eq!(mistake(&("{{#if a}}{{^}}".repeat(32))).code, "bad_template");
    assert_eq!(mistake(&("{{#if a}}".repeat(20_000))).code, "template_too_long");
    assert_eq!(mistake(&("{{#if a}}".repeat(7_000))).code, "template_too_deep");
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn what_is_compiled_is_shared_between_threads() {
    assert_shared::<Leaf>();
    assert_shared::<Tree>();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[{}\\\\\"'\u{0}\u{2028}\u{2029}\u{1F600}a#/ ]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_comes_out_of_a_one_expression_leaf_unchanged(data in any_json()) {
        let tree = Tree::compile(&json!({"a": "{{vars.x}}"}), &mut |_, _| {}).unwrap();
        let scope = scope(json!({"vars": {"x": data}}));
        let mut text = Vec::new();

        prop_assert!(tree.write(&scope, &Extra::default(), &mut text).unwrap());

        prop_assert_eq!(tree.render(&scope, &Extra::default()).unwrap(), Some(json!({"a": data})));
        prop_assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), json!({"a": data}));
    }

    #[test]
    fn a_text_never_reads_data_as_a_template(data in "[{}\\\\\"'\u{0}\u{2028}\u{1F600}a#/ ]{0,20}|.*") {
        let expected = format!("<{data}|{data}>");
        let data = json!({"x": data, "a": "expanded"});

        prop_assert_eq!(value("<{{x}}|{{#if x}}{{x}}{{else}}{{x}}{{/if}}>", data), json!(expected));
    }

    #[test]
    fn no_text_brings_the_compiler_down(
        text in "(\\{\\{|\\}\\}|\\{\\{#if a\\}\\}|\\{\\{/if\\}\\}|\\{\\{else\\}\\}|\\{\\{\\{\\{|\\\\|[~#/^>*&!()\\[\\]|=\"'.@ a-cé0-9]|as |this|--|\\(b |\\{\"a\":){0,40}",
        times in prop_oneof![Just(1), Just(150)],
    ) {
        let text = text.repeat(times);
        if let Err(mistakes) = Leaf::compile(&text) {
            for mistake in mistakes {
                prop_assert!(text.get(mistake.at.clone()).is_some(), "{:?} in {:?}", mistake, text);
            }
        }
    }
}
