-- SPDX-License-Identifier: Apache-2.0
-- One log tells of a group of leases: an event is a log and its part of it.
alter table gavel.chain_event add part integer not null default 0;
alter table gavel.chain_event drop constraint chain_event_block_hash_log_index_key;
alter table gavel.chain_event add unique (block_hash, log_index, part);
-- What the event says of its lease: paid so far, given back at its end.
alter table gavel.chain_event add paid gavel.amount not null default 0;
alter table gavel.chain_event add refund gavel.amount not null default 0;
comment on column gavel.ledger_entry.account is
	'"balance:0x..", "bond:0x..", "escrow:0x..", "world"';
