-- Everything a controller must not forget. Bodies are JSON of the domain's values; columns beside
-- them are what queries need.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('generation', '0');

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

CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    over INTEGER NOT NULL,
    header TEXT NOT NULL
) STRICT;

CREATE TABLE rollout_hosts (
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    host TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rollout, host)
) STRICT, WITHOUT ROWID;

-- What a rollout was when it was made: events applied to it give the present state.
CREATE TABLE rollout_origins (
    rollout INTEGER PRIMARY KEY REFERENCES rollouts (id),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    rollout INTEGER NOT NULL REFERENCES rollouts (id),
    seq INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rollout, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_reports (
    rollout INTEGER PRIMARY KEY REFERENCES rollouts (id),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    host TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    generation INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE known_bad (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    release TEXT NOT NULL,
    class TEXT,
    host TEXT,
    rollout INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL
) STRICT;

CREATE TABLE releases (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    file TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tokens by their digest: who reads the database cannot enrol with what it says.
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

CREATE TABLE operators (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    key TEXT PRIMARY KEY,
    rollout INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_of_rollout ON incidents (rollout);

-- hash = SHA-256 of the hash before it and the body, so that no row can be changed or taken out
-- without every later one showing it.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_keeps_rows BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER events_keep_rows BEFORE UPDATE ON events
BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;

CREATE TRIGGER events_lose_nothing BEFORE DELETE ON events
BEGIN SELECT RAISE (ABORT, 'events are append-only'); END;
