//! What a run tells OneTrust by itself about the subtask that it came from.
//!
//! The steps are ordinary ones, added behind those of the file, so that plans, journal, limits and
//! retries know nothing special of them. Which of them a run comes to is decided by `run`: nothing is
//! reported completed that was not verified. What the workflow places itself is not added.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::action::shown_to_people;
use super::names::Place;
use super::reader::Reader;
use super::{Retry, Step, StepKind, Workflow};
use crate::catalogue::{self, Action, Effect};
use crate::source::{Content, Entry, Mistake, Node};
use crate::template::{Leaf, Tree};

const KEYS: [&str; 5] = ["complete_by", "resolution_id", "comment", "accepted_is_enough", "profile"];
const WAYS: [&str; 2] = ["complete", "status"];

/// How long the work waits for OneTrust to take that it begins.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The steps by which a run reports. Each list holds one step, or none where the workflow says the same
/// itself.
#[derive(Debug)]
pub struct Report {
    /// Before the first step: the subtask is in progress.
    pub begin: Vec<Step>,
    /// After the last one, when everything is verified: the subtask is completed.
    pub complete: Vec<Step>,
    /// When nobody was found: the same, with a comment that says so.
    pub nobody: Vec<Step>,
    /// When the run is over and the subtask must not be completed: a comment on the request.
    pub comment: Vec<Step>,
    /// When the run failed for good: the subtask failed.
    pub failed: Vec<Step>,
    /// What was accepted need not be verified.
    pub accepted_is_enough: bool,
    /// `report` stands in the file: then requests of files report, too.
    pub is_asked_for: bool,
}

impl Report {
    /// All its steps, in the order of their numbers.
    pub fn lists(&self) -> [&[Step]; 5] {
        [&self.begin, &self.complete, &self.nobody, &self.comment, &self.failed]
    }
}

impl Workflow {
    /// Every list of steps that a run may come to, in the order of their numbers.
    pub fn lists(&self) -> impl Iterator<Item = &[Step]> {
        let of_report = self.report.iter().flat_map(Report::lists);
        [self.steps.as_slice(), self.on_failure.as_slice()].into_iter().chain(of_report)
    }
}

/// What the file says of it.
#[derive(Default)]
struct Said {
    by_status: bool,
    resolution_id: Option<String>,
    comment: Option<String>,
    accepted_is_enough: bool,
    profile: Option<Leaf>,
}

/// What is known of the workflow when its report is made.
pub(super) struct Around<'w> {
    pub steps: &'w [Step],
    pub on_failure: &'w [Step],
    pub writes: bool,
    /// Steps that were numbered so far.
    pub count: u32,
    /// `report` stands in the file.
    pub is_asked_for: bool,
}

/// The report of a workflow, from its key `report`; `None` where it reports nothing.
pub(super) fn read(reader: &mut Reader<'_>, root: &Node, around: &Around<'_>) -> Option<Report> {
    let on = root.get("on").and_then(Node::as_map).unwrap_or_default();
    let trigger = |name: &str| on.iter().find(|entry| entry.key == name);
    let of_subtask = trigger("onetrust_subtask");
    let may_hand_over = ["webhook", "hook"].into_iter().find_map(trigger);
    let entry = root.as_map()?.iter().find(|entry| entry.key == "report");
    let said = match entry {
        None => Said::default(),
        Some(entry) => said(reader, entry)?,
    };
    if of_subtask.or(may_hand_over).is_none() {
        let entry = entry?;
        reader.add(
            Mistake::warning(
                "no_subtask",
                entry.key_at.clone(),
                "no subtask of OneTrust starts this workflow",
            )
            .label("reports nothing")
            .help("add `on.onetrust_subtask`, or a webhook that hands over subtasks"),
        );
        return None;
    }
    if said.profile.is_none() && of_subtask.is_none() {
        check_whom(reader, may_hand_over, around);
    }
    let report = make(said, around)?;
    let is_meant = entry.or(of_subtask);
    if let Some(entry) = is_meant
        && !report.complete.is_empty()
        && !report.accepted_is_enough
        && around.writes
        && !ends_verified(around.steps, true)
    {
        reader.add(
            Mistake::warning("not_verified", entry.key_at.clone(), "no subtask is ever completed")
                .label("no step looks again after the last write")
                .help("add a read with `repeat` behind it, or write `report: { accepted_is_enough: true }`"),
        );
    }
    Some(report)
}

