-- version 2
CREATE TRIGGER billing_cache_credit_note_applications AFTER INSERT OR DELETE OR UPDATE ON credit_note_applications FOR EACH ROW EXECUTE FUNCTION billing_cache_credit_note_applications()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'credit_note_applications');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'credit_note_applications');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'credit_note_applications');
    IF OLD.invoice_id IS DISTINCT FROM NEW.invoice_id THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'credit_note_applications');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_note_applications_truncate AFTER TRUNCATE ON credit_note_applications FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_note_applications_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'credit_note_applications');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_notes AFTER INSERT OR DELETE OR UPDATE ON credit_notes FOR EACH ROW EXECUTE FUNCTION billing_cache_credit_notes()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('user_credit_notes', '[' || coalesce(to_json(NEW.user_id)::text, 'null') || ']', 'credit_notes');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('user_credit_notes', '[' || coalesce(to_json(OLD.user_id)::text, 'null') || ']', 'credit_notes');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('user_credit_notes', '[' || coalesce(to_json(OLD.user_id)::text, 'null') || ']', 'credit_notes');
    IF OLD.user_id IS DISTINCT FROM NEW.user_id THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('user_credit_notes', '[' || coalesce(to_json(NEW.user_id)::text, 'null') || ']', 'credit_notes');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_credit_notes_truncate AFTER TRUNCATE ON credit_notes FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_credit_notes_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('user_credit_notes', NULL, 'credit_notes');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_discounts AFTER INSERT OR DELETE OR UPDATE ON discounts FOR EACH ROW EXECUTE FUNCTION billing_cache_discounts()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', '[]', 'discounts');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', '[]', 'discounts');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', '[]', 'discounts');
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_discounts_truncate AFTER TRUNCATE ON discounts FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_discounts_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', NULL, 'discounts');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_discounts AFTER INSERT OR DELETE OR UPDATE ON invoice_discounts FOR EACH ROW EXECUTE FUNCTION billing_cache_invoice_discounts()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', '[]', 'invoice_discounts'), ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'invoice_discounts');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', '[]', 'invoice_discounts'), ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'invoice_discounts');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', '[]', 'invoice_discounts'), ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'invoice_discounts');
    IF OLD.invoice_id IS DISTINCT FROM NEW.invoice_id THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'invoice_discounts');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_discounts_truncate AFTER TRUNCATE ON invoice_discounts FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_discounts_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('active_discounts', NULL, 'invoice_discounts'), ('invoices', NULL, 'invoice_discounts');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_taxes AFTER INSERT OR DELETE OR UPDATE ON invoice_taxes FOR EACH ROW EXECUTE FUNCTION billing_cache_invoice_taxes()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'invoice_taxes');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'invoice_taxes');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'invoice_taxes');
    IF OLD.invoice_id IS DISTINCT FROM NEW.invoice_id THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'invoice_taxes');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoice_taxes_truncate AFTER TRUNCATE ON invoice_taxes FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoice_taxes_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'invoice_taxes');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoices AFTER INSERT OR DELETE OR UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION billing_cache_invoices()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.id)::text, 'null') || ']', 'invoices');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.id)::text, 'null') || ']', 'invoices');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.id)::text, 'null') || ']', 'invoices');
    IF OLD.id IS DISTINCT FROM NEW.id THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.id)::text, 'null') || ']', 'invoices');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_invoices_truncate AFTER TRUNCATE ON invoices FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_invoices_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'invoices');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_payments AFTER INSERT OR DELETE OR UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION billing_cache_payments()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'payments');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'payments');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(OLD.invoice_id)::text, 'null') || ']', 'payments');
    IF OLD.invoice_id IS DISTINCT FROM NEW.invoice_id THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[' || coalesce(to_json(NEW.invoice_id)::text, 'null') || ']', 'payments');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_payments_truncate AFTER TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_payments_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', NULL, 'payments');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_tax_rates AFTER INSERT OR DELETE OR UPDATE ON tax_rates FOR EACH ROW EXECUTE FUNCTION billing_cache_tax_rates()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('tax_rates', '[' || coalesce(to_json(NEW.country)::text, 'null') || ',' || coalesce(to_json(NEW.region)::text, 'null') || ']', 'tax_rates');
ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('tax_rates', '[' || coalesce(to_json(OLD.country)::text, 'null') || ',' || coalesce(to_json(OLD.region)::text, 'null') || ']', 'tax_rates');
ELSIF OLD *= NEW THEN
    RETURN NULL;
ELSE
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('tax_rates', '[' || coalesce(to_json(OLD.country)::text, 'null') || ',' || coalesce(to_json(OLD.region)::text, 'null') || ']', 'tax_rates');
    IF OLD.country IS DISTINCT FROM NEW.country OR OLD.region IS DISTINCT FROM NEW.region THEN
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('tax_rates', '[' || coalesce(to_json(NEW.country)::text, 'null') || ',' || coalesce(to_json(NEW.region)::text, 'null') || ']', 'tax_rates');
    END IF;
END IF;
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_cache_tax_rates_truncate AFTER TRUNCATE ON tax_rates FOR EACH STATEMENT EXECUTE FUNCTION billing_cache_tax_rates_truncate()

BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('tax_rates', NULL, 'tax_rates');
    PERFORM pg_notify('cache_invalidations', '');
    RETURN NULL;
END ;
CREATE TRIGGER billing_copy_invoice_discounts BEFORE INSERT OR UPDATE OF discount_id ON invoice_discounts FOR EACH ROW EXECUTE FUNCTION billing_copy_invoice_discounts()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    NEW.name := coalesce(NEW.name, (SELECT s.name FROM public.discounts s WHERE s.id = NEW.discount_id));
ELSIF OLD.discount_id IS DISTINCT FROM NEW.discount_id THEN
    IF NEW.name IS NULL OR NEW.name IS NOT DISTINCT FROM OLD.name THEN
    NEW.name := (SELECT s.name FROM public.discounts s WHERE s.id = NEW.discount_id);
    END IF;
END IF;
    RETURN NEW;
END ;
CREATE TRIGGER billing_copy_invoice_taxes BEFORE INSERT OR UPDATE OF tax_rate_id ON invoice_taxes FOR EACH ROW EXECUTE FUNCTION billing_copy_invoice_taxes()

BEGIN
    /* billing_cache triggers, version 2 */
IF TG_OP = 'INSERT' THEN
    NEW.name := coalesce(NEW.name, (SELECT s.name FROM public.tax_rates s WHERE s.id = NEW.tax_rate_id));
    NEW.rate := coalesce(NEW.rate, (SELECT s.rate FROM public.tax_rates s WHERE s.id = NEW.tax_rate_id));
ELSIF OLD.tax_rate_id IS DISTINCT FROM NEW.tax_rate_id THEN
    IF NEW.name IS NULL OR NEW.name IS NOT DISTINCT FROM OLD.name THEN
    NEW.name := (SELECT s.name FROM public.tax_rates s WHERE s.id = NEW.tax_rate_id);
    END IF;
    IF NEW.rate IS NULL OR NEW.rate IS NOT DISTINCT FROM OLD.rate THEN
    NEW.rate := (SELECT s.rate FROM public.tax_rates s WHERE s.id = NEW.tax_rate_id);
    END IF;
END IF;
    RETURN NEW;
END 
