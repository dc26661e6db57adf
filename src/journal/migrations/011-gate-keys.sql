-- How many bytes of a gate's keys tell people apart. A store whose gate has a key already goes on with all sixteen;
-- a new one keeps twelve: see `marks`.
INSERT INTO notes (name, value) SELECT 'gate_keys', '{"bytes":12}' WHERE NOT EXISTS (SELECT 1 FROM gate_keys);
