-- SPDX-License-Identifier: Apache-2.0
-- Of which end of its deposit the world was told: 0 none, 1 within 7 days, 2 within a
-- day, 3 within an hour, 4 used up.
alter table gavel.lease add column deposit_told smallint not null default 0;
