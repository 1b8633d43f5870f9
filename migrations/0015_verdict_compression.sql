-- Ten thousand verdicts are written at once when a kernel is registered. Where this PostgreSQL was built
-- with it, their reasons are packed several times faster.
DO $$
BEGIN
    ALTER TABLE verdicts ALTER modules SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
