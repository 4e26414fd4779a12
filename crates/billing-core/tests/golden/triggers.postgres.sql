-- version 3
CREATE TRIGGER billing_cache_credit_note_applications_delete AFTER DELETE ON credit_note_applications REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_note_applications_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'credit_note_applications' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_note_applications_insert AFTER INSERT ON credit_note_applications REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_note_applications_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'credit_note_applications' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_note_applications_truncate AFTER TRUNCATE ON credit_note_applications FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_note_applications_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'credit_note_applications');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_note_applications_update AFTER UPDATE ON credit_note_applications REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_note_applications_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'credit_note_applications' FROM removed
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'credit_note_applications' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_notes_delete AFTER DELETE ON credit_notes REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_notes_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'user_credit_notes', '[' || coalesce(to_json(user_id)::text, 'null') || ']', 'credit_notes' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_notes_insert AFTER INSERT ON credit_notes REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_notes_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'user_credit_notes', '[' || coalesce(to_json(user_id)::text, 'null') || ']', 'credit_notes' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_notes_truncate AFTER TRUNCATE ON credit_notes FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_notes_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('user_credit_notes', NULL, 'credit_notes');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_notes_update AFTER UPDATE ON credit_notes REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_notes_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'user_credit_notes', '[' || coalesce(to_json(user_id)::text, 'null') || ']', 'credit_notes' FROM removed
        UNION SELECT 'user_credit_notes', '[' || coalesce(to_json(user_id)::text, 'null') || ']', 'credit_notes' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_discounts_delete AFTER DELETE ON discounts REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_discounts_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'active_discounts', '[]', 'discounts' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_discounts_insert AFTER INSERT ON discounts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_discounts_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'active_discounts', '[]', 'discounts' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_discounts_truncate AFTER TRUNCATE ON discounts FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_discounts_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', NULL, 'discounts');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_discounts_update AFTER UPDATE ON discounts REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_discounts_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'active_discounts', '[]', 'discounts' FROM removed
        UNION SELECT 'active_discounts', '[]', 'discounts' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_discounts_delete AFTER DELETE ON invoice_discounts REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_discounts_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'active_discounts', '[]', 'invoice_discounts' FROM removed
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_discounts' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_discounts_insert AFTER INSERT ON invoice_discounts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_discounts_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'active_discounts', '[]', 'invoice_discounts' FROM added
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_discounts' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_discounts_truncate AFTER TRUNCATE ON invoice_discounts FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_discounts_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', NULL, 'invoice_discounts'), ('invoices', NULL, 'invoice_discounts');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_discounts_update AFTER UPDATE ON invoice_discounts REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_discounts_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'active_discounts', '[]', 'invoice_discounts' FROM removed
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_discounts' FROM removed
        UNION SELECT 'active_discounts', '[]', 'invoice_discounts' FROM added
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_discounts' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_taxes_delete AFTER DELETE ON invoice_taxes REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_taxes_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_taxes' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_taxes_insert AFTER INSERT ON invoice_taxes REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_taxes_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_taxes' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_taxes_truncate AFTER TRUNCATE ON invoice_taxes FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_taxes_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'invoice_taxes');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_taxes_update AFTER UPDATE ON invoice_taxes REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_taxes_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_taxes' FROM removed
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'invoice_taxes' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoices_delete AFTER DELETE ON invoices REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoices_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(id)::text, 'null') || ']', 'invoices' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoices_insert AFTER INSERT ON invoices REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoices_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(id)::text, 'null') || ']', 'invoices' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoices_truncate AFTER TRUNCATE ON invoices FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoices_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'invoices');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoices_update AFTER UPDATE ON invoices REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoices_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'invoices', '[' || coalesce(to_json(id)::text, 'null') || ']', 'invoices' FROM removed
        UNION SELECT 'invoices', '[' || coalesce(to_json(id)::text, 'null') || ']', 'invoices' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_payments_delete AFTER DELETE ON payments REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_payments_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'payments' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_payments_insert AFTER INSERT ON payments REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_payments_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'payments' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_payments_truncate AFTER TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_payments_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'payments');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_payments_update AFTER UPDATE ON payments REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_payments_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'payments' FROM removed
        UNION SELECT 'invoices', '[' || coalesce(to_json(invoice_id)::text, 'null') || ']', 'payments' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_tax_rates_delete AFTER DELETE ON tax_rates REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_tax_rates_delete()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'tax_rates', '[' || coalesce(to_json(country)::text, 'null') || ',' || coalesce(to_json(region)::text, 'null') || ']', 'tax_rates' FROM removed;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_tax_rates_insert AFTER INSERT ON tax_rates REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_tax_rates_insert()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT DISTINCT 'tax_rates', '[' || coalesce(to_json(country)::text, 'null') || ',' || coalesce(to_json(region)::text, 'null') || ']', 'tax_rates' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_tax_rates_truncate AFTER TRUNCATE ON tax_rates FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_tax_rates_truncate()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('tax_rates', NULL, 'tax_rates');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_tax_rates_update AFTER UPDATE ON tax_rates REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_tax_rates_update()

BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
        SELECT 'tax_rates', '[' || coalesce(to_json(country)::text, 'null') || ',' || coalesce(to_json(region)::text, 'null') || ']', 'tax_rates' FROM removed
        UNION SELECT 'tax_rates', '[' || coalesce(to_json(country)::text, 'null') || ',' || coalesce(to_json(region)::text, 'null') || ']', 'tax_rates' FROM added;
    IF FOUND THEN
        PERFORM pg_notify('cache_invalidations', '');
    END IF;
    RETURN NULL;
END ;
CREATE TRIGGER billing_copy_invoice_discounts BEFORE INSERT OR UPDATE ON invoice_discounts FOR EACH ROW EXECUTE FUNCTION billing_copy_invoice_discounts()

BEGIN
    /* billing_cache triggers, version 3 */
IF TG_OP = 'INSERT' THEN
    EXECUTE $copy$SELECT coalesce(($1).name, s.name)
        FROM (SELECT) AS line LEFT JOIN public.discounts s ON s.id = ($1).discount_id$copy$
        INTO NEW.name USING NEW;
ELSE
    EXECUTE $copy$SELECT CASE WHEN ($1).discount_id IS DISTINCT FROM ($2).discount_id AND (($2).name IS NULL OR ($2).name IS NOT DISTINCT FROM ($1).name) THEN s.name ELSE ($2).name END
        FROM (SELECT) AS line LEFT JOIN public.discounts s ON s.id = ($2).discount_id$copy$
        INTO NEW.name USING OLD, NEW;
END IF;
    RETURN NEW;
END ;
CREATE TRIGGER billing_copy_invoice_taxes BEFORE INSERT OR UPDATE ON invoice_taxes FOR EACH ROW EXECUTE FUNCTION billing_copy_invoice_taxes()

BEGIN
    /* billing_cache triggers, version 3 */
IF TG_OP = 'INSERT' THEN
    EXECUTE $copy$SELECT coalesce(($1).name, s.name), coalesce(($1).rate, s.rate)
        FROM (SELECT) AS line LEFT JOIN public.tax_rates s ON s.id = ($1).tax_rate_id$copy$
        INTO NEW.name, NEW.rate USING NEW;
ELSE
    EXECUTE $copy$SELECT CASE WHEN ($1).tax_rate_id IS DISTINCT FROM ($2).tax_rate_id AND (($2).name IS NULL OR ($2).name IS NOT DISTINCT FROM ($1).name) THEN s.name ELSE ($2).name END, CASE WHEN ($1).tax_rate_id IS DISTINCT FROM ($2).tax_rate_id AND (($2).rate IS NULL OR ($2).rate IS NOT DISTINCT FROM ($1).rate) THEN s.rate ELSE ($2).rate END
        FROM (SELECT) AS line LEFT JOIN public.tax_rates s ON s.id = ($2).tax_rate_id$copy$
        INTO NEW.name, NEW.rate USING OLD, NEW;
END IF;
    RETURN NEW;
END 
