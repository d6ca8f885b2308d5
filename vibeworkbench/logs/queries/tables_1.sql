-- Instants are naive UTC. seq increases in the order of commits and is never given again.
CREATE TABLE log_line (
    seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    said_at TIMESTAMP NOT NULL, -- the arrival, where the record does not tell
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    instance VARCHAR NOT NULL,
    stream VARCHAR NOT NULL,
    level UTINYINT NOT NULL,
    message VARCHAR NOT NULL USING COMPRESSION zstd,
    template_id VARCHAR NOT NULL,
    attributes VARCHAR, -- a JSON object
    record_id VARCHAR
);
CREATE TABLE log_template (
    template_id VARCHAR PRIMARY KEY,
    text VARCHAR NOT NULL,
    pattern VARCHAR NOT NULL, -- the text, still in atoms
    parent VARCHAR NOT NULL, -- the more general template that takes new lines, or empty
    level UTINYINT NOT NULL, -- the highest that it was said with
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    count BIGINT NOT NULL,
    samples VARCHAR[] NOT NULL,
    version INTEGER NOT NULL, -- one more each time that its text became more general
    number INTEGER NOT NULL DEFAULT 0 -- in the order in which they were found
);
CREATE TABLE log_template_source (
    template_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (template_id, kind, source)
);
-- One row for each template, source, level and bucket of one batch: readers add them up.
CREATE TABLE log_count (
    template_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    level UTINYINT NOT NULL,
    bucket TIMESTAMP NOT NULL,
    count BIGINT NOT NULL
);
CREATE TABLE log_masked (masked VARCHAR NOT NULL, template_id VARCHAR NOT NULL);
-- How each source writes: see logs/headers/kept.py.
CREATE TABLE log_layout (
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    layout VARCHAR NOT NULL,
    lines INTEGER NOT NULL, -- that it was learned from
    PRIMARY KEY (kind, source)
);
-- One row for each stretch of 16,384 lines: which grams occur in it, see logs/grams.py. The last lines have none yet.
CREATE TABLE log_stretch (
    first_seq BIGINT NOT NULL,
    next_seq BIGINT NOT NULL,
    last_at TIMESTAMP NOT NULL,
    p0 BLOB, p1 BLOB, p2 BLOB, p3 BLOB, p4 BLOB, p5 BLOB, p6 BLOB, p7 BLOB,
    p8 BLOB, p9 BLOB, p10 BLOB, p11 BLOB, p12 BLOB, p13 BLOB, p14 BLOB, p15 BLOB
);
CREATE TABLE log_source (
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    lines BIGINT NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    layout VARCHAR, -- how its lines are built, in words
    PRIMARY KEY (kind, source)
);
CREATE TABLE log_refused (
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    count BIGINT NOT NULL,
    sample VARCHAR NOT NULL,
    last_at TIMESTAMP NOT NULL,
    PRIMARY KEY (kind, source)
);
CREATE TABLE tail_mark (
    target VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    mark VARCHAR NOT NULL, -- JSON
    PRIMARY KEY (target, path)
);
CREATE TABLE log_seq (next_seq BIGINT NOT NULL);
INSERT INTO log_seq VALUES (1);
