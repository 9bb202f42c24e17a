-- SPDX-License-Identifier: Apache-2.0
-- Heads of the chain of records, on the chain. A transaction carries at most one.
alter table gavel.tx add head bigint references gavel.tick;
create index tx_head on gavel.tx (head) where head is not null;
create index tx_nonce on gavel.tx (nonce) where state in ('mined', 'reverted');
-- Whether something happened in it: record_stirs(). Of those before this column, all.
alter table gavel.tick add stirs boolean not null default true;
create index tick_stirs on gavel.tick (number) where stirs;
