-- version 2
CREATE TRIGGER billing_cache_credit_note_applications_delete AFTER DELETE ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'credit_note_applications';
END;
CREATE TRIGGER billing_cache_credit_note_applications_insert AFTER INSERT ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'credit_note_applications';
END;
CREATE TRIGGER billing_cache_credit_note_applications_update AFTER UPDATE ON credit_note_applications
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'credit_note_applications';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'credit_note_applications' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_credit_notes_delete AFTER DELETE ON credit_notes
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(OLD.user_id), 'credit_notes';
END;
CREATE TRIGGER billing_cache_credit_notes_insert AFTER INSERT ON credit_notes
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(NEW.user_id), 'credit_notes';
END;
CREATE TRIGGER billing_cache_credit_notes_update AFTER UPDATE ON credit_notes
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(OLD.user_id), 'credit_notes';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'user_credit_notes', json_array(NEW.user_id), 'credit_notes' WHERE OLD.user_id IS NOT NEW.user_id;
END;
CREATE TRIGGER billing_cache_discounts_delete AFTER DELETE ON discounts
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts';
END;
CREATE TRIGGER billing_cache_discounts_insert AFTER INSERT ON discounts
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts';
END;
CREATE TRIGGER billing_cache_discounts_update AFTER UPDATE ON discounts
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'discounts';
END;
CREATE TRIGGER billing_cache_invoice_discounts_delete AFTER DELETE ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'invoice_discounts';
END;
CREATE TRIGGER billing_cache_invoice_discounts_insert AFTER INSERT ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'invoice_discounts';
END;
CREATE TRIGGER billing_cache_invoice_discounts_update AFTER UPDATE ON invoice_discounts
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'active_discounts', json_array(), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'invoice_discounts';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'invoice_discounts' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_invoice_taxes_delete AFTER DELETE ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'invoice_taxes';
END;
CREATE TRIGGER billing_cache_invoice_taxes_insert AFTER INSERT ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'invoice_taxes';
END;
CREATE TRIGGER billing_cache_invoice_taxes_update AFTER UPDATE ON invoice_taxes
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'invoice_taxes';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'invoice_taxes' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_invoices_delete AFTER DELETE ON invoices
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.id), 'invoices';
END;
CREATE TRIGGER billing_cache_invoices_insert AFTER INSERT ON invoices
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.id), 'invoices';
END;
CREATE TRIGGER billing_cache_invoices_update AFTER UPDATE ON invoices
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.id), 'invoices';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.id), 'invoices' WHERE OLD.id IS NOT NEW.id;
END;
CREATE TRIGGER billing_cache_payments_delete AFTER DELETE ON payments
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'payments';
END;
CREATE TRIGGER billing_cache_payments_insert AFTER INSERT ON payments
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'payments';
END;
CREATE TRIGGER billing_cache_payments_update AFTER UPDATE ON payments
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(OLD.invoice_id), 'payments';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'invoices', json_array(NEW.invoice_id), 'payments' WHERE OLD.invoice_id IS NOT NEW.invoice_id;
END;
CREATE TRIGGER billing_cache_tax_rates_delete AFTER DELETE ON tax_rates
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(OLD.country, OLD.region), 'tax_rates';
END;
CREATE TRIGGER billing_cache_tax_rates_insert AFTER INSERT ON tax_rates
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(NEW.country, NEW.region), 'tax_rates';
END;
CREATE TRIGGER billing_cache_tax_rates_update AFTER UPDATE ON tax_rates
BEGIN
    /* billing_cache triggers, version 2 */
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(OLD.country, OLD.region), 'tax_rates';
    INSERT INTO cache_invalidations (cache_type, key_parts, table_name) SELECT 'tax_rates', json_array(NEW.country, NEW.region), 'tax_rates' WHERE OLD.country IS NOT NEW.country OR OLD.region IS NOT NEW.region;
END
