//! The integration tests, as one binary: one link, and one file a topic.
//!
//! `make test` runs them with a private PostgreSQL and Redis; a single one runs with
//! `tests/with-services.sh cargo test --test suite NAME`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot go on ends there and says why"
)]

mod support;

mod absent_fields;
mod architecture;
mod backup_bucket;
mod backup_copy;
mod backup_create;
mod backup_faults;
mod backup_files;
mod backup_format;
mod backup_key;
mod backup_keygen;
mod backup_list;
mod backup_prune;
mod backup_restore;
mod backup_restore_tables;
mod backup_show;
mod backup_verify;
mod batch_sizes;
mod behind_a_pooler;
mod catalog;
mod cli_documents;
mod cli_settings;
mod cli_streams;
mod conformance;
mod data_export;
mod data_load;
mod data_values;
mod default_keys;
mod demo_run;
mod documents;
mod dry_runs;
mod engine;
mod faults_cache;
mod faults_disk;
mod faults_kill;
mod faults_lease;
mod faults_network;
mod faults_server;
mod faults_together;
mod fleet;
mod hostile;
mod hostile_owner;
mod json_texts;
mod load_damaged;
mod load_isolation;
mod load_roads;
mod old_fixtures;
mod op_log;
mod op_undo;
mod pack;
mod pack_introspect;
mod read_elsewhere;
mod refused_plans;
mod safety_copies;
mod safety_of_loads;
mod support_itself;
mod tenant;
mod tenant_clone;
mod tenant_closed;
