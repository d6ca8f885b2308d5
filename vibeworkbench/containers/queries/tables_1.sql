-- Instants are naive UTC. told is a JSON object: field → [Unix microseconds at which it was told, value].
CREATE TABLE container (
    container_id VARCHAR NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    told VARCHAR NOT NULL
);
CREATE TABLE container_process (
    container_id VARCHAR NOT NULL,
    process_id VARCHAR NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    is_ended BOOLEAN NOT NULL,
    told VARCHAR NOT NULL
);
CREATE TABLE container_error (
    error_id VARCHAR NOT NULL,
    container_id VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    message VARCHAR NOT NULL, -- of the newest
    stack VARCHAR NOT NULL,
    count BIGINT NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL
);
CREATE TABLE container_error_seen (
    record_id VARCHAR NOT NULL,
    seen_at TIMESTAMP NOT NULL
);
CREATE TABLE container_sample (
    container_id VARCHAR NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    state VARCHAR,
    restarts BIGINT,
    started_at TIMESTAMP,
    cpu_percent DOUBLE,
    cpu_limit DOUBLE,
    memory_bytes BIGINT,
    memory_limit_bytes BIGINT,
    network_received_bytes BIGINT,
    network_sent_bytes BIGINT,
    block_read_bytes BIGINT,
    block_written_bytes BIGINT,
    processes BIGINT
);
CREATE TABLE container_agent (
    agent_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    ranges VARCHAR NOT NULL, -- JSON: [[first, last] …] of the numbers that were seen
    last_at TIMESTAMP NOT NULL
);
