//! Reads a step that uses an action made of others, such as `privaflow/find_profiles`.
//!
//! Which options there are is the catalogue's to say; here each becomes a typed value. What is a template
//! is compiled and rendered in the run, everything else stands fixed in the file.

use std::time::Duration;

use super::StepKind;
use super::reader::Reader;
use crate::catalogue::{self, Compound};
use crate::source::{Content, Entry, Mistake, Node};
use crate::template::Tree;

/// Most profiles that one person may have; also the most that one deletion takes.
const MOST_PROFILES: usize = 50;

/// How long a deletion may take: mostly under a second, up to five minutes over all caches (Braze docs,
/// "Delete users").
const LAG: Duration = Duration::from_secs(5 * 60);
/// How long is looked whether what was set is so.
const AN_HOUR: Duration = Duration::from_secs(3600);
/// How long is looked before a person must.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// A composed action with its options.
#[derive(Debug)]
pub struct Composed {
    /// Its entry in the catalogue.
    pub action: &'static catalogue::Composed,
    /// What stands under `with`.
    pub rules: Rules,
}

/// The options of a composed action.
#[derive(Debug)]
pub enum Rules {
    /// Of `find_profiles`.
    Find(FindRules),
    /// Of `verify_erased`.
    Erased(ErasedRules),
    /// Of `verify_consent`.
    Consent(StateRules),
}

/// How profiles are looked for.
#[derive(Debug)]
pub struct FindRules {
    /// Whom to look for; the request's `subject` without it.
    pub subject: Option<Tree>,
    /// A device of the person.
    pub device_id: Option<Tree>,
    /// Kinds that are followed when a profile reveals them.
    pub follow: Vec<Kind>,
    /// Kinds by which a given identifier makes an identified profile the person's.
    pub trust: Vec<Kind>,
    /// Profiles that may be somebody else's are taken for the person's.
    pub others: Others,
    /// More profiles are no one person's.
    pub at_most: usize,
    /// It asks beside the steps of a file that erases in its own way: a profile without an external id to
    /// which only an address led that the request names is not taken for the person's.
    pub is_beside: bool,
}

impl FindRules {
    /// Of `find_again`: whoever an erased person is known by, and no further.
    fn again() -> FindRules {
        FindRules {
            subject: None,
            device_id: None,
            follow: Vec::new(),
            trust: vec![Kind::ExternalId, Kind::UserAlias, Kind::BrazeId],
            others: Others::Leave,
            at_most: MOST_PROFILES,
            is_beside: true,
        }
    }
}

/// What becomes of profiles that may be somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They are told apart from the person's.
    Leave,
    /// They count as the person's.
    Take,
}

/// How an erasure is looked at again.
#[derive(Debug)]
pub struct ErasedRules {
    /// The output of `find_profiles`.
    pub found: Tree,
    /// From the deletion to the first look; every later pause is twice as long.
    pub first_after: Duration,
    /// From the deletion to the last look.
    pub at_most: Duration,
    /// What is still there is deleted again.
    pub erase_again: bool,
}

/// How what was set is read back.
#[derive(Debug)]
pub struct StateRules {
    /// Whose states; those of the request's `subject` without it.
    pub subject: Option<Tree>,
    /// The global e-mail state that was set.
    pub email_subscribe: Option<Tree>,
    /// The global push state that was set.
    pub push_subscribe: Option<Tree>,
    /// The groups that were set, as `users.track` takes them.
    pub groups: Option<Tree>,
    /// From the write to the first look; every later pause is twice as long.
    pub first_after: Duration,
    /// From the write to the last look.
    pub at_most: Duration,
}

/// A kind of identifier that a profile can be looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The customer's own id.
    ExternalId,
    /// A label and a name.
    UserAlias,
    /// Braze's own id.
    BrazeId,
    /// An e-mail address; not unique.
    Email,
    /// A phone number; not unique.
    Phone,
    /// A device; not unique.
    DeviceId,
}

impl Kind {
    /// Every kind, the surest first.
    pub const ALL: [Kind; 6] =
        [Kind::ExternalId, Kind::UserAlias, Kind::BrazeId, Kind::Email, Kind::Phone, Kind::DeviceId];
    /// Those that several profiles can share: only they lead from one profile to another.
    pub const SHARED: [Kind; 3] = [Kind::Email, Kind::Phone, Kind::DeviceId];

    /// As workflows and outputs write it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::ExternalId => "external_id",
            Kind::UserAlias => "user_alias",
            Kind::BrazeId => "braze_id",
            Kind::Email => "email",
            Kind::Phone => "phone",
            Kind::DeviceId => "device_id",
        }
    }
}

impl Composed {
    /// Whether it can write: what it deletes again.
    pub fn writes(&self) -> bool {
        match &self.rules {
            Rules::Find(_) | Rules::Consent(_) => false,
            Rules::Erased(rules) => rules.erase_again,
        }
    }

