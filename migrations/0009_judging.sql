-- What judging needs, compactly: needs of modules under numbers, packages as lists of them, and
-- verdicts of bounded size.

-- What modules want of a symbol, each distinct need once. The number stands in many packages and
-- never changes meaning.
CREATE TABLE needs (
    id     integer GENERATED ALWAYS AS IDENTITY CONSTRAINT needs_pkey PRIMARY KEY,
    symbol text COLLATE "C" NOT NULL,
    -- Version it was built against; -1: none.
    crc    bigint NOT NULL,
    -- Bits of `kabi::index::NeedKind`.
    kind   smallint NOT NULL,
    CONSTRAINT needs_content_key UNIQUE (symbol, crc, kind)
);

-- A package as the judge's index takes it: bytes of `kabi::index::pack`. A package without a row is
-- packed from its modules when it is first asked for.
CREATE TABLE packed_packages (
    package_id uuid CONSTRAINT packed_packages_pkey PRIMARY KEY
               CONSTRAINT packed_packages_package_fkey REFERENCES packages ON DELETE CASCADE,
    packed     bytea NOT NULL
);

-- By which transaction a row was last changed in a way that judging must know. Servers that keep an
-- index in memory remember the oldest transaction that was still running when they looked, and ask
-- for what was changed since: nothing is missed, however transactions overlap.
ALTER TABLE packages ADD changed xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE kernels  ADD changed xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX packages_changed_idx ON packages (changed);

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER packages_note_change
    BEFORE UPDATE OF state, name, arch, flavor, held_for ON packages
    FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TRIGGER kernels_note_change
    BEFORE UPDATE OF symvers, modversions, vermagic_tail, this_module_size, released_at ON kernels
    FOR EACH ROW EXECUTE FUNCTION note_change();

-- Where a package is placed, and whether it is held back, stands in other tables.
CREATE FUNCTION note_placement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE packages SET changed = pg_current_xact_id()
    WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.package_id ELSE NEW.package_id END;
    RETURN NULL;
END $$;
CREATE TRIGGER placements_note_change AFTER INSERT OR DELETE ON placements
    FOR EACH ROW EXECUTE FUNCTION note_placement();

CREATE FUNCTION note_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE packages SET changed = pg_current_xact_id() WHERE held_for = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER kernels_note_release AFTER UPDATE OF released_at ON kernels
    FOR EACH ROW WHEN (OLD.released_at IS DISTINCT FROM NEW.released_at)
    EXECUTE FUNCTION note_release();

-- Of reasons only the first are kept; the engine gives them all when somebody asks.
ALTER TABLE verdicts
    ADD modules_total integer NOT NULL DEFAULT 0,
    ADD modules_load  integer NOT NULL DEFAULT 0,
    ADD reasons_total integer NOT NULL DEFAULT 0,
    -- Modules with reasons; NULL: none.
    ALTER modules DROP NOT NULL;
UPDATE verdicts SET
    modules_total = jsonb_array_length(modules),
    modules_load = (SELECT count(*) FROM jsonb_array_elements(modules) AS m
                    WHERE m ->> 'verdict' IN ('compatible', 'compatible_with_warnings',
                                              'needs_other_package')),
    reasons_total = (SELECT coalesce(sum(jsonb_array_length(m -> 'reasons')), 0)
                     FROM jsonb_array_elements(modules) AS m),
    modules = CASE WHEN verdict <> 'compatible' THEN modules END;
ALTER TABLE verdicts
    ALTER modules_total DROP DEFAULT,
    ALTER modules_load DROP DEFAULT,
    ALTER reasons_total DROP DEFAULT;
