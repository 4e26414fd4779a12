-- version 3
CREATE TRIGGER billing_cache_credit_note_applications_delete AFTER DELETE ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'credit_note_applications';
END;
CREATE TRIGGER billing_cache_credit_note_applications_insert AFTER INSERT ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'credit_note_applications';
END;
CREATE TRIGGER billing_cache_credit_note_applications_replaced_insert BEFORE INSERT ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'credit_note_applications'
        FROM credit_note_applications AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_credit_note_applications_replaced_update BEFORE UPDATE ON credit_note_applications
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'credit_note_applications'
        FROM credit_note_applications AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_credit_note_applications_update AFTER UPDATE ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'credit_note_applications';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'credit_note_applications' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_credit_notes_delete AFTER DELETE ON credit_notes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(iif(typeof(OLD.user_id) = 'blob', NULL, OLD.user_id)), 'credit_notes';
END;
CREATE TRIGGER billing_cache_credit_notes_insert AFTER INSERT ON credit_notes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(iif(typeof(NEW.user_id) = 'blob', NULL, NEW.user_id)), 'credit_notes';
END;
CREATE TRIGGER billing_cache_credit_notes_replaced_insert BEFORE INSERT ON credit_notes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(iif(typeof(replaced.user_id) = 'blob', NULL, replaced.user_id)), 'credit_notes'
        FROM credit_notes AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_credit_notes_replaced_update BEFORE UPDATE ON credit_notes
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(iif(typeof(replaced.user_id) = 'blob', NULL, replaced.user_id)), 'credit_notes'
        FROM credit_notes AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_credit_notes_update AFTER UPDATE ON credit_notes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(iif(typeof(OLD.user_id) = 'blob', NULL, OLD.user_id)), 'credit_notes';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(iif(typeof(NEW.user_id) = 'blob', NULL, NEW.user_id)), 'credit_notes' WHERE OLD.user_id IS NOT NEW.user_id;
END;
CREATE TRIGGER billing_cache_discounts_delete AFTER DELETE ON discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts';
END;
CREATE TRIGGER billing_cache_discounts_insert AFTER INSERT ON discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts';
END;
CREATE TRIGGER billing_cache_discounts_replaced_insert BEFORE INSERT ON discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts'
        FROM discounts AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_discounts_replaced_update BEFORE UPDATE ON discounts
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts'
        FROM discounts AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_discounts_update AFTER UPDATE ON discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts';
END;
CREATE TRIGGER billing_cache_invoice_discounts_delete AFTER DELETE ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'invoice_discounts';
END;
CREATE TRIGGER billing_cache_invoice_discounts_insert AFTER INSERT ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'invoice_discounts';
END;
CREATE TRIGGER billing_cache_invoice_discounts_replaced_insert BEFORE INSERT ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts'
        FROM invoice_discounts AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'invoice_discounts'
        FROM invoice_discounts AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_invoice_discounts_replaced_update BEFORE UPDATE ON invoice_discounts
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts'
        FROM invoice_discounts AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'invoice_discounts'
        FROM invoice_discounts AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_invoice_discounts_update AFTER UPDATE ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'invoice_discounts' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_invoice_taxes_delete AFTER DELETE ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'invoice_taxes';