    /// Whether there is nothing to do for it where nothing was written.
    pub fn needs_a_write(&self) -> bool {
        matches!(&self.rules, Rules::Consent(_))
    }

    /// Whether it proves that what was written took effect.
    pub fn proves(&self) -> bool {
        match &self.rules {
            Rules::Find(_) => false,
            Rules::Erased(_) | Rules::Consent(_) => true,
        }
    }

    /// The actions it may call.
    pub fn actions(&self) -> impl Iterator<Item = &'static catalogue::Action> {
        let writes = self.writes();
        let reads_groups = !matches!(&self.rules, Rules::Consent(StateRules { groups: None, .. }));
        let actions = self.action.actions().filter(move |action| writes || !action.effect.writes());
        actions.filter(move |action| reads_groups || action.id != "subscription.user.status")
    }

    /// What is rendered when it begins.
    pub fn trees(&self) -> impl Iterator<Item = &Tree> {
        let trees = match &self.rules {
            Rules::Find(rules) => [rules.subject.as_ref(), rules.device_id.as_ref(), None, None],
            Rules::Erased(rules) => [Some(&rules.found), None, None, None],
            Rules::Consent(StateRules { subject, email_subscribe, push_subscribe, groups, .. }) => {
                [subject.as_ref(), email_subscribe.as_ref(), push_subscribe.as_ref(), groups.as_ref()]
            }
        };
        trees.into_iter().flatten()
    }

    /// Whether it reads the `subject` of the request.
    pub fn reads_subject(&self) -> bool {
        match &self.rules {
            Rules::Find(rules) => rules.subject.is_none(),
            Rules::Consent(rules) => rules.subject.is_none(),
            Rules::Erased(_) => false,
        }
    }
}

/// The composed action of a step, with its options.
pub(super) fn kind(
    reader: &mut Reader<'_>,
    step: &Node,
    uses: &Node,
    action: &'static catalogue::Composed,
) -> Option<StepKind> {
    if let Some(entry) = entry_of(step, "success_when") {
        let name = action.name();
        let mistake = Mistake::error(
            "unknown_key",
            entry.key_at.clone(),
            format!("`success_when` does not belong to `{name}`"),
        );
        reader.add(mistake.label("no key of this step").help("it knows itself what its answers mean"));
    }
    let with = step.get("with").filter(|node| !matches!(node.content, Content::Null));
    if let Some(node) = with {
        let names: Vec<&str> = action.options.iter().map(|option| option.name).collect();
        for entry in reader.open_map("with", node)? {
            if !names.contains(&entry.key.as_str()) {
                reader.unknown_key(entry, &format!("of `{}`", action.name()), &names);
            }
        }
    }
    for option in action.options.iter().filter(|option| option.required) {
        if with.is_none_or(|node| node.get(option.name).is_none()) {
            reader.missing_key(
                option.name,
                with.map_or(uses.at.clone(), Node::head),
                &format!("`{}`", action.name()),
            );
            return None;
        }
    }
    let get = |name: &str| with.and_then(|node| node.get(name));
    let rules = match action.kind {
        Compound::FindProfiles => Rules::Find(find(reader, &get)?),
        Compound::FindAgain => Rules::Find(FindRules::again()),
        Compound::VerifyErased => Rules::Erased(erased(reader, &get)?),
        Compound::VerifyConsent => Rules::Consent(states(reader, &get)?),
    };
    Some(StepKind::Composed(Box::new(Composed { action, rules })))
}

fn entry_of<'n>(step: &'n Node, key: &str) -> Option<&'n Entry> {
    step.as_map()?.iter().find(|entry| entry.key == key)
}

// Every option is read before any is missed, so that all mistakes are told at once.

fn find<'n>(reader: &mut Reader<'_>, get: &impl Fn(&str) -> Option<&'n Node>) -> Option<FindRules> {
    let subject = optional(get("subject"), |node| subject(reader, node));
    let device_id = optional(get("device_id"), |node| text(reader, "with.device_id", node));
    let follow = kinds(reader, "with.follow", get("follow"), &Kind::SHARED);
    let trust = kinds(reader, "with.trust", get("trust"), &Kind::ALL);
    let others = optional(get("others"), |node| word(reader, "with.others", node, &["leave", "take"]));
    let at_most = optional(get("at_most"), |node| most_profiles(reader, node));
    let others = if others? == Some("take") { Others::Take } else { Others::Leave };
    Some(FindRules {
        subject: subject?,
        device_id: device_id?,
        follow: follow?,
        trust: trust?,
        others,
        at_most: at_most?.unwrap_or(MOST_PROFILES),
        is_beside: false,
    })
}

