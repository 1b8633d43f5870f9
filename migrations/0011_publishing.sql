-- How repositories are published: packing, going back to an earlier generation, what went wrong.

ALTER TABLE repositories
    -- Of the data files; SLE 12 and EL 7 read gzip only.
    ADD COLUMN compression text NOT NULL DEFAULT 'gzip'
        CONSTRAINT repositories_compression_known CHECK (compression IN ('gzip', 'zstd')),
    -- Clients see the packages of this generation until a distributor lets go; NULL: what is wanted.
    ADD COLUMN pinned bigint,
    -- Why, and by whom.
    ADD COLUMN pinned_reason text,
    ADD COLUMN pinned_by text,
    -- What went wrong with the last publication; NULL when it went well.
    ADD COLUMN fault text,
    -- Since when.
    ADD COLUMN fault_at timestamptz,
    ADD CONSTRAINT repositories_pinned_whole CHECK
        ((pinned IS NULL) = (pinned_reason IS NULL) AND (pinned IS NULL) = (pinned_by IS NULL)),
    ADD CONSTRAINT repositories_fault_whole CHECK ((fault IS NULL) = (fault_at IS NULL));

-- What is in a repository now.
CREATE INDEX repository_packages_current_idx ON repository_packages (repository_id)
    WHERE removed IS NULL;
-- What came and went since a generation.
CREATE INDEX repository_packages_removed_idx ON repository_packages (repository_id, removed);
CREATE INDEX repository_packages_added_idx ON repository_packages (repository_id, added);