fn said(reader: &mut Reader<'_>, entry: &Entry) -> Option<Said> {
    let node = &entry.value;
    match node.as_text() {
        Some("default") => return Some(Said::default()),
        Some("none") => return None,
        _ => {}
    }
    if node.as_map().is_none() {
        if !matches!(node.content, Content::Broken) {
            let mistake =
                Mistake::error("bad_value", node.head(), "`report` must be `default`, `none` or a map");
            reader.add(mistake.help("write `report: none`, or `report: { complete_by: status }`"));
        }
        return None;
    }
    let mut said = Said::default();
    for entry in reader.map("report", node, &KEYS).unwrap_or_default() {
        let what = format!("report.{}", entry.key);
        match entry.key.as_str() {
            "complete_by" => {
                let word = reader.string(&what, &entry.value);
                if let Some(word) = word.filter(|word| !WAYS.contains(word)) {
                    super::triggers::bad_word(reader, &entry.value, word, "way to complete a subtask", &WAYS);
                }
                said.by_status = word == Some("status");
            }
            "resolution_id" => {
                said.resolution_id = reader.string(&what, &entry.value).map(str::to_owned);
                check_resolution(reader, &entry.value, said.resolution_id.as_deref());
            }
            "comment" => {
                let place = Place::Step("report".to_owned());
                reader.at_place(place, |reader| reader.leaf(&what, &entry.value));
                said.comment = entry.value.as_text().map(str::to_owned);
            }
            "accepted_is_enough" => {
                said.accepted_is_enough = reader.boolean(&what, &entry.value).unwrap_or_default();
            }
            "profile" => {
                if let Some(name) = reader.string(&what, &entry.value) {
                    super::action::check_profile(reader, name, "onetrust", &entry.value);
                    said.profile = Leaf::compile(name).ok();
                }
            }
            _ => {}
        }
    }
    Some(said)
}

/// Tells that nobody knows to which account a run reports: a request from the hook names none.
fn check_whom(reader: &mut Reader<'_>, webhook: Option<&Entry>, around: &Around<'_>) {
    let hook = webhook.and_then(|entry| entry.value.get("hook"));
    let Some((node, name)) = hook.and_then(|hook| hook.as_text().map(|name| (hook, name))) else { return };
    let accounts = reader.known.profiles.iter().flatten().filter(|(_, system)| system == "onetrust").count();
    let is_of_any = reader.known.hooks_of_any_profile.iter().any(|known| known == name);
    if accounts < 2 || !is_of_any || reader.profiles.contains_key("onetrust") {
        return;
    }
    let message = format!("the settings have {accounts} profiles of `onetrust`");
    let mistake = match around.is_asked_for {
        true => Mistake::error("no_profile", node.at.clone(), message),
        false => Mistake::warning("no_profile", node.at.clone(), message),
    };
    reader.add(
        mistake.label("requests of this hook do not say to which of them their subtasks belong").help(
            "give the hook a `profile`, write `report: { profile: <name> }`, or `report: none` if they name no subtasks",
        ),
    );
}

fn check_resolution(reader: &mut Reader<'_>, node: &Node, id: Option<&str>) {
    let Some((action, id)) = catalogue::find("onetrust/subtask.complete").zip(id) else { return };
    let Some(field) = action.fields.get("resolution_id") else { return };
    if !catalogue::fits(action, field, &json!(id)) {
        let mistake = Mistake::error("bad_value", node.at.clone(), "`report.resolution_id` must be an id");
        reader.add(mistake.help("give the id of the resolution in OneTrust: letters, digits, `-` and `_`"));
    }
}

