//! How the world begins, draws its ids, and takes requests in.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::directory::founding_organization;
use super::staff::Staff;
use super::{AddError, NewRequest, NewSubtask, Request, STAGES, Status, Subtask, World};
use crate::sandbox::onetrust::moment::DAY_MS;
use crate::sandbox::onetrust::parameters::is_uuid;
use crate::sandbox::world::mixed;

/// What references are made of; no letter that looks like a digit.
const REFERENCE_LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

impl World {
    /// A world with organisations and so many users, and nothing else.
    pub fn new(seed: u64, staff: usize, now_ms: i64) -> World {
        let organization = founding_organization(seed);
        World {
            seed,
            drawn: 0,
            requests: Vec::new(),
            by_ref: HashMap::new(),
            subtasks: Vec::new(),
            by_subtask: HashMap::new(),
            files: HashMap::new(),
            stages: STAGES.map(str::to_owned).to_vec(),
            purposes: IndexMap::new(),
            people: Vec::new(),
            by_identifier: HashMap::new(),
            transactions: Vec::new(),
            staff: Staff::founding(seed, &organization, staff, now_ms),
            organization,
            exports: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The next number of the seed.
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        mixed(self.seed, self.drawn)
    }

    /// A new UUID.
    pub fn draw_id(&mut self) -> String {
        let wide = (u128::from(self.draw()) << 64) | u128::from(self.draw());
        uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid().to_string()
    }

    fn draw_reference(&mut self) -> String {
        let drawn = self.draw();
        let letter = |place: u32| {
            let place = usize::try_from((drawn >> (5 * place)) & 31).unwrap_or_default();
            char::from(REFERENCE_LETTERS.get(place).copied().unwrap_or(b'A'))
        };
        (0..10).map(letter).collect()
    }

    /// Adds a request with its subtasks and gives its reference.
    pub fn add(&mut self, new: NewRequest, now_ms: i64) -> Result<String, AddError> {
        let subtasks = new.subtasks.clone().unwrap_or_else(|| vec![NewSubtask::default()]);
        self.check(&new, &subtasks)?;
        Ok(self.put(new, subtasks, now_ms))
    }

    /// Sees to it that a request and a subtask of it are there.
    pub fn seed(&mut self, reference: &str, subtask: Option<&str>, now_ms: i64) {
        let subtask = subtask.filter(|id| is_uuid(id) && self.subtask_place(id).is_none());
        let subtask = subtask.map(|id| NewSubtask { id: Some(id.to_owned()), ..NewSubtask::default() });
        match self.request_place(reference) {
            Some(place) => {
                let stage = self.requests.get(place).map(|request| request.stage.clone()).unwrap_or_default();
                if let Some(subtask) = subtask {
                    self.add_subtask(place, &stage, subtask, now_ms);
                }
            }
            None => {
                let new = NewRequest { reference: Some(reference.to_owned()), ..NewRequest::default() };
                self.put(new, subtask.into_iter().collect(), now_ms);
            }
        }
    }

    /// Adds what was checked.
    fn put(&mut self, new: NewRequest, subtasks: Vec<NewSubtask>, now_ms: i64) -> String {
        let reference = match new.reference {
            Some(reference) => reference,
            None => self.draw_reference(),
        };
        let id = new.id.map_or_else(|| self.draw_id(), |id| id.to_ascii_lowercase());
        let stage = new.stage.unwrap_or_else(|| "In Progress".to_owned());
        let stage = self.stage(&stage).unwrap_or_else(|| {
            self.stages.push(stage.clone());
            stage
        });
        let place = self.requests.len();
        let or = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        let email = new.email.unwrap_or_else(|| format!("{}@example.com", reference.to_lowercase()));
        let is_closed = matches!(stage.as_str(), "Complete" | "Rejected");
        self.requests.push(Request {
            id,
            reference: reference.clone(),
            first_name: or(new.first_name, "Robin"),
            last_name: or(new.last_name, "Example"),
            email,
            organization: or(new.organization, &self.organization.name),
            stage: stage.clone(),
            request_types: new.request_types.unwrap_or_else(|| vec!["Erasure".to_owned()]),
            subject_types: new.subject_types.unwrap_or_else(|| vec!["Customer".to_owned()]),
            language: or(new.language, "en-us"),
            country_code: or(new.country_code, "FR"),
            created_ms: now_ms,
            updated_ms: now_ms,
            completed_ms: is_closed.then_some(now_ms),
            deadline_ms: new.deadline.map_or(now_ms + 30 * DAY_MS, jiff::Timestamp::as_millisecond),
            paused_ms: new.paused.then_some(now_ms),
            is_test: new.test,
            resolution: None,
            fields: new.fields,
            multiselect: new.multiselect,
            comments: Vec::new(),
            results: Vec::new(),
            subtasks: Vec::new(),
        });
        self.by_ref.insert(reference.clone(), place);
        self.note((now_ms, "sandbox"), "request.created", (Some(reference.clone()), None), &stage, None);
        for subtask in subtasks {
            self.add_subtask(place, &stage, subtask, now_ms);
        }
        reference
    }

    fn check(&self, new: &NewRequest, subtasks: &[NewSubtask]) -> Result<(), AddError> {
        if let Some(reference) = &new.reference {
            if reference.len() != 10 || !reference.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(AddError::Reference);
            }
            if self.by_ref.contains_key(reference) {
                return Err(AddError::Taken);
            }
        }
        if let Some(id) = &new.id {
            if !is_uuid(id) {
                return Err(AddError::Id);
            }
            if self.requests.iter().any(|request| request.id.eq_ignore_ascii_case(id)) {
                return Err(AddError::Taken);
            }
        }
        for (place, subtask) in subtasks.iter().enumerate() {
            if let Some(id) = &subtask.id {
                if !is_uuid(id) {
                    return Err(AddError::Id);
                }
                let mut others = subtasks.iter().take(place).filter_map(|other| other.id.as_ref());
                if self.subtask_place(id).is_some() || others.any(|other| other.eq_ignore_ascii_case(id)) {
                    return Err(AddError::Taken);
                }
            }
            if subtask.status.as_ref().is_some_and(|status| Status::of(status).is_none()) {
                return Err(AddError::Status);
            }
        }
        Ok(())
    }

