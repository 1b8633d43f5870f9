-- Hundreds of mails are written at once when a kernel breaks much. Where this PostgreSQL was built with
-- it, their bodies are packed several times faster.
DO $$
BEGIN
    ALTER TABLE mails
        ALTER body_text SET COMPRESSION lz4,
        ALTER body_html SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
