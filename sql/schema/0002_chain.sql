-- SPDX-License-Identifier: Apache-2.0
-- The last block of which the nodes say that it is final: no reorganisation
-- reaches it, and a node that contradicts it is not believed.
create table gavel.chain_final (
	one         boolean primary key default true check (one),
	number      bigint not null,
	hash        gavel.hash not null
);
create index ledger_entry_event on gavel.ledger_entry (event);
create index tx_open on gavel.tx (nonce, id) where state in ('signed', 'sent');
create index intent_tx on gavel.intent (tx);
