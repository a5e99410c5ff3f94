-- Which tenant of a name is meant: one that was dropped and made again is another.
-- What is new lies in tables of its own, so that a catalog without them can still be read.

CREATE TABLE {schema}tenant_incarnation (
    tenant      TEXT NOT NULL PRIMARY KEY REFERENCES {schema}tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    incarnation TEXT NOT NULL
);

INSERT INTO {schema}tenant_incarnation (tenant, incarnation) SELECT id, {random} FROM {schema}tenant;

-- The tenant that a run means, and the salt under which the trail holds what the run says of people: without the
-- salt nobody can find out from the trail what it was.
CREATE TABLE {schema}run_identity (
    run         TEXT NOT NULL PRIMARY KEY,
    incarnation TEXT NOT NULL,
    salt        TEXT NOT NULL
);

-- The last entry that the holder of each key wrote, signed: an end that was cut off is noticed.
CREATE TABLE {schema}ledger_seal (
    key_id    TEXT NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL,
    digest    TEXT NOT NULL,
    signature TEXT NOT NULL
);

-- The rights that were taken while a tenant is suspended, as JSON: they are given back as they were.
CREATE TABLE {schema}suspension (
    tenant TEXT NOT NULL PRIMARY KEY REFERENCES {schema}tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    rights TEXT NOT NULL
);