END;
CREATE TRIGGER billing_cache_invoice_taxes_insert AFTER INSERT ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'invoice_taxes';
END;
CREATE TRIGGER billing_cache_invoice_taxes_replaced_insert BEFORE INSERT ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'invoice_taxes'
        FROM invoice_taxes AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_invoice_taxes_replaced_update BEFORE UPDATE ON invoice_taxes
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'invoice_taxes'
        FROM invoice_taxes AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_invoice_taxes_update AFTER UPDATE ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'invoice_taxes';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'invoice_taxes' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_invoices_delete AFTER DELETE ON invoices
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.id) = 'blob', NULL, OLD.id)), 'invoices';
END;
CREATE TRIGGER billing_cache_invoices_insert AFTER INSERT ON invoices
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.id) = 'blob', NULL, NEW.id)), 'invoices';
END;
CREATE TRIGGER billing_cache_invoices_replaced_insert BEFORE INSERT ON invoices
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.id) = 'blob', NULL, replaced.id)), 'invoices'
        FROM invoices AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_invoices_replaced_update BEFORE UPDATE ON invoices
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.id) = 'blob', NULL, replaced.id)), 'invoices'
        FROM invoices AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_invoices_update AFTER UPDATE ON invoices
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.id) = 'blob', NULL, OLD.id)), 'invoices';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.id) = 'blob', NULL, NEW.id)), 'invoices' WHERE OLD.id IS NOT NEW.id;
END;
CREATE TRIGGER billing_cache_payments_delete AFTER DELETE ON payments
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'payments';
END;
CREATE TRIGGER billing_cache_payments_insert AFTER INSERT ON payments
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'payments';
END;
CREATE TRIGGER billing_cache_payments_replaced_insert BEFORE INSERT ON payments
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'payments'
        FROM payments AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY OR replaced."transaction_id" = NEW."transaction_id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_payments_replaced_update BEFORE UPDATE ON payments
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY OR OLD."transaction_id" IS NOT NEW."transaction_id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(replaced.invoice_id) = 'blob', NULL, replaced.invoice_id)), 'payments'
        FROM payments AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY OR replaced."transaction_id" = NEW."transaction_id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_payments_update AFTER UPDATE ON payments
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(OLD.invoice_id) = 'blob', NULL, OLD.invoice_id)), 'payments';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(iif(typeof(NEW.invoice_id) = 'blob', NULL, NEW.invoice_id)), 'payments' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_tax_rates_delete AFTER DELETE ON tax_rates
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(iif(typeof(OLD.country) = 'blob', NULL, OLD.country), iif(typeof(OLD.region) = 'blob', NULL, OLD.region)), 'tax_rates';
END;
CREATE TRIGGER billing_cache_tax_rates_insert AFTER INSERT ON tax_rates
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(iif(typeof(NEW.country) = 'blob', NULL, NEW.country), iif(typeof(NEW.region) = 'blob', NULL, NEW.region)), 'tax_rates';
END;
CREATE TRIGGER billing_cache_tax_rates_replaced_insert BEFORE INSERT ON tax_rates
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(iif(typeof(replaced.country) = 'blob', NULL, replaced.country), iif(typeof(replaced.region) = 'blob', NULL, replaced.region)), 'tax_rates'
        FROM tax_rates AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_tax_rates_replaced_update BEFORE UPDATE ON tax_rates
WHEN OLD."id" IS NOT NEW."id" COLLATE BINARY
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(iif(typeof(replaced.country) = 'blob', NULL, replaced.country), iif(typeof(replaced.region) = 'blob', NULL, replaced.region)), 'tax_rates'
        FROM tax_rates AS replaced WHERE replaced."id" = NEW."id" COLLATE BINARY;
END;
CREATE TRIGGER billing_cache_tax_rates_update AFTER UPDATE ON tax_rates
BEGIN
    /* billing_cache triggers, version 3 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(iif(typeof(OLD.country) = 'blob', NULL, OLD.country), iif(typeof(OLD.region) = 'blob', NULL, OLD.region)), 'tax_rates';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(iif(typeof(NEW.country) = 'blob', NULL, NEW.country), iif(typeof(NEW.region) = 'blob', NULL, NEW.region)), 'tax_rates' WHERE OLD.country IS NOT NEW.country OR OLD.region IS NOT NEW.region;
END;
CREATE TRIGGER billing_copy_invoice_discounts AFTER INSERT ON invoice_discounts
WHEN NEW.name IS NULL
BEGIN
    /* billing_cache triggers, version 3 */
    UPDATE invoice_discounts SET name = coalesce(NEW.name, (SELECT name FROM discounts WHERE id = NEW.discount_id)) WHERE id = NEW.id;
END;
CREATE TRIGGER billing_copy_invoice_discounts_update AFTER UPDATE OF discount_id ON invoice_discounts
WHEN OLD.discount_id IS NOT NEW.discount_id
BEGIN
    /* billing_cache triggers, version 3 */
    UPDATE invoice_discounts SET name = CASE WHEN NEW.name IS NOT NULL AND NEW.name IS NOT OLD.name THEN NEW.name ELSE (SELECT name FROM discounts WHERE id = NEW.discount_id) END WHERE id = NEW.id;
END;
CREATE TRIGGER billing_copy_invoice_taxes AFTER INSERT ON invoice_taxes
WHEN NEW.name IS NULL OR NEW.rate IS NULL
BEGIN
    /* billing_cache triggers, version 3 */
    UPDATE invoice_taxes SET name = coalesce(NEW.name, (SELECT name FROM tax_rates WHERE id = NEW.tax_rate_id)), rate = coalesce(NEW.rate, (SELECT rate FROM tax_rates WHERE id = NEW.tax_rate_id)) WHERE id = NEW.id;
END;
CREATE TRIGGER billing_copy_invoice_taxes_update AFTER UPDATE OF tax_rate_id ON invoice_taxes
WHEN OLD.tax_rate_id IS NOT NEW.tax_rate_id
BEGIN
    /* billing_cache triggers, version 3 */
    UPDATE invoice_taxes SET name = CASE WHEN NEW.name IS NOT NULL AND NEW.name IS NOT OLD.name THEN NEW.name ELSE (SELECT name FROM tax_rates WHERE id = NEW.tax_rate_id) END, rate = CASE WHEN NEW.rate IS NOT NULL AND NEW.rate IS NOT OLD.rate THEN NEW.rate ELSE (SELECT rate FROM tax_rates WHERE id = NEW.tax_rate_id) END WHERE id = NEW.id;
END
