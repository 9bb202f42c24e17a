-- SPDX-License-Identifier: Apache-2.0
-- What a Keyed event says beside its chain_event, whose account is the key: which
-- vouchers of the lease the key may sign from then on. The latest canonical one counts.
create table gavel.lent_key (
	event bigint primary key references gavel.chain_event,
	lim   gavel.amount not null,
	until bigint not null
);
