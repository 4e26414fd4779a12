INSERT INTO users (username, email, hashed_password, role, is_active, created_at, updated_at, mfa_enabled) VALUES
    ('ann', 'a@x', 'h', 'customer', TRUE, '2025-01-02 03:04:05.000000', '2025-01-02 03:04:05.678901', FALSE),
    ('bob', 'b@x', 'h', NULL, TRUE, '2024-01-02 03:04:05.000000', '2024-01-02 03:04:05.000000', NULL),
    ('cyd', 'c@x', 'h', NULL, NULL, NULL, NULL, NULL);

INSERT INTO tax_rates (name, description, rate, country, region, is_default, created_at, updated_at) VALUES
    ('VAT', NULL, 20, 'GB', '', TRUE, '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000'),
    ('VAT', 'as it was entered first', 20, 'UK', NULL, TRUE, '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000'),
    ('VAT', NULL, 20, 'United Kingdom', NULL, TRUE, NULL, NULL),
    ('MwSt', NULL, 19, 'DE', NULL, NULL, NULL, NULL),
    ('Sales tax', NULL, 7.25, 'US', 'CA', TRUE, '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000');

INSERT INTO discounts (name, description, discount_type, value, is_percentage, is_active, valid_from, valid_to,
    applicable_plans, created_at, updated_at) VALUES
    ('Ten off', NULL, 'loyalty', 10, FALSE, TRUE, '2025-01-01 00:00:00.000000', NULL, 'null',
        '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000'),
    ('Plans', 'of two plans', 'promotional', 12.5, TRUE, TRUE, '2025-01-01 00:00:00.000000',
        '2098-01-01 00:00:00.000000', '[1, 2]', NULL, NULL),
    ('Older', NULL, 'referral', 3, NULL, TRUE, '2023-01-01 00:00:00.000000', NULL, NULL, NULL, NULL),
    ('Unknown', NULL, 'referral', 3, FALSE, NULL, '2023-01-01 00:00:00.000000', NULL, NULL, NULL, NULL);

INSERT INTO invoices (user_id, amount, status, due_date, created_at, paid_at, billing_country) VALUES
    (1, 99.95, 'unpaid', '2098-02-02 00:00:00.000000', '2025-01-02 03:04:05.123456', NULL, 'GB'),
    (1, 100, 'unpaid', '2098-02-02 00:00:00.000000', '2025-01-02 03:04:05.000000', NULL, 'UK'),
    (2, 50, NULL, '2098-02-02 00:00:00.000000', NULL, NULL, 'GB'),
    (NULL, 10, 'unpaid', '2098-02-02 00:00:00.000000', NULL, NULL, 'GB'),
    (1, 80, 'paid', '2024-02-02 00:00:00.000000', '2024-01-02 03:04:05.000000', '2024-01-20 00:00:00.000000', 'GB'),
    (2, 20, 'issued', '2098-02-02 00:00:00.000000', '2025-01-02 03:04:05.000000', NULL, 'GB'),
    (2, 20, 'cancelled', '2024-02-02 00:00:00.000000', '2024-01-02 03:04:05.000000', NULL, 'GB'),
    (3, 30, 'overdue', '2024-02-02 00:00:00.000000', '2024-01-02 03:04:05.000000', NULL, 'DE');

INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at) VALUES
    (1, 0.10, 'card', 't-1', 'completed', '2025-01-03 00:00:00.000000'),
    (2, 60, 'bank_transfer', 't-2', 'pending', '2025-01-03 00:00:00.000000'),
    (3, 10, NULL, NULL, 'completed', NULL),
    (NULL, 5, NULL, NULL, NULL, NULL),
    (5, 80, 'card', 't-5', 'pending', NULL),
    (8, 7, 'card', 't-8', 'failed', NULL),
    (8, 4, 'card', 't-9', NULL, NULL);

INSERT INTO invoice_discounts (invoice_id, discount_id, amount, created_at) VALUES
    (1, 1, 10, '2025-01-02 03:04:05.000000'),
    (3, NULL, 1, NULL),
    (NULL, 1, 1, NULL);

INSERT INTO credit_notes (user_id, amount, remaining_amount, reason, reference_invoice_id, status, created_at, applied_at)
    VALUES
    (1, 30, 12.5, 'outage', 1, 'partial', '2025-01-02 03:04:05.000000', NULL),
    (2, 25, 24, 'goodwill', NULL, NULL, NULL, NULL),
    (1, 15, 15, 'of an older version', NULL, 'active', '2024-01-02 03:04:05.000000', NULL);

INSERT INTO credit_note_applications (credit_note_id, invoice_id, amount, applied_at) VALUES
    (1, 1, 17.5, '2025-01-02 03:04:05.000000'),
    (2, 3, 1, NULL);

INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at) VALUES
    (1, 1, 89.95, 17.99, '2025-01-02 03:04:05.000000'),
    (3, NULL, 10, 2, NULL),
    (NULL, 1, 10, 2, NULL);
