//! Hostile owners: what a tenant's owner planted in the tenant's namespace is never run with fixtool's rights.
//!
//! Traps are planted: overloads that fit better than everything in `pg_catalog`, and code on tables of every kind.
//! Each says in the server's log who called it, which neither a rollback nor a read-only transaction takes back, and
//! then tries to get away with it. Then every command is run on the tenant. A command may refuse; it must not call.

mod adopted;
mod commands;
mod keys;
mod own_names;
mod scene;

use fixtool::backends::database::own_tables;
use fixtool::model::{Engine, Namespace};

use crate::support::often;
use scene::{ADOPT, CASTS, CODE_ON_TABLES, OVERLOADS, REFERENCES, Scene, TRIGGERS};

/// A member of the owner role that `tenant init` made.
#[test]
fn what_a_member_of_the_owner_role_planted_is_never_called() {
    let mut scene = Scene::new(true);
    scene.plant_triggers("tenant_acme");
    scene.armed();
    commands::taking(&mut scene, "acme");
    scene.assert_unharmed();
    // A trigger that defers what comes after it is not gone on with, so the users that the sessions point at are missing.
    scene.assert_nothing_refused(&["bad.csv", "op resume", "ai_sessions,content"], Some("defer a trigger"));
    if often(0, 1) == 1 {
        members_without_deferring(true);
    }
}

/// The same member, whose tenant is restored, cloned, renamed, dropped.
#[test]
fn what_a_member_of_the_owner_role_planted_is_not_called_when_the_tenant_moves() {
    let mut scene = Scene::new(true);
    scene.plant_triggers("tenant_acme");
    scene.armed();
    commands::moving(&mut scene, "acme");
    scene.assert_unharmed();
    scene.assert_nothing_refused(&[], None);
}

/// The same, but no trap defers a trigger: so all is carried out.
fn members_without_deferring(superuser: bool) {
    let mut scene = Scene::new(superuser);
    let from = OVERLOADS.find("CREATE FUNCTION SCHEMA.hit").expect("a trap");
    let (trap, _) = OVERLOADS[from..].split_once("END $hit$;").expect("its end");
    let (before, after) = trap.split_once("'SET CONSTRAINTS ALL DEFERRED',").expect("a trap that defers");
    let trap = format!("{before}{after}END $hit$;").replacen("CREATE", "CREATE OR REPLACE", 1);
    scene.plant(&trap, "tenant_acme");
    scene.plant_triggers("tenant_acme");
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
    scene.assert_nothing_refused(&["bad.csv", "op resume"], None);
}

/// Whoever deletes or changes a row deletes or changes those that point at it, and their triggers run.
#[test]
fn triggers_on_tables_that_point_at_those_of_the_pack_are_never_called() {
    let mut scene = Scene::new(true);
    scene.admin("GRANT REFERENCES, SELECT ON ALL TABLES IN SCHEMA tenant_acme TO evil");
    scene.plant(REFERENCES, "tenant_acme");
    let (function, triggers) = TRIGGERS.split_once("END $$;").expect("a function and triggers");
    let own = triggers.replace("c.relkind IN ('r', 'p')", "c.relname LIKE 'own\\_%'");
    scene.plant(&format!("{function}END $$;{own}"), "tenant_acme");
    scene.armed();
    commands::writing(&mut scene, "acme");
    scene.assert_unharmed();
}

/// Types of the owner's own in the columns, with casts to text and json.
#[test]
fn casts_of_an_owners_types_are_never_called() {
    let mut scene = Scene::new(true);
    scene.hand_the_tables_over("tenant_acme");
    scene.plant(CASTS, "tenant_acme");
    scene.armed();
    commands::writing(&mut scene, "acme");
    scene.assert_unharmed();
}

