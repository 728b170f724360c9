CREATE INDEX deliveries_of_receiver ON deliveries (receiver);

CREATE INDEX gate_evidence_by_rollout ON gate_evidence (rollout, id);

CREATE INDEX incidents_of_rollout ON incidents (rollout);

CREATE UNIQUE INDEX open_incidents ON incidents (key) WHERE resolved_at IS NULL;

CREATE TABLE artifacts (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    file TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE baseline_boots (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    kernel TEXT NOT NULL,
    -- Of all slots, by the host's clock, and how many they are.
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    slots INTEGER NOT NULL,
    -- Older slots merged, and the last of them: one that comes again is not counted again.
    folded BLOB NOT NULL,
    folded_to INTEGER,
    UNIQUE (host, boot)
) STRICT;

CREATE TABLE baseline_slots (
    id INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES baseline_boots (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    covered INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (boot, start)
) STRICT;

CREATE TABLE deliveries (
    incident INTEGER NOT NULL REFERENCES incidents (id),
    receiver TEXT NOT NULL,
    -- The revision that the receiver has taken; 0 before the first.
    sent INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER,
    -- Failures since then, and in all.
    attempts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    -- Nothing is tried before this.
    next_at INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    PRIMARY KEY (incident, receiver)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    seq INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rollout, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE gate_before (
    rollout INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE gate_evidence (
    id INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL,
    at INTEGER NOT NULL,
    digest TEXT NOT NULL,
    evidence TEXT NOT NULL,
    assessment TEXT NOT NULL
) STRICT;

CREATE TABLE hosts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    enrolled_at INTEGER,
    -- Latest report and its digest; written when it changes, never by a heartbeat.
    report TEXT,
    digest TEXT,
    -- A checkpoint, about a minute old at most.
    last_seen INTEGER,
    hold TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    rollout INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    resolved_at INTEGER,
    -- Grows by one with every change, from 1.
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE known_bad (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    release TEXT NOT NULL,
    class TEXT,
    host TEXT,
    rollout INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL
) STRICT;

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE operators (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    host TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    generation INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_reports (
    rollout INTEGER PRIMARY KEY REFERENCES rollouts (id),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE releases (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rollout_hosts (
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    host TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rollout, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollout_origins (
    rollout INTEGER PRIMARY KEY REFERENCES rollouts (id),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    over INTEGER NOT NULL,
    header TEXT NOT NULL
) STRICT;

CREATE TABLE silences (
    receiver TEXT NOT NULL,
    host TEXT NOT NULL,
    id TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (receiver, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    binding TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    used_by TEXT,
    revoked_at INTEGER,
    revoked_by TEXT
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_keeps_rows BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER events_keep_rows BEFORE UPDATE ON events
BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;

CREATE TRIGGER events_lose_nothing BEFORE DELETE ON events
BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;
