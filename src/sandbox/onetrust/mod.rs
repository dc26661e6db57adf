//! A look-alike of OneTrust on loopback, stateful: requests with subtasks, people with consents,
//! users with roles.
//!
//! It gives tokens, answers the operations that privacy automation needs as OneTrust's OpenAPI documents
//! describe them, and is stricter than the real service: a request that the documents do not allow is
//! answered 400, a member they do not name included. Where documents and real tenants differ, it does
//! either on demand ([`Manner`]). It knows nothing of the client: not its catalogue, not its reading.
//! Ids of a path that lead nowhere are answered 404. The same seed and the same requests in the same
//! order give the same answers.
//!
//! ```text
//! GET  /sandbox/onetrust/requests        every request with its subtasks, one JSON object a line
//! POST /sandbox/onetrust/requests        one more request; {} is an open erasure of somebody made up
//! GET  /sandbox/onetrust/consents        every person with what they said last, one JSON object a line
//! POST /sandbox/onetrust/consents        {"identifier":"a@example.com","purpose":"Newsletter","transaction":"WITHDRAWN"}
//! GET  /sandbox/onetrust/changes         everything that was changed, in order, with time and caller
//! GET  /sandbox/onetrust/calls           how often each operation was called
//! POST /sandbox/onetrust/staff          {"email":"a@example.com","active":false} or "removed": true
//! POST /sandbox/onetrust/faults          as for the Braze half; `path` as in OneTrust's OpenAPI
//! POST /sandbox/onetrust/manner          {"envelope":"array","errors":"html","statuses":"words"}
//! POST /sandbox/onetrust/tokens/revoke   every token that was given out is refused from now on
//! ```

mod admin;
mod asked;
mod attachments;
mod bookmark;
mod consent_v1;
mod consent_v4;
mod directory;
mod exchange;
mod exports;
mod form;
mod history;
mod limits;
mod moment;
mod operations;
mod options;
mod page;
mod parameters;
mod reply;
mod request_read;
mod request_write;
mod results;
mod route;
mod scim;
mod server;
mod shared;
mod subtask_search;
mod subtask_write;
mod subtasks;
mod token;
mod transactions;
mod world;

pub use limits::Limits;
pub use options::{ALL_SCOPES, Credential, FieldsIn, LIFETIME, Manner, Options, Spelling};
pub use page::Envelope;
pub use reply::ErrorBody;
pub use results::DONE;
pub use server::OneTrust;
pub use world::{AddError, Change, Choice, ConsentChange, NewRequest, NewSubtask, StaffChange, TaskType};