/// The pack is the one that introspect wrote of the owner's own tables, whose keys are of the owner's own types.
#[test]
fn keys_of_an_owners_types_are_compared_without_the_owners_code() {
    let mut scene = Scene::new(true);
    scene.admin("CREATE SCHEMA shop AUTHORIZATION evil");
    scene.plant(OVERLOADS, "shop");
    scene.plant(
        "CREATE TABLE SCHEMA.users (code SCHEMA.word PRIMARY KEY, mood SCHEMA.mood, pair SCHEMA.pair, \
         list SCHEMA.word[], note text); \
         INSERT INTO SCHEMA.users VALUES ('a', 'calm', ROW('x', 1), '{x}', 'old'), ('b', NULL, NULL, NULL, NULL)",
        "shop",
    );
    scene.plant(CASTS.split("ALTER TABLE").next().expect("casts"), "shop");
    scene.plant(
        "ALTER TABLE SCHEMA.users ADD COLUMN temper SCHEMA.temper UNIQUE; \
         UPDATE SCHEMA.users SET temper = 'calm' WHERE code = 'a'",
        "shop",
    );
    scene.armed();
    scene.run("pack introspect shop --name shop --output-path packs/shop --yes").code(0);
    keys::with_a_tier(&scene.site);
    scene.run("tenant adopt shop --namespace shop --pack ./packs/shop --tier standard --yes").code(0);
    scene.site.write(
        "users.csv",
        "code,mood,pair,temper,list,note\na,calm,\"(x,1)\",calm,{y},new\nc,angry,\"(y,2)\",angry,,more\n",
    );
    commands::of_one_table(&mut scene, "shop", "users");
    scene.assert_unharmed();
}

/// Schema and tables belong to a login that fixtool did not make, and that may plant everything.
#[test]
fn what_an_adopted_tenant_brings_is_never_called() {
    let mut scene = Scene::new(true);
    scene.make_it_the_owners("tenant_acme");
    scene.plant(CASTS, "tenant_acme");
    scene.plant(REFERENCES, "tenant_acme");
    scene.plant(CODE_ON_TABLES, "tenant_acme");
    scene.plant(TRIGGERS, "tenant_acme");
    scene.armed();
    scene.run("pack introspect tenant_acme --name before --dry-run");
    scene.run(&format!("{ADOPT} --dry-run"));
    scene.run(&format!("{ADOPT} --yes")).code(0);
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
    if often(0, 1) == 1 {
        code_on_tables_of_the_owner_role_is_never_called();
    }
}

/// The tables belong to the owner role, as they do where somebody gave them to it.
fn code_on_tables_of_the_owner_role_is_never_called() {
    let mut scene = Scene::new(true);
    scene.hand_the_tables_over("tenant_acme");
    scene.plant(CODE_ON_TABLES, "tenant_acme");
    scene.plant(TRIGGERS, "tenant_acme");
    scene.armed();
    commands::all(&mut scene, "acme");
    scene.assert_unharmed();
}

/// fixtool may make schemas and roles, and no more: a trap would give its owner the role of another tenant.
#[test]
fn without_a_superuser_nothing_is_called_either() {
    members_without_deferring(false);
}

/// A view in the place of a table: its functions would run with the rights of whoever reads it.
#[test]
fn views_in_place_of_tables_are_never_read() {
    let mut scene = Scene::new(true);
    scene.hand_the_tables_over("tenant_acme");
    scene.plant(
        "DO $do$ DECLARE one name; BEGIN FOR one IN SELECT relname FROM pg_catalog.pg_class \
         WHERE relnamespace = 'SCHEMA'::regnamespace AND relkind = 'r' AND relname NOT LIKE '\\_fixtool%' LOOP \
         EXECUTE format('ALTER TABLE SCHEMA.%I RENAME TO %I', one, 'real_' || one); \
         EXECUTE format('CREATE VIEW SCHEMA.%I AS SELECT r.* FROM SCHEMA.%I r WHERE SCHEMA.springs() IS NOT NULL', one, \
                        'real_' || one); END LOOP; END $do$",
        "tenant_acme",
    );
    scene.armed();
    commands::reading(&mut scene, "acme");
    scene.assert_unharmed();
}

/// Who owns a schema may drop what others made in it: fixtool's own tables, and make them himself.
#[test]
fn tables_that_took_the_place_of_fixtools_own_are_never_written() {
    let mut scene = Scene::new(true);
    scene.make_it_the_owners("tenant_acme");
    scene.run(&format!("{ADOPT} --yes")).code(0);
    scene.run("backup create --tenant acme --yes").code(0);
    let drop = own_tables::NAMES.map(|name| format!("DROP TABLE SCHEMA.{name} CASCADE"));
    let make = own_tables::create(Engine::Postgres, &Namespace("tenant_acme".into()));
    scene.plant(&[drop.to_vec(), make].concat().join(";\n"), "tenant_acme");
    scene.plant(TRIGGERS, "tenant_acme");
    scene.armed();
    commands::writing(&mut scene, "acme");
    scene.assert_unharmed();
}