/// `None` when it stands and is wrong.
fn optional<'n, T>(node: Option<&'n Node>, read: impl FnOnce(&'n Node) -> Option<T>) -> Option<Option<T>> {
    match node {
        Some(node) => read(node).map(Some),
        None => Some(None),
    }
}

fn text(reader: &mut Reader<'_>, what: &str, node: &Node) -> Option<Tree> {
    reader.string(what, node)?;
    reader.tree(node)
}

fn most_profiles(reader: &mut Reader<'_>, node: &Node) -> Option<usize> {
    let most = usize::try_from(reader.count("with.at_most", node)?).unwrap_or(usize::MAX);
    if most <= MOST_PROFILES {
        return Some(most);
    }
    let message =
        format!("`with.at_most` is {most}, and one person does not have more than {MOST_PROFILES} profiles");
    let mistake = Mistake::error("bad_value", node.head(), message);
    reader.add(mistake.help("one deletion takes that many: have a person look at more"));
    None
}

/// A subject that stands in the workflow.
fn subject(reader: &mut Reader<'_>, node: &Node) -> Option<Tree> {
    const MEMBERS: [&str; 5] = ["external_id", "aliases", "braze_id", "email", "phone"];
    if node.as_text().is_none() {
        reader.map("with.subject", node, &MEMBERS)?;
    }
    reader.tree(node)
}

fn kinds(reader: &mut Reader<'_>, what: &str, node: Option<&Node>, all: &[Kind]) -> Option<Vec<Kind>> {
    let Some(node) = node else { return Some(all.to_vec()) };
    let words: Vec<&str> = all.iter().map(|kind| kind.word()).collect();
    let mut kinds = Vec::new();
    for item in reader.list(what, node)? {
        let named = word(reader, &format!("{what}[…]"), item, &words)?;
        kinds.extend(all.iter().find(|kind| kind.word() == named));
    }
    Some(kinds)
}

fn word<'n>(reader: &mut Reader<'_>, what: &str, node: &'n Node, words: &[&str]) -> Option<&'n str> {
    let named = reader.string(what, node)?;
    if words.contains(&named) {
        return Some(named);
    }
    let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let mistake = Mistake::error("bad_value", node.at.clone(), format!("`{what}` cannot be `{named}`"));
    let suggested = mistake.clone().suggest(named, words.iter().copied());
    reader.add(if suggested.help.is_some() {
        suggested
    } else {
        mistake.help(format!("write one of {listed}"))
    });
    None
}

fn erased<'n>(reader: &mut Reader<'_>, get: &impl Fn(&str) -> Option<&'n Node>) -> Option<ErasedRules> {
    let found = get("found").and_then(|node| text(reader, "with.found", node));
    let first_after = optional(get("first_after"), |node| reader.pause("with.first_after", node));
    let at_most = optional(get("at_most"), |node| reader.pause("with.at_most", node));
    let erase_again = optional(get("erase_again"), |node| reader.boolean("with.erase_again", node));
    let (first_after, at_most) = (first_after?.unwrap_or(LAG), at_most?.unwrap_or(A_DAY));
    in_order(reader, get, first_after, at_most)?;
    Some(ErasedRules { found: found?, first_after, at_most, erase_again: erase_again?.unwrap_or(true) })
}

fn states<'n>(reader: &mut Reader<'_>, get: &impl Fn(&str) -> Option<&'n Node>) -> Option<StateRules> {
    let subject = optional(get("subject"), |node| subject(reader, node));
    let email_subscribe = optional(get("email_subscribe"), |node| text(reader, "with.email_subscribe", node));
    let push_subscribe = optional(get("push_subscribe"), |node| text(reader, "with.push_subscribe", node));
    let groups = optional(get("groups"), |node| reader.tree(node));
    let first_after = optional(get("first_after"), |node| reader.pause("with.first_after", node));
    let at_most = optional(get("at_most"), |node| reader.pause("with.at_most", node));
    let (first_after, at_most) = (first_after?.unwrap_or(LAG), at_most?.unwrap_or(AN_HOUR));
    in_order(reader, get, first_after, at_most)?;
    Some(StateRules {
        subject: subject?,
        email_subscribe: email_subscribe?,
        push_subscribe: push_subscribe?,
        groups: groups?,
        first_after,
        at_most,
    })
}

/// Tells a deadline before the first look.
fn in_order<'n>(
    reader: &mut Reader<'_>,
    get: &impl Fn(&str) -> Option<&'n Node>,
    first_after: Duration,
    at_most: Duration,
) -> Option<()> {
    if at_most >= first_after {
        return Some(());
    }
    let at = get("at_most").or(get("first_after")).map_or(0..0, Node::head);
    let mistake = Mistake::error("bad_value", at, "`with.at_most` is shorter than `with.first_after`");
    reader.add(mistake.help("then nobody would look: make it longer"));
    None
}
