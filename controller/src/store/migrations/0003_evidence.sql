-- What gates were judged by, so that every verdict can be computed again.

-- What the hosts of a rollout were like before it: their level against their class, frozen.
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

CREATE INDEX gate_evidence_by_rollout ON gate_evidence (rollout, id);
