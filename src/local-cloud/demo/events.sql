SET ROLE postgres;
CREATE ROLE stream_owner NOLOGIN;
RESET ROLE;

CREATE SCHEMA stream AUTHORIZATION stream_owner;

SET ROLE stream_owner;
CREATE TYPE stream.severity AS ENUM ('info', 'warning', 'error');
CREATE SEQUENCE stream.event_number;
CREATE TABLE stream.events (
  number bigint NOT NULL DEFAULT nextval('stream.event_number'),
  severity stream.severity NOT NULL,
  received_at timestamptz NOT NULL,
  payload jsonb NOT NULL
) PARTITION BY RANGE (received_at);
CREATE TABLE stream.events_2026_10 PARTITION OF stream.events FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
CREATE TABLE stream.events_2026_11 PARTITION OF stream.events FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
INSERT INTO stream.events (severity, received_at, payload)
SELECT 'info', TIMESTAMPTZ '2026-10-01' + n * INTERVAL '15 minutes', jsonb_build_object('n', n)
  FROM generate_series(1, 5000) n;
CREATE TABLE stream.subscribers (name text PRIMARY KEY, endpoint text NOT NULL);
INSERT INTO stream.subscribers SELECT 'subscriber-' || n, 'topic/' || n FROM generate_series(1, 12) n;
CREATE TABLE stream.dead_letters (LIKE stream.subscribers) WITH (autovacuum_enabled = false);
CREATE VIEW stream.errors AS SELECT number, payload FROM stream.events WHERE severity = 'error';
RESET ROLE;

ANALYZE stream.events, stream.subscribers;
