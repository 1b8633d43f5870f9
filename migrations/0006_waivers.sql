-- What distributors decide about checks: waivers, policies of products and vendors, certificates of
-- the vendors' modules; and the audit trail of all such decisions.

CREATE TABLE waivers (
    id            bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT waivers_pkey PRIMARY KEY,
    check_id      text NOT NULL,
    vendor_id     bigint NOT NULL CONSTRAINT waivers_vendor_fkey REFERENCES vendors,
    -- NULL: all packages of the vendor.
    package       text,
    -- `VERSION-RELEASE.ARCH`; NULL: all builds.
    build         text,
    -- NULL: all products.
    product_id    bigint CONSTRAINT waivers_product_fkey REFERENCES products,
    reason        text NOT NULL CONSTRAINT waivers_reason_given CHECK (btrim(reason) <> ''),
    granted_by    text NOT NULL,
    granted_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_by    text,
    revoked_at    timestamptz,
    revoke_reason text,
    CONSTRAINT waivers_build_of_package CHECK (build IS NULL OR package IS NOT NULL),
    CONSTRAINT waivers_revocation_whole CHECK (
        num_nulls(revoked_by, revoked_at, revoke_reason) IN (0, 3))
);
CREATE INDEX waivers_vendor_idx ON waivers (vendor_id, check_id);

-- Packages that were accepted because of a waiver.
CREATE TABLE waiver_uses (
    waiver_id  bigint NOT NULL CONSTRAINT waiver_uses_waiver_fkey REFERENCES waivers,
    package_id uuid NOT NULL CONSTRAINT waiver_uses_package_fkey REFERENCES packages ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    CONSTRAINT waiver_uses_pkey PRIMARY KEY (waiver_id, package_id)
);
CREATE INDEX waiver_uses_package_idx ON waiver_uses (package_id);

-- Who did what to what, and when. Only ever added to.
CREATE TABLE audit_events (
    id        bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_events_pkey PRIMARY KEY,
    at        timestamptz NOT NULL,
    -- Name of the user or label of the token.
    actor     text NOT NULL,
    -- `distributor`, `vendor`, `operator` (command line) or `portal` (by itself).
    role      text NOT NULL,
    -- `waiver.granted`, `policy.changed` …: subject and what became of it.
    action    text NOT NULL,
    -- `waiver 12`, `product sle-15` …
    subject   text NOT NULL,
    -- The vendor whom it concerns.
    vendor_id bigint CONSTRAINT audit_events_vendor_fkey REFERENCES vendors,
    -- The rest, in a sentence.
    detail    text NOT NULL
);
CREATE INDEX audit_events_action_idx ON audit_events (action, id DESC);

CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are kept for ever', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER waivers_kept BEFORE DELETE OR TRUNCATE ON waivers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER audit_events_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- What their owners demand of packages beyond the family's conventions (`inspect::Demands`).
ALTER TABLE products ADD COLUMN policy jsonb NOT NULL DEFAULT '{}';
ALTER TABLE vendors ADD COLUMN policy jsonb NOT NULL DEFAULT '{}';

-- Ids of the checks that found nothing; NULL: inspected before they were kept.
ALTER TABLE packages ADD COLUMN passed text[];

-- Certificates in `-ueficert` packages, by which vendors sign their modules.
CREATE TABLE module_certificates (
    package_id  uuid NOT NULL CONSTRAINT module_certificates_package_fkey REFERENCES packages ON DELETE CASCADE,
    path        text NOT NULL,
    certificate jsonb NOT NULL,
    CONSTRAINT module_certificates_pkey PRIMARY KEY (package_id, path)
);

-- Two packages with the same file cannot be installed together.
CREATE INDEX modules_path_idx ON modules (path);
