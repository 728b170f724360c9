-- What hosts were like: of each host two boots on each of two kernels, in the order in which
-- they came. The newest slots of a boot are kept one by one, older ones only all together.

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