/// Where nothing is said of the profile, the run knows where its request came from.
fn make(said: Said, around: &Around<'_>) -> Option<Report> {
    let Said { by_status, resolution_id, comment, accepted_is_enough, profile } = said;
    let mut maker = Maker { number: around.count, profile };
    let subtask = "{{ request.source.subtask_id }}";
    let places = Places::of(around);
    let complete = |maker: &mut Maker, label: &str, comment: &str| {
        let mut with = Map::new();
        with.insert("subtask_id".to_owned(), json!(subtask));
        with.insert("comment".to_owned(), json!(comment));
        if by_status {
            with.insert("status".to_owned(), json!("COMPLETED"));
        }
        if let Some(id) = &resolution_id {
            with.insert("resolution_id".to_owned(), json!(id));
        }
        let action = if by_status { "onetrust/subtask.status" } else { "onetrust/subtask.complete" };
        maker.step(!places.end, label, action, with)
    };
    let done = match (around.writes, accepted_is_enough) {
        (false, _) => "Carried out.",
        (true, false) => "Carried out and verified.",
        (true, true) => "Carried out; every change was accepted.",
    };
    let done = comment.unwrap_or_else(|| format!("{done} Reference: {{{{ request.id }}}}"));
    let status = |word: &str, comment: Option<&str>| {
        let mut with = Map::new();
        with.insert("subtask_id".to_owned(), json!(subtask));
        with.insert("status".to_owned(), json!(word));
        if let Some(comment) = comment {
            with.insert("comment".to_owned(), json!(comment));
        }
        with
    };
    let mut begin =
        maker.step(!places.begin, "report-begin", "onetrust/subtask.status", status("IN_PROGRESS", None))?;
    for step in &mut begin {
        step.continue_on_error = true;
        step.timeout = Some(BEGIN_TIMEOUT);
    }
    let nobody =
        "Nobody was found by what the request says, so there was nothing to do. Reference: {{ request.id }}";
    let left = "The work is over, and the subtask is left to you: {{ reason }}. Reference: {{ request.id }}";
    let failed = "Failed at {{ failure.step }}: {{ failure.code }}. Reference: {{ request.id }}";
    let mut left_with = Map::new();
    left_with.insert("request_ref".to_owned(), json!("{{ request.source.ref }}"));
    left_with.insert("comment".to_owned(), json!(left));
    Some(Report {
        begin,
        complete: complete(&mut maker, "report-complete", &done)?,
        nobody: complete(&mut maker, "report-nobody", nobody)?,
        comment: maker.step(!places.end, "report-comment", "onetrust/request.comment", left_with)?,
        failed: maker.step(
            !places.failed,
            "report-failed",
            "onetrust/subtask.status",
            status("FAILED", Some(failed)),
        )?,
        accepted_is_enough,
        is_asked_for: around.is_asked_for,
    })
}

/// What the workflow reports itself.
struct Places {
    begin: bool,
    end: bool,
    failed: bool,
}

impl Places {
    fn of(around: &Around<'_>) -> Places {
        let mut places = Places { begin: false, end: false, failed: false };
        each_action(around.steps, &mut |action, with| match (action.name().as_str(), status(with)) {
            ("onetrust/subtask.status", Some("IN_PROGRESS")) => places.begin = true,
            ("onetrust/subtask.complete" | "onetrust/subtask.status", _) => places.end = true,
            _ => {}
        });
        each_action(around.on_failure, &mut |action, _| {
            let name = action.name();
            places.failed |= name == "onetrust/subtask.status" || name == "onetrust/subtask.complete";
        });
        places
    }
}

