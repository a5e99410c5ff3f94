-- The catalog: who the tenants are, what was done to them, and who is at work.
-- One text for every engine: {schema} becomes the schema with its point, or nothing.
-- Moments are RFC 3339 in UTC with microseconds, so that their order as text is their order in time.

CREATE TABLE {schema}site (
    singleton  INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    site_id    TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE {schema}tenant (
    id           TEXT NOT NULL PRIMARY KEY,
    namespace    TEXT NOT NULL,
    placement    TEXT NOT NULL,
    pack         TEXT NOT NULL,
    version      TEXT NOT NULL,
    tier         TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('creating', 'active', 'suspended', 'dropping')),
    labels       TEXT NOT NULL,
    admin_email  TEXT,
    adopted      BOOLEAN NOT NULL,
    fingerprint  TEXT NOT NULL,
    quotas       TEXT NOT NULL,
    integrations TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    UNIQUE (placement, namespace)
);

-- Secrets are sealed before they come here. Each rotation adds a generation.
CREATE TABLE {schema}credential (
    tenant     TEXT NOT NULL REFERENCES {schema}tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name       TEXT NOT NULL,
    generation BIGINT NOT NULL,
    sealed     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (tenant, name, generation)
);

-- What a table held when it was last loaded from a source, to prove that nothing changed since.
CREATE TABLE {schema}source_mark (
    tenant         TEXT NOT NULL REFERENCES {schema}tenant (id) ON UPDATE CASCADE ON DELETE CASCADE,
    table_name     TEXT NOT NULL,
    source_digest  TEXT NOT NULL,
    mapping_digest TEXT NOT NULL,
    fingerprint    TEXT NOT NULL,
    mark           TEXT NOT NULL,
    counts         TEXT NOT NULL,
    run            TEXT NOT NULL,
    marked_at      TEXT NOT NULL,
    PRIMARY KEY (tenant, table_name)
);

CREATE TABLE {schema}lease (
    target       TEXT NOT NULL PRIMARY KEY,
    run          TEXT NOT NULL,
    operation    TEXT NOT NULL,
    holder       TEXT NOT NULL,
    acquired_at  TEXT NOT NULL,
    heartbeat_at TEXT NOT NULL,
    expires_at   TEXT NOT NULL
);

CREATE TABLE {schema}run (
    run             TEXT NOT NULL PRIMARY KEY,
    parent          TEXT,
    follows         TEXT,
    operation       TEXT NOT NULL,
    target          TEXT NOT NULL,
    plan_digest     TEXT NOT NULL,
    plan            TEXT NOT NULL,
    actor           TEXT NOT NULL,
    status          TEXT NOT NULL,
    started_at      TEXT NOT NULL,
    ended_at        TEXT,
    failure_code    TEXT,
    failure_message TEXT,
    undone_by       TEXT
);

CREATE INDEX run_plan_digest ON {schema}run (plan_digest);
CREATE INDEX run_parent ON {schema}run (parent);
CREATE INDEX run_target ON {schema}run (target, started_at);
CREATE INDEX run_started_at ON {schema}run (started_at);

CREATE TABLE {schema}run_step (
    run        TEXT NOT NULL REFERENCES {schema}run (run),
    step       BIGINT NOT NULL,
    label      TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    outcome    TEXT,
    PRIMARY KEY (run, step)
);

-- The audit trail. Entries are only added; each holds the digest of the one before.
CREATE TABLE {schema}ledger_entry (
    seq        BIGINT NOT NULL PRIMARY KEY,
    written_at TEXT NOT NULL,
    run        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    body       TEXT NOT NULL,
    previous   TEXT NOT NULL,
    digest     TEXT NOT NULL
);

CREATE INDEX ledger_entry_run ON {schema}ledger_entry (run, seq);

-- The last entry. Whoever adds one locks this row first, so the chain never forks.
CREATE TABLE {schema}ledger_head (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    seq       BIGINT NOT NULL,
    digest    TEXT NOT NULL
);

INSERT INTO {schema}ledger_head (singleton, seq, digest) VALUES (1, 0, '');