    fn add_subtask(&mut self, request: usize, stage: &str, new: NewSubtask, now_ms: i64) {
        let id = new.id.map_or_else(|| self.draw_id(), |id| id.to_ascii_lowercase());
        let status = new.status.as_deref().and_then(Status::of).unwrap_or(Status::Open);
        let place = self.subtasks.len();
        let made_for = new.stage.unwrap_or_else(|| stage.to_owned());
        self.subtasks.push(Subtask {
            id: id.clone(),
            request,
            name: new.name.unwrap_or_else(|| "Delete from Braze".to_owned()),
            description: new.description,
            status,
            kind: new.kind,
            system_name: new.system_name,
            is_required: new.required.unwrap_or(true),
            assignee: new.assignee.unwrap_or_else(|| "Robin Approver".to_owned()),
            created_ms: now_ms,
            updated_ms: now_ms,
            deadline_ms: new.deadline.map(jiff::Timestamp::as_millisecond),
            resolution: None,
            needs_comment: new.comment_required,
            needs_resolution: new.resolution_required,
            is_active: new.activated.unwrap_or(true),
            stage: self.stage(&made_for).unwrap_or(made_for),
            comments: Vec::new(),
        });
        self.by_subtask.insert(id.clone(), place);
        let mut reference = None;
        if let Some(request) = self.requests.get_mut(request) {
            request.subtasks.push(place);
            reference = Some(request.reference.clone());
        }
        self.note((now_ms, "sandbox"), "subtask.created", (reference, Some(id)), status.code(), None);
    }
}
