-- What look-ups keep in memory is renewed by what changed, and holds packages of sources.

-- By which transaction a verdict was last written, beside `packages.changed`. Its index has to cost
-- next to nothing, because a kernel's verdicts are written by the ten thousand; that kind of index
-- takes numbers only.
ALTER TABLE verdicts ADD changed bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
CREATE INDEX verdicts_changed_idx ON verdicts USING brin (changed) WITH (autosummarize = on);

-- Verdicts that went leave no row to ask: their packages changed.
CREATE FUNCTION note_lost_verdicts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE packages SET changed = pg_current_xact_id()
    WHERE id IN (SELECT package_id FROM lost);
    RETURN NULL;
END $$;
CREATE TRIGGER verdicts_note_lost AFTER DELETE ON verdicts REFERENCING OLD TABLE AS lost
    FOR EACH STATEMENT EXECUTE FUNCTION note_lost_verdicts();

-- Rises with whatever is known of the source's packages.
ALTER TABLE sources ADD version bigint NOT NULL DEFAULT 0;
-- By which answers name a package; another one when its metadata say something else.
ALTER TABLE source_packages ADD uid uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD CONSTRAINT source_packages_uid_key UNIQUE (uid);
