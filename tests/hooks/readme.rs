//! What the README says of hooks and channels can be used as it stands.

use std::path::Path;

use privaflow::config::Settings;
use privaflow::source::Source;
use privaflow::workflow::{Known, load};

fn blocks() -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let parts = readme.split("```yaml\n").skip(1);
    parts.filter_map(|part| part.split("```").next()).collect()
}

#[test]
fn the_hooks_and_channels_of_the_readme_are_settings_without_mistakes() {
    let mut known = 0;
    for block in blocks().into_iter().filter(|block| block.contains("\nhooks:") || block.contains("smtp:")) {
        let reading = Settings::read(block, Path::new(""));
        assert_eq!(reading.mistakes, []);
        let settings = reading.settings.unwrap();
        known += settings.hooks.len() + settings.channels.len();
    }
    assert_eq!(known, 5);
}

#[test]
fn the_notify_of_the_readme_stands_in_a_workflow() {
    let notify = blocks().into_iter().find(|block| block.starts_with("notify: { on:")).unwrap();
    let text = format!("workflow: w\non: {{ file: {{}} }}\n{notify}steps:\n  - log: hello\n");
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    assert_eq!(mistakes, []);
    assert_eq!(workflow.unwrap().notify.unwrap().to, ["ops-mail", "ops-chat"]);
}