/// The status that stands in a `with`, if no template does.
fn status(with: &Tree) -> Option<&str> {
    let crate::template::Node::Map(members) = with.root() else { return None };
    match members.iter().find(|(name, _)| name == "status") {
        Some((_, crate::template::Node::Literal(Value::String(word)))) => Some(word),
        Some((_, crate::template::Node::Leaf(leaf))) => leaf.literal(),
        _ => None,
    }
}

fn each_action(steps: &[Step], see: &mut impl FnMut(&'static Action, &Tree)) {
    for step in steps {
        match &step.kind {
            StepKind::Action { action, with, .. } => see(action, with),
            StepKind::ForEach { steps, .. } => each_action(steps, see),
            _ => {}
        }
    }
}

/// Whether a look again stands behind every write.
fn ends_verified(steps: &[Step], before: bool) -> bool {
    let erases = |step: &Step| matches!(&step.kind, StepKind::Action { action, .. } if action.effect == Effect::Irreversible);
    steps.iter().fold(before, |is_verified, step| match &step.kind {
        // What sets states of whoever is there brings nobody back who was erased.
        StepKind::Action { action, .. } if action.effect.writes() => {
            is_verified && action.sets_states_only() && steps.iter().any(erases)
        }
        StepKind::Action { action, .. } => {
            is_verified || (action.effect == Effect::Read && step.repeat.is_some())
        }
        StepKind::Composed(composed) => is_verified || composed.proves(),
        StepKind::ForEach { steps, .. } => ends_verified(steps, is_verified),
        _ => is_verified,
    })
}

struct Maker {
    number: u32,
    profile: Option<Leaf>,
}

impl Maker {
    /// A list of one step, or of none when it is not wanted. `None` cannot come of what stands above.
    fn step(
        &mut self,
        is_wanted: bool,
        label: &str,
        action: &str,
        with: Map<String, Value>,
    ) -> Option<Vec<Step>> {
        if !is_wanted {
            return Some(Vec::new());
        }
        let action = catalogue::find(action)?;
        let with = Tree::compile(&Value::Object(with), &mut |_, _| {})?;
        let number = self.number;
        self.number += 1;
        Some(vec![Step {
            number,
            id: None,
            name: None,
            label: label.to_owned(),
            condition: None,
            kind: StepKind::Action { action, with: shown_to_people(action, with), success_when: None },
            repeat: None,
            retry: Retry::default(),
            timeout: None,
            continue_on_error: false,
            profile: self.profile.clone(),
            at: 0..0,
        }])
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{Severity, Source};
    use crate::workflow::{Known, load};

    #[test]
    fn with_several_accounts_a_hook_of_records_must_say_which_one_is_told() {
        let known = |accounts: &[&str], hooks: &[&str]| Known {
            profiles: Some(accounts.iter().map(|name| ((*name).to_owned(), "onetrust".to_owned())).collect()),
            hooks: Some(vec!["h".to_owned()]),
            hooks_of_any_profile: hooks.iter().map(|name| (*name).to_owned()).collect(),
            ..Known::default()
        };
        let told = |more: &str, known: &Known| {
            let text = format!("workflow: w\non: {{ webhook: {{ hook: h }} }}\n{more}\nsteps: [stop: x]\n");
            let (_, mistakes) = load(&Source::new("w.yaml", text), known);
            mistakes.iter().map(|mistake| (mistake.code, mistake.severity)).collect::<Vec<_>>()
        };
        let several = known(&["a", "b"], &["h"]);

        assert_eq!(told("", &several), [("no_profile", Severity::Warning)]);
        assert_eq!(told("report: default", &several), [("no_profile", Severity::Error)]);
        for (more, known) in [
            ("report: { profile: a }", &several),
            ("report: none", &several),
            ("profiles: { onetrust: a }", &several),
            ("", &known(&["a", "b"], &[])),
            ("", &known(&["a"], &["h"])),
        ] {
            assert_eq!(told(more, known), [], "{more}");
        }
    }
}
