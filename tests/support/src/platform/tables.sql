CREATE TABLE users (id {id}, username VARCHAR(64) NOT NULL, email VARCHAR(128) NOT NULL,
    hashed_password VARCHAR(128) NOT NULL, role VARCHAR(32), is_active BOOLEAN, created_at {time}, updated_at {time},
    mfa_enabled BOOLEAN, last_login_ip VARCHAR(45), failed_login_attempts INTEGER, email_verified BOOLEAN,
    PRIMARY KEY (id));
CREATE INDEX ix_users_id ON users (id);
CREATE UNIQUE INDEX ix_users_username ON users (username);
CREATE UNIQUE INDEX ix_users_email ON users (email);

CREATE TABLE invoices (id {id}, user_id INTEGER, amount NUMERIC(10, 2) NOT NULL, status VARCHAR(32),
    due_date {time} NOT NULL, created_at {time}, paid_at {time}, billing_country VARCHAR(2) NOT NULL,
    PRIMARY KEY (id), FOREIGN KEY(user_id) REFERENCES users (id));
CREATE INDEX ix_invoices_id ON invoices (id);
CREATE INDEX ix_invoices_user_id ON invoices (user_id);
CREATE INDEX ix_invoices_status ON invoices (status);
CREATE INDEX ix_invoices_due_date ON invoices (due_date);
CREATE INDEX ix_invoices_created_at ON invoices (created_at);
CREATE INDEX ix_invoices_billing_country ON invoices (billing_country);

CREATE TABLE payments (id {id}, invoice_id INTEGER, amount NUMERIC(10, 2) NOT NULL, payment_method VARCHAR(32),
    transaction_id VARCHAR(128), status VARCHAR(32), created_at {time}, PRIMARY KEY (id),
    FOREIGN KEY(invoice_id) REFERENCES invoices (id), UNIQUE (transaction_id));
CREATE INDEX ix_payments_id ON payments (id);

CREATE TABLE discounts (id {id}, name VARCHAR(128) NOT NULL, description TEXT, discount_type VARCHAR(32) NOT NULL,
    value NUMERIC(10, 2) NOT NULL, is_percentage BOOLEAN, is_active BOOLEAN, valid_from {time} NOT NULL,
    valid_to {time}, applicable_plans JSON, created_at {time}, updated_at {time}, PRIMARY KEY (id));
CREATE INDEX ix_discounts_id ON discounts (id);
CREATE INDEX ix_discounts_is_active ON discounts (is_active);
CREATE INDEX ix_discounts_valid_from ON discounts (valid_from);

CREATE TABLE invoice_discounts (id {id}, invoice_id INTEGER, discount_id INTEGER, amount NUMERIC(10, 2) NOT NULL,
    created_at {time}, PRIMARY KEY (id), FOREIGN KEY(invoice_id) REFERENCES invoices (id),
    FOREIGN KEY(discount_id) REFERENCES discounts (id));
CREATE INDEX ix_invoice_discounts_id ON invoice_discounts (id);

CREATE TABLE credit_notes (id {id}, user_id INTEGER NOT NULL, amount NUMERIC(10, 2) NOT NULL,
    remaining_amount NUMERIC(10, 2) NOT NULL, reason VARCHAR(255) NOT NULL, reference_invoice_id INTEGER,
    status VARCHAR(20), created_at {time}, applied_at {time}, PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES users (id), FOREIGN KEY(reference_invoice_id) REFERENCES invoices (id));
CREATE INDEX ix_credit_notes_id ON credit_notes (id);
CREATE INDEX ix_credit_notes_user_id ON credit_notes (user_id);

CREATE TABLE credit_note_applications (id {id}, credit_note_id INTEGER NOT NULL, invoice_id INTEGER NOT NULL,
    amount NUMERIC(10, 2) NOT NULL, applied_at {time}, PRIMARY KEY (id),
    FOREIGN KEY(credit_note_id) REFERENCES credit_notes (id), FOREIGN KEY(invoice_id) REFERENCES invoices (id));
CREATE INDEX ix_credit_note_applications_id ON credit_note_applications (id);

CREATE TABLE tax_rates (id {id}, name VARCHAR(128) NOT NULL, description TEXT, rate NUMERIC(5, 2) NOT NULL,
    country VARCHAR(64) NOT NULL, region VARCHAR(128), is_default BOOLEAN, created_at {time}, updated_at {time},
    PRIMARY KEY (id));
CREATE INDEX ix_tax_rates_id ON tax_rates (id);
CREATE INDEX ix_tax_rates_country ON tax_rates (country);
CREATE INDEX ix_tax_rates_region ON tax_rates (region);

CREATE TABLE invoice_taxes (id {id}, invoice_id INTEGER, tax_rate_id INTEGER, taxable_amount NUMERIC(10, 2) NOT NULL,
    tax_amount NUMERIC(10, 2) NOT NULL, created_at {time}, PRIMARY KEY (id),
    FOREIGN KEY(invoice_id) REFERENCES invoices (id), FOREIGN KEY(tax_rate_id) REFERENCES tax_rates (id));
CREATE INDEX ix_invoice_taxes_id ON invoice_taxes (id);
