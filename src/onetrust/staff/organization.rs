//! The organisations of a tenant: a tree in the answer, a list from the top down here.
//!
//! Source: OneTrust's OpenAPI, Access Management (`organizationTreeStructureUsingGET`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::onetrust::json::text;

/// A tree that is deeper than this is no tree of organisations.
const DEEPEST: usize = 64;

/// One organisation, and where it hangs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// OneTrust's id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The company's own id.
    pub external_id: Option<String>,
    /// The id of the one above it; `None` at the top.
    pub parent_id: Option<String>,
    /// The address of whoever approves there when nobody else is named.
    pub default_approver: Option<String>,
}

/// Reads the tree; every organisation comes after the one above it. One without an id hides nobody below it.
pub fn organizations(tree: &Value) -> Vec<Organization> {
    let mut list = Vec::new();
    match tree {
        // A tenant with several at the top.
        Value::Array(tops) => tops.iter().for_each(|top| gather(top, None, 0, &mut list)),
        top => gather(top, None, 0, &mut list),
    }
    list
}

fn gather(value: &Value, above: Option<&str>, depth: usize, list: &mut Vec<Organization>) {
    if depth > DEEPEST {
        return;
    }
    let own = |names: &[&str]| text(value, names).map(str::to_owned);
    let id = own(&["organizationId", "id"]);
    if let (Some(id), Some(name)) = (&id, own(&["name"])) {
        list.push(Organization {
            id: id.clone(),
            name,
            external_id: own(&["externalId"]),
            parent_id: above.map(str::to_owned).or_else(|| own(&["parentOrganizationId"])),
            default_approver: own(&["defaultApprover"]),
        });
    }
    let above = id.as_deref().or(above);
    for child in value.get("children").and_then(Value::as_array).into_iter().flatten() {
        gather(child, above, depth + 1, list);
    }
}
