//! Where a run stands: one frame for the workflow's own steps and one for each loop around them.

use serde_json::{Map, Value};

use crate::workflow::{Step, StepKind};

/// A place in a list of steps.
#[derive(Debug)]
pub(super) struct Frame {
    /// The next step of the list.
    pub at: usize,
    /// For a loop's body: the loop.
    pub around: Option<Box<Loop>>,
}

/// A loop that is being gone through.
#[derive(Debug)]
pub(super) struct Loop {
    /// Items still to come, the next one first.
    pub rest: std::vec::IntoIter<Value>,
    /// Which item is being worked on, from 0.
    pub number: usize,
    /// What the loop's name meant outside.
    pub shadowed: Option<Value>,
    /// How far `vars` are to be rolled back after an item.
    pub mark: usize,
    /// What `steps.<loop>.output` will be.
    pub outputs: Vec<Value>,
    /// Why the first item that failed did; the others go on.
    pub trouble: Option<super::finish::Trouble>,
}

/// The steps a frame stands in.
pub(super) fn steps_of<'w>(all: &'w [Step], frames: &[Frame]) -> &'w [Step] {
    let mut steps = all;
    for frame in frames.iter().take(frames.len().saturating_sub(1)) {
        steps = match steps.get(frame.at).map(|step| &step.kind) {
            Some(StepKind::ForEach { steps, .. }) => steps,
            _ => &[],
        };
    }
    steps
}

/// The path of the step a run stands at, as reports and the journal name it: `mail[2].track`.
pub(super) fn path(all: &[Step], frames: &[Frame]) -> String {
    let mut text = String::new();
    let mut steps = all;
    for (depth, frame) in frames.iter().enumerate() {
        let Some(step) = steps.get(frame.at) else { break };
        if let Some(around) = &frame.around {
            text.push_str(&format!("[{}].", around.number));
        }
        text.push_str(&step.label);
        if depth + 1 < frames.len()
            && let StepKind::ForEach { steps: body, .. } = &step.kind
        {
            steps = body;
        }
    }
    text
}

/// What an iteration leaves behind: the status and output of its steps, taken out of `steps`.
pub(super) fn take_outputs(body: &[Step], steps: &mut Map<String, Value>) -> Value {
    let mut output = Map::new();
    for step in body {
        if let Some(id) = &step.id
            && let Some(value) = steps.remove(id)
        {
            output.insert(id.clone(), value);
        }
    }
    Value::Object(output)
}

/// Whether any of these steps writes.
pub(super) fn writes(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { action, .. } => action.effect.writes(),
        StepKind::Composed(composed) => composed.writes(),
        StepKind::ForEach { steps, .. } => writes(steps),
        StepKind::Set(_)
        | StepKind::Wait(_)
        | StepKind::Approve(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => false,
    })
}
