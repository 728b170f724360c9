-- Incidents have an end, and a way to people. One row for each time that a cause began: the same
-- key may come back later.

DROP INDEX incidents_of_rollout;

ALTER TABLE incidents RENAME TO incidents_before;

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

-- What was told before is history: whatever lasts opens anew with the next plan.
INSERT INTO incidents (key, rollout, opened_at, updated_at, resolved_at, revision, body)
SELECT key, rollout, at, at, at, 1, json_object('alert', json(body))
FROM incidents_before ORDER BY at, key;

DROP TABLE incidents_before;

CREATE UNIQUE INDEX open_incidents ON incidents (key) WHERE resolved_at IS NULL;

CREATE INDEX incidents_of_rollout ON incidents (rollout);

-- The way of each incident to each receiver. A row is made together with the incident, so that
-- nothing is forgotten if the controller dies in between.
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

CREATE INDEX deliveries_of_receiver ON deliveries (receiver);

-- Silences that are in force for hosts that are being taken down.
CREATE TABLE silences (
    receiver TEXT NOT NULL,
    host TEXT NOT NULL,
    id TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (receiver, host)
) STRICT, WITHOUT ROWID;
