//! privaflow carries privacy requests and consent changes from OneTrust out in Braze, and proves it.
//!
//! The modules stand in rows; a module uses its own row and the rows below it, never above:
//!
//! ```text
//! cli                                                 arguments, tables, exit codes
//! server                                              the process that stays: inbox, hooks, schedules
//! engine  host  sandbox  feeds  notify  reconcile  directory   drives jobs, owns a store; the stand-ins; looks; tells; compares; who may act
//! journal  intake  braze     onetrust  folder  wire  config   disk, files, replies, HTTP, settings
//! job  run  ledger  plan  workflow  reply  drift       the rules: no clock, no I/O
//! catalogue        template            condition      the two small languages, the actions
//! request  secret  source    clock     form           the words the rules are written in
//! ```

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod braze;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod condition;
pub mod config;
pub mod directory;
pub mod drift;
pub mod engine;
pub mod feeds;
pub mod folder;
pub mod form;
pub mod host;
pub mod intake;
pub mod job;
pub mod journal;
pub mod ledger;
pub mod notify;
pub mod onetrust;
pub mod plan;
pub mod reconcile;
pub mod reply;
pub mod request;
pub mod run;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod source;
pub mod template;
pub mod wire;
pub mod workflow;
