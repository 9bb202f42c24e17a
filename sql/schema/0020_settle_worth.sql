-- SPDX-License-Identifier: Apache-2.0
-- When a lease was last settled, or tried to be: settle_due asks it of each.
create index intent_settled on gavel.intent (lease, created_at) where kind = 'settle';
