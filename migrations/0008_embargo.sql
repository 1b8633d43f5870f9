-- Embargo: which kernels are not for everybody yet, for whom they are, and who looked.

ALTER TABLE kernels
    -- Moment of the planned release; `release_date` is its day in the portal's time zone.
    ADD release_at   timestamptz,
    -- Since when everybody may know of it. NULL: under embargo, be it a preview or one that was
    -- retired without ever being released. Never goes back to NULL.
    ADD released_at  timestamptz,
    -- Shown to every vendor there is and will be, without naming each.
    ADD audience_all boolean NOT NULL DEFAULT false;

-- Before there were audiences, every vendor saw every preview.
UPDATE kernels SET audience_all = true WHERE status = 'preview';
UPDATE kernels SET released_at = created_at WHERE status <> 'preview';
-- A day that passed without a release releases nothing now.
UPDATE kernels SET release_at = release_date::timestamp AT TIME ZONE 'UTC'
WHERE status = 'preview' AND release_date > current_date;

ALTER TABLE kernels
    ADD CONSTRAINT kernels_preview_is_embargoed CHECK (status <> 'preview' OR released_at IS NULL),
    ADD CONSTRAINT kernels_released_has_time CHECK (status <> 'released' OR released_at IS NOT NULL);
CREATE INDEX kernels_due_idx ON kernels (release_at) WHERE status = 'preview';

-- Vendors that may know of an embargoed kernel.
CREATE TABLE kernel_audience (
    kernel_id uuid NOT NULL CONSTRAINT kernel_audience_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    vendor_id bigint NOT NULL CONSTRAINT kernel_audience_vendor_fkey REFERENCES vendors ON DELETE CASCADE,
    added_at  timestamptz NOT NULL,
    CONSTRAINT kernel_audience_pkey PRIMARY KEY (kernel_id, vendor_id)
);
CREATE INDEX kernel_audience_vendor_idx ON kernel_audience (vendor_id);

-- The rule who sees which kernel. Every query that shows kernels or verdicts to somebody asks it.
-- One statement and neither strict nor volatile, so that the planner puts it into the query.
CREATE FUNCTION visible_kernels(sees_all boolean, vendor bigint) RETURNS TABLE (id uuid)
LANGUAGE sql STABLE AS $$
    SELECT k.id FROM kernels k
    WHERE sees_all
       OR k.released_at IS NOT NULL
       OR (vendor IS NOT NULL
           AND (k.audience_all
                OR EXISTS (SELECT 1 FROM kernel_audience a
                           WHERE a.kernel_id = k.id AND a.vendor_id = vendor)))
$$;

-- Who was shown an embargoed kernel, by hour, so that the table stays small. Names are kept as
-- they were: an account may go, what it saw does not.
CREATE TABLE kernel_accesses (
    kernel_id uuid NOT NULL CONSTRAINT kernel_accesses_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    vendor    text NOT NULL,
    -- Label of the token or name of the user.
    account   text NOT NULL,
    -- Method and route, for example `GET /api/v1/kernels/{id}`.
    route     text NOT NULL,
    hour      timestamptz NOT NULL,
    times     bigint NOT NULL,
    last_at   timestamptz NOT NULL,
    CONSTRAINT kernel_accesses_pkey PRIMARY KEY (kernel_id, hour, vendor, account, route)
);

-- A package built for a kernel under embargo waits for its release before it is published.
ALTER TABLE packages
    ADD held_for uuid CONSTRAINT packages_held_for_fkey REFERENCES kernels ON DELETE SET NULL;
CREATE INDEX packages_held_for_idx ON packages (held_for) WHERE held_for IS NOT NULL;
