-- Which packages belong into which repository and from when on, who says so, and who mirrors them.

ALTER TABLE products
    -- Uploads enter here and nowhere else; to the other channels packages come by promotion. NULL:
    -- uploads go to any channel.
    ADD COLUMN entry_channel text,
    -- A promotion is asked for by one and confirmed by another, who did not upload the package.
    ADD COLUMN two_person    boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT products_entry_channel_listed CHECK (entry_channel = ANY (channels)),
    ADD CONSTRAINT products_two_person_has_entry CHECK (NOT two_person OR entry_channel IS NOT NULL);

ALTER TABLE packages
    -- User or label of the token; NULL: before uploaders were kept.
    ADD COLUMN uploaded_by  text,
    -- When the uploader wants it shown, until the product is known.
    ADD COLUMN wanted_since timestamptz;

ALTER TABLE placements
    -- Not shown to clients before this moment; NULL: nothing to wait for.
    ADD COLUMN waits_until timestamptz,
    -- User or label of the token by whom it came here, and when; NULL: with the upload.
    ADD COLUMN placed_by   text,
    ADD COLUMN placed_at   timestamptz;
CREATE INDEX placements_waiting_idx ON placements (waits_until) WHERE waits_until IS NOT NULL;

-- What somebody asked another to confirm.
CREATE TABLE promotions (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT promotions_pkey PRIMARY KEY,
    package_id  uuid NOT NULL CONSTRAINT promotions_package_fkey REFERENCES packages,
    product_id  bigint NOT NULL CONSTRAINT promotions_product_fkey REFERENCES products,
    -- Where the package is to go.
    channel     text NOT NULL,
    -- From when on it is to be shown there; NULL: at once.
    since       timestamptz,
    note        text NOT NULL,
    asked_by    text NOT NULL,
    asked_at    timestamptz NOT NULL,
    decision    text CONSTRAINT promotions_decision_known CHECK (decision IN ('confirmed', 'refused')),
    decided_by  text,
    decided_at  timestamptz,
    reason      text,
    CONSTRAINT promotions_decision_whole CHECK (num_nulls(decision, decided_by, decided_at, reason) IN (0, 4)),
    -- The rule that the whole table is for.
    CONSTRAINT promotions_two_people CHECK (decision IS DISTINCT FROM 'confirmed' OR decided_by <> asked_by)
);
CREATE UNIQUE INDEX promotions_open_key ON promotions (package_id, product_id, channel)
    WHERE decision IS NULL;
CREATE TRIGGER promotions_kept BEFORE DELETE OR TRUNCATE ON promotions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- Beside the repository with all packages, one with those of a single vendor.
ALTER TABLE repositories
    ADD COLUMN vendor_id bigint CONSTRAINT repositories_vendor_fkey REFERENCES vendors,
    DROP CONSTRAINT repositories_identity_key,
    ADD CONSTRAINT repositories_identity_key
        UNIQUE NULLS NOT DISTINCT (product_id, channel, arch, vendor_id);

-- The rule what belongs into the metadata of a product's channel: nothing that is withdrawn, waits
-- for its time or would tell of a kernel under embargo; and of packages with modules those that load,
-- as far as can be told, on a kernel of the product that is still supported. Where no kernel of the
-- product is known to everybody, nothing is known that speaks against a package.
CREATE VIEW offers AS
SELECT l.package_id, l.product_id, l.channel
FROM placements l JOIN packages p ON p.id = l.package_id
WHERE p.state IN ('accepted', 'published')
  AND l.waits_until IS NULL
  AND (p.held_for IS NULL OR p.held_for IN (SELECT id FROM visible_kernels(false, NULL)))
  AND (p.flavor IS NULL
       OR NOT EXISTS (SELECT 1 FROM kernels k
                      WHERE k.product_id = l.product_id AND k.arch = p.arch AND k.flavor = p.flavor
                        AND k.id IN (SELECT id FROM visible_kernels(false, NULL)))
       OR EXISTS (SELECT 1 FROM verdicts v JOIN kernels k ON k.id = v.kernel_id
                  WHERE v.package_id = p.id AND k.product_id = l.product_id
                    AND k.status <> 'retired'
                    AND k.id IN (SELECT id FROM visible_kernels(false, NULL))
                    AND v.verdict IN ('compatible', 'compatible_with_warnings',
                                      'needs_other_package', 'indeterminate')));

-- Servers that have copies of everything below `/repos`.
CREATE TABLE mirrors (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT mirrors_pkey PRIMARY KEY,
    -- What stands in place of the portal's own address, without a slash at its end.
    url        text NOT NULL CONSTRAINT mirrors_url_key UNIQUE,
    -- ISO 3166-1, upper case.
    country    text CONSTRAINT mirrors_country_form CHECK (country ~ '^[A-Z]{2}$'),
    -- 1 to 100, more is better.
    preference integer NOT NULL CONSTRAINT mirrors_preference_range CHECK (preference BETWEEN 1 AND 100),
    added_at   timestamptz NOT NULL,
    -- When it was last asked, or is being asked.
    probed_at  timestamptz
);

-- What a mirror was seen to have of a repository.
CREATE TABLE mirror_states (
    mirror_id     bigint NOT NULL CONSTRAINT mirror_states_mirror_fkey REFERENCES mirrors ON DELETE CASCADE,
    repository_id bigint NOT NULL CONSTRAINT mirror_states_repository_fkey REFERENCES repositories,
    -- SHA-256 of its `repomd.xml`; NULL: it has none.
    repomd_sha256 bytea,
    -- Why there is none, in words.
    trouble       text,
    seen_at       timestamptz NOT NULL,
    CONSTRAINT mirror_states_pkey PRIMARY KEY (mirror_id, repository_id),
    CONSTRAINT mirror_states_told CHECK (num_nulls(repomd_sha256, trouble) = 1)
);

-- A retired key lets nothing in any more; it stays, because what it signed stays.
ALTER TABLE vendor_keys
    ADD COLUMN retired_at     timestamptz,
    ADD COLUMN retired_reason text,
    ADD CONSTRAINT vendor_keys_retirement_whole CHECK (num_nulls(retired_at, retired_reason) IN (0, 2));
