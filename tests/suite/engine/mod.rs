//! The engine on backends that live in memory: every promise of `fixtool::engine` at work, with a
//! clock that the tests wind on.

mod bench;
mod conformance;
mod consent;
mod faults;
mod fleet;
mod leases;
mod plan_files;
mod running;
mod signals;
mod sketches;
mod undo;
mod world;
