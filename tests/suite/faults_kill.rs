//! A load that is killed at any moment, and resumed, ends with exactly the rows of an undisturbed one.

use std::time::Duration;

use crate::support::{Site, on_both_engines, words};

const ROWS: u64 = 4_000;
const MOMENTS: u32 = 20;

/// Rows as they are when nothing happened.
fn undisturbed(site: &Site, prepare: &dyn Fn(&Site, &str), more: &[&str]) -> (Vec<Vec<String>>, Duration) {
    words::init(site, "calm");
    prepare(site, "calm");
    let took = site.fixtool(words::load_words(&site.path("users.csv"), "calm", "users", more)).code(0).took;
    (site.contents("calm", "users", "id"), took)
}

/// Kills loads at moments spread over their duration, resumes each, and compares.
fn killed_and_resumed(site: &Site, prepare: &dyn Fn(&Site, &str), more: &[&str]) {
    let file = site.write("users.csv", words::users(ROWS));
    let (wanted, took) = undisturbed(site, prepare, more);
    assert_eq!(wanted.len() as u64, ROWS);
    let (mut killed, mut resumed) = (0, 0);
    for moment in 0..MOMENTS {
        let tenant = format!("storm{moment}");
        words::init(site, &tenant);
        prepare(site, &tenant);
        let before = words::newest_run(site);
        // Each moment lies somewhere else in its twentieth of the run.
        let place = (f64::from(moment) + f64::from(moment * 7 % 10) / 10.0) / f64::from(MOMENTS);
        let load = site.spawn(words::load_words(&file, &tenant, "users", more));
        killed += u32::from(load.kill_after(took.mul_f64(place)));
        words::let_leases_expire(site);
        let run = words::newest_run(site).filter(|run| Some(run) != before.as_ref());
        match run {
            Some(run) if !words::is_done(site, &run) => {
                site.fixtool(["op", "resume", &run, "--yes"]).code(0);
                resumed += 1;
            }
            Some(_) => {}
            // It was killed before it had begun.
            None => drop(site.fixtool(words::load_words(&file, &tenant, "users", more)).code(0)),
        }
        let found = site.contents(&tenant, "users", "id");
        assert!(found == wanted, "killed at {place:.2} of {took:?}: {} rows of {ROWS}", found.len());
    }
    assert!(killed >= MOMENTS / 2, "{killed} of {MOMENTS} runs were killed in the middle");
    assert!(resumed >= 3, "{resumed} runs were resumed");
}

fn an_empty_table(site: &Site) {
    killed_and_resumed(site, &|_, _| {}, &[]);
}

fn a_filled_table(site: &Site) {
    let prepare = |site: &Site, tenant: &str| {
        let some = words::users(ROWS / 10);
        let file = site.write(format!("some-{tenant}.csv"), some);
        words::load(site, &file, tenant, "users").code(0);
    };
    killed_and_resumed(site, &prepare, &["--on-conflict", "overwrite", "--batch-size", "200"]);
}

on_both_engines!(an_empty_table, a_filled_table);
