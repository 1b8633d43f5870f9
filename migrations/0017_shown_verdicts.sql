-- Who is shown which verdicts on a kernel: those on published packages and the viewer's own accepted
-- ones; of a kernel under embargo a vendor is told about its own packages only. Parameters as those of
-- `visible_kernels`, and like it one statement that the planner puts into the query.
CREATE FUNCTION shown_verdicts(kernel uuid, sees_all boolean, vendor bigint)
RETURNS TABLE (package_id uuid, vendor_id bigint, name text, created_at timestamptz, loads boolean)
LANGUAGE sql STABLE AS $$
    SELECT p.id, p.vendor_id, p.name, p.created_at,
           v.verdict IN ('compatible', 'compatible_with_warnings', 'needs_other_package')
    FROM verdicts v
    JOIN kernels k ON k.id = v.kernel_id
    JOIN packages p ON p.id = v.package_id
    WHERE v.kernel_id = kernel AND p.state IN ('accepted', 'published')
      AND v.kernel_id IN (SELECT id FROM visible_kernels(sees_all, vendor))
      AND (sees_all OR p.vendor_id = vendor
           OR (p.state = 'published' AND k.released_at IS NOT NULL))
$$;
