/* SPDX-License-Identifier: Apache-2.0 */
#include "market/clerk.h"

void
ticks_poll(void *clerk)
{
	(void)clerk;
}
