-- What happened, one row each: sent by programs, or copied from the event log of the state. Instants are naive UTC.
CREATE TABLE event (
    kind VARCHAR NOT NULL,
    happened_at TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    key VARCHAR NOT NULL, -- what it happened to
    attributes VARCHAR NOT NULL -- a JSON object
);
-- How far each room of the event log is copied.
CREATE TABLE event_position (
    party VARCHAR NOT NULL,
    room VARCHAR NOT NULL,
    epoch VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (party, room)
)
